package token

import (
	"encoding/json"
	"errors"
	"slices"
	"testing"

	"soberano/models"
)

// byteTokenizer returns the files of a byte-level BPE with a few merges, its words divided by a pattern; "" for those of GPT-2.
func byteTokenizer(t *testing.T, pattern string) map[string][]byte {
	t.Helper()
	ids, merges := map[string]int{}, []string{}
	for b := range 256 {
		ids[spellBytes(string([]byte{byte(b)}))] = b
	}
	for _, pair := range [][2]string{{"1", "2"}, {"12", "3"}, {"4", "5"}, {"123", "4"}, {"Ġ", "t"}, {"'", "l"}, {"'l", "l"}, {"'", "S"}, {"Ċ", "Ċ"}, {"Ġ", "Ġ"}, {"e", "Ì"}, {"/", "Ċ"}, {"_", "s"}} {
		ids[pair[0]+pair[1]] = len(ids)
		merges = append(merges, pair[0]+" "+pair[1])
	}
	end := len(ids)
	pre := map[string]any{"type": "ByteLevel", "add_prefix_space": false, "use_regex": true}
	if pattern != "" {
		pre["use_regex"] = false
		split := map[string]any{"type": "Split", "pattern": map[string]any{"Regex": pattern}, "behavior": "Isolated", "invert": false}
		pre = map[string]any{"type": "Sequence", "pretokenizers": []any{split, pre}}
	}
	b, err := json.Marshal(map[string]any{
		"added_tokens":  []any{map[string]any{"id": end, "content": "<|im_end|>", "special": true}, map[string]any{"id": end + 1, "content": "<tool>", "special": false}},
		"pre_tokenizer": pre, "decoder": map[string]any{"type": "ByteLevel"}, "model": map[string]any{"type": "BPE", "vocab": ids, "merges": merges},
	})
	if err != nil {
		t.Fatal(err)
	}
	return map[string][]byte{"tokenizer.json": b, "tokenizer_config.json": []byte(`{"eos_token":"<|im_end|>"}`)}
}

// TestKeys checks that the keys of a GGUF file give the same tokens as the tokenizer.json of which they are made, and that a tokenizer without
// such keys is refused.
func TestKeys(t *testing.T) {
	const qwen2 = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
	const llama3 = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
	for want, pattern := range map[string]string{"gpt-2": "", "qwen2": qwen2, "dbrx": llama3} {
		files := byteTokenizer(t, pattern)
		keys, err := Keys(files)
		if err != nil {
			t.Errorf("%s: %v", want, err)
			continue
		}
		if keys[prefix+"pre"] != want || keys[prefix+"eos_token_id"] != uint64(269) {
			t.Fatalf("the pre-tokenizer is %v, expected %s; the end is %v", keys[prefix+"pre"], want, keys[prefix+"eos_token_id"])
		}
		got, err := load(keys)
		if err != nil {
			t.Fatal(err)
		}
		whole, err := NewFolder(files)
		if err != nil {
			t.Fatal(err)
		}
		sameTokens(t, got, whole)
	}
	word := map[string][]byte{"tokenizer.json": []byte(`{"model":{"type":"WordPiece","vocab":{"[UNK]":0,"a":1},"unk_token":"[UNK]"}}`)} // no [CLS] and [SEP]
	for name, files := range map[string]map[string][]byte{"pattern": byteTokenizer(t, `\p{L}{2}|\p{N}{2}|.`), "WordPiece": word, "none": {}} {
		if keys, err := Keys(files); !errors.Is(err, models.ErrUnsupported) {
			t.Errorf("%s: %v, %v", name, keys[prefix+"pre"], err)
		}
	}
}

// TestKeysWordPiece checks that GGUF files of BERT's tokenizers give the tokens that Hugging Face's library gives, but for words of more than 100 characters: GGUF files have no such limit.
func TestKeysWordPiece(t *testing.T) {
	tested := 0
	for _, c := range jsonCases(t) {
		var f struct{ Model struct{ Type string } }
		if err := json.Unmarshal(c.Tokenizer, &f); err != nil {
			t.Fatal(err)
		}
		if f.Model.Type != "WordPiece" {
			continue
		}
		keys, err := Keys(map[string][]byte{"tokenizer.json": c.Tokenizer})
		if err != nil {
			t.Logf("%s: %v", c.Name, err)
			continue
		}
		tok, err := load(keys)
		if err != nil {
			t.Fatal(err)
		}
		for _, raw := range c.Cases {
			var text string
			var added, plain []int32
			if err := json.Unmarshal(raw, &[]any{&text, &added, &plain}); err != nil {
				t.Fatal(err)
			}
			if got := tok.Encode(text, Options{AddSpecial: true, ParseSpecial: true}); !slices.Equal(got, added) && len(text) <= 100 {
				t.Errorf("%s: %q: %v, expected %v", c.Name, text, got, added)
			}
			tested++
		}
	}
	if tested < 50 {
		t.Error("there was no text")
	}
}
