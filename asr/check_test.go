package asr

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"soberano/asr/whisper/convert"
	"soberano/kernels/quant"
	"soberano/models"
	"soberano/models/apr"
	"soberano/models/ctranslate2"
	"soberano/models/defaults"
	"soberano/models/registry"
)

// TestCheckIsOpen checks that the library says that a speech model runs exactly if Open succeeds, with
// the same reason.
func TestCheckIsOpen(t *testing.T) {
	source, err := ctranslate2.Open(defaults.Need(t, "whisper-tiny.en"))
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	folder := func(what string, change func(dir string)) string {
		dir := filepath.Join(t.TempDir(), what)
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		convert.Safetensors(t, dir, source, quant.BF16, false)
		change(dir)
		return dir
	}
	remove := func(name string) func(string) {
		return func(dir string) {
			if err := os.Remove(filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	config := func(text string) func(string) {
		return func(dir string) {
			if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	mute := filepath.Join(t.TempDir(), "mute.apr")
	convert.APR(t, mute, source, quant.F16)
	file, err := apr.Open(mute)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	delete(file.Aux, "__vocab__")
	silent := filepath.Join(t.TempDir(), "silent.apr")
	out, err := os.Create(silent)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(apr.Write(out, file.Meta, file.Tensors, file.Aux), out.Close()); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		path, reason string
	}{
		{defaults.Need(t, "whisper-tiny.en"), ""},
		{folder("whole", func(string) {}), ""},
		{folder("no tokenizer", remove("tokenizer.json")), "tokenizer.json"},
		{folder("odd heads", config(`{"model_type":"whisper","encoder_attention_heads":5,"decoder_attention_heads":5}`)), "5 heads"},
		{folder("another activation", config(`{"model_type":"whisper","activation_function":"relu"}`)), "relu"},
		{mute, ""},
		{silent, "no vocabulary"},
	} {
		i, err := registry.Inspect(c.path, func(f *models.File) (registry.Verdict, error) { return registry.Verdict{}, Check(f) })
		if err != nil || i.Runs != (c.reason == "") || !strings.Contains(i.Reason, c.reason) {
			t.Errorf("%s: runs %v, %q, %v", filepath.Base(c.path), i.Runs, i.Reason, err)
		}
		m, err := openFile(c.path, settings{Threads: 1})
		if (err == nil) != i.Runs {
			t.Errorf("%s: Open says %v", filepath.Base(c.path), err)
		}
		if err == nil {
			if err := m.Close(); err != nil {
				t.Error(err)
			}
		} else if e, ok := errors.AsType[*models.FileError](err); !ok || !strings.Contains(i.Reason, e.Reason) {
			t.Errorf("%s: the reason is %q, Open says %v", filepath.Base(c.path), i.Reason, err)
		}
	}
}
