package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Stages, cards and the lineage of a model that was converted are shown and set.
func TestAbout(t *testing.T) {
	home(t)
	addModels(t, map[string]string{"base": "llama", "other": "qwen2"})
	dir := t.TempDir()
	small, text := filepath.Join(dir, "small.gguf"), filepath.Join(dir, "card.md")
	if err := os.WriteFile(text, []byte("# Mine\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("VISUAL", "")
	t.Setenv("EDITOR", "cp "+text) // copies the text over the file that is edited
	for _, c := range []struct {
		args string
		code int
		want string
	}{
		{"models convert base " + small + " --type Q8_0", 0, "is written"},
		{"models import " + small, 0, "small"},
		{"models lineage small", 0, "small\n└─ quantized from base (type Q8_0)\n"},
		{"models lineage base", 0, "From it came: small"},
		{"models lineage base --from org/large --as fine-tuned", 0, "└─ fine-tuned from org/large, which is not in the library"},
		{"models lineage small", 0, "└─ quantized from base (type Q8_0)\n   └─ fine-tuned from org/large"},
		{"models lineage small --json", 0, `"in_library": true`},
		{"models lineage base --from x --as bought", 2, "--as"},
		{"models lineage base --clear", 0, "not known"},
		{"models card base", 0, "has no model card"},
		{"models card base --edit", 0, "saved"},
		{"models card base", 0, "# Mine"},
		{"models card other --set " + text, 0, "saved"},
		{"models card other", 0, "# Mine"},
		{"models card " + small + " --set " + text, 2, "no model of the library"},
		{"models stage base", 0, "is in no stage; it may be moved to development, staging, production, archived"},
		{"models stage base development", 0, "is in stage development"},
		{"models stage base production", 1, "may be moved to staging or archived, not to production"},
		{"models stage base finished", 1, "not to finished"},
		{"models stage base archived", 0, "archived"},
		{"models list", 0, "(archived)"},
		{"models show base", 0, "archived"},
	} {
		out, notes, code := run(t, nil, strings.Fields(c.args)...)
		if code != c.code || !strings.Contains(out+notes, c.want) {
			t.Errorf("%s: exit code %d: %s%s", c.args, code, out, notes)
		}
	}
}
