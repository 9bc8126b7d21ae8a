//go:build linux && cgo

package host

import (
	"context"
	"errors"
	"testing"
	"time"

	"soberano/engine"
	"soberano/engine/arch/tiny"
	"soberano/models/registry"
)

// describe returns the answer of a model with a vision encoder to a question about an image.
func describe(t *testing.T, h *Host, e registry.Entry, s Settings) string {
	t.Helper()
	l, err := Chats(h).Acquire(context.Background(), e, s, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Release()
	r := engine.Request{Messages: []engine.Message{{Role: "user", Content: "What?"}}, Images: []engine.Attachment{{Message: 0, Image: shaded()}}, MaxTokens: 12}
	text := ""
	for piece, err := range l.Model.Generate(context.Background(), r) {
		if err != nil {
			t.Fatal(err)
		}
		text += piece.Text
	}
	return text
}

// TestGPUVision checks that a vision encoder is tried on a GPU, that what is seen there is what is seen on the CPU, also if the GPU fails while an
// image is being encoded, and that an encoder which computes wrong values there stays on the CPU.
func TestGPUVision(t *testing.T) {
	dir := t.TempDir()
	e := resolve(t, saved(t, dir, "model.gguf", seeing()))
	projector := resolve(t, saved(t, dir, "mmproj.gguf", tiny.Vision("gemma3")))
	want := ""
	for _, c := range []struct {
		fault string
		use   GPUUse
		known bool // both were tried
		fails GPUFault
	}{
		{"", GPUUse{Choice: GPUOff}, false, -1},
		{"", GPUUse{}, false, -1},
		{"vision kill 0", GPUUse{}, true, GPUCrashed},
		{"vision wrong 0", GPUUse{}, false, GPUWrong},
	} {
		o, said := withGPU(t, c.fault)
		if c.known {
			tried(t, e, true, placement{})
			tried(t, projector, true, placement{})
		}
		h := hostOf(t, o)
		got := describe(t, h, e, Settings{Threads: 2, Exact: true, GPU: c.use})
		if want == "" {
			want = got
		}
		if got != want {
			t.Errorf("%+v: %q, on the CPU %q", c, got, want)
		}
		trial := ModelTrial{}
		for _, other := range loadRecords().Models {
			if other.Kind == TrialVision {
				trial = other
			}
		}
		if tried := c.use.Choice != GPUOff && !c.known; (trial.Kind == TrialVision) != tried || tried && (trial.Error != "") != (c.fails == GPUWrong) || tried && c.fails < 0 && !(trial.GPU > 0 && trial.CPU > 0) {
			t.Errorf("%+v: the trial %+v", c, trial)
		}
		var f *GPUError
		if list := said(); (len(list) == 1) != (c.fails >= 0) || len(list) == 1 && (!errors.As(list[0], &f) || f.Fault != c.fails) {
			t.Errorf("%+v: reported %v", c, list)
		}
	}
}

// TestGPUVisionMoves checks that a model that was opened on the CPU, and then its vision encoder, are on the GPU after their trials beside.
func TestGPUVisionMoves(t *testing.T) {
	dir := t.TempDir()
	e := resolve(t, saved(t, dir, "model.gguf", seeing()))
	saved(t, dir, "mmproj.gguf", tiny.Vision("gemma3"))
	o, said := withGPU(t, "")
	devices := make(chan string, 10)
	o.TryBeside, o.Moved = true, func(_ registry.Entry, device string) { devices <- device }
	h := hostOf(t, o)
	h.quiet = time.Millisecond
	s := Settings{Threads: 2, Exact: true}
	want := describe(t, h, e, s)
	for _, what := range []string{"model", "encoder"} { // what is on a GPU opens its encoder anew
		select {
		case device := <-devices:
			if !onGPU(device) {
				t.Errorf("the %s moved to %s", what, device)
			}
		case <-time.After(time.Minute):
			t.Fatalf("the %s has not moved", what)
		}
		if got := describe(t, h, e, s); got != want || len(said()) > 0 {
			t.Errorf("%q, then %q; reported: %v", want, got, said())
		}
	}
}
