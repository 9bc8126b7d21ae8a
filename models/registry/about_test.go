package registry

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"soberano/kernels/quant"
	"soberano/models"
	"soberano/models/safetensors"
)

// The moves between stages are those of the table; a refused one says which are allowed.
func TestStages(t *testing.T) {
	l := three(t)
	const name = "gemma-3-270m.q4_k_m"
	all := []Stage{Development, Staging, Production, Archived}
	for _, way := range [][]Stage{{Development, Staging, Production, Archived, Development, Archived}, {Development, Staging, Development}, {Development, Staging, Production, Staging, Archived}} {
		for _, to := range way {
			e, err := l.Find(name)
			if err != nil {
				t.Fatal(err)
			}
			for _, other := range append(slices.Clone(all), "tomorrow") {
				if slices.Contains(e.Stage.Moves(), other) || other == e.Stage {
					continue
				}
				_, err := l.SetStage(name, other)
				if refused, ok := errors.AsType[*MoveError](err); !ok || refused.From != e.Stage || !strings.Contains(err.Error(), string(e.Stage.Moves()[0])) {
					t.Errorf("%s to %s: %v", e.Stage, other, err)
				}
			}
			if e.Stage == Archived && to == Development || e.Stage == "" || slices.Contains(e.Stage.Moves(), to) {
				if e, err = l.SetStage(name, to); err != nil || e.Stage != to {
					t.Errorf("%s: %v", to, err)
				}
			}
		}
	}
}

// A card is the text that was set, the README.md of the folder, or the description in the file.
func TestCards(t *testing.T) {
	l, dir := library(t), t.TempDir()
	mustImport(t, l, save(t, dir, "a.gguf", chatModel(t, 1, 4096, models.Metadata{"general.description": "A small model"})), Link, ImportOptions{})
	folder := filepath.Join(t.TempDir(), "folder")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(folder, "model.safetensors"), func(f *os.File) error {
		return safetensors.Write(f, nil, []models.Tensor{filled("w", quant.F32, 2)})
	})
	readme := save(t, folder, "README.md", []byte("# About\r\n"))
	mustImport(t, l, folder, Link, ImportOptions{Name: "linked"})
	save(t, folder, "model.safetensors", append([]byte{}, mustRead(t, filepath.Join(folder, "model.safetensors"))...))
	card := func(name, want string) {
		t.Helper()
		e, err := l.Find(name)
		if err != nil {
			t.Fatal(err)
		}
		if text, err := e.Card(); err != nil || text != want {
			t.Errorf("%s: %q, %v", name, text, err)
		}
	}
	card("a", "A small model")
	card("linked", "# About\r\n")
	if err := l.Remove("linked"); err != nil {
		t.Fatal(err)
	}
	mustImport(t, l, folder, Copy, ImportOptions{Name: "copied"})
	if err := os.Remove(readme); err != nil {
		t.Fatal(err)
	}
	card("copied", "# About\r\n")
	for _, text := range []string{"mine", "mine again", ""} {
		if err := l.SetCard("a", text); err != nil {
			t.Fatal(err)
		}
		card("a", map[bool]string{false: text, true: "A small model"}[text == ""])
	}
	if _, ok := errors.AsType[*CardError](l.SetCard("a", strings.Repeat("x", maxCard+1))); !ok {
		t.Error("a card of any length is stored")
	}
	if err := l.SetCard("none", "x"); !errors.Is(err, models.ErrNotFound) {
		t.Error(err)
	}
}

