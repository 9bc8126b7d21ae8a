package filekind

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func folder(t *testing.T, parts ...string) string {
	t.Helper()
	dir := filepath.Join(parts...)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	return dir
}

// A folder is the model in it, or stands for the recordings and models in it and in its subfolders.
func TestSort(t *testing.T) {
	wav, model, photo := samples(t)
	talks, holds, broken, empty := t.TempDir(), t.TempDir(), t.TempDir(), t.TempDir()
	for _, name := range []string{"b.wav", "a", ".hidden.wav"} {
		write(t, talks, name, wav)
	}
	write(t, folder(t, talks, "old", "older"), "c.wav", wav)
	write(t, folder(t, talks, "old", "model"), "m.gguf", model)
	write(t, folder(t, talks, ".hidden"), "d.wav", wav)
	write(t, talks, "photo.heic", photo)
	write(t, talks, "list.json", []byte("[]"))
	write(t, holds, "m.gguf", model)
	write(t, broken, "model.bin", nil)
	write(t, broken, "sample.wav", wav)
	write(t, folder(t, empty, "sub"), "photo.heic", photo)
	letter := write(t, t.TempDir(), "letter.txt", []byte("Dear Ada"))
	got := Sort([]string{talks, holds, letter, broken, empty})
	at := func(parts ...string) string { return filepath.Join(append([]string{talks}, parts...)...) }
	for _, c := range []struct {
		what      string
		got, want []string
	}{
		{"recordings", got.Recordings, []string{at("a"), at("b.wav"), at("old", "older", "c.wav")}},
		{"models", got.Models, []string{at("old", "model"), holds}},
		{"documents", got.Documents, []string{letter}},
		{"neither", got.Neither, []string{broken}},
		{"empty", got.Empty, []string{empty}},
	} {
		if !slices.Equal(c.got, c.want) {
			t.Errorf("%s: %q, expected %q", c.what, c.got, c.want)
		}
	}
	if len(got.Errors) > 0 {
		t.Error(got.Errors)
	}
}

// walked lists what Walk finds, with paths below dir.
func walked(t *testing.T, dir string) (list []string, err error) {
	t.Helper()
	Walk(dir, func(path string, _ Kind, wrong error) {
		if wrong != nil {
			err = errors.Join(err, wrong)
			return
		}
		below, relErr := filepath.Rel(dir, path)
		if relErr != nil {
			t.Fatal(relErr)
		}
		list = append(list, filepath.ToSlash(below))
	})
	return list, err
}

// A link to a folder above leads to no second search; the searched folder itself may be a link.
func TestWalkLinks(t *testing.T) {
	wav, _, _ := samples(t)
	dir := t.TempDir()
	sub := folder(t, dir, "sub")
	talk := write(t, sub, "talk.wav", wav)
	link := filepath.Join(t.TempDir(), "link")
	for to, from := range map[string]string{filepath.Join(sub, "loop"): dir, filepath.Join(dir, "again.wav"): talk, filepath.Join(dir, "gone.wav"): "/nowhere/at/all.wav", link: dir} {
		if err := os.Symlink(from, to); err != nil {
			t.Skip(err)
		}
	}
	for _, root := range []string{dir, link} {
		if got, err := walked(t, root); err != nil || !slices.Equal(got, []string{"again.wav", "sub/talk.wav"}) {
			t.Errorf("%s: %q, %v", root, got, err)
		}
	}
}

// A folder that is too deep is reported, and what is above is found; so is a folder that can't be read.
func TestWalkLimits(t *testing.T) {
	wav, _, _ := samples(t)
	dir := t.TempDir()
	deep := folder(t, dir, strings.Repeat("d/", MaxDepth))
	write(t, deep, "lost.wav", wav)
	write(t, filepath.Dir(deep), "kept.wav", wav)
	write(t, dir, "z.wav", wav)
	got, err := walked(t, dir)
	limit, ok := errors.AsType[*SearchError](err)
	if !ok || limit.Entries || limit.Folder != dir || !slices.Equal(got, []string{strings.Repeat("d/", MaxDepth-1) + "kept.wav", "z.wav"}) {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := walked(t, filepath.Join(dir, "nowhere")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a folder that is not there: %v", err)
	}
	w := walk{root: dir, entries: MaxEntries - 1, found: func(_ string, _ Kind, wrong error) { err = wrong }}
	if w.folder(dir, 1, outside) {
		t.Error("the search goes on")
	}
	if limit, ok := errors.AsType[*SearchError](err); !ok || !limit.Entries {
		t.Errorf("too many files: %v", err)
	}
}

// A GGUF file beside the files of another model, or below a folder with a single one, is a model of its own.
func TestBeside(t *testing.T) {
	header := `{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`
	tensors := append(append([]byte{byte(len(header)), 0, 0, 0, 0, 0, 0, 0}, header...), 0, 0, 0, 0)
	dir := t.TempDir()
	face := folder(t, dir, "face")
	write(t, face, "config.json", []byte("{}"))
	write(t, face, "model.safetensors", tensors)
	write(t, face, "a.gguf", []byte("GGUF\x03\x00\x00\x00"))
	write(t, folder(t, face, "quantized"), "b.gguf", []byte("GGUF\x03\x00\x00\x00"))
	write(t, face, "c.gguf", []byte("no model"))
	one := folder(t, dir, "one")
	write(t, one, "d.gguf", []byte("GGUF\x03\x00\x00\x00"))
	write(t, folder(t, one, "more"), "e.gguf", []byte("GGUF\x03\x00\x00\x00"))
	got, err := walked(t, dir)
	if want := []string{"face", "face/a.gguf", "face/c.gguf", "face/quantized/b.gguf", "one", "one/more"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, %v, expected %q", got, err, want)
	}
	s := Sort([]string{face})
	if want := []string{face, filepath.Join(face, "a.gguf"), filepath.Join(face, "quantized", "b.gguf")}; !slices.Equal(s.Models, want) || !slices.Equal(s.Neither, []string{filepath.Join(face, "c.gguf")}) {
		t.Errorf("%+v", s)
	}
	if s := Sort([]string{one}); !slices.Equal(s.Models, []string{one}) || len(s.Neither) > 0 {
		t.Errorf("%+v", s)
	}
}

func TestGather(t *testing.T) {
	dir := t.TempDir()
	for _, n := range []string{"model.bin", "config.json"} {
		if err := os.WriteFile(filepath.Join(dir, n), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	face := t.TempDir()
	if err := os.WriteFile(filepath.Join(face, "model.safetensors"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	alone := filepath.Join(t.TempDir(), "config.json")
	got := Gather([]string{filepath.Join(face, "vocab.json"), filepath.Join(face, "model.safetensors"), filepath.Join(dir, "config.json"), filepath.Join(dir, "model.bin"), dir, alone,
		"/m/big-00002-of-00003.gguf", "/m/big-00001-of-00003.gguf", "/m/x.gguf", "/m/big-00003-of-00003.apr", "/m/big-00001-of-00003.apr"})
	want := []string{face, dir, alone, filepath.Join("/m", "big-00001-of-00003.gguf"), "/m/x.gguf", "/m/big-00001-of-00003.apr"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
