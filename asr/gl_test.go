//go:build linux && cgo

package asr

import (
	"flag"
	"path/filepath"
	"strings"
	"testing"

	"soberano/kernels/cpu"
	"soberano/kernels/gl/gltest"
	"soberano/models/defaults"
	"soberano/models/registry"
)

var everyClip = flag.Bool("gl.all", false, "transcribe clips on the software driver of OpenGL, which takes minutes")

// TestGPU checks that Whisper's encoder and decoder on a GPU, Mesa's software driver here, hear the same words as on the CPU.
// TestShapesGPU of package whisper checks the network.
func TestGPU(t *testing.T) {
	if !*everyClip {
		t.Skip("a clip takes a minute on the software driver; -gl.all transcribes some")
	}
	dir := defaults.Need(t, "whisper-tiny.en")
	onCPU, err := openFile(dir, settings{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { onCPU.Close() })
	f, err := registry.Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	pool, err := cpu.NewPool(2)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pool.Close() })
	onGPU, err := Open(f, gltest.Device(t, gltest.Software(t), false), Options{Pool: pool})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := onGPU.Close(); err != nil {
			t.Error(err)
		}
	})
	for _, name := range []string{"audio/goforward.wav", "audio/jfk.wav", "suit.wav", "audio/cards_005.wav"} {
		samples := clip(t, filepath.Join("..", name))
		want, got := text(transcribe(t, onCPU, samples, Params{})), text(transcribe(t, onGPU, samples, Params{}))
		if want == "" || strings.Join(words(got), " ") != strings.Join(words(want), " ") {
			t.Errorf("%s: heard %q on the GPU, %q on the CPU", name, got, want)
		}
	}
}
