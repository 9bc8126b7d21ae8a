package token

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"soberano/engine/arch/tiny"
	"soberano/models"
)

// sameTokens checks that two tokenizers agree on any text.
func sameTokens(t *testing.T, got, want *Tokenizer) {
	t.Helper()
	rapid.Check(t, func(t *rapid.T) {
		s := texts.Draw(t, "text")
		for _, o := range []Options{{}, {AddSpecial: true}, {ParseSpecial: true}} {
			if a, b := got.Encode(s, o), want.Encode(s, o); !slices.Equal(a, b) {
				t.Fatalf("%q, %+v: %v, expected %v", s, o, a, b)
			}
			if a, b := string(got.Decode(got.Encode(s, o))), string(want.Decode(want.Encode(s, o))); a != b {
				t.Fatalf("%q, %+v: %q, expected %q", s, o, a, b)
			}
		}
	})
}

func folderTokenizer(t *testing.T, files map[string]string) *Tokenizer {
	t.Helper()
	tok, err := NewFolder(bytesOf(files))
	if err != nil || tok == nil {
		t.Fatal(tok, err)
	}
	return tok
}

func bytesOf(files map[string]string) map[string][]byte {
	out := map[string][]byte{}
	for name, text := range files {
		out[name] = []byte(text)
	}
	return out
}

// TestFolderPieces checks that a tokenizer.model gives the same tokens as the GGUF file that is made of it, BPE and unigram.
func TestFolderPieces(t *testing.T) {
	m := smallPiece()
	sameTokens(t, folderTokenizer(t, map[string]string{"tokenizer.model": string(tiny.Pieces(m, bpeModel, false)), "tokenizer_config.json": `{"add_eos_token":true}`}), small(t, m))
	m[prefix+"add_space_prefix"], m[prefix+"add_eos_token"], m[prefix+"add_bos_token"] = false, false, false
	sameTokens(t, folderTokenizer(t, map[string]string{"tokenizer.model": string(tiny.Pieces(m, bpeModel, false)), "tokenizer_config.json": `{"add_bos_token":false}`}), small(t, m))

	for name, m := range kinds(t) {
		if m[prefix+"model"] != "t5" {
			continue
		}
		merge, _ := m.Bool(prefix+"remove_extra_whitespaces", false)
		m[prefix+"add_bos_token"], m[prefix+"add_eos_token"] = false, true
		for key, id := range map[string]uint64{"eos_token_id": 1, "unknown_token_id": 2} { // the defaults of such a GGUF file
			if m[prefix+key] == nil {
				m[prefix+key] = id
			}
		}
		t.Run(name, func(t *testing.T) {
			sameTokens(t, folderTokenizer(t, map[string]string{"tokenizer.model": string(tiny.Pieces(m, unigramModel, merge)), "tokenizer_config.json": `{"add_bos_token":false,"add_eos_token":true}`}), small(t, m))
		})
	}
}

// TestFolderAdded checks the tokens that are added to a tokenizer.model, those that begin and end a text, and those that are never chosen.
func TestFolderAdded(t *testing.T) {
	m := smallPiece()
	n := len(m[prefix+"tokens"].([]string))
	tok := folderTokenizer(t, map[string]string{
		"tokenizer.model":   string(tiny.Pieces(m, bpeModel, false)),
		"added_tokens.json": `{"<|im_start|>":276,"<|im_end|>":277,"plain":278}`,
		"tokenizer_config.json": `{"bos_token":{"content":"<|im_start|>"},"eos_token":"</s>",
			"added_tokens_decoder":{"279":{"content":"<mark>","special":true},"281":{"content":"user words","special":false}}}`,
		"generation_config.json": `{"eos_token_id":[2,277],"suppress_tokens":[276,5000]}`,
	})
	if n > 276 {
		t.Fatal(n)
	}
	if got := tok.Encode("plain<|im_end|>user words", Options{ParseSpecial: true}); !slices.Equal(got, append(tok.Encode("", Options{}), 278, 277, 281)) {
		t.Errorf("%v", got)
	}
	if got := tok.Encode("<mark>", Options{}); slices.Contains(got, 279) {
		t.Errorf("a control token is found in plain text: %v", got)
	}
	if bos, _ := tok.BOS(); bos != 276 || !tok.IsEnd(2) || !tok.IsEnd(277) || tok.IsEnd(278) || !slices.Equal(tok.Suppressed(), []int32{276}) {
		t.Errorf("bos %d, ends %v, suppressed %v", bos, tok.ends, tok.Suppressed())
	}
}

