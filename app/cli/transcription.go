package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"soberano/app/problem"
	"soberano/asr"
	"soberano/asr/audio"
	"soberano/asr/transcript"
	"soberano/models"
)

// transcription is a run of `soberano transcribe`. It transcribes one recording after the other, and prints or writes each
// transcript before the next recording begins. A recording that can't be read does not end the run. An interrupted run leaves
// the finished transcripts and, of the present recording, a partial transcript of what was recognised; it never leaves a
// half-written file. Text that can't be written is printed. Text of the format txt that is printed is printed line by line.
type transcription struct {
	recordings []recording
	formats    []string
	print      bool // print to out; otherwise write the recordings' files
	array      bool // print a JSON array
	force      bool
	track      int // of a film; 0: see audio.OpenTrack
	model      string
	translated bool // the texts are English translations
	hear       func(context.Context, asr.Source, reports) iter.Seq2[asr.Segment, error]
	out, notes io.Writer
	live       bool                   // notes is a terminal
	headed     bool                   // a text was printed under its recording's name
	begun      *transcript.Transcript // the one whose first lines were printed last
	stop       <-chan struct{}        // closed: hear ends early, with what it has heard, and no further recording is begun; nil: never
}

// reports are called while a recording is transcribed, with how much is done and what has no text.
type reports struct {
	progress func(done time.Duration)
	unheard  func(asr.Unheard)
}

// newTranscription determines the recordings and the files for their transcripts.
func newTranscription(paths []string, format, output string, asJSON, force bool) (*transcription, error) {
	if asJSON {
		format = "json"
	}
	formats, err := parseFormats(format)
	if err != nil {
		return nil, err
	}
	all, folders := findRecordings(paths)
	if len(all) == 0 {
		return nil, fmt.Errorf("no recordings in %s", models.Printable(strings.Join(paths, ", ")))
	}
	one := len(formats) == 1 && (len(all) == 1 || formats[0] == "txt")
	j := &transcription{recordings: all, formats: formats, force: force, array: asJSON}
	if j.print = asJSON || one && !folders && output == ""; j.print {
		return j, nil
	}
	if output != "" {
		if err := os.MkdirAll(output, 0o777); err != nil {
			return nil, fmt.Errorf("the folder %s can't be made: %v", models.Printable(output), cause(err))
		}
	}
	nameFiles(all, formats, output)
	return j, nil
}

// done reports whether there is nothing to transcribe.
func (j *transcription) done() bool {
	for i := range j.recordings {
		if j.print || j.recordings[i].err != nil || len(j.missing(&j.recordings[i])) > 0 {
			return false
		}
	}
	return true
}

// anyThere reports whether there is a recording that can be read.
func (j *transcription) anyThere() bool {
	return slices.ContainsFunc(j.recordings, func(r recording) bool { return r.err == nil })
}

// missing lists the indexes of the formats that are still to be written.
func (j *transcription) missing(r *recording) (out []int) {
	for i, path := range r.files {
		if _, err := os.Lstat(path); j.force || err != nil {
			out = append(out, i)
		}
	}
	return out
}

// writable returns an error if transcripts can't be written to their folders, so that no recording is transcribed in vain.
func (j *transcription) writable() error {
	tried := map[string]bool{}
	for i := range j.recordings {
		r := &j.recordings[i]
		missing := j.missing(r)
		if r.err != nil || len(missing) == 0 {
			continue
		}
		dir := existing(filepath.Dir(r.files[0]))
		if tried[dir] {
			continue
		}
		tried[dir] = true
		f, err := os.CreateTemp(dir, ".soberano-*")
		if err != nil {
			return fmt.Errorf("nothing can be written in the folder %s: %v; --output FOLDER puts transcripts elsewhere", models.Printable(dir), cause(err))
		}
		if err := errors.Join(f.Close(), os.Remove(f.Name())); err != nil {
			return err
		}
	}
	return nil
}

// existing returns the part of a folder's path that exists.
func existing(dir string) string {
	for {
		_, err := os.Stat(dir)
		above := filepath.Dir(dir)
		if !errors.Is(err, fs.ErrNotExist) || above == dir {
			return dir
		}
		dir = above
	}
}

// cause returns the system's error, without the call and the path.
func cause(err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err
	}
	if l, ok := errors.AsType[*os.LinkError](err); ok {
		return l.Err
	}
	return err
}

// run transcribes one recording after the other. It reports a recording that fails and continues.
func (j *transcription) run(ctx context.Context) error {
	var bad []error // one for each recording that failed
	finished, good := 0, 0
	for i := range j.recordings {
		r := &j.recordings[i]
		t, err := j.transcribe(ctx, i)
		interrupted := ctx.Err() != nil || err != nil && isClosed(j.stop)
		switch {
		case interrupted:
			t.Error, err = "interrupted", context.Canceled
		case err != nil:
			t.Error = words(r.path, err)
			err = failure{r.path, t.Error, err}
			j.notef(i, "%v", err)
		}
		if interrupted && len(t.Segments) == 0 {
			j.livef(i, "")
			fmt.Fprintf(j.notes, "%s: nothing of it was transcribed yet, so nothing of it is kept.\n", models.Printable(r.path))
			break
		}
		var unwritten error
		if !j.print {
			unwritten = j.written(i, t, err)
		} else if err := j.printed(t); err != nil {
			return err
		}
		if interrupted {
			err = nil // which is no failure of the recording
		}
		if err = errors.Join(err, unwritten); err != nil {
			bad = append(bad, err)
		} else if !interrupted {
			good++
		}
		if interrupted {
			break
		}
		if finished++; isClosed(j.stop) {
			break
		}
	}
	j.livef(0, "")
	if j.array {
		if err := j.endArray(); err != nil {
			return err
		}
	}
	return j.summary(ctx.Err() != nil || isClosed(j.stop) && finished < len(j.recordings), good, bad)
}

