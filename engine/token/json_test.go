package token

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"soberano/models"
)

type jsonCase struct {
	Name      string
	Tokenizer json.RawMessage
	Cases     []json.RawMessage
}

func jsonCases(t testing.TB) (all []jsonCase) {
	t.Helper()
	readJSON(t, "testdata/json.json", &all)
	return all
}

// TestJSONGolden compares small tokenizers of each kind with Hugging Face's library.
func TestJSONGolden(t *testing.T) {
	all := jsonCases(t)
	if len(all) < 20 {
		t.Fatalf("%d tokenizers", len(all))
	}
	for _, c := range all {
		tok, err := NewJSON(map[string][]byte{"tokenizer.json": c.Tokenizer})
		if err != nil {
			t.Errorf("%s: %v", c.Name, err)
			continue
		}
		bad := 0
		for _, raw := range c.Cases {
			var text string
			var added, plain []int32
			if err := json.Unmarshal(raw, &[]any{&text, &added, &plain}); err != nil {
				t.Fatal(err)
			}
			got := tok.Encode(text, Options{AddSpecial: true, ParseSpecial: true})
			got2 := tok.Encode(text, Options{ParseSpecial: true})
			if !slices.Equal(got, added) || !slices.Equal(got2, plain) {
				if bad++; bad < 6 {
					t.Errorf("%s: %q\n got %v %q\nwant %v %q", c.Name, text, got, spellings(tok, got), added, spellings(tok, added))
				}
			}
		}
		if bad > 0 {
			t.Errorf("%s: %d of %d differ", c.Name, bad, len(c.Cases))
		}
	}
}

// TestJSONNames checks which tokens begin and end texts and answers.
func TestJSONNames(t *testing.T) {
	var file json.RawMessage
	for _, c := range jsonCases(t) {
		if c.Name == "llama 3" {
			file = c.Tokenizer
		}
	}
	tok, err := New(&models.File{Path: "folder", Meta: models.Metadata{}, Aux: map[string][]byte{
		"tokenizer.json": file, "tokenizer_config.json": []byte(`{"bos_token": {"content": "<s>"}, "eos_token": "<|end|>", "pad_token": null}`),
		"generation_config.json": []byte(`{"eos_token_id": [1, 7]}`),
	}})
	if err != nil {
		t.Fatal(err)
	}
	bos, _ := tok.BOS()
	eos, _ := tok.EOS()
	if tok.Text(bos) != "<s>" || tok.Text(eos) != "<|end|>" || !tok.AddsBOS() || !tok.AddsEOS() || !tok.IsEnd(eos) || !tok.IsEnd(7) || tok.IsEnd(8) {
		t.Errorf("BOS %q, EOS %q, ends %v", tok.Text(bos), tok.Text(eos), tok.ends)
	}
	if ids := tok.EncodeParts([]Part{{Text: "a<s>"}}, false); slices.Contains(ids, bos) {
		t.Errorf("a message gives %v", ids)
	}
	if s := string(tok.Decode(tok.Encode("Die Brücke, 12 日本", Options{}))); s != "Die Brücke, 12 日本" {
		t.Errorf("decoded: %q", s)
	}
}

// TestJSONPair checks how two texts are put together.
func TestJSONPair(t *testing.T) {
	for post, want := range map[string][]int32{
		`{"type":"BertProcessing","cls":["b",1],"sep":["ab",2]}`:    {1, 0, 2, 0, 0, 2},
		`{"type":"RobertaProcessing","cls":["b",1],"sep":["ab",2]}`: {1, 0, 2, 2, 0, 0, 2},
		`{"type":"TemplateProcessing","single":[{"Sequence":{"id":"A"}}],"pair":[{"Sequence":{"id":"A"}},{"SpecialToken":{"id":"s"}},{"Sequence":{"id":"B"}}],
			"special_tokens":{"s":{"id":"s","ids":[2],"tokens":["ab"]}}}`: {0, 2, 0, 0},
		`{"type":"ByteLevel"}`: nil,
	} {
		tok, err := NewJSON(map[string][]byte{"tokenizer.json": []byte(`{"post_processor":` + post + `,"model":{"type":"BPE","vocab":{"a":0,"b":1,"ab":2},"merges":["a b"]}}`)})
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := tok.EncodePair("a", "aa"); !slices.Equal(got, want) || ok != (want != nil) {
			t.Errorf("%s: %v %v, expected %v", post, got, ok, want)
		}
	}
}

