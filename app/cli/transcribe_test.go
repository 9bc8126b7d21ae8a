package cli

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"soberano/asr"
	"soberano/asr/transcript"
)

// hearLength stands for a model: it yields a word for each second of audio.
func hearLength(_ context.Context, src asr.Source, _ reports) iter.Seq2[asr.Segment, error] {
	return func(yield func(asr.Segment, error) bool) {
		buf := make([]float32, asr.SampleRate)
		for at := time.Duration(0); ; at += time.Second {
			n, err := 0, error(nil)
			for n < len(buf) && err == nil {
				var k int
				k, err = src.Read(buf[n:])
				n += k
			}
			if n > 0 && !yield(asr.Segment{Text: "word", Start: at, End: at + time.Second, Language: "en", Final: true}, nil) {
				return
			}
			if err == io.EOF {
				return
			}
			if err != nil {
				yield(asr.Segment{}, err)
				return
			}
		}
	}
}

// try runs a transcription with hear as the model and returns its output and its messages.
func try(t *testing.T, ctx context.Context, hear func(context.Context, asr.Source, reports) iter.Seq2[asr.Segment, error], paths []string, format, output string, asJSON, force bool) (out, notes string, err error) {
	t.Helper()
	j, err := newTranscription(paths, format, output, asJSON, force)
	if err != nil {
		return "", "", err
	}
	var o, n bytes.Buffer
	j.out, j.notes, j.hear, j.model = &o, &n, hear, "a model"
	err = j.run(ctx)
	return o.String(), n.String(), err
}

