package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"soberano/engine/arch/tiny"
)

// Keys of a file can be changed where it is, by one step, and its answers follow.
func TestEditKeys(t *testing.T) {
	home(t)
	path := tiny.New("llama").Write(t)
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "link.gguf")
	if err := os.Symlink(path, link); err != nil {
		t.Skip(err)
	}
	template := filepath.Join(t.TempDir(), "chat.jinja")
	if err := os.WriteFile(template, []byte("{{ messages[0].content }}\n"+strings.Repeat("{# long #}", 10)), 0o600); err != nil {
		t.Fatal(err)
	}
	out, notes, code := run(t, nil, "models", "edit", link, "--set", "general.name=Renamed", "--set", "tokenizer.chat_template=@"+template)
	if code != 0 || !strings.Contains(out, `→ "Renamed"`) || !strings.Contains(out, "(126 characters)") {
		t.Fatalf("%d: %s%s", code, out, notes)
	}
	if st, err := os.Lstat(link); err != nil || st.Mode()&os.ModeSymlink == 0 {
		t.Error("the link has become a file")
	}
	if st, err := os.Stat(path); err != nil || st.Mode().Perm() != 0o640 {
		t.Errorf("the permissions are %v", st.Mode())
	}
	if out, _, _ := run(t, nil, "models", "edit", path, "--unset", "general.name", "--dry-run"); out != "general.name: \"Renamed\" → (none)\n" {
		t.Errorf("the file has another name: %s", out)
	}
	if _, notes, code := run(t, nil, "chat", "-m", path, "-p", "hello", "-n", "2"); code != 0 {
		t.Error(notes)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".converting-*")); len(left) > 0 {
		t.Errorf("%v are left", left)
	}
}

// A change that is not possible, or with which the program could not open the file, leaves the file as it is.
func TestEditRefuses(t *testing.T) {
	home(t)
	path := tiny.New("llama").Write(t)
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if out, code := verb(t, "", "models", "import", path, "--copy", "--name", "mine"); code != 0 {
		t.Fatal(out)
	}
	for _, c := range []struct {
		args, want string
		code       int
	}{
		{"--set general.architecture=nonesuch", "the program could not open the file any more", 1},
		{"--set llama.block_count=2", "the program could not open the file any more", 1},
		{"--set llama.block_count=many", `is of type uint32`, 2},
		{"--unset general.nonesuch", "the file does not have it", 2},
		{"--set general.name", "is not KEY=VALUE", 2},
		{"--set a=1 --set a=2", "is named twice", 2},
		{"", "say what is to be changed", 2},
		{"--set tokenizer.chat_template=@/nonesuch", "nonesuch is not there", 1},
		{"--set general.name=x --dry-run", "", 0},
	} {
		_, notes, code := run(t, nil, append([]string{"models", "edit", path}, strings.Fields(c.args)...)...)
		after, err := os.ReadFile(path)
		if code != c.code || !strings.Contains(notes, c.want) || err != nil || string(after) != string(before) {
			t.Errorf("%s: exit code %d, %s; the file is as it was: %v", c.args, code, notes, string(after) == string(before))
		}
	}
	if _, notes, code := run(t, nil, "models", "edit", "mine", "--set", "general.name=x"); code != 2 || !strings.Contains(notes, "name a file to write") {
		t.Errorf("a model of the library: %d %s", code, notes)
	}
	out := filepath.Join(t.TempDir(), "new.gguf")
	for i, want := range []int{0, 1} { // the second time the file exists
		if _, notes, code := run(t, nil, "models", "edit", "mine", out, "--set", "general.name=x"); code != want {
			t.Errorf("try %d: %d %s", i, code, notes)
		}
	}
	if _, notes, code := run(t, nil, "models", "edit", path, "--force", "--set", "llama.block_count=2"); code != 0 {
		t.Error(notes)
	}
}
