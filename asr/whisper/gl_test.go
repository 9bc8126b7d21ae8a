//go:build linux && cgo

package whisper

import (
	"encoding/json"
	"errors"
	"flag"
	"maps"
	"os"
	"slices"
	"testing"

	"soberano/engine/token"
	"soberano/kernels/cpu"
	"soberano/kernels/gl/gltest"
)

var everyShape = flag.Bool("gl.all", false, "compute every small network on the software driver of OpenGL, which takes minutes, not one")

// TestShapesGPU checks that small networks compute on a GPU, Mesa's software driver here, what CTranslate2 does: the encoder's values, and the
// decoder's logits with self-attention and attention to the audio.
func TestShapesGPU(t *testing.T) {
	b, err := os.ReadFile("testdata/small.json")
	var want map[string]golden
	if err = errors.Join(err, json.Unmarshal(b, &want)); err != nil {
		t.Fatal(err)
	}
	g := gltest.Software(t)
	names := []string{"multilingual"}
	if *everyShape {
		names = slices.Sorted(maps.Keys(shapes))
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			f := ofFormula(t, shapes[name])
			text, err := token.NewWhisper(f.Aux["tokenizer.json"], nil)
			if err != nil {
				t.Fatal(err)
			}
			pool, err := cpu.NewPool(1)
			if err != nil {
				t.Fatal(err)
			}
			m, err := New(gltest.Device(t, g, true), pool, f, text)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := m.end(); err != nil {
					t.Error(err)
				}
			})
			likeGolden(t, name, newSlot(t, m), want[name])
		})
	}
}
