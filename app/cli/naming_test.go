package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"soberano/engine/arch/tiny"
)

// addModels adds small models under these names.
func addModels(t *testing.T, kinds map[string]string) {
	t.Helper()
	for name, kind := range kinds {
		path := filepath.Join(t.TempDir(), name+".gguf")
		if err := os.Rename(tiny.New(kind).Write(t), path); err != nil {
			t.Fatal(err)
		}
		if out, code := verb(t, "", "models", "import", path); code != 0 {
			t.Fatal(out)
		}
	}
}

// A model is found by each of its names wherever a model is named, and by words that only it has.
func TestNaming(t *testing.T) {
	home(t)
	addModels(t, map[string]string{"smol-1b-q4_0": "llama", "smol-3b-q8_0": "qwen2", "gem-2b": "gemma3"})
	for _, c := range []struct {
		args string
		code int
		want string
	}{
		{"models tag smol-1b-q4_0 Smol:best smol:v1", 0, "also called smol:best"},
		{"models tag smol-3b-q8_0 smol:v1", 1, "--move"},
		{"models tag smol-3b-q8_0 smol:v1 --move", 0, "also called smol:v1"},
		{"models tag smol x", 2, "may be any of these models: smol-1b-q4_0, smol-3b-q8_0"},
		{"models tag gem x", 1, "only gem-2b"},
		{"models list", 0, "smol-1b-q4_0"},
		{"models keygen", 0, "="},
		{"models sign nothere.apr", 1, "nothere.apr is not there"},
		{"models lineage gem-2b --from gem-2b", 1, "can't have come from itself"},
		{"models list", 0, "(also smol:best)"},
		{"models rename gem-2b Gemma", 0, "called gemma"},
		{"models show gem-2b", 0, "gem-2b"},
		{"models show smol:3b-q8", 0, "qwen2"},
		{"models verify smol:best", 0, "intact"},
		{"chat -m smol:best -p hi -n 1", 0, ""},
		{"chat -m smol:3b -p hi -n 1", 0, ""},
		{"chat -m gem-2b -p hi -n 1", 0, ""},
		{"chat -m smol -p hi -n 1", 2, "may be any of these models"},
		{"chat -m smoll -p hi -n 1", 2, "no model in the library and no file named"},
		{"tokenize -m smol:best hi", 0, ""},
		{"bench -m smol:best -p 4 -n 2 -r 1 -t 1", 0, ""},
		{"models search SMOL q8", 0, "smol-3b-q8_0"},
		{"models search gemma", 0, "gemma"},
		{"models search nothing", 0, "No model"},
		{"models tag smol-1b-q4_0 smol:best --remove", 0, "no longer called"},
		{"models remove smol", 2, "may be any"},
		{"models remove gem-2b", 0, "removed"},
		{"models remove smol:v1", 0, "smol-3b-q8_0 has been removed"},
	} {
		out, notes, code := run(t, nil, strings.Fields(c.args)...)
		if code != c.code || !strings.Contains(out+notes, c.want) {
			t.Errorf("%s: exit code %d: %s%s", c.args, code, out, notes)
		}
	}
}