func TestJSONErrors(t *testing.T) {
	model := `"model":{"type":"BPE","vocab":{"a":0,"b":1,"ab":2},"merges":["a b"]}`
	for want, c := range map[string]struct {
		file string
		kind error
	}{
		"unexpected end":           {`{`, models.ErrCorrupt},
		"model":                    {`{}`, models.ErrCorrupt},
		`"WordLevel"`:              {`{"model":{"type":"WordLevel","vocab":{"a":0}}}`, models.ErrUnsupported},
		"out of range":             {`{"model":{"type":"BPE","vocab":{"a":9}}}`, models.ErrCorrupt},
		"which is no token":        {`{"model":{"type":"BPE","vocab":{"a":0},"merges":["a b"]}}`, models.ErrCorrupt},
		`normalizer "Weird"`:       {`{"normalizer":{"type":"Weird"},` + model + `}`, models.ErrUnsupported},
		`pre-tokenizer "Scripts"`:  {`{"pre_tokenizer":{"type":"Scripts"},` + model + `}`, models.ErrUnsupported},
		`pattern "(?<=a)b"`:        {`{"pre_tokenizer":{"type":"Split","pattern":{"Regex":"(?<=a)b"},"behavior":"Isolated"},` + model + `}`, models.ErrUnsupported},
		`behaviour "Odd"`:          {`{"pre_tokenizer":{"type":"Split","pattern":{"String":"b"},"behavior":"Odd"},` + model + `}`, models.ErrUnsupported},
		`post-processor "Odd"`:     {`{"post_processor":{"type":"Odd"},` + model + `}`, models.ErrUnsupported},
		"end_of_word_suffix":       {`{"model":{"type":"BPE","vocab":{"a":0},"merges":[],"end_of_word_suffix":"</w>"}}`, models.ErrUnsupported},
		"has ids":                  {`{"added_tokens":[{"id":3,"content":"x"},{"id":4,"content":"x"}],` + model + `}`, models.ErrCorrupt},
		"nested too deeply":        {`{"normalizer":` + strings.Repeat(`{"type":"Sequence","normalizers":[`, 12) + strings.Repeat(`]}`, 12) + `,` + model + `}`, models.ErrCorrupt},
		"is not a text and a numb": {`{"model":{"type":"Unigram","vocab":[["a","b"]]}}`, models.ErrCorrupt},
	} {
		_, err := NewJSON(map[string][]byte{"tokenizer.json": []byte(c.file)})
		if !errors.Is(err, c.kind) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", want, err)
		}
	}
}

func FuzzJSON(f *testing.F) {
	for _, c := range jsonCases(f) {
		if len(c.Tokenizer) < 40_000 {
			f.Add([]byte(c.Tokenizer), "the old Brücke 12 日本 <s>")
		}
	}
	f.Add([]byte(`{"model":{"type":"BPE","vocab":{"a":0,"b":1,"ab":2},"merges":[["a","b"]]},"added_tokens":[{"id":9,"content":"<s>","special":true}]}`), "ab<s>")
	f.Fuzz(func(t *testing.T, file []byte, s string) {
		tok, err := NewJSON(map[string][]byte{"tokenizer.json": file})
		if err != nil {
			return
		}
		ids := tok.Encode(s, Options{AddSpecial: true, ParseSpecial: true})
		for _, id := range ids {
			if id < 0 || int(id) >= tok.Size() {
				t.Fatalf("id %d of %d", id, tok.Size())
			}
		}
		tok.Decode(ids)
	})
}
