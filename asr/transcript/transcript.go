// Package transcript writes transcripts in the formats that other programs read.
//
//	txt   a line per segment            srt   SubRip, which every player supports
//	md    paragraphs with times         vtt   WebVTT, the web's subtitles, with word times
//	json  segments, words,              lrc   lyrics: a time and a line
//	      probabilities                 tsv   start, end in milliseconds, text
//
// The structure of a file never depends on the text: blank lines, tabs and control characters become
// single spaces before a format's writer gets it, and the writer escapes what would be read as
// markup. Times are whole milliseconds; each line starts after the previous one and ends before the
// next begins (see order). Only json has the times as they were recognised.
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

// Transcript is the transcript of one recording.
type Transcript struct {
	Title      string        // chosen by the user; "": the file name in Path
	Path       string        // of the recording; "" for none
	Language   string        // code of the spoken language, as in asr.Segment; "": no speech
	Translated bool          // the text is English, whatever Language is
	Duration   time.Duration // of the audio; 0: unknown
	Model      string        // name of the model, as in asr.Info.Name
	Segments   []asr.Segment // in order
	Unheard    []asr.Unheard // sections with sound but without text, in order
	Error      string        // why it ends before the audio; "": it is complete
}

// formats lists the formats in the order in which the user is offered them.
var formats = []struct {
	name  string
	write func(w io.Writer, t *Transcript) error
}{
	{"txt", writeText}, {"md", writeMarkdown}, {"srt", writeSRT}, {"vtt", writeVTT},
	{"json", writeJSON}, {"tsv", writeTSV}, {"lrc", writeLRC},
}

// Formats returns the names of the formats, which are also their file extensions.
func Formats() []string {
	var names []string
	for _, f := range formats {
		names = append(names, f.name)
	}
	return names
}

// FormatOf returns the format of a path by its extension, or "".
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

// Write writes t in one of Formats, in UTF-8 with \n at the end of lines.
func Write(w io.Writer, format string, t *Transcript) error {
	for _, f := range formats {
		if f.name == format {
			return f.write(w, t)
		}
	}
	return fmt.Errorf("transcript: format %q: known are %s", format, strings.Join(Formats(), ", "))
}

// Text returns the text of t, cleaned, in one line.
func (t *Transcript) Text() string {
	var all []string
	for _, l := range t.lines() {
		all = append(all, l.text)
	}
	return strings.Join(all, " ")
}

// Tongue describes the spoken language, by its code, and whether the text is a translation: "German,
// translated to English". It is "" if nothing is known.
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

// title returns the name of t in one line.
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
	start, end int64 // start is above the previous line's, end above start and at most the next line's start
	text       string
	moved      bool // its times were out of order, so those of its words are not used
}

// lines returns the segments that have text, cleaned, with their times in order.
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

// clock formats milliseconds as 01:02:03,456, with mark before the last three digits.
func clock(ms int64, mark string) string {
	return fmt.Sprintf("%02d:%02d:%02d%s%03d", ms/3600000, ms/60000%60, ms/1000%60, mark, ms%1000)
}

// shortClock formats milliseconds as 2:03 or 1:02:03.
func shortClock(ms int64) string {
	s := ms / 1000
	if s >= 3600 {
		return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
	}
	return fmt.Sprintf("%d:%02d", s/60, s%60)
}