// endArray ends the array of transcripts; without any transcript it writes an empty array.
func (j *transcription) endArray() error {
	end := "]\n"
	if !j.headed {
		end = "[]\n"
	}
	_, err := io.WriteString(j.out, end)
	return err
}

// summary returns the error for the result of the run, in which so many recordings are done; nil if all went well.
func (j *transcription) summary(interrupted bool, good int, bad []error) error {
	n := len(j.recordings)
	switch {
	case interrupted && n == 1:
		return context.Canceled
	case interrupted:
		return stopped{fmt.Errorf("interrupted; %d of %d recordings are done", good, n), errors.Join(bad...), context.Canceled}
	case len(bad) == 0:
		return nil
	case n == 1:
		return bad[0]
	}
	return stopped{done: fmt.Errorf("%d of %d recordings failed:", len(bad), n), bad: errors.Join(bad...), cause: errors.Join(bad...)} //nolint:staticcheck // a list follows
}

// failure is the error of a recording that failed, with the reason as text.
type failure struct {
	path, why string
	cause     error
}

func (f failure) Error() string { return models.Printable(f.path) + ": " + f.why }
func (f failure) Unwrap() error { return f.cause }

// inWords marks an error whose text is written for users.
func (f failure) inWords() {}

// words returns the reason why a recording failed, for a sentence after its path, which is not repeated where it can be left out.
func words(path string, err error) string {
	switch {
	case path == "-" && errors.Is(err, fs.ErrNotExist):
		return "Standard input isn't read. Name a file."
	case errors.Is(err, fs.ErrNotExist):
		return "There is no such file."
	}
	p := problem.Of(err)
	if p.Args.File != path {
		return p.Text()
	}
	unnamed := p
	unnamed.Args.File = ""
	if unnamed.Words().Why == "" {
		return p.Text()
	}
	return unnamed.Text()
}

// stopped is the error of a run that was interrupted, or in which several recordings failed: what is finished, what failed, and
// the cause, which is not part of the text.
type stopped struct{ done, bad, cause error }

func (s stopped) inWords()      {}
func (s stopped) Unwrap() error { return s.cause }
func (s stopped) Error() string {
	if s.bad == nil {
		return s.done.Error()
	}
	return s.done.Error() + "\n" + s.bad.Error()
}

// transcribe transcribes recording i. With an error, the transcript is what was recognised before it. If all files of the
// recording exist, the transcript has no segments and no model.
func (j *transcription) transcribe(ctx context.Context, i int) (*transcript.Transcript, error) {
	r := &j.recordings[i]
	t := &transcript.Transcript{Path: r.path}
	if r.err != nil {
		return t, r.err
	}
	if !j.print && len(j.missing(r)) == 0 {
		return t, nil
	}
	t.Model, t.Translated = j.model, j.translated
	reading, end := j.reading(ctx)
	defer end()
	src, err := audio.OpenTrack(reading, r.path, j.track)
	if err != nil {
		return t, err
	}
	defer src.Close()
	defer func() {
		for _, p := range problem.OfRecording(src) {
			j.livef(i, "")
			fmt.Fprintf(j.notes, "%s: %s%s\n", models.Printable(r.path), p.Text(), trackAdvice(p.Code))
		}
	}()
	m := &metered{src: src}
	length := src.Duration()
	progress := func(done time.Duration) { j.livef(i, "%s: %s", models.Printable(r.path), share(done, length)) }
	unheard := func(u asr.Unheard) {
		t.Unheard = append(t.Unheard, u)
		j.livef(i, "")
		fmt.Fprintf(j.notes, "%s: %s\n", models.Printable(r.path), problem.Unheard(u).Text())
	}
	for s, err := range j.hear(ctx, m, reports{progress, unheard}) {
		if err != nil {
			t.Duration = m.heard()
			return t, err
		}
		if t.Language == "" {
			t.Language = s.Language
		}
		t.Segments = append(t.Segments, s)
		if err := j.stream(t); err != nil {
			return t, err
		}
	}
	t.Duration = m.heard()
	return t, nil
}

// reading returns a context that ends with ctx, and when nothing more is to be read.
func (j *transcription) reading(ctx context.Context) (context.Context, context.CancelFunc) {
	part, end := context.WithCancel(ctx)
	go func() {
		select {
		case <-j.stop:
			end()
		case <-part.Done():
		}
	}()
	return part, end
}

// trackAdvice returns how another track can be chosen, after a remark on tracks.
func trackAdvice(c problem.Code) string {
	if c != problem.AudioTracks {
		return ""
	}
	return " --track chooses another one."
}
