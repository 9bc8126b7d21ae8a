package token

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"soberano/models"
)

// TestFiles checks that the files of a folder that are made of the keys of a GGUF file give the same tokens, for each pre-tokenizer that a tokenizer.json can describe and for
// SentencePiece, that they keep the chat template, and that another tokenizer is refused.
func TestFiles(t *testing.T) {
	all := map[string]models.Metadata{}
	for name, space := range map[string]bool{"pieces": true, "pieces without a space": false} {
		m := smallPiece()
		tokens := m[prefix+"tokens"].([]string)
		tokens[slices.Index(tokens, "<s")] = "ca" // which merges can make
		m[prefix+"add_space_prefix"] = space
		all[name] = m
	}
	for _, name := range []string{"gpt-2", "smollm", "llama-bpe", "dbrx", "qwen2", "qwen35", "gpt-4o", "tekken"} {
		m := smallBPE()
		m[prefix+"pre"] = name
		all[name] = m
	}
	for name, m := range all {
		t.Run(name, func(t *testing.T) {
			m["tokenizer.chat_template"] = "{{ messages }}"
			files, err := Files(m)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(files["tokenizer.json"]), `{"type":"ByteLevel"}`) {
				t.Error("a stage lacks fields without which the library tokenizers does not read the file")
			}
			got, err := NewFolder(files)
			if err != nil {
				t.Fatal(err)
			}
			want := small(t, m)
			rapid.Check(t, func(t *rapid.T) {
				text := strings.ToValidUTF8(texts.Draw(t, "text"), "\uFFFD")
				for _, o := range []Options{{}, {AddSpecial: true, ParseSpecial: true}} {
					a, b := got.Encode(text, o), want.Encode(text, o)
					if !slices.Equal(a, b) || string(got.Decode(a)) != string(want.Decode(b)) {
						t.Fatalf("%q, %+v: %v, expected %v", text, o, a, b)
					}
				}
			})
			if got.bos != want.bos || got.eos != want.eos || !maps.Equal(got.ends, want.ends) {
				t.Errorf("the beginning is %d, the ends are %d and %v, expected %d, %d and %v", got.bos, got.eos, got.ends, want.bos, want.eos, want.ends)
			}
			var c struct {
				Template string `json:"chat_template"`
			}
			if err := readAux(files, "tokenizer_config.json", &c); err != nil || c.Template != "{{ messages }}" {
				t.Errorf("the template is %q, %v", c.Template, err)
			}
		})
	}
	refused := map[string]models.Metadata{"a piece that no merge makes": smallPiece()}
	for _, name := range []string{"default", "bloom", "deepseek-v3"} {
		refused[name] = smallBPE()
		refused[name][prefix+"pre"] = name
	}
	for name, m := range refused {
		if _, err := Files(m); !errors.Is(err, models.ErrUnsupported) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