// wav returns a WAV file of n frames of a quiet tone.
func wav(tag, channels, rate, width, n int) []byte {
	le := binary.LittleEndian
	b := le.AppendUint32([]byte("RIFF"), uint32(36+n*channels*width))
	b = le.AppendUint32(append(b, "WAVEfmt "...), 16)
	b = le.AppendUint16(le.AppendUint16(b, uint16(tag)), uint16(channels))
	b = le.AppendUint32(le.AppendUint32(b, uint32(rate)), uint32(rate*channels*width))
	b = le.AppendUint16(le.AppendUint16(b, uint16(channels*width)), uint16(8*width))
	b = le.AppendUint32(append(b, "data"...), uint32(n*channels*width))
	for i := range n * channels {
		v := 0.1 * math.Sin(float64(i/channels)/10)
		if tag == 3 {
			b = le.AppendUint32(b, math.Float32bits(float32(v)))
			continue
		}
		b = append(b, le.AppendUint32(nil, uint32(int32(v*(1<<31))))[4-width:]...)
	}
	return b
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// folder creates a folder with the given files.
func folder(t *testing.T, files map[string][]byte) string {
	t.Helper()
	dir := t.TempDir()
	for name, b := range files {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, b, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// With every kind of bad input in one folder, readable recordings are transcribed, each other file is reported with its path and
// the reason, and nothing else is lost.
func TestBadInput(t *testing.T) {
	t.Setenv("PATH", "") // without ffmpeg
	clips := filepath.Join("..", "..", "asr", "audio", "testdata")
	good := wav(1, 1, 16000, 2, 32000)
	huge := slices.Clone(good[:1000])
	binary.LittleEndian.PutUint32(huge[40:], 0x7FFF0000)
	opus := read(t, filepath.Join(clips, "celt.opus"))
	damaged := slices.Clone(opus)
	damaged[len(damaged)-20] ^= 1 // in the last page: no other page follows
	fine := map[string][]byte{
		"16 bit.wav": good, "24 bit.wav": wav(1, 1, 16000, 3, 32000), "float.wav": wav(3, 2, 44100, 4, 88200), "eight channels.wav": wav(1, 8, 48000, 2, 96000),
		"odd rate.wav": wav(1, 1, 12345, 2, 24690), "no sound.wav": wav(1, 1, 16000, 2, 0),
		"flac as.wav": read(t, filepath.Join(clips, "..", "flac", "testdata", "cards_005.flac")), "mp3 as.flac": read(t, filepath.Join(clips, "joint44.mp3")), "opus as": opus,
		"below/vorbis as.mp3": read(t, filepath.Join(clips, "st44.ogg")),
	}
	bad := map[string]struct {
		b    []byte
		want string
	}{
		"empty.wav": {nil, ": The file is empty."}, "cut.wav": {good[:20000], ": The file is cut off: 44,044 bytes of audio are missing (at byte 20,000)."}, "cut in its head.wav": {good[:30], "byte 30"},
		"wrong rate.wav": {wav(1, 1, 10, 2, 10), "states a rate of 10 Hz"}, "many channels.wav": {wav(1, 200, 16000, 2, 10), "states 200 channels"},
		"text.mp3": {[]byte("This is a letter, and no music at all."), "This is text"}, "huge.wav": {huge, "bytes of audio are missing (at byte 1,000)."},
		"noise.mp3": {[]byte("\x00\xff\xfb\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b"), "Install ffmpeg"}, "damaged.opus": {damaged, "CRC"}, "film.mp4": {[]byte("\x00\x00\x00\x20ftypisom\x00\x00"), "Install ffmpeg"},
	}
	files := map[string][]byte{"notes.txt": []byte("not a recording"), "picture.jpg": []byte("\xff\xd8\xff\xe0 a picture"), ".hidden.wav": good, ".git/x.wav": good}
	for name, b := range fine {
		files[name] = b
	}
	for name, c := range bad {
		files[name] = c.b
	}
	dir := folder(t, files)
	_, notes, err := try(t, t.Context(), hearLength, []string{dir}, "txt,json", "", false, false)
	if err == nil || !strings.Contains(err.Error(), "10 of 20 recordings failed") {
		t.Errorf("error %v\n%s", err, notes)
	}
	for name, c := range bad {
		if !strings.Contains(err.Error(), filepath.Join(dir, name)) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: want %q in\n%v", name, c.want, err)
		}
	}
	for name := range fine {
		stem := filepath.Join(dir, strings.TrimSuffix(name, filepath.Ext(name)))
		words := strings.Fields(string(read(t, stem+".txt")))
		if want := map[bool]int{true: 0, false: 2}[name == "no sound.wav"]; len(words) != want && name != "flac as.wav" || name == "flac as.wav" && len(words) != 4 {
			t.Errorf("%s: %d words", name, len(words))
		}
		if !json.Valid(read(t, stem+".json")) {
			t.Errorf("%s: no JSON", name)
		}
	}
	if got := string(read(t, filepath.Join(dir, "cut.partial.txt"))); got != "word\n" {
		t.Errorf("what was heard of cut.wav: %q", got)
	}
	for _, name := range []string{"cut.txt", "empty.partial.txt", "notes.json", ".hidden.txt", "picture.txt"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			t.Errorf("%s is there", name)
		}
	}
}

// A recording with a damaged section is transcribed, and a message gives its position, also if only the text is printed.
func TestTranscribeDamaged(t *testing.T) {
	b := read(t, filepath.Join("..", "..", "asr", "audio", "flac", "testdata", "cards_005.flac"))
	clear(b[len(b)/2:][:100])
	path := filepath.Join(folder(t, map[string][]byte{"worn.flac": b}), "worn.flac")
	out, notes, err := try(t, t.Context(), hearLength, []string{path}, "txt", "", false, false)
	if want := path + ": The file is damaged in one place, at 0:00:01; about "; err != nil || len(strings.Fields(out)) != 4 || !strings.HasPrefix(notes, want) {
		t.Errorf("%q, %q, want %q: %v", out, notes, want, err)
	}
}

// Existing transcripts are kept; a second run does the rest; --force writes all of them again.
func TestTranscribeAgain(t *testing.T) {
	one := wav(1, 1, 16000, 2, 16000)
	dir := folder(t, map[string][]byte{"a.wav": one, "b.wav": one, "b.flac": one, "c.wav": one, "a.txt": []byte("mine")})
	heard := 0
	hear := func(ctx context.Context, src asr.Source, r reports) iter.Seq2[asr.Segment, error] {
		heard++
		return hearLength(ctx, src, r)
	}
	run := func(formats string, force bool) string {
		t.Helper()
		_, notes, err := try(t, t.Context(), hear, []string{dir, filepath.Join(dir, "c.wav")}, formats, "", false, force)
		if err != nil {
			t.Fatal(err)
		}
		return notes
	}
	if notes := run("txt", false); heard != 3 || !strings.Contains(notes, "a.wav: passed over, since "+filepath.Join(dir, "a.txt")+" is there already") {
		t.Errorf("%d heard\n%s", heard, notes)
	}
	if got := string(read(t, filepath.Join(dir, "a.txt"))); got != "mine" {
		t.Errorf("a.txt was written over: %q", got)
	}
	for _, name := range []string{"b.wav.txt", "b.flac.txt", "c.txt"} {
		read(t, filepath.Join(dir, name))
	}
	j, _ := newTranscription([]string{dir}, "txt", "", false, false)
	if !j.done() {
		t.Error("there is something to do")
	}
	var notes strings.Builder
	j.notes = &notes
	if j.passedOver(); !strings.Contains(notes.String(), "b.flac: passed over, since "+filepath.Join(dir, "b.flac.txt")+" is there already; --force") {
		t.Errorf("said is\n%s", notes.String())
	}
	if notes := run("txt, srt", false); heard != 7 || !strings.Contains(notes, "a.srt; there already and kept: "+filepath.Join(dir, "a.txt")) {
		t.Errorf("%d heard for the second format\n%s", heard, notes)
	}
	if run("txt", true); heard != 11 || string(read(t, filepath.Join(dir, "a.txt"))) != "word\n" {
		t.Errorf("%d heard, a.txt is %q", heard, read(t, filepath.Join(dir, "a.txt")))
	}
}

// A folder without recordings beside a recording is reported, and the recording is transcribed.
func TestEmptyFolder(t *testing.T) {
	dir := folder(t, map[string][]byte{"a.wav": wav(1, 1, 16000, 2, 16000), "empty/note.txt": []byte("Dear Ada")})
	empty := filepath.Join(dir, "empty")
	_, notes, err := try(t, t.Context(), hearLength, []string{filepath.Join(dir, "a.wav"), empty}, "txt", "", false, false)
	if err == nil || !strings.Contains(err.Error(), empty+": This is a folder without audio files.") || !strings.Contains(notes, "a.txt") {
		t.Errorf("%v\n%s", err, notes)
	}
}

// The reason why a file is no recording does not repeat its name, which stands before it.
func TestRefusedFile(t *testing.T) {
	dir := folder(t, map[string][]byte{"report.pdf": []byte("%PDF-1.7\n"), "page.gguf": []byte("<!doctype html>")})
	for name, want := range map[string]string{"report.pdf": "It is not a recording.", "page.gguf": "It is a model, not a recording. Add it to the library to use it."} {
		path := filepath.Join(dir, name)
		_, _, err := try(t, t.Context(), hearLength, []string{path}, "txt", "", false, false)
		if err == nil || err.Error() != path+": "+want {
			t.Errorf("%v, expected %s", err, want)
		}
	}
}

func TestTranscribeOutput(t *testing.T) {
	one := wav(1, 1, 16000, 2, 16000)
	dir := folder(t, map[string][]byte{"a.wav": one, "2026/a.wav": one, "2026/b.wav": one})
	other := folder(t, map[string][]byte{"a.wav": one})
	out := filepath.Join(t.TempDir(), "new", "place")
	if _, _, err := try(t, t.Context(), hearLength, []string{dir, other}, "srt", out, false, false); err != nil {
		t.Fatal(err)
	}
	var got []string
	filepath.WalkDir(out, func(path string, e os.DirEntry, _ error) error {
		if !e.IsDir() {
			below, _ := filepath.Rel(out, path)
			got = append(got, filepath.ToSlash(below))
		}
		return nil
	})
	if want := []string{"2026/a.srt", "2026/b.srt", "a.wav (2).srt", "a.wav.srt"}; !slices.Equal(got, want) {
		t.Errorf("%q, expected %q", got, want)
	}
	if _, _, err := try(t, t.Context(), hearLength, []string{dir}, "srt", filepath.Join(other, "a.wav"), false, false); err == nil {
		t.Error("a file as --output")
	}
	if _, _, err := try(t, t.Context(), hearLength, []string{filepath.Dir(out)}, "srt", "", false, false); err == nil || !strings.Contains(err.Error(), "no recordings") {
		t.Errorf("a folder without recordings: %v", err)
	}
}

func TestTranscribePrints(t *testing.T) {
	dir := folder(t, map[string][]byte{"a.wav": wav(1, 1, 16000, 2, 16000), "b.wav": nil})
	a, b, none := filepath.Join(dir, "a.wav"), filepath.Join(dir, "b.wav"), filepath.Join(dir, "none.wav")
	for format, want := range map[string]string{
		"txt": "word\n", "srt": "1\n00:00:00,000 --> 00:00:01,000\nword\n\n", "vtt": "WEBVTT\n\n00:00:00.000 --> 00:00:01.000\nword\n", "tsv": "start\tend\ttext\n0\t1000\tword\n",
	} {
		if out, notes, err := try(t, t.Context(), hearLength, []string{a}, format, "", false, false); out != want || notes != "" || err != nil {
			t.Errorf("%s: %q, expected %q: %s %v", format, out, want, notes, err)
		}
	}
	out, _, err := try(t, t.Context(), hearLength, []string{a, b, none}, "txt", "", false, false)
	if want := a + ":\nword\n"; out != want || err == nil {
		t.Errorf("%q, expected %q: %v", out, want, err)
	}
	if want := "2 of 3 recordings failed:\n" + b + ": The file is empty. Copy or download the file again.\n" + none + ": There is no such file."; err.Error() != want {
		t.Errorf("%v, expected %s", err, want)
	}
	if _, _, err := try(t, t.Context(), hearLength, []string{"-"}, "txt", "", false, false); err == nil || err.Error() != "-: Standard input isn't read. Name a file." {
		t.Error(err)
	}
	out, _, err = try(t, t.Context(), hearLength, []string{b, dir, none}, "", "", true, false)
	var all []struct {
		File, Text, Error, Model string
		Duration                 float64
		Segments                 []any
	}
	if e := json.Unmarshal([]byte(out), &all); e != nil || len(all) != 3 || err == nil {
		t.Fatalf("%v %v\n%s", e, err, out)
	}
	if x := all[1]; all[0].Error == "" || x.File != a || x.Text != "word" || x.Model != "a model" || x.Duration != 1 || len(x.Segments) != 1 || all[2].Error == "" {
		t.Errorf("%s", out)
	}
}

// After an interrupt, finished transcripts stay and the other recordings are not begun.
func TestTranscribeInterrupted(t *testing.T) {
	one := wav(1, 1, 16000, 2, 48000)
	dir := folder(t, map[string][]byte{"a.wav": one, "b.wav": one, "c.wav": one})
	for _, asJSON := range []bool{false, true} {
		ctx, cancel := context.WithCancel(t.Context())
		n := 0
		hear := func(ctx context.Context, src asr.Source, r reports) iter.Seq2[asr.Segment, error] {
			return func(yield func(asr.Segment, error) bool) {
				if n++; n == 2 {
					cancel()
				}
				for s, err := range hearLength(ctx, src, r) {
					if ctx.Err() != nil {
						yield(asr.Segment{}, ctx.Err())
						return
					}
					if !yield(s, err) {
						return
					}
				}
			}
		}
		format := map[bool]string{true: "", false: "txt"}[asJSON]
		out, _, err := try(t, ctx, hear, []string{dir}, format, "", asJSON, false)
		if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "1 of 3") || n != 2 {
			t.Errorf("%d heard: %v", n, err)
		}
		if asJSON && (!json.Valid([]byte(out)) || strings.Count(out, `"file"`) != 1) {
			t.Errorf("JSON %s", out)
		}
	}
	if got := string(read(t, filepath.Join(dir, "a.txt"))); got != "word\nword\nword\n" {
		t.Errorf("a.txt %q", got)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 4 {
		t.Errorf("%v", entries)
	}
}

// The text of the recording that is interrupted is kept as a partial transcript; the line of progress is cleared before any other
// message.
func TestTranscribeInterruptedKeepsText(t *testing.T) {
	dir := folder(t, map[string][]byte{"a.wav": wav(1, 1, 16000, 2, 48000)})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	hear := func(ctx context.Context, src asr.Source, r reports) iter.Seq2[asr.Segment, error] {
		return func(yield func(asr.Segment, error) bool) {
			for s := range hearLength(ctx, src, r) {
				if !yield(s, nil) {
					return
				}
				r.progress(s.End)
				cancel()
				yield(asr.Segment{}, ctx.Err())
				return
			}
		}
	}
	j, err := newTranscription([]string{filepath.Join(dir, "a.wav")}, "txt,json", filepath.Join(dir, "out"), false, false)
	if err != nil {
		t.Fatal(err)
	}
	var notes bytes.Buffer
	j.out, j.notes, j.hear, j.live = io.Discard, &notes, hear, true
	if err := j.run(ctx); err != context.Canceled {
		t.Error(err)
	}
	if got := string(read(t, filepath.Join(dir, "out", "a.partial.txt"))); got != "word\n" {
		t.Errorf("kept: %q", got)
	}
	if !strings.Contains(string(read(t, filepath.Join(dir, "out", "a.partial.json"))), `"error":"interrupted"`) {
		t.Error("the JSON doesn't say that it was interrupted")
	}
	if entries, _ := os.ReadDir(filepath.Join(dir, "out")); len(entries) != 2 {
		t.Errorf("%v", entries)
	}
	last := notes.String()[strings.LastIndex(notes.String(), "% of"):]
	if !strings.Contains(notes.String(), "a.wav: 33 % of 3s") || !strings.Contains(last, "\r\x1b[K[1/1] ") || !strings.HasSuffix(last, "a.partial.json\n\r\x1b[K") {
		t.Errorf("notes %q", notes.String())
	}
}

// A first interrupt lets the model write down what it has heard, which is kept; no further recording is begun. The text is printed
// line by line.
func TestTranscribeStops(t *testing.T) {
	one := wav(1, 1, 16000, 2, 48000)
	dir := folder(t, map[string][]byte{"a.wav": one, "b.wav": one})
	paths := []string{filepath.Join(dir, "a.wav"), filepath.Join(dir, "b.wav")}
	for _, format := range []string{"txt", "srt"} {
		in := &interrupts{}
		base, cancel := context.WithCancel(context.WithValue(t.Context(), interruptsKey{}, in))
		in.cancel = cancel
		j, err := newTranscription(paths, format, map[string]string{"srt": filepath.Join(dir, "out")}[format], false, false)
		if err != nil {
			t.Fatal(err)
		}
		var out, notes bytes.Buffer
		stop, release := stoppable(base, j.stopping)
		j.out, j.notes, j.stop = &out, &notes, stop
		n, printed := 0, ""
		j.hear = func(ctx context.Context, src asr.Source, r reports) iter.Seq2[asr.Segment, error] {
			return func(yield func(asr.Segment, error) bool) {
				n++
				for s, err := range hearLength(ctx, src, r) {
					if err != nil || !yield(s, nil) {
						t.Error(err)
						return
					}
					if printed = out.String(); !in.handle(os.Interrupt) {
						t.Error("the first interrupt ends the command")
					}
					if in.handle(os.Interrupt) {
						t.Error("the second interrupt does not end the command")
					}
					yield(asr.Segment{Text: "more", Start: s.End, End: s.End + time.Second, Final: true}, nil)
					yield(asr.Segment{}, asr.ErrStopped)
					return
				}
			}
		}
		err = j.run(base)
		if base.Err() != nil {
			t.Error("the context has ended before release")
		}
		release()
		if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "0 of 2") || n != 1 || base.Err() == nil || !strings.Contains(notes.String(), "Ctrl+C again") {
			t.Errorf("%s: %d heard: %v, %q", format, n, err, notes.String())
		}
		if format == "txt" {
			if head := paths[0] + ":\n"; printed != head+"word\n" || out.String() != head+"word\nmore\n" {
				t.Errorf("printed %q, then %q", printed, out.String())
			}
		} else if got := string(read(t, filepath.Join(dir, "out", "a.partial.srt"))); !strings.Contains(got, "more") {
			t.Errorf("kept %q", got)
		}
	}
}

