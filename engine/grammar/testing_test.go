package grammar

import (
	"math/rand/v2"
	"strings"
	"testing"
)

// testVocabulary has every byte as a token, longer tokens as of models, and an end token, which is the last.
func testVocabulary() *Vocabulary {
	var pieces [][]byte
	for b := range 256 {
		pieces = append(pieces, []byte{byte(b)})
	}
	for _, s := range []string{"\": ", "\",", "{\"", "\"}", "\":\"", "[1", "12", "true", "false", "null", "abc", "name", " the", "é", "日本", "}}", "]}", "\\n", "\\\"", "0.5", "\n  ", "aa", "ab", "abcd", "\xe6\x97", "-1"} {
		pieces = append(pieces, []byte(s))
	}
	pieces = append(pieces, nil, []byte("<end>")) // a control token, and the end
	end := int32(len(pieces) - 1)
	return NewVocabulary(len(pieces), func(id int32) []byte { return pieces[id] }, []int32{end})
}

var vocabulary = testVocabulary()

// fatal is what tests and rapid have in common.
type fatal interface {
	Helper()
	Fatalf(string, ...any)
}

// write writes a text of a grammar by random tokens, as a model does that knows nothing. After many tokens it prefers those that close what is open. It
// returns false if the text has not ended even then.
func write(t fatal, d *Decoder, r *rand.Rand) (string, bool) {
	t.Helper()
	m, text := d.Matcher(), strings.Builder{}
	end := int32(d.v.size - 1)
	for n := range 3000 {
		mask, err := m.Mask()
		if err != nil {
			t.Fatalf("after %q: %v", text.String(), err)
		}
		has := func(id int32) bool { return mask[id/64]>>(id%64)&1 != 0 }
		if has(end) != m.CanEnd() {
			t.Fatalf("after %q: the end token is allowed: %v, but the text may end: %v", text.String(), has(end), m.CanEnd())
		}
		if has(end) && (n > 100 || r.IntN(3) == 0) {
			return text.String(), true
		}
		id := choose(d.v, mask, r, n > 100)
		if id < 0 {
			return text.String(), true
		}
		if !m.Accept(id) {
			t.Fatalf("after %q: %q is allowed, and then refused", text.String(), d.v.pieces[id])
		}
		text.Write(d.v.pieces[id])
	}
	return text.String(), false
}

// choose returns a token that the mask allows, -1 if there is none but the end.
func choose(v *Vocabulary, mask []uint64, r *rand.Rand, closing bool) int32 {
	if closing {
		for _, b := range []byte("\"}]0 ne") {
			if mask[b/64]>>(b%64)&1 != 0 {
				return int32(b)
			}
		}
	}
	var allowed []int32
	for id := range int32(v.size - 1) {
		if mask[id/64]>>(id%64)&1 != 0 {
			allowed = append(allowed, id)
		}
	}
	if len(allowed) == 0 {
		return -1
	}
	return allowed[r.IntN(len(allowed))]
}

// mustParse compiles a spec.
func mustParse(t fatal, s Spec) *Grammar {
	t.Helper()
	g, err := Parse(s)
	if err != nil {
		t.Fatalf("%+v: %v", s, err)
	}
	return g
}

// is reports whether a text is in the language of a grammar.
func is(g *Grammar, text string) bool { return newMachine(g).matches(text) }

func TestChoices(t *testing.T) {
	g := mustParse(t, Spec{Choices: []string{"yes", "no", "not sure", ""}})
	for text, want := range map[string]bool{"yes": true, "no": true, "not sure": true, "": true, "not": false, "yess": false, "n": false} {
		if is(g, text) != want {
			t.Errorf("%q: expected %v", text, want)
		}
	}
	for _, s := range []Spec{{Choices: []string{}}, {Choices: []string{"\xff"}}, {}, {Choices: []string{"a"}, Regex: "a"}, {Choices: []string{strings.Repeat("a", maxSource+1)}}} {
		if _, err := Parse(s); err == nil {
			t.Error("a bad spec was compiled")
		}
	}
}
