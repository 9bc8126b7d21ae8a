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

var everyClip = flag.Bool("gl.all", false, "transcribe several clips on the software driver of OpenGL, which takes minutes, not one")

// TestGPU checks that Whisper's encoder and decoder on a GPU, Mesa's software driver here, hear the same words as on the CPU.
func TestGPU(t *testing.T) {
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
	clips := []string{"audio/goforward.wav"}
	if *everyClip {
		clips = append(clips, "audio/jfk.wav", "suit.wav", "audio/cards_005.wav")
	}
	for _, name := range clips {
		samples := clip(t, filepath.Join("..", name))
		want, got := text(transcribe(t, onCPU, samples, Params{})), text(transcribe(t, onGPU, samples, Params{}))
		if want == "" || strings.Join(words(got), " ") != strings.Join(words(want), " ") {
			t.Errorf("%s: heard %q on the GPU, %q on the CPU", name, got, want)
		}
	}
}