// An interrupt ends the wait for a recording that can't be read yet.
func TestTranscribeStopsWaiting(t *testing.T) {
	stop := make(chan struct{})
	j := &transcription{stop: stop}
	reading, end := j.reading(t.Context())
	defer end()
	close(stop)
	<-reading.Done()
	if t.Context().Err() != nil {
		t.Error("the context of the command has ended")
	}
}

// A recording that is cut off and whose text can't be written counts once among those that failed, and both reasons are named.
func TestTranscribeFailedTwice(t *testing.T) {
	good := wav(1, 1, 16000, 2, 64000)
	dir := folder(t, map[string][]byte{"2026/a.wav": good[:100000], "2026/b.wav": good})
	out := folder(t, map[string][]byte{"2026": []byte("a file where the folder should be")})
	_, _, err := try(t, t.Context(), hearLength, []string{dir}, "srt", out, false, false)
	for _, want := range []string{"2 of 2 recordings failed:", "a.wav: The file is cut off", "a.partial.srt can't be written", "b.srt can't be written"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q in\n%v", want, err)
		}
	}
	if err := os.Remove(filepath.Join(dir, "2026", "b.wav")); err != nil {
		t.Fatal(err)
	}
	_, _, err = try(t, t.Context(), hearLength, []string{dir}, "srt", out, false, false)
	if text := errorText(err); !strings.Contains(text, "The file is cut off") || !strings.Contains(text, "a.partial.srt can't be written") {
		t.Errorf("one recording: %s", text)
	}
}

