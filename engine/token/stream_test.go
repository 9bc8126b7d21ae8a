package token

import (
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

// stopAt returns the text before the stop string that is complete first.
func stopAt(s string, stops []string) (string, bool) {
	for end := range len(s) + 1 {
		at := -1
		for _, x := range stops {
			if x != "" && strings.HasSuffix(s[:end], x) && (at < 0 || end-len(x) < at) {
				at = end - len(x)
			}
		}
		if at >= 0 {
			return s[:at], true
		}
	}
	return s, false
}

// TestStreamIsWhole checks that the streamed text is the whole text, with and without stop strings, for any division
// into tokens; that every returned text is valid UTF-8; and that no start of a stop string is returned.
func TestStreamIsWhole(t *testing.T) {
	tok := small(t, smallBPE())
	rapid.Check(t, func(t *rapid.T) {
		ids := tok.Encode(texts.Draw(t, "text"), Options{})
		if rapid.Bool().Draw(t, "any bytes") { // byte tokens in any order
			ids = rapid.SliceOf(rapid.Int32Range(0, int32(tok.Size()-1))).Draw(t, "ids")
		}
		stops := rapid.SliceOfN(rapid.OneOf(
			rapid.SampledFrom([]string{"", "abc", "b", "aab", "é", "😀a", "\xc3", "bcab"}),
			rapid.StringOfN(rapid.SampledFrom([]rune("abc ")), 1, 5, -1)), 0, 3).Draw(t, "stops")
		var raw []byte
		for _, id := range ids {
			raw = append(raw, tok.Piece(id)...)
		}
		want, wantStop := stopAt(string(raw), stops)

		s := NewStream(tok, stops)
		var got strings.Builder
		gotStop := false
		for _, id := range ids {
			text, stopped := s.Push(id)
			if gotStop && (text != "" || !stopped) {
				t.Fatalf("after the stop comes %q %v", text, stopped)
			}
			if !utf8.ValidString(text) {
				t.Fatalf("gives %q", text)
			}
			got.WriteString(text)
			gotStop = stopped
			if !strings.HasPrefix(valid([]byte(want)), got.String()) {
				t.Fatalf("gave %q of %q", got.String(), want)
			}
		}
		got.WriteString(s.Flush())
		if got.String() != whole([]byte(want)) || gotStop != wantStop {
			t.Fatalf("stops %q in %q: got %q %v, expected %q %v", stops, raw, got.String(), gotStop, want, wantStop)
		}
		if by := s.Stopped(); (by != "") != wantStop || !strings.HasPrefix(string(raw[min(len(want), len(raw)):]), by) {
			t.Fatalf("stops %q in %q: stopped by %q", stops, raw, by)
		}
	})
}

// TestStreamEnds checks what is left out where the tokens end: an incomplete character and the beginning of
// a template's mark, but not that of a stop string.
func TestStreamEnds(t *testing.T) {
	tok := small(t, smallBPE())
	for _, c := range []struct{ in, out string }{
		{"a", "a"}, {"a\xf0\x9f", "a"}, {"a\xf0\x9f\x98\x80", "a😀"}, {"a\x80", "a\ufffd"}, {"a <", "a <"}, {"a <|", "a "},
		{"a<|im", "a"}, {"a\xf0<|im_e", "a"}, {"a<|im_en ", "a<|im_en "}, {"ab", "ab"}, {"a<|im_end|", "a"},
	} {
		s := NewStream(tok, []string{"bcb"})
		s.Marks("<|im_end|>", "<|im_start|>")
		var got string
		for _, b := range []byte(c.in) {
			text, _ := s.Push(int32(b))
			got += text
		}
		if got += s.Flush(); got != c.out {
			t.Errorf("%q gives %q, expected %q", c.in, got, c.out)
		}
	}
}

func TestStreamHoldsBack(t *testing.T) {
	tok := small(t, smallBPE())
	s := NewStream(tok, []string{"bcb"})
	for i, c := range []struct{ in, out string }{
		{"a", "a"}, {"b", ""}, {"c", ""}, {"a", "bca"}, {"\xf0", ""}, {"\x9f", ""}, {"\x98", ""}, {"\x80", "😀"},
		{"\xc3", ""}, {"a", "\ufffda"}, {"\x80", "\ufffd"}, {"b", ""}, {"c", ""},
	} {
		if got, stopped := s.Push(int32(c.in[0])); got != c.out || stopped {
			t.Errorf("step %d: %q gives %q %v, expected %q", i, c.in, got, stopped, c.out)
		}
	}
	if got, stopped := s.Push('b'); got != "" || !stopped {
		t.Errorf("the stop string gives %q %v", got, stopped)
	}
	if got := s.Flush(); got != "" {
		t.Errorf("after the stop string %q is left", got)
	}
	end, _ := tok.ID("<|im_end|>")
	if got, stopped := NewStream(tok, nil).Push(end); got != "" || stopped {
		t.Errorf("a control token gives %q %v", got, stopped)
	}
}
