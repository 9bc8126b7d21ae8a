//go:build linux && cgo

package whisper

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"soberano/kernels/cpu"
	"soberano/kernels/gl/gltest"
)

// TestSmallGPU checks that the encoder and the decoder of a model of random weights decode the same tokens, at the same times and with the same
// probabilities, on a GPU (Mesa's software driver here) as on the CPU.
func TestSmallGPU(t *testing.T) {
	onHost, err := newSmall(small(nil))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { onHost.end() })
	pool, err := cpu.NewPool(1)
	if err != nil {
		t.Fatal(err)
	}
	onGPU, err := New(gltest.Device(t, gltest.Software(t), true), pool, small(nil), spelling{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := onGPU.end(); err != nil {
			t.Error(err)
		}
	})
	r := rand.New(rand.NewPCG(7, 7))
	frames := make([]float32, 80*3000)
	for i := range frames {
		frames[i] = float32(r.NormFloat64())
	}
	for _, beam := range []int{1, 3} {
		var both [2]*Result
		for i, m := range []*Model{onHost, onGPU} {
			if both[i], err = newSlot(t, m).Window(context.Background(), frames, Options{Beam: beam, Prompt: []int32{5, 6, 7}}); err != nil {
				t.Fatal(err)
			}
		}
		want, got := both[0], both[1]
		if len(want.Tokens) == 0 || !slices.Equal(got.Tokens, want.Tokens) {
			t.Errorf("beam %d: tokens %v on the GPU, %v on the CPU", beam, got.Tokens, want.Tokens)
		}
		if math.Abs(float64(got.AvgLogprob-want.AvgLogprob)) > 1e-3 {
			t.Errorf("beam %d: a probability of %g on the GPU, %g on the CPU", beam, got.AvgLogprob, want.AvgLogprob)
		}
	}
}