// A folder that can't be written is reported before any recording is transcribed. If writing fails later, the text is printed.
func TestTranscribeCantWrite(t *testing.T) {
	one := wav(1, 1, 16000, 2, 16000)
	dir := folder(t, map[string][]byte{"2026/a.wav": one})
	out := folder(t, map[string][]byte{"2026": []byte("a file where the folder should be")})
	j, err := newTranscription([]string{dir}, "txt", out, false, false)
	if err != nil {
		t.Fatal(err)
	}
	if err := j.writable(); err == nil || strings.Contains(err.Error(), ".part") || !strings.Contains(err.Error(), filepath.Join(out, "2026")+": not a directory; --output FOLDER") {
		t.Error(err)
	}
	if j, err = newTranscription([]string{dir}, "txt", filepath.Join(t.TempDir(), "new"), false, false); err != nil || j.writable() != nil {
		t.Errorf("a new folder: %v", err)
	}
	printed, notes, err := try(t, t.Context(), hearLength, []string{dir}, "txt", out, false, false)
	path := filepath.Join(out, "2026", "a.txt")
	if want := path + " can't be written: not a directory. Its text is printed instead."; printed != "word\n" || err == nil || !strings.Contains(notes, want) || !strings.HasSuffix(err.Error(), want) {
		t.Errorf("%q, %s, %v", printed, notes, err)
	}
}

