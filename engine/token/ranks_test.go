package token

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"soberano/models"
)

// split returns the ordinary tokens of a tokenizer as bytes, and the spellings of the others.
func split(tok *Tokenizer) (text, special []string) {
	end, _ := tok.EOS()
	for i, s := range tok.texts {
		if int32(i) < end {
			text = append(text, string(decodeBytes(s)))
		} else {
			special = append(special, s)
		}
	}
	return text, special
}

// TestRanksGolden checks that a list without merges encodes as tokenizer.json does, with the same merges.
func TestRanksGolden(t *testing.T) {
	var golden map[string][]struct {
		Text string
		IDs  []int32
	}
	readJSON(t, "testdata/whisper.json", &golden)
	for model, vocabulary := range map[string]string{"whisper-base": "vocabulary.json", "whisper-tiny.en": "vocabulary.txt"} {
		want := whisper(t, model, vocabulary)
		got, err := NewWhisperRanks(split(want))
		if err != nil {
			t.Fatal(err)
		}
		for _, g := range golden[model] {
			if ids := got.Encode(g.Text, Options{}); !slices.Equal(ids, g.IDs) {
				t.Errorf("%s: %q:\n got %v\nwant %v", model, g.Text, ids, g.IDs)
			}
		}
		if !slices.Equal(got.texts, want.texts) || got.eos != want.eos || got.Size() != want.Size() {
			t.Errorf("%s: %d tokens, expected %d", model, got.Size(), want.Size())
		}
		a, b := &got.words.(*bpe).merges, &want.words.(*bpe).merges
		if len(a.list) != len(b.list) {
			t.Errorf("%s: %d merges, tokenizer.json has %d", model, len(a.list), len(b.list))
		}
		for _, m := range b.list {
			if _, id, _ := a.find(m.pair); id != m.id {
				t.Fatalf("%s: %v makes %d, in tokenizer.json %d", model, m.pair, id, m.id)
			}
		}
	}
}

// TestFilesGolden checks that vocab.json, merges.txt and added_tokens.json give the same tokenizer as tokenizer.json.
func TestFilesGolden(t *testing.T) {
	var golden map[string][]struct {
		Text string
		IDs  []int32
	}
	readJSON(t, "testdata/whisper.json", &golden)
	want := whisper(t, "whisper-base", "vocabulary.json")
	end, _ := want.EOS()
	vocab, added := map[string]int{}, map[string]int{}
	for i, s := range want.texts {
		if i <= int(end) {
			vocab[s] = i
		} else {
			added[s] = i
		}
	}
	b := want.words.(*bpe)
	lines := make([]string, len(b.merges.list))
	for i, m := range b.merges.list {
		lines[i] = want.texts[m.pair[0]] + " " + want.texts[m.pair[1]]
	}
	v, _ := json.Marshal(vocab)
	a, _ := json.Marshal(added)
	got, err := NewWhisperFiles(v, []byte("#version: 0.2\r\n"+strings.Join(lines, "\r\n")+"\r\n"), a)
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range golden["whisper-base"] {
		if ids := got.Encode(g.Text, Options{}); !slices.Equal(ids, g.IDs) {
			t.Errorf("%q:\n got %v\nwant %v", g.Text, ids, g.IDs)
		}
	}
	if !slices.Equal(got.texts, want.texts) {
		t.Errorf("%d tokens, expected %d", got.Size(), want.Size())
	}
}

func TestRanksErrors(t *testing.T) {
	end := []string{"<|endoftext|>", "<|startoftranscript|>"}
	tok, err := NewWhisperRanks([]string{"a", "b", "ab", "abc", "", "ba", "abba"}, end)
	if err != nil {
		t.Fatal(err)
	}
	if got := tok.Encode("abba abab", Options{}); !slices.Equal(got, []int32{6, 2, 2}) { // the vocabulary has no token for the space
		t.Errorf("got %v", got)
	}
	for want, c := range map[string][2][]string{
		"both spelled": {{"a", "a"}, end}, "endoftext": {{"a"}, nil}, "spelled": {{"a"}, {"<|endoftext|>", "<|endoftext|>"}},
	} {
		if _, err := NewWhisperRanks(c[0], c[1]); !errors.Is(err, models.ErrCorrupt) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", want, err)
		}
	}
	for want, c := range map[string][3]string{
		"vocab.json":        {"[", "", ""},
		"out of range":      {`{"a":9}`, "", ""},
		"added_tokens.json": {`{"a":0}`, "", `{"<|endoftext|>":`},
		"elsewhere":         {`{"a":0}`, "", `{"<|endoftext|>":0}`},
		"endoftext":         {`{"a":0}`, "", ""},
		"no token":          {`{"a":0,"<|endoftext|>":1}`, "a b", ""},
		"not two":           {`{"a":0,"<|endoftext|>":1}`, "ab", ""},
	} {
		if _, err := NewWhisperFiles([]byte(c[0]), []byte(c[1]), []byte(c[2])); !errors.Is(err, models.ErrCorrupt) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", want, err)
		}
	}
}

func FuzzWhisperRanks(f *testing.F) {
	f.Add("a\nb\nab\n\nabab", "abba")
	f.Add("\xff\n<|endoftext|>", "x")
	f.Fuzz(func(t *testing.T, list, s string) {
		tok, err := NewWhisperRanks(strings.Split(list, "\n"), []string{"<|endoftext|>"})
		if err != nil {
			return
		}
		ids := tok.Encode(s, Options{})
		for _, id := range ids {
			if id < 0 || int(id) >= tok.Size() || tok.IsControl(id) {
				t.Fatalf("id %d of %d", id, tok.Size())
			}
		}
		tok.Decode(ids)
	})
}

func FuzzWhisperFiles(f *testing.F) {
	f.Add([]byte(`{"a":0,"b":1,"ab":2}`), []byte("#version: 0.2\na b\n"), []byte(`{"<|endoftext|>":3}`), "abba")
	f.Fuzz(func(t *testing.T, vocab, merges, added []byte, s string) {
		if tok, err := NewWhisperFiles(vocab, merges, added); err == nil {
			_ = fmt.Sprint(tok.Decode(tok.Encode(s, Options{AddSpecial: true, ParseSpecial: true})))
		}
	})
}
