package token

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"soberano/models"
	"soberano/models/defaults"
)

func whisper(t testing.TB, model, vocabulary string) *Tokenizer {
	t.Helper()
	dir := defaults.Need(t, model)
	var parts [2][]byte
	for i, name := range []string{"tokenizer.json", vocabulary} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		parts[i] = b
	}
	tok, err := NewWhisper(parts[0], parts[1])
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

// TestWhisperSpecials checks ids that follow from the order of tokens in openai/whisper's tokenizer.py.
func TestWhisperSpecials(t *testing.T) {
	for _, c := range []struct {
		model, vocabulary string
		size              int
		ids               map[string]int32
	}{
		{"whisper-base", "vocabulary.json", 51865, map[string]int32{
			"<|endoftext|>": 50257, "<|startoftranscript|>": 50258, "<|en|>": 50259, "<|su|>": 50357,
			"<|translate|>": 50358, "<|transcribe|>": 50359, "<|startoflm|>": 50360, "<|startofprev|>": 50361,
			"<|nospeech|>": 50362, "<|notimestamps|>": 50363, "<|0.00|>": 50364, "<|30.00|>": 51864}},
		{"whisper-tiny.en", "vocabulary.txt", 51864, map[string]int32{
			"<|endoftext|>": 50256, "<|startoftranscript|>": 50257, "<|en|>": 50258, "<|transcribe|>": 50358,
			"<|notimestamps|>": 50362, "<|0.00|>": 50363, "<|30.00|>": 51863}},
	} {
		t.Run(c.model, func(t *testing.T) {
			tok := whisper(t, c.model, c.vocabulary)
			if tok.Size() != c.size {
				t.Errorf("%d tokens, expected %d", tok.Size(), c.size)
			}
			for name, want := range c.ids {
				if got, ok := tok.ID(name); !ok || got != want {
					t.Errorf("%s is %d %v, expected %d", name, got, ok, want)
				}
				if p := tok.Piece(want); len(p) != 0 {
					t.Errorf("%s gives text %q", name, p)
				}
			}
			if eos, ok := tok.EOS(); !ok || !tok.IsEnd(eos) {
				t.Error("<|endoftext|> ends nothing")
			}
			for _, s := range []string{" And so, my fellow Americans", "naïve 日本語 😀", "it's  10,000\n", "<|en|>"} {
				ids := tok.Encode(s, Options{})
				if got := string(tok.Decode(ids)); got != s {
					t.Errorf("%q comes back as %q by %v", s, got, ids)
				}
				if slices.ContainsFunc(ids, tok.IsControl) {
					t.Errorf("%q gives control tokens: %v", s, ids)
				}
			}
		})
	}
}

// TestWhisperGolden compares with Hugging Face's tokenizers, and with the text that faster-whisper made of tokens.
func TestWhisperGolden(t *testing.T) {
	var golden map[string][]struct {
		Text string
		IDs  []int32
	}
	readJSON(t, "testdata/whisper.json", &golden)
	for model, vocabulary := range map[string]string{"whisper-base": "vocabulary.json", "whisper-tiny.en": "vocabulary.txt"} {
		tok := whisper(t, model, vocabulary)
		if len(golden[model]) < 40 {
			t.Fatalf("%s: %d strings in the golden file", model, len(golden[model]))
		}
		for _, g := range golden[model] {
			if got := tok.Encode(g.Text, Options{}); !slices.Equal(got, g.IDs) {
				t.Errorf("%s: %q:\n got %v\nwant %v", model, g.Text, got, g.IDs)
			}
		}
	}
	var segments []struct {
		Text   string
		Tokens []int32
	}
	readJSON(t, "testdata/whisper_segments.json", &segments)
	tok := whisper(t, "whisper-base", "vocabulary.json")
	for _, s := range segments {
		var got []byte
		for _, id := range s.Tokens {
			got = append(got, tok.Piece(id)...)
		}
		if valid(got) != s.Text {
			t.Errorf("%v is %q, expected %q", s.Tokens, got, s.Text)
		}
	}
}

func TestWhisperErrors(t *testing.T) {
	good := `{"model":{"type":"BPE","vocab":{"a":0,"b":1,"ab":2},"merges":["a b"]},"added_tokens":[{"id":3,"content":"<|endoftext|>"}]}`
	tok, err := NewWhisper([]byte(good), nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := tok.Encode("abba", Options{}); !slices.Equal(got, []int32{2, 1, 0}) {
		t.Fatalf("abba is %v", got)
	}
	for name, c := range map[string]struct{ old, new, vocabulary, want string }{
		"not JSON":         {good, "{", "", "tokenizer.json"},
		"type":             {`"BPE"`, `"Unigram"`, "", "Unigram"},
		"id out of range":  {`"b":1`, `"b":99999999`, "", "out of range"},
		"negative id":      {`"b":1`, `"b":-1`, "", "out of range"},
		"two for one id":   {`"b":1`, `"b":0`, "", "elsewhere"},
		"unknown in merge": {`"a b"`, `"a c"`, "", `"c"`},
		"three in merge":   {`"a b"`, `["a","b","c"]`, "", "3 parts"},
		"no end":           {"<|endoftext|>", "<|end|>", "", "endoftext"},
		"disagreement":     {"", "", `["a","c","ab","<|endoftext|>"]`, "elsewhere"},
		"repeated":         {"", "", `["a","b","ab","<|endoftext|>","a"]`, "both spelled"},
		"numbers":          {"", "", `[1,2]`, "vocabulary"},
	} {
		_, err := NewWhisper([]byte(strings.Replace(good, c.old, c.new, 1)), []byte(c.vocabulary))
		if !errors.Is(err, models.ErrCorrupt) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, expected one that says %q", name, err, c.want)
		}
	}
}
