package token

import (
	"slices"
	"strings"
	"testing"
)

func FuzzEncode(f *testing.F) {
	for _, s := range []string{"", "Hello, world!", " aaaa abc<|im_end|>[user]", "\xff\xc3(", "it's 1234\r\n\n  x", "naïve 😀 日本"} {
		f.Add(s)
	}
	b, p := small(f, smallBPE()), small(f, smallPiece())
	f.Fuzz(func(t *testing.T, s string) {
		if got := string(b.Decode(b.Encode(s, Options{ParseSpecial: true}))); got != validText(s) {
			t.Errorf("BPE: %q comes back as %q", s, got)
		}
		half := len(s) / 2
		if got := string(b.Decode(b.EncodeParts([]Part{{s[:half], true}, {s[half:], false}}, false))); got != validText(s) {
			t.Errorf("BPE: %q in two parts comes back as %q", s, got)
		}
		ids := p.Encode(s, Options{})
		if slices.ContainsFunc(ids, p.IsControl) {
			t.Errorf("%q gives a control token: %v", s, ids)
		}
		got, want := string(p.Decode(ids)), strings.ReplaceAll(s, "▁", " ")
		if !strings.Contains(s, "[user]") && got != want {
			t.Errorf("SentencePiece: %q comes back as %q", s, got)
		}
		for name, x := range preTokenizers {
			n := 0
			x.split(s, func(w string) { n += len(w) })
			if n != len(s) && name != "whitespace" {
				t.Errorf("%s: %d of %d bytes", name, n, len(s))
			}
		}
	})
}

func FuzzWhisper(f *testing.F) {
	f.Add([]byte(`{"model":{"type":"BPE","vocab":{"a":0,"b":1,"ab":2},"merges":["a b",["ab","a"]]},"added_tokens":[{"id":3,"content":"<|endoftext|>"}]}`), []byte(""), "ab")
	f.Add([]byte(`{"model":{"merges":[["a","b"]]}}`), []byte(`["a","b","ab","<|endoftext|>","<|0.00|>"]`), "<|0.00|>")
	f.Add([]byte(`{"model":{}}`), []byte("a\nb\n<|endoftext|>\n"), "b")
	f.Add([]byte(`{}`), []byte(`{"a":1,"<|endoftext|>":0}`), "")
	f.Fuzz(func(t *testing.T, tokenizer, vocabulary []byte, s string) {
		tok, err := NewWhisper(tokenizer, vocabulary)
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
