package gguf

import (
	"bytes"
	"errors"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"soberano/kernels/quant"
	"soberano/models"
)

func TestRewrite(t *testing.T) {
	meta := models.Metadata{
		"general.name": "old", "llama.block_count": uint64(2), "tokenizer.ggml.token_type": []int64{1, 2}, "tokenizer.ggml.add_bos_token": true,
		"llama.rope.freq_base": 10000.0, "gone": "x", "tokenizer.ggml.tokens": []string{"a", "b"},
	}
	path := save(t, t.TempDir(), "m.gguf", encode(t, meta, tensorOf("w", quant.F32, 7, 3, 4), tensorOf("v", quant.F32, 9, 5)))
	var b bytes.Buffer
	got, err := Rewrite(&b, path, Edit{
		Set: map[string]string{
			"general.name": "a much longer name, so that the weights move", "llama.block_count": "3", "tokenizer.ggml.token_type": "[3,-1,4]",
			"tokenizer.ggml.add_bos_token": "false", "llama.rope.freq_base": "5e5", "tokenizer.ggml.tokens": `["é","\u0000"]`,
			"new.text": "not { json", "new.number": "-4", "new.big": "18446744073709551615", "new.real": "0.1", "new.truth": "true", "new.list": "[1,2]", "new.quoted": `"12"`, "new.reals": "[1,0.5]",
		},
		Unset: []string{"gone"},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := models.Metadata{
		"general.name": "a much longer name, so that the weights move", "llama.block_count": uint64(3), "tokenizer.ggml.token_type": []int64{3, -1, 4},
		"tokenizer.ggml.add_bos_token": false, "llama.rope.freq_base": 5e5, "tokenizer.ggml.tokens": []string{"é", "\x00"},
		"new.text": "not { json", "new.number": int64(-4), "new.big": uint64(1<<64 - 1), "new.real": 0.1, "new.truth": true, "new.list": []int64{1, 2}, "new.quoted": "12", "new.reals": []float64{1, 0.5},
	}
	before, after := mustOpen(t, path), mustOpen(t, save(t, t.TempDir(), "m.gguf", b.Bytes()))
	if !maps.EqualFunc(after.Meta, want, func(a, b any) bool { return key2line("", a) == key2line("", b) }) {
		t.Errorf("keys %v, want %v", after.Meta, want)
	}
	if !slices.EqualFunc(before.Tensors, after.Tensors, func(x, y models.Tensor) bool {
		return x.Name == y.Name && slices.Equal(x.Shape, y.Shape) && bytes.Equal(x.Data, y.Data)
	}) {
		t.Error("the tensors have changed")
	}
	if len(got) != 15 || got[0] != (Change{"general.name", "old", want["general.name"]}) || got[1] != (Change{"gone", "x", nil}) {
		t.Errorf("changes %v", got)
	}
}

// TestRewriteRefuses checks that an edit that is not possible is refused, with the key, before a byte is written.
func TestRewriteRefuses(t *testing.T) {
	meta := models.Metadata{"n": uint64(1), "list": []int64{1}, "texts": []string{"a"}, "yes": true, "real": 0.5, "split.count": uint64(1)}
	path := save(t, t.TempDir(), "m.gguf", encode(t, meta, tensorOf("w", quant.F32, 7, 4)))
	set := func(key, text string) Edit { return Edit{Set: map[string]string{key: text}} }
	for want, e := range map[string]Edit{
		`key "n" is of type uint32, which "-1" is not`:                    set("n", "-1"),
		`key "n" is of type uint32, which "4294967296" is not`:            set("n", "4294967296"),
		`key "list" is a list of type int32`:                              set("list", "1"),
		`key "list" is a list of type int32, value 2 is not of this type`: set("list", `[1,"2"]`),
		`key "list" value 1 is of type int32, which "0.5" is not`:         set("list", `[0.5]`),
		`key "texts" is a list of type string, value 1 is not`:            set("texts", `[1]`),
		`key "yes" is of type bool`:                                       set("yes", "perhaps"),
		`key "real" is of type float32`:                                   set("real", "half"),
		`key "new" is a list of values of several types`:                  set("new", `[1,"a"]`),
		`key "new" is new, and an empty list`:                             set("new", `[]`),
		`key "new" can't have the number 1e999`:                           set("new", `1e999`),
		`key "" has no name`:                                              set("", "1"),
		`key "general.alignment" says how the file is laid out`:           set("general.alignment", "64"),
		`key "split.count" says how the file is laid out`:                 {Unset: []string{"split.count"}},
		`key "absent" can't be taken away: the file does not have it`:     {Unset: []string{"absent"}},
		`key "n" is named twice`:                                          {Set: map[string]string{"n": "2"}, Unset: []string{"n"}},
	} {
		var b bytes.Buffer
		_, err := Rewrite(&b, path, e)
		if wrong, ok := errors.AsType[*EditError](err); !ok || !strings.Contains(wrong.Error(), want) || b.Len() > 0 {
			t.Errorf("%v: error %v, %d bytes written; want %s", e, err, b.Len(), want)
		}
	}
}

// TestRewriteNothing checks that a file without changes keeps all its bytes, whatever keys it has.
func TestRewriteNothing(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(r *rapid.T) {
		meta := models.Metadata(rapid.MapOf(rapid.StringMatching(`[a-z.]{1,9}`).Filter(func(s string) bool { return s != "general.alignment" }), value()).Draw(r, "keys"))
		b := encode(t, meta, tensorOf("w", quant.F32, 7, 3))
		path := save(t, dir, "m.gguf", b)
		var out bytes.Buffer
		if _, err := Rewrite(&out, path, Edit{}); err != nil || !bytes.Equal(out.Bytes(), b) {
			r.Fatalf("error %v, %d bytes became %d", err, len(b), out.Len())
		}
		if err := os.Remove(path); err != nil {
			r.Fatal(err)
		}
	})
}
