// Package transcript writes down what was heard in the forms that other programs read.
//
//	txt   a line per segment            srt   SubRip: what every player shows
//	md    paragraphs with times         vtt   WebVTT: the web's subtitles, with word times
//	json  segments, words,              lrc   lyrics: a time and a line
//	      probabilities                 tsv   start, end in milliseconds, text
//
// A file's structure never depends on its words: each format's writer takes text in which
// blank lines, tabs and control characters have become single spaces, and escapes what
// would still be read as markup. Times are whole milliseconds, each line starts after the
// one before it and ends no later than the next begins (order.go); only json tells them as heard.
package transcript

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"
	"unicode"

	"soberano/asr"
)

// Transcript is what was heard in one recording.
type Transcript struct {
	Title      string        // what a person calls it; "": the name in Path
	Path       string        // the file it was heard in; "" for none
	Language   string        // that was spoken: its code, as in asr.Segment; "": none was heard
	Translated bool          // the text is English, whatever Language is
	Duration   time.Duration // of the audio; 0: unknown
	Model      string        // that heard it, as in asr.Info.Name
	Segments   []asr.Segment // in order
	Error      string        // why it ends before the audio does; "": it is whole
}

// formats in the order in which a person is offered them.
var formats = []struct {
	name  string
	write func(w io.Writer, t *Transcript) error
}{
	{"txt", writeText}, {"md", writeMarkdown}, {"srt", writeSRT}, {"vtt", writeVTT},
	{"json", writeJSON}, {"tsv", writeTSV}, {"lrc", writeLRC},
}

// Formats returns the names of the formats, which are also their files' extensions.
func Formats() []string {
	var names []string
	for _, f := range formats {
		names = append(names, f.name)
	}
	return names
}

// FormatOf returns the format that a path's extension asks for, or "".
func FormatOf(path string) string {
	ext := strings.ToLower(strings.TrimPrefix(filepath.Ext(path), "."))
	for _, f := range formats {
		if f.name == ext {
			return ext
		}
	}
	switch ext {
	case "text":
		return "txt"
	case "markdown":
		return "md"
	}
	return ""
}

// Write writes t in a format of Formats, in UTF-8 with \n at the end of lines.
func Write(w io.Writer, format string, t *Transcript) error {
	for _, f := range formats {
		if f.name == format {
			return f.write(w, t)
		}
	}
	return fmt.Errorf("transcript: format %q: known are %s", format, strings.Join(Formats(), ", "))
}

// Text returns the words of t, cleaned, in one line.
func (t *Transcript) Text() string {
	var all []string
	for _, l := range t.lines() {
		all = append(all, l.text)
	}
	return strings.Join(all, " ")
}

// Tongue says in words which language was spoken, by its code, and whether the text is
// another: "German, translated to English". It is "" where nothing is known.
func Tongue(language string, translated bool) string {
	const to = "translated to English"
	switch {
	case !translated && language == "":
		return ""
	case !translated || language == "en":
		return asr.LanguageName(language)
	case language == "":
		return to
	}
	return asr.LanguageName(language) + ", " + to
}

// title is t's name in one line.
func (t *Transcript) title() string {
	name := clean(t.Title)
	if name == "" && t.Path != "" {
		name = clean(filepath.Base(t.Path))
	}
	if name == "" {
		name = "Transcript"
	}
	return name
}

// line is a segment that has text; its times are in milliseconds.
type line struct {
	*asr.Segment
	start, end int64 // start is above the last line's, end above start and at most the next one's
	text       string
	moved      bool // its times were out of order, its words' too
}

// lines returns the segments with text, cleaned, their times put in order.
func (t *Transcript) lines() []line {
	var all []line
	for i := range t.Segments {
		s := &t.Segments[i]
		if text := clean(s.Text); text != "" {
			all = append(all, line{Segment: s, start: max(0, milliseconds(s.Start)), end: max(0, milliseconds(s.End)), text: text})
		}
	}
	order(all)
	return all
}

func milliseconds(d time.Duration) int64 { return d.Round(time.Millisecond).Milliseconds() }

// clean returns text as one line of words with single spaces, without control characters.
func clean(text string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsControl(r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, "�"))
	return strings.Join(strings.Fields(text), " ")
}

// clock writes milliseconds as 01:02:03,456, with mark before the last three digits.
func clock(ms int64, mark string) string {
	return fmt.Sprintf("%02d:%02d:%02d%s%03d", ms/3600000, ms/60000%60, ms/1000%60, mark, ms%1000)
}

// shortClock writes milliseconds as people do: 2:03 or 1:02:03.
func shortClock(ms int64) string {
	s := ms / 1000
	if s >= 3600 {
		return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
	}
	return fmt.Sprintf("%d:%02d", s/60, s%60)
}
