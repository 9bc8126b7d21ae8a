package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The repacked weights of a removed model are garbage, those of another one are not; while a model is away nothing is known.
func TestCollect(t *testing.T) {
	t.Setenv("SOBERANO_HOME", t.TempDir())
	t.Setenv("SOBERANO_PACKED", "")
	addModels(t, map[string]string{"one": "llama", "two": "qwen2"})
	for _, m := range []string{"one", "two"} {
		if out, code := verb(t, "", "chat", "-m", m, "-p", "hi", "-n", "1"); code != 0 {
			t.Fatal(out)
		}
	}
	packed := func() int {
		files, err := filepath.Glob(filepath.Join(os.Getenv("SOBERANO_HOME"), "packed", "*.packed"))
		if err != nil {
			t.Fatal(err)
		}
		return len(files)
	}
	if n := packed(); n != 2 {
		t.Fatalf("%d files", n)
	}
	for _, c := range []struct {
		args string
		left int
		want string
	}{
		{"models gc", 2, "0 bytes freed."},
		{"models remove one", 2, ""},
		{"models gc --dry-run", 2, "would be freed"},
		{"models gc --json", 1, `"dry_run": false`},
		{"models verify two", 1, "with its repacked weights"},
	} {
		if out, code := verb(t, "", strings.Fields(c.args)...); code != 0 || !strings.Contains(out, c.want) || packed() != c.left {
			t.Errorf("%s: %d, %d files left: %s", c.args, code, packed(), out)
		}
	}
	out, _ := verb(t, "", "models", "show", "two")
	_, path, _ := strings.Cut(out, "file ")
	if err := os.Remove(strings.TrimSpace(strings.SplitN(path, "\n", 2)[0])); err != nil {
		t.Fatal(err)
	}
	if out, code := verb(t, "", "models", "gc"); code != 0 || packed() != 1 || !strings.Contains(out, "left alone: two can't be read") {
		t.Errorf("%d: %s", code, out)
	}
}

// A model is written to a file, and not over another one.
func TestExport(t *testing.T) {
	home(t)
	addModels(t, map[string]string{"one": "llama"})
	file := filepath.Join(t.TempDir(), "copy.gguf")
	for _, c := range []struct {
		args string
		code int
		want string
	}{
		{"models export one " + file, 0, "is written"}, {"models export one " + file, 1, "--replace overwrites it"}, {"models export one " + file + " --replace", 0, "is written"},
		{"models export none " + file, 1, "no model named"}, {"chat -m " + file + " -p hi -n 1", 0, ""},
	} {
		out, notes, code := run(t, nil, strings.Fields(c.args)...)
		if code != c.code || !strings.Contains(out+notes, c.want) {
			t.Errorf("%s: exit code %d: %s%s", c.args, code, out, notes)
		}
	}
}

// A library that was moved by the command line is used from there.
func TestMoveLibrary(t *testing.T) {
	home(t)
	addModels(t, map[string]string{"one": "llama"})
	to := filepath.Join(t.TempDir(), "moved")
	for _, c := range []struct {
		args string
		code int
		want string
	}{
		{"models move-library " + to, 0, "The library is at"}, {"models move-library " + to, 1, "it is there"}, {"models list", 0, "one"}, {"chat -m one -p hi -n 1", 0, ""}, {"models gc", 0, "freed"},
	} {
		out, notes, code := run(t, nil, strings.Fields(c.args)...)
		if code != c.code || !strings.Contains(out+notes, c.want) {
			t.Errorf("%s: exit code %d: %s%s", c.args, code, out, notes)
		}
	}
	if _, err := os.Stat(filepath.Join(to, "one", "entry.json")); err != nil {
		t.Error(err)
	}
}
