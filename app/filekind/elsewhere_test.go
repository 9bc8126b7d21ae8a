package filekind

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// elsewhere makes folders of other programs in a home folder, and returns that.
func elsewhere(t *testing.T) string {
	t.Helper()
	_, model, _ := samples(t)
	home := t.TempDir()
	for _, name := range []string{"OLLAMA_MODELS", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME", "LLAMA_CACHE", "XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"} {
		t.Setenv(name, "")
	}
	t.Setenv("HOME", home)
	hash := strings.Repeat("0a", 32)
	ollama := folder(t, home, ".ollama", "models")
	write(t, folder(t, ollama, "blobs"), "sha256-"+hash, model)
	write(t, filepath.Join(ollama, "blobs"), "sha256-"+strings.Repeat("0b", 32), []byte("a template"))
	manifest := []byte(`{"layers":[{"mediaType":"application/vnd.ollama.image.template","digest":"sha256:` + strings.Repeat("0b", 32) + `"},{"mediaType":"application/vnd.ollama.image.model","digest":"sha256:` + hash + `"}]}`)
	write(t, folder(t, ollama, "manifests", "registry.ollama.ai", "library", "llama3.2"), "3b", manifest)
	write(t, folder(t, ollama, "manifests", "registry.ollama.ai", "someone", "mine"), "latest", manifest) // the same file
	write(t, folder(t, ollama, "manifests", "registry.ollama.ai", "library", "gone"), "1b", []byte(strings.ReplaceAll(string(manifest), hash, strings.Repeat("0c", 32))))
	write(t, folder(t, ollama, "manifests", "registry.ollama.ai", "library", "outside"), "1b", []byte(strings.ReplaceAll(string(manifest), "sha256:"+hash, "sha256:../../../etc/passwd")))
	write(t, folder(t, ollama, "manifests", "registry.ollama.ai", "library", "broken"), "1b", manifest[:40])
	write(t, folder(t, home, "elsewhere", "models", "publisher", "m"), "m-q4.gguf", model)
	write(t, home, ".lmstudio-home-pointer", []byte(filepath.Join(home, "elsewhere")+"\n"))
	hub := folder(t, home, ".cache", "huggingface", "hub", "models--org--name")
	blob := write(t, folder(t, hub, "blobs"), "abc", model)
	for _, version := range []string{"old", "new"} {
		if err := os.Symlink(blob, filepath.Join(folder(t, hub, "snapshots", version), "name.Q8_0.gguf")); err != nil {
			t.Skip(err)
		}
	}
	write(t, folder(t, hub, "refs"), "main", []byte("new"))
	write(t, folder(t, home, ".local", "share", "nomic.ai", "GPT4All"), "g.gguf", model)
	write(t, folder(t, home, ".local", "share", "Jan", "data", "llamacpp", "models", "a"), "jan.gguf", model)
	write(t, folder(t, home, ".cache", "llama.cpp"), "cached.gguf", model)
	write(t, filepath.Join(home, ".cache", "llama.cpp"), "half.gguf", []byte("<!doctype html><p>Sign in"))
	return home
}

// The models of other programs are found where these keep them, each once, under the names that they have there.
func TestStores(t *testing.T) {
	home := elsewhere(t)
	var got []string
	for _, s := range Stores() {
		if !strings.HasPrefix(s.Dir, home) {
			continue // of this computer
		}
		found, err := s.Models()
		if err != nil {
			t.Error(err)
		}
		for _, f := range found {
			path, err := filepath.Rel(home, f.Path)
			if err != nil {
				t.Fatal(err)
			}
			line := f.Program + " " + f.Name + " " + filepath.ToSlash(path)
			if f.Error != "" {
				line += " (damaged)"
			}
			got = append(got, line)
		}
	}
	want := []string{
		"Ollama broken:1b .ollama/models/manifests/registry.ollama.ai/library/broken/1b (damaged)",
		"Ollama gone:1b .ollama/models/manifests/registry.ollama.ai/library/gone/1b (damaged)",
		"Ollama llama3.2:3b .ollama/models/blobs/sha256-" + strings.Repeat("0a", 32),
		"Ollama outside:1b .ollama/models/manifests/registry.ollama.ai/library/outside/1b (damaged)",
		"LM Studio  elsewhere/models/publisher/m",
		"Hugging Face org/name .cache/huggingface/hub/models--org--name/snapshots/new", "GPT4All  .local/share/nomic.ai/GPT4All/g.gguf",
		"Jan  .local/share/Jan/data/llamacpp/models/a", "llama.cpp  .cache/llama.cpp/cached.gguf", "llama.cpp  .cache/llama.cpp/half.gguf (damaged)",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, expected %q", got, want)
	}
	if o := (Found{Name: "llama3.2:3b"}).Options(); o.Name != "llama3.2-3b" || o.Title != "llama3.2:3b" {
		t.Errorf("%+v", o)
	}
	t.Setenv("OLLAMA_MODELS", filepath.Join(home, ".ollama", "models"))
	if n := len(slices.DeleteFunc(Stores(), func(s Store) bool { return s.Program != "Ollama" || !strings.HasPrefix(s.Dir, home) })); n != 1 {
		t.Errorf("one folder by two names is listed %d times", n)
	}
}

// A folder that is given stands for the models in it at any depth, in the way in which the program to which it belongs keeps them.
func TestInFolder(t *testing.T) {
	home := elsewhere(t)
	for dir, want := range map[string]int{".ollama/models": 4, ".cache/huggingface/hub": 1, ".cache/llama.cpp": 2, ".local": 2} {
		found, err := InFolder(filepath.Join(home, filepath.FromSlash(dir)))
		if err != nil || len(found) != want {
			t.Errorf("%s: %+v, %v; expected %d", dir, found, err, want)
		}
	}
	if _, err := InFolder(filepath.Join(home, "nowhere")); err == nil {
		t.Error("a folder that is not there is searched")
	}
}
