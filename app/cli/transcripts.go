package cli

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"soberano/asr"
	"soberano/asr/audio"
	"soberano/asr/transcript"
	"soberano/models"
)

// printed prints a transcript; with several recordings, each text under its recording's name. A text format prints nothing for
// a recording that failed before any text.
func (j *transcription) printed(t *transcript.Transcript) error {
	if j.begun == t || !j.array && t.Error != "" && len(t.Segments) == 0 {
		return nil
	}
	if err := j.begin(t); err != nil {
		return err
	}
	return transcript.Write(j.out, j.formats[0], t)
}

// stream prints the newest segment of a transcript that is printed line by line.
func (j *transcription) stream(t *transcript.Transcript) error {
	if !j.print || j.formats[0] != "txt" {
		return nil
	}
	j.livef(0, "")
	if err := j.begin(t); err != nil {
		return err
	}
	return transcript.Write(j.out, "txt", &transcript.Transcript{Segments: t.Segments[len(t.Segments)-1:]})
}

// begin prints, once, what precedes a transcript.
func (j *transcription) begin(t *transcript.Transcript) error {
	if j.begun == t {
		return nil
	}
	j.livef(0, "")
	head := ""
	switch {
	case j.array && !j.headed:
		head = "[\n"
	case j.array:
		head = ",\n"
	case len(j.recordings) > 1:
		head = models.Printable(t.Path) + ":\n"
		if j.headed {
			head = "\n" + head
		}
	}
	j.headed, j.begun = true, t
	_, err := io.WriteString(j.out, head)
	return err
}

// stopping tells that the run ends.
func (j *transcription) stopping() {
	j.livef(0, "")
	fmt.Fprintln(j.notes, "Writing down what has been heard. Ctrl+C again stops at once.")
}

// written writes the files of recording i. The text of a recording that failed goes to partial files.
func (j *transcription) written(i int, t *transcript.Transcript, failed error) error {
	r := &j.recordings[i]
	missing := j.missing(r)
	if len(missing) == 0 && failed == nil {
		j.notef(i, "%s", passed(r))
		return nil
	}
	if failed != nil && len(t.Segments) == 0 {
		return nil
	}
	var names []string
	kept := ""
	if failed == nil {
		kept = j.kept(r, missing)
	}
	for _, k := range missing {
		path := r.files[k]
		if failed != nil {
			path = strings.TrimSuffix(path, "."+j.formats[k]) + ".partial." + j.formats[k]
		}
		if err := writeWhole(path, j.formats[k], t); err != nil {
			err = failure{r.path, fmt.Sprintf("%s can't be written: %v. Its text is printed instead.", models.Printable(path), cause(err)), err}
			j.notef(i, "%v", err)
			return errors.Join(err, transcript.Write(j.out, j.formats[k], t))
		}
		names = append(names, models.Printable(path))
	}
	j.notef(i, "%s → %s%s", models.Printable(r.path), strings.Join(names, ", "), kept)
	return nil
}

// passed says that a recording is passed over, with the files that count as its transcripts: those of another recording of the same
// name may be there.
func passed(r *recording) string {
	var names []string
	for _, path := range r.files {
		names = append(names, models.Printable(path))
	}
	are := "is"
	if len(names) > 1 {
		are = "are"
	}
	return fmt.Sprintf("%s: passed over, since %s %s there already; --force writes anew", models.Printable(r.path), strings.Join(names, ", "), are)
}

// passedOver says of each recording that it is passed over.
func (j *transcription) passedOver() {
	for i := range j.recordings {
		fmt.Fprintf(j.notes, "[%d/%d] %s\n", i+1, len(j.recordings), passed(&j.recordings[i]))
	}
}

// kept names the files of a recording that were there already, all but the missing ones.
func (j *transcription) kept(r *recording, missing []int) string {
	var names []string
	for k, path := range r.files {
		if !slices.Contains(missing, k) {
			names = append(names, models.Printable(path))
		}
	}
	if len(names) == 0 {
		return ""
	}
	return "; there already and kept: " + strings.Join(names, ", ")
}

// writeWhole writes a transcript so that the file exists completely or not at all.
func writeWhole(path, format string, t *transcript.Transcript) (err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return err
	}
	// A name of its own: the longest names leave no room for an addition.
	part := filepath.Join(filepath.Dir(path), fmt.Sprintf(".soberano-%d-%08x.part", os.Getpid(), rand.Uint32()))
	f, err := os.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	err = transcript.Write(f, format, t)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(part, path)
	}
	if err != nil {
		os.Remove(part)
	}
	return err
}

// notef prints a line about recording i, if there is more than one or files are written.
func (j *transcription) notef(i int, format string, args ...any) {
	j.livef(i, "")
	if n := len(j.recordings); n > 1 || !j.print {
		fmt.Fprintf(j.notes, "[%d/%d] %s\n", i+1, n, fmt.Sprintf(format, args...))
	}
}

// livef shows the progress of recording i on a terminal; "" clears the line.
func (j *transcription) livef(i int, format string, args ...any) {
	if !j.live {
		return
	}
	fmt.Fprint(j.notes, "\r\x1b[K")
	if format != "" {
		fmt.Fprintf(j.notes, "[%d/%d] %s", i+1, len(j.recordings), fmt.Sprintf(format, args...))
	}
}

// metered is a source that counts the samples read from it.
type metered struct {
	src     *audio.Source
	samples int64
}

func (m *metered) Read(p []float32) (int, error) {
	n, err := m.src.Read(p)
	m.samples += int64(n)
	return n, err
}

func (m *metered) heard() time.Duration {
	return time.Duration(m.samples) * time.Second / asr.SampleRate
}

// share formats how much of a length is done: 43 % of 1:02:03. The total may be unknown.
func share(done, all time.Duration) string {
	done, all = done.Round(time.Second), all.Round(time.Second)
	if all <= 0 {
		return done.String()
	}
	return fmt.Sprintf("%d %% of %s", min(100, 100*done/all), all)
}
