//go:build linux && cgo

package host

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"soberano/asr"
	"soberano/asr/audio"
	"soberano/models/defaults"
)

// spoken is a microphone into which a recording is spoken, as fast as it is read.
type spoken struct{ asr.Source }

func (s spoken) Read(_ context.Context, p []float32) (int, error) {
	return s.Source.Read(p[:min(len(p), 320)])
}

// speak opens a recording of "go forward ten meters".
func speak(t *testing.T) *audio.Source {
	t.Helper()
	src, err := audio.Open(filepath.Join("..", "..", "asr", "testdata", "audio", "goforward.wav"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { src.Close() })
	return src
}

// TestGPUDictation checks that all words of a dictation come, from the CPU, if the GPU's helper process is killed meanwhile, and that a
// recording is transcribed then too.
func TestGPUDictation(t *testing.T) {
	dir := defaults.Need(t, "whisper-tiny.en")
	o, said := withGPU(t, "kill 1") // the second step encodes
	e := resolve(t, dir)
	tried(t, e, false, placement{})
	l, err := Speech(hostOf(t, o)).Acquire(context.Background(), e, Settings{Threads: 2}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Release()
	if device := l.Model.Info().Device; !onGPU(device) {
		t.Fatalf("it runs on %s", device)
	}
	words := func(got string) {
		t.Helper()
		if got = strings.ToLower(strings.Trim(got, " .")); got != "go forward 10 meters" {
			t.Errorf("heard %q", got)
		}
	}
	heard := ""
	for s, err := range l.Model.Listen(context.Background(), spoken{speak(t)}, asr.Params{}) {
		if err != nil {
			t.Fatal(err)
		}
		if s.Final {
			heard += " " + s.Text
		}
	}
	words(heard)
	var f *GPUError
	if list := said(); len(list) != 1 || !errors.As(list[0], &f) || f.Fault != GPUCrashed || onGPU(l.Model.Info().Device) {
		t.Errorf("reported: %v; it runs on %s", list, l.Model.Info().Device)
	}
	heard = ""
	for s, err := range l.Model.Transcribe(context.Background(), speak(t), asr.Params{}) {
		if err != nil {
			t.Fatal(err)
		}
		heard += s.Text
	}
	words(heard)
}