// bpeFiles returns vocab.json and merges.txt of a GGUF file's keys.
func bpeFiles(t *testing.T, m models.Metadata) map[string]string {
	t.Helper()
	texts, _ := m.Strings(prefix + "tokens")
	merges, _ := m.Strings(prefix + "merges")
	kinds, _ := m.Ints(prefix + "token_type")
	ids, added := map[string]int{}, map[string]any{}
	for i, text := range texts {
		if kinds[i] == int64(normal) {
			ids[text] = i
		} else {
			added[string(rune('0'+i/100))+string(rune('0'+i/10%10))+string(rune('0'+i%10))] = map[string]any{"content": text, "special": kinds[i] == int64(control)}
		}
	}
	vocab, err := json.Marshal(ids)
	if err != nil {
		t.Fatal(err)
	}
	config, err := json.Marshal(map[string]any{"tokenizer_class": "GPT2TokenizerFast", "bos_token": texts[267], "eos_token": texts[268], "added_tokens_decoder": added})
	if err != nil {
		t.Fatal(err)
	}
	return map[string]string{"vocab.json": string(vocab), "merges.txt": "#version: 0.2\n" + strings.Join(merges, "\n") + "\n", "tokenizer_config.json": string(config)}
}

// TestFolderMerges checks that vocab.json and merges.txt give the same tokens as a GGUF file, for the classes whose words are known.
func TestFolderMerges(t *testing.T) {
	for class, pre := range map[string]string{"GPT2TokenizerFast": "gpt-2", "Qwen2Tokenizer": "qwen2"} {
		m := smallBPE()
		m[prefix+"pre"], m[prefix+"add_bos_token"] = pre, false
		files := bpeFiles(t, m)
		files["tokenizer_config.json"] = strings.Replace(files["tokenizer_config.json"], "GPT2TokenizerFast", class, 1)
		got, want := folderTokenizer(t, files), small(t, m)
		for _, s := range []string{"", "ab abc 1234 it's aaaa <|end|> [user]", "  a\n\nb", "<|u|>é"} {
			for _, o := range []Options{{}, {AddSpecial: true}, {ParseSpecial: true}} {
				if a, b := got.Encode(s, o), want.Encode(s, o); !slices.Equal(a, b) {
					t.Errorf("%s: %q, %+v: %v, expected %v", class, s, o, a, b)
				}
			}
		}
	}
}

// TestFolderWords checks that a vocab.txt gives the tokens that Hugging Face's library gives for the tokenizer.json with the same vocabulary.
func TestFolderWords(t *testing.T) {
	tested := 0
	for _, c := range jsonCases(t) {
		var f struct {
			Normalizer map[string]any
			Model      struct {
				Type  string
				Vocab json.RawMessage
			}
			Pre struct{ Type string } `json:"pre_tokenizer"`
		}
		if err := json.Unmarshal(c.Tokenizer, &f); err != nil {
			t.Fatal(err)
		}
		if f.Model.Type != "WordPiece" || f.Normalizer["type"] != "BertNormalizer" || f.Pre.Type != "BertPreTokenizer" {
			continue
		}
		var ids map[string]int
		if err := json.Unmarshal(f.Model.Vocab, &ids); err != nil {
			t.Fatal(err)
		}
		lines := make([]string, len(ids))
		for text, id := range ids {
			lines[id] = text
		}
		config, err := json.Marshal(map[string]any{"do_lower_case": f.Normalizer["lowercase"], "strip_accents": f.Normalizer["strip_accents"], "tokenize_chinese_chars": f.Normalizer["handle_chinese_chars"]})
		if err != nil {
			t.Fatal(err)
		}
		tok := folderTokenizer(t, map[string]string{"vocab.txt": strings.Join(lines, "\n") + "\n", "tokenizer_config.json": string(config)})
		for _, raw := range c.Cases {
			var text string
			var added, plain []int32
			if err := json.Unmarshal(raw, &[]any{&text, &added, &plain}); err != nil {
				t.Fatal(err)
			}
			if got := tok.Encode(text, Options{AddSpecial: true, ParseSpecial: true}); !slices.Equal(got, added) {
				t.Errorf("%s: %q: %v, expected %v", c.Name, text, got, added)
			}
			tested++
		}
	}
	if tested == 0 {
		t.Error("there was no text")
	}
}