// What has no text is reported for each recording, and part of the JSON.
func TestTranscribeUnheard(t *testing.T) {
	dir := folder(t, map[string][]byte{"a.wav": wav(1, 1, 16000, 2, 48000)})
	hear := func(ctx context.Context, src asr.Source, r reports) iter.Seq2[asr.Segment, error] {
		return func(yield func(asr.Segment, error) bool) {
			r.unheard(asr.Unheard{Start: 130 * time.Second, End: 160 * time.Second, Reason: asr.TooSoft})
			hearLength(ctx, src, r)(yield)
			r.unheard(asr.Unheard{Start: time.Hour, End: time.Hour + 2500*time.Millisecond, Reason: asr.Unclear})
		}
	}
	path := filepath.Join(dir, "a.wav")
	for _, c := range []struct {
		format string
		asJSON bool
	}{{"txt", false}, {"", true}} {
		out, notes, err := try(t, t.Context(), hear, []string{path}, c.format, "", c.asJSON, false)
		if err != nil {
			t.Fatal(err)
		}
		if want := path + ": 2:10-2:40 was not heard: too soft.\n" + path + ": 1:00:00-1:00:02 was not heard: the speech could not be understood. Choosing the right language may help.\n"; notes != want {
			t.Errorf("notes %q, want %q", notes, want)
		}
		want := `"unheard":[{"start":130,"end":160,"reason":"too-soft"},{"start":3600,"end":3602.5,"reason":"unclear"}]`
		if strings.Contains(out, want) != c.asJSON {
			t.Errorf("format %q: %s", c.format, out)
		}
	}
}

