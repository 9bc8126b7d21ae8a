package asr

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"soberano/asr/whisper"
	"soberano/asr/whisper/convert"
	"soberano/kernels/quant"
	"soberano/models"
	"soberano/models/ctranslate2"
	"soberano/models/defaults"
)

// TestOpenForms: a model of every file format is opened by its path alone and transcribes a sentence,
// also with the weights that the first run has repacked.
func TestOpenForms(t *testing.T) {
	source, err := ctranslate2.Open(defaults.Need(t, "whisper-tiny.en"))
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	dir, folder := t.TempDir(), t.TempDir()
	convert.GGML(t, filepath.Join(dir, "ggml-tiny.en-q5_0.bin"), source, quant.Q5_0)
	convert.APR(t, filepath.Join(dir, "tiny.en.apr"), source, convert.APRQ8)
	convert.Safetensors(t, folder, source, quant.BF16, true)
	for _, path := range []string{filepath.Join(dir, "ggml-tiny.en-q5_0.bin"), filepath.Join(dir, "tiny.en.apr"), folder} {
		t.Run(filepath.Base(path), func(t *testing.T) {
			packed := t.TempDir()
			for range 2 {
				m, err := openFile(path, settings{Threads: 2, Packed: packed})
				if err != nil {
					t.Fatal(err)
				}
				if i := m.Info(); i.Name != "Whisper tiny, English" || i.Multilingual || i.WeightBytes < 20e6 {
					t.Errorf("info %+v", i)
				}
				got := strings.Join(words(text(transcribe(t, m, clip(t, "librivox_0930.wav"), Params{}))), " ")
				if want := "he might even have been made amiable himself"; got != want {
					t.Errorf("heard %q, want %q", got, want)
				}
				if err := m.Close(); err != nil {
					t.Fatal(err)
				}
				if files, err := filepath.Glob(filepath.Join(packed, "*.packed")); err != nil || len(files) != 1 {
					t.Errorf("repacked weights: %v, %v", files, err)
				}
			}
		})
	}
}

// TestNotSpeech: the error for a file that is not a speech model names the supported formats.
func TestNotSpeech(t *testing.T) {
	_, err := openFile(defaults.Need(t, "smollm2"), settings{})
	if !errors.Is(err, models.ErrUnsupported) || !strings.Contains(err.Error(), "whisper.cpp's .bin") {
		t.Errorf("a chat model: %v", err)
	}
	path := filepath.Join(t.TempDir(), "base.pt")
	if err := os.WriteFile(path, []byte("PK\x03\x04\x14\x00\x00\x00base/data.pkl"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := openFile(path, settings{}); !errors.Is(err, models.ErrUnknownFormat) || !strings.Contains(err.Error(), "PyTorch") || !strings.Contains(err.Error(), "ggml .bin") {
		t.Errorf("a pickle: %v", err)
	}
}

func TestTitles(t *testing.T) {
	for want, d := range map[string]whisper.Dims{
		"Whisper base": {EncLayers: 6, DecLayers: 6, Mels: 80}, "Whisper large-v3": {EncLayers: 32, DecLayers: 32, Mels: 128},
		"Whisper large-v3 turbo": {EncLayers: 32, DecLayers: 4, Mels: 128}, "Whisper distilled large-v3": {EncLayers: 32, DecLayers: 2, Mels: 128},
		"Whisper 5 × 64": {EncLayers: 5, DecLayers: 5, State: 64, Mels: 128},
	} {
		i := sized(d)
		i.Multilingual = true
		if got := i.title(d); got != want || i.Turbo != strings.Contains(want, "turbo") || i.Distilled != strings.Contains(want, "distilled") || i.Version3 != strings.Contains(want, "v3") {
			t.Errorf("%+v is %+v, %q, expected %q", d, i, got, want)
		}
	}
}