// TestFolderErrors checks that files at fault are named.
func TestFolderErrors(t *testing.T) {
	piece := string(tiny.Pieces(smallPiece(), bpeModel, false))
	bpe := bpeFiles(t, smallBPE())
	for _, c := range []struct {
		files map[string]string
		kind  error
		want  string
	}{
		{map[string]string{"tokenizer.model": piece[:len(piece)-3]}, models.ErrCorrupt, "tokenizer.model: it is no message"},
		{map[string]string{"tokenizer.model": "not at all"}, models.ErrCorrupt, "tokenizer.model: "},
		{map[string]string{"tokenizer.model": string(tiny.Pieces(smallPiece(), 3, false))}, models.ErrUnsupported, "tokenizer.model: a model of type 3 is neither BPE nor unigram"},
		{map[string]string{"tokenizer.model": string(tiny.Pieces(smallPiece(), bpeModel, true))}, models.ErrUnsupported, `tokenizer.model: BPE with the normalizer "nmt_nfkc"`},
		{map[string]string{"tokenizer.model": piece, "added_tokens.json": `{"x":-1}`}, models.ErrCorrupt, "out of range"},
		{map[string]string{"tokenizer.model": piece, "tokenizer_config.json": `[`}, models.ErrCorrupt, "tokenizer_config.json"},
		{map[string]string{"vocab.json": bpe["vocab.json"], "merges.txt": bpe["merges.txt"], "tokenizer_config.json": `{"tokenizer_class":"OfTomorrow"}`}, models.ErrUnsupported, `vocab.json: the tokenizer class "OfTomorrow"`},
		{map[string]string{"vocab.json": `{"a":`, "merges.txt": "a b", "tokenizer_config.json": bpe["tokenizer_config.json"]}, models.ErrCorrupt, "vocab.json: "},
		{map[string]string{"vocab.json": bpe["vocab.json"], "merges.txt": "nonsense", "tokenizer_config.json": bpe["tokenizer_config.json"]}, models.ErrCorrupt, "merges"},
	} {
		if _, err := NewFolder(bytesOf(c.files)); !errors.Is(err, c.kind) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.want, err)
		}
	}
	if tok, err := NewFolder(nil); tok != nil || err != nil {
		t.Errorf("an empty folder: %v, %v", tok, err)
	}
}

// TestHostilePieces damages a tokenizer.model anywhere: nothing panics, an error says of which kind it is, and what is read encodes.
func TestHostilePieces(t *testing.T) {
	whole := tiny.Pieces(smallPiece(), bpeModel, false)
	rapid.Check(t, func(t *rapid.T) {
		data := slices.Clone(whole)[:rapid.IntRange(0, len(whole)).Draw(t, "length")]
		for range rapid.IntRange(0, 8).Draw(t, "changes") {
			if len(data) > 0 {
				data[rapid.IntRange(0, len(data)-1).Draw(t, "at")] = rapid.Byte().Draw(t, "byte")
			}
		}
		tok, err := NewFolder(map[string][]byte{"tokenizer.model": data})
		switch {
		case err != nil && !errors.Is(err, models.ErrCorrupt) && !errors.Is(err, models.ErrUnsupported):
			t.Fatal(err)
		case err == nil && tok != nil:
			tok.Decode(tok.Encode("a text <s>", Options{AddSpecial: true, ParseSpecial: true}))
		}
	})
}