func mustRead(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The parents are read from the metadata of files and from the head of a README.md.
func TestParents(t *testing.T) {
	for _, c := range []struct {
		meta models.Metadata
		want []Parent
	}{
		{models.Metadata{sourceName: "a", sourceHash: "00", sourceHow: "type Q4_0"}, []Parent{{Quantized, "a", "00", "", "type Q4_0"}}},
		{models.Metadata{sourceName: "a", sourcePublic: "01"}, []Parent{{Relation: Converted, Name: "a", SHA256: "01"}}},
		{models.Metadata{sourceName: "a"}, []Parent{{Relation: Converted, Name: "a"}}},
		{models.Metadata{"general.base_model.count": uint64(1), "general.base_model.0.name": "Smol", "general.base_model.0.organization": "HF", "general.base_model.0.repo_url": "https://huggingface.co/HF/smol"}, []Parent{{Relation: Based, Name: "HF/smol"}}},
		{models.Metadata{"general.base_model.count": uint64(2), "general.base_model.0.name": "A", "general.base_model.1.name": "B", "general.base_model.1.organization": "X"}, []Parent{{Relation: Merged, Name: "A"}, {Relation: Merged, Name: "X/B"}}},
		{models.Metadata{"general.base_model.count": uint64(1 << 40), "general.base_model.0.name": uint64(7)}, nil},
	} {
		if got := parentsIn(c.meta); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%v: %+v", c.meta, got)
		}
	}
	for readme, want := range map[string][]Parent{
		"---\nlicense: mit\nbase_model: HF/smol\nbase_model_relation: quantized\n---\n# x": {{Relation: Quantized, Name: "HF/smol"}},
		"---\r\nbase_model:\r\n  - a/b\r\n- 'c/d'\r\ntags:\r\n- x\r\n---\r\n":              {{Relation: Merged, Name: "a/b"}, {Relation: Merged, Name: "c/d"}},
		"---\nbase_model: [\"a/b\"]\nbase_model_relation: finetune\n---\n":                 {{Relation: FineTuned, Name: "a/b"}},
		"# no head\nbase_model: x\n":            nil,
		"---\nlicense: mit\n---\nbase_model: x": nil,
	} {
		if got := parentsOf(readme); !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %+v", readme, got)
		}
	}
}

// The tree goes from a model to those from which it came, by hash or by name, and ends where it would go round.
func TestLineage(t *testing.T) {
	l, dir := library(t), t.TempDir()
	base := mustImport(t, l, save(t, dir, "base.gguf", chatModel(t, 1, 4096, nil)), Copy, ImportOptions{})
	made := base.Source("type Q4_0")
	made[sourceName] = "renamed since"
	mustImport(t, l, save(t, dir, "small.gguf", chatModel(t, 2, 4096, made)), Link, ImportOptions{})
	mustImport(t, l, save(t, dir, "tuned.gguf", chatModel(t, 3, 4096, nil)), Link, ImportOptions{})
	set := func(name string, parents ...Parent) {
		t.Helper()
		if _, err := l.SetParents(name, parents); err != nil {
			t.Fatal(err)
		}
	}
	set("tuned", Parent{Relation: FineTuned, Name: "small"}, Parent{Relation: Merged, Name: "elsewhere/other"})
	root, children, err := l.Lineage("tuned")
	if err != nil || len(children) > 0 || len(root.Parents) != 2 || root.Parents[0].Name != "small" || root.Parents[1].Saved || len(root.Parents[0].Parents) != 1 {
		t.Fatalf("%+v, %v, %v", root, children, err)
	}
	if p := root.Parents[0].Parents[0]; p.Name != "base" || !p.Saved || p.Relation != Quantized || p.How != "type Q4_0" {
		t.Errorf("%+v", p)
	}
	if _, children, err = l.Lineage("base"); err != nil || !slices.Equal(children, []string{"small"}) {
		t.Errorf("%v, %v", children, err)
	}
	for name, from := range map[string]string{"base": "tuned", "tuned": "tuned"} {
		if _, err := l.SetParents(name, []Parent{{Relation: Based, Name: from}}); err == nil {
			t.Errorf("%s from %s was accepted", name, from)
		}
	}
	set("base", Parent{Relation: Based, Name: "somebody/tuned"}) // as the file of a model may say, so that it is not refused
	if root, _, err = l.Lineage("base"); err != nil || len(root.Parents[0].Parents[0].Parents[0].Parents) != 0 {
		t.Errorf("%+v, %v", root, err)
	}
}
