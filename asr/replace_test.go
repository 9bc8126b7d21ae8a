package asr

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"soberano/kernels"
	"soberano/kernels/cpu"
	"soberano/kernels/devicetest"
	"soberano/models/defaults"
	"soberano/models/registry"
)

// openFailing opens Whisper tiny for English on a device that fails as d says. The returned function tells why it was replaced.
func openFailing(t *testing.T, d *devicetest.Failing) (*Model, func() error) {
	t.Helper()
	f, err := registry.Read(defaults.Need(t, "whisper-tiny.en"))
	if err != nil {
		t.Fatal(err)
	}
	pool, err := cpu.NewPool(2)
	if err != nil {
		t.Fatal(err)
	}
	newCPU := func() (kernels.Device, error) { return cpu.New(cpu.Options{Pool: pool, Floats: cpu.Bits8}) }
	if d.Device, err = newCPU(); err != nil {
		t.Fatal(err)
	}
	var said error
	m, err := Open(f, d, Options{Pool: pool, Replace: func(cause error) (kernels.Device, error) {
		said = cause
		return newCPU()
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(m.Close(), pool.Close()); err != nil {
			t.Error(err)
		}
	})
	return m, func() error { return said }
}

// timed returns the words of a recording, with their times.
func timed(t *testing.T, m *Model, samples []float32) (all []Word) {
	t.Helper()
	for _, s := range transcribe(t, m, samples, Params{Words: true}) {
		all = append(all, s.Words...)
	}
	return all
}

// TestReplace checks that a recording is transcribed without a loss if the device fails: while it encodes, while it decodes and while it finds
// the times of words, by an error or by values that are no numbers, or because it has no memory for a window.
func TestReplace(t *testing.T) {
	samples := clip(t, "goforward.wav")
	const never = 1 << 30
	counted := &devicetest.Failing{Steps: never}
	m, said := openFailing(t, counted)
	want := timed(t, m, samples)
	if len(want) != 4 || said() != nil {
		t.Fatalf("without a failure: %+v, %v", want, said())
	}
	last := never - counted.Steps - 1
	for _, d := range []devicetest.Failing{
		{Steps: never, States: 1}, // the encoder's alone
		{Steps: 1},                // the first step reserves memory, the second one encodes
		{Steps: last / 2, NaN: true},
		{Steps: last}, // finds the times of words
	} {
		asked := d
		m, said := openFailing(t, &d)
		if got := timed(t, m, samples); !slices.Equal(got, want) {
			t.Errorf("%+v: %+v, without a failure %+v", asked, got, want)
		}
		if cause := map[bool]error{false: devicetest.ErrLost, true: kernels.ErrNotANumber}[d.NaN]; !errors.Is(said(), cause) || m.Info().Device == "failing" {
			t.Errorf("%+v: replaced for %v, on %s", asked, said(), m.Info().Device)
		}
	}
}

// TestReplaceSideBySide checks the same for several windows that are decoded together.
func TestReplaceSideBySide(t *testing.T) {
	samples := clip(t, "goforward.wav")
	for range 2 { // windows of their own
		samples = slices.Concat(samples, make([]float32, 20*SampleRate), clip(t, "goforward.wav"))
	}
	m, said := openFailing(t, &devicetest.Failing{Steps: 8})
	if got := text(transcribe(t, m, samples, Params{})); strings.Join(words(got), " ") != strings.Repeat("go forward ten meters ", 2)+"go forward ten meters" || said() == nil {
		t.Errorf("heard %q, %v", got, said())
	}
}

// TestReplaceNot checks that a transcription ends with both errors if there is no other device, and that later ones fail too.
func TestReplaceNot(t *testing.T) {
	m, _ := openFailing(t, &devicetest.Failing{Steps: 3, NaN: true})
	none := errors.New("there is no other device")
	m.net.SetReplace(func(error) error { return none })
	for range 2 {
		var got error
		for _, err := range m.Transcribe(context.Background(), &samplesSource{samples: clip(t, "goforward.wav"), err: io.EOF}, Params{}) {
			got = err
		}
		if !errors.Is(got, none) || !errors.Is(got, kernels.ErrNotANumber) {
			t.Errorf("ended with %v", got)
		}
	}
}

// TestReplaceDictation checks that all words that are dictated come if the device fails meanwhile.
func TestReplaceDictation(t *testing.T) {
	for _, steps := range []int{1, 4} {
		m, said := openFailing(t, &devicetest.Failing{Steps: steps})
		samples := slices.Concat(make([]float32, SampleRate), clip(t, "goforward.wav"))
		var finals []string
		for s, err := range m.Listen(context.Background(), &mike{samples: samples}, Params{}) {
			if err != nil {
				t.Fatal(err)
			}
			if s.Final {
				finals = append(finals, words(s.Text)...)
			}
		}
		if strings.Join(finals, " ") != "go forward ten meters" || !errors.Is(said(), devicetest.ErrLost) {
			t.Errorf("after %d steps: heard %q, %v", steps, finals, said())
		}
	}
}
