package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"soberano/engine/arch/tiny"
)

// place writes a model of a kind as a file, which need not be in an existing folder.
func place(t *testing.T, kind string, path ...string) string {
	t.Helper()
	to := filepath.Join(path...)
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(tiny.New(kind).Write(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return to
}

// A folder is searched to any depth. What can't be added is named with its reason, and the rest is added and stays where it is.
func TestImportFolder(t *testing.T) {
	home(t)
	dir := t.TempDir()
	good := place(t, "llama", dir, "a", "b", "c", "good.gguf")
	place(t, "gemma3", dir, "a", "other.gguf")
	cut := place(t, "qwen2", dir, "a", "cut.gguf")
	if err := os.Truncate(cut, 5000); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{"a/page.gguf": "<!doctype html><p>Sign in", "a/notes.txt": "Dear Ada"} {
		if err := os.WriteFile(filepath.Join(dir, filepath.FromSlash(name)), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := tiny.New("qwen3")
	s.Float32()
	if err := os.Rename(s.Folder(t, 2), filepath.Join(dir, "a", "face")); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "link.gguf")
	if err := os.Symlink(good, link); err != nil {
		t.Skip(err)
	}
	out, notes, code := run(t, nil, "models", "import", dir, link, filepath.Join(dir, "none.gguf"))
	if code != 1 || strings.Count(out, " is in the library as ") != 4 || !strings.Contains(out, "as good.") || !strings.Contains(out, "as other.") {
		t.Errorf("%d %q", code, out)
	}
	for _, want := range []string{"cut.gguf is", "page.gguf is a web page, not a model", "none.gguf"} {
		if !strings.Contains(notes, want) {
			t.Errorf("%q does not name %q", notes, want)
		}
	}
	out, _, code = run(t, nil, "models", "import", "--json", dir)
	var list []struct {
		Path, Error string
		Model       *struct {
			Name   string
			Linked bool
		}
	}
	if err := json.Unmarshal([]byte(out), &list); err != nil || code != 1 || len(list) != 5 {
		t.Fatalf("%d %v %s", code, err, out)
	}
	for _, x := range list {
		if (x.Model == nil) != (x.Error != "") || x.Model != nil && !x.Model.Linked {
			t.Errorf("%+v", x)
		}
	}
	if out, code := verb(t, "", "chat", "-m", "good", "-p", "hi", "-n", "1"); code != 0 {
		t.Error(out)
	}
	if _, notes, code := run(t, nil, "models", "import", t.TempDir()); code != 1 || !strings.Contains(notes, "holds no model that this program knows") {
		t.Errorf("an empty folder: %d %s", code, notes)
	}
}

// Models in several files of the same base name are imported each, with one line for each. A lost file is named.
func TestImportShards(t *testing.T) {
	home(t)
	dir, source := t.TempDir(), place(t, "llama", t.TempDir(), "m.gguf")
	files, manifest := map[string][]string{}, filepath.Join(dir, "z.apr.index.json")
	for _, ext := range []string{".gguf", ".apr"} {
		out, code := verb(t, "", "models", "convert", source, filepath.Join(dir, "z"+ext), "--shard", "0.00002")
		shards, err := filepath.Glob(filepath.Join(dir, "z-0*"+ext))
		if err != nil || code != 0 || len(shards) < 3 || out != fmt.Sprintf("%s is written, the first of %d files of the model.\n", shards[0], len(shards)) {
			t.Fatalf("%d %v %d %q", code, err, len(shards), out)
		}
		files[ext] = shards
	}
	for range 2 {
		if out, code := verb(t, "", "models", "import", dir); code != 0 || strings.Count(out, " is in the library as ") != 2 || !strings.Contains(out, "as z.") {
			t.Errorf("%d %q", code, out)
		}
	}
	if out, code := verb(t, "", append([]string{"models", "import"}, files[".apr"]...)...); code != 0 || strings.Count(out, " is in the library as ") != 1 {
		t.Errorf("%d %q", code, out)
	}
	for _, paths := range [][]string{{manifest}, {manifest, files[".apr"][1]}} {
		if out, code := verb(t, "", append([]string{"models", "import"}, paths...)...); code != 0 || strings.Count(out, " is in the library as ") != 1 {
			t.Errorf("%q: %d %q", paths, code, out)
		}
	}
	if out, code := verb(t, "", "chat", "-m", manifest, "-p", "hi", "-n", "1"); code != 0 {
		t.Errorf("%d %q", code, out)
	}
	lost := files[".gguf"][1]
	if err := os.Remove(lost); err != nil {
		t.Fatal(err)
	}
	if out, code := verb(t, "", "models", "list"); code != 0 || strings.Count(out, "away") != 1 || !strings.Contains(out, "(away: not at "+lost+")") {
		t.Errorf("%d %s", code, out)
	}
	if out, code := verb(t, "", "models", "convert", "--help"); code != 0 || !strings.Contains(out, "--imatrix file ") {
		t.Errorf("%d %s", code, out)
	}
}

// The models of another program are listed with what it calls them, and added where they are.
func TestScan(t *testing.T) {
	home(t)
	user := t.TempDir()
	for _, name := range []string{"OLLAMA_MODELS", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME", "LLAMA_CACHE", "XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"} {
		t.Setenv(name, "")
	}
	t.Setenv("HOME", user)
	hash := strings.Repeat("ab", 32)
	blob := place(t, "llama", user, ".ollama", "models", "blobs", "sha256-"+hash)
	manifest := filepath.Join(user, ".ollama", "models", "manifests", "registry.ollama.ai", "library", "tiny", "1b")
	if err := os.MkdirAll(filepath.Dir(manifest), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(manifest, []byte(`{"layers":[{"mediaType":"application/vnd.ollama.image.model","digest":"sha256:`+hash+`"}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	place(t, "gemma3", user, ".lmstudio", "models", "someone", "m", "studio.gguf")
	type found struct {
		Program, Path, Title, Library string
		Runs                          bool
	}
	list := func() (all map[string]found) {
		out, code := verb(t, "", "models", "scan", "--json")
		var list []found
		if err := json.Unmarshal([]byte(out), &list); err != nil || code != 0 {
			t.Fatalf("%d %v %s", code, err, out)
		}
		all = map[string]found{}
		for _, f := range list {
			if strings.HasPrefix(f.Path, user) {
				all[f.Program] = f
			}
		}
		return all
	}
	if got := list(); len(got) != 2 || got["Ollama"] != (found{"Ollama", blob, "tiny:1b", "", true}) || got["LM Studio"].Library != "" {
		t.Errorf("%+v", got)
	}
	if out, code := verb(t, "", "models", "scan"); code != 0 || !strings.Contains(out, "tiny:1b") || !strings.Contains(out, "`soberano models scan --import` adds the 2 ") {
		t.Errorf("%d %s", code, out)
	}
	if out, code := verb(t, "", "models", "scan", "--import"); code != 0 || !strings.Contains(out, "tiny:1b is in the library as tiny-1b.") || !strings.Contains(out, "as studio.") {
		t.Errorf("%d %s", code, out)
	}
	if got := list(); got["Ollama"].Library != "tiny-1b" || got["LM Studio"].Library != "studio" {
		t.Errorf("%+v", got)
	}
	if out, code := verb(t, "", "chat", "-m", "tiny-1b", "-p", "hi", "-n", "1"); code != 0 {
		t.Error(out)
	}
	if out, code := verb(t, "", "models", "scan", "--import"); code != 0 || !strings.Contains(out, "No models of other programs were found that run and are not in the library.") {
		t.Errorf("%d %s", code, out)
	}
}

// A model whose file is not there stays in the list as away, and can be used again as soon as the file is back.
func TestAway(t *testing.T) {
	home(t)
	drive := filepath.Join(t.TempDir(), "drive")
	path := place(t, "llama", drive, "m.gguf")
	if out, code := verb(t, "", "models", "import", path); code != 0 {
		t.Fatal(out)
	}
	if err := os.Rename(drive, drive+"-away"); err != nil {
		t.Fatal(err)
	}
	if out, code := verb(t, "", "models", "list"); code != 0 || !strings.Contains(out, "(linked) (away: not at "+path+")") {
		t.Errorf("%d %s", code, out)
	}
	if out, code := verb(t, "", "models", "list", "--json"); code != 0 || !strings.Contains(out, `"away": true`) {
		t.Errorf("%d %s", code, out)
	}
	if _, notes, code := run(t, nil, "chat", "-m", "m", "-p", "hi"); code != 1 || !strings.Contains(strings.ToLower(notes), "if it is on another drive, plug that in") {
		t.Errorf("%d %s", code, notes)
	}
	if err := os.Rename(drive+"-away", drive); err != nil {
		t.Fatal(err)
	}
	if out, code := verb(t, "", "models", "list"); code != 0 || strings.Contains(out, "away") {
		t.Errorf("%d %s", code, out)
	}
	if out, code := verb(t, "", "chat", "-m", "m", "-p", "hi", "-n", "1"); code != 0 {
		t.Error(out)
	}
}

// The memory of a model is shown in parts, and the disk that each takes.
func TestShowAndUsage(t *testing.T) {
	home(t)
	path := place(t, "llama", t.TempDir(), "m.gguf")
	for _, args := range [][]string{{"--name", "linked"}, {"--copy", "--name", "copied"}} {
		if out, code := verb(t, "", append([]string{"models", "import", path}, args...)...); code != 0 {
			t.Fatal(out)
		}
	}
	place(t, "gemma3", filepath.Dir(path), "other.gguf")
	if out, code := verb(t, "", "models", "import", "--copy", filepath.Join(filepath.Dir(path), "other.gguf")); code != 0 {
		t.Fatal(out)
	}
	if out, code := verb(t, "", "models", "show", "linked", "--ctx", "100"); code != 0 || !strings.Contains(out, "conversation ") || !strings.Contains(out, " at 100 tokens, scratch ") || !strings.Contains(out, "fit") {
		t.Errorf("%d %s", code, out)
	}
	if out, code := verb(t, "", "models", "show", "linked"); code != 0 || !strings.Contains(out, " at 256 tokens") { // all that the model reads
		t.Errorf("%d %s", code, out)
	}
	var use diskUse
	out, code := verb(t, "", "models", "du", "--json")
	decode(t, out, &use)
	if code != 0 || len(use.Models) != 2 || use.Linked == 0 || use.Copied == 0 || use.Linked+use.Copied != use.Models[0].Bytes+use.Models[1].Bytes {
		t.Errorf("%d %s", code, out)
	}
	if out, code := verb(t, "", "models", "du"); code != 0 || !strings.Contains(out, "linked: not in the library's folder") || !strings.Contains(out, "repacked weights") {
		t.Errorf("%d %s", code, out)
	}
}
