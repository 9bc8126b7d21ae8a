package transcribe

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"

	"fyne.io/fyne/v2"

	"soberano/app/problem"
	"soberano/app/store"
	"soberano/asr"
	"soberano/asr/transcript"
)

// whole returns the transcript in the form that the output formats need.
func (v *View) whole() *transcript.Transcript {
	t := &transcript.Transcript{Title: v.t.Title, Path: v.t.Path, Language: v.t.Language, Translated: v.t.Translate, Duration: v.t.Length, Model: v.page.ModelTitle(v.t.Model)}
	if v.t.State != store.Complete {
		t.Error = "not finished"
		if words := wrong(v.t); words != "" {
			t.Error = words
		}
	}
	for _, g := range v.segments {
		if u, ok := unheard(g); ok {
			t.Unheard = append(t.Unheard, u)
			continue
		}
		s := asr.Segment{Language: v.t.Language}
		if g.Details == "" || json.Unmarshal([]byte(g.Details), &s) != nil {
			s = asr.Segment{Language: v.t.Language}
		}
		s.Start, s.End, s.Text, s.Final = g.Start, g.End, g.Text, true
		if g.Text != g.Heard {
			s.Words = nil // the text was edited, so the words don't match it
		}
		t.Segments = append(t.Segments, s)
	}
	return t
}

func (v *View) copyAll() {
	var b strings.Builder
	v.list.commit()
	if err := transcript.Write(&b, "txt", v.whole()); err != nil {
		v.tell(problem.Text(err))
		return
	}
	v.page.Copy(b.String())
}

// called maps the formats to their names.
var called = map[string]string{"txt": "Text", "md": "Markdown", "srt": "Subtitles (SubRip)", "vtt": "Subtitles (WebVTT)",
	"json": "JSON, with times and probabilities", "tsv": "Table (tab-separated)", "lrc": "Lyrics (LRC)"}

func (v *View) formats() *fyne.Menu {
	var items []*fyne.MenuItem
	for _, f := range transcript.Formats() {
		label := "." + f
		if c := called[f]; c != "" {
			label = c + "   ." + f
		}
		items = append(items, fyne.NewMenuItem(label, func() { v.exportAs(f) }))
	}
	return fyne.NewMenu("", items...)
}

// others returns the menu of less frequent actions.
func (v *View) others() *fyne.Menu {
	return fyne.NewMenu("",
		fyne.NewMenuItem("Rename…", func() { v.page.Ask("Rename this transcript", v.t.Title, v.rename) }),
		fyne.NewMenuItem("Transcribe again", v.transcribeAgain),
		fyne.NewMenuItem("Show the file", func() { v.page.ShowFile(v.t.Path) }),
		fyne.NewMenuItem("Delete", func() { v.page.remove(v.t) }))
}

func (v *View) transcribeAgain() {
	if v.t.Track != 0 {
		v.page.addTrack(v.t, v.t.Track)
		return
	}
	v.page.Add([]string{v.t.Path})
}

func (v *View) rename(title string) {
	if title = strings.TrimSpace(title); title == "" {
		return
	}
	id := v.t.ID
	v.page.Work.Do(func(s *store.Store) error { return s.RenameTranscript(id, title) }, func(err error) {
		switch {
		case err != nil:
			v.unstored(id, err, "The name could not be changed")
		case v.t.ID != id: // another transcript was opened meanwhile
		default:
			v.t.Title = title
			v.fresh()
		}
	})
}

func (v *View) exportAs(format string) {
	v.tell("")
	v.list.commit()
	whole := v.whole()
	name := strings.TrimSuffix(v.t.Title, filepath.Ext(v.t.Path)) // a title may end in a dot followed by letters that are not an extension
	at, so := v.t, v.soFar()
	v.page.Save(filepath.Dir(v.t.Path), name+"."+format, func(w io.Writer) error {
		if err := transcript.Write(w, format, whole); err != nil {
			return fmt.Errorf("%s: %w", format, err)
		}
		return nil
	}, func(path string, err error) {
		switch {
		case v.t.ID != at.ID || !v.shown(): // another transcript was opened by a key meanwhile
		case err != nil:
			v.tell(unsaved(path, err))
		default:
			v.note("Saved as " + path + so + ".")
		}
	})
}

// soFar returns a note that the transcript is incomplete, and where it ends.
func (v *View) soFar() string {
	id, _ := v.page.Queue.Now()
	switch {
	case v.t.State == store.Complete:
		return ""
	case id == v.t.ID:
		return ", with what is written down so far: until " + clock(v.t.Heard)
	}
	return ", until " + clock(v.t.Heard) + ", where the transcript ends"
}

// unsaved returns the reason why no file was written.
func unsaved(path string, err error) string {
	why := err.Error()
	var at *fs.PathError
	if errors.As(err, &at) {
		why = at.Err.Error()
		if errors.Is(err, fs.ErrNotExist) {
			why = "there is no folder " + filepath.Dir(path)
		}
	}
	return path + " could not be written: " + strings.TrimSuffix(why, ".") + "."
}