func TestParseFormats(t *testing.T) {
	if got, err := parseFormats("SRT, txt,srt"); err != nil || !slices.Equal(got, []string{"srt", "txt"}) {
		t.Errorf("%q %v", got, err)
	}
	for _, list := range []string{"", "pdf", "txt,", "markdown"} {
		if _, err := parseFormats(list); err == nil {
			t.Errorf("%q is taken", list)
		}
	}
}

// fullDisk is a writer that accepts everything except the end of an array.
type fullDisk struct{}

func (fullDisk) Write(b []byte) (int, error) {
	if bytes.HasSuffix(b, []byte("]\n")) {
		return 0, errors.New("no space left on device")
	}
	return len(b), nil
}

// TestTranscribeDiskFull checks that an array of transcripts whose end can't be written is an error.
func TestTranscribeDiskFull(t *testing.T) {
	one := wav(1, 1, 16000, 2, 16000)
	j, err := newTranscription([]string{folder(t, map[string][]byte{"a.wav": one, "b.wav": one})}, "", "", true, false)
	if err != nil {
		t.Fatal(err)
	}
	j.out, j.notes, j.hear, j.model = fullDisk{}, io.Discard, hearLength, "a model"
	if err := j.run(t.Context()); err == nil || !strings.Contains(err.Error(), "no space left") {
		t.Errorf("error %v", err)
	}
}

// TestLongestName: a transcript is written though its name is as long as names may be.
func TestLongestName(t *testing.T) {
	path := filepath.Join(t.TempDir(), strings.Repeat("n", 251)+".srt")
	if err := writeWhole(path, "srt", &transcript.Transcript{Path: "x"}); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 || entries[0].Name() != filepath.Base(path) {
		t.Errorf("%v: %v", entries, err)
	}
}
