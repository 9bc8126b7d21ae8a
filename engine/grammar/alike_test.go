package grammar

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// longVocabulary has tokens of up to 40 bytes beside those of the others.
func longVocabulary() *Vocabulary {
	pieces := slices.Clone(vocabulary.pieces)
	r := rand.New(rand.NewPCG(1, 1))
	parts := []string{"a", "b", "ab", " ", "é", "日", "12", "\\n", "\"", "\",", ",", "\\u00e9", "0"}
	for range 3000 {
		var s strings.Builder
		for n := 1 + r.IntN(40); s.Len() < n; {
			s.WriteString(parts[min(r.IntN(len(parts)), r.IntN(len(parts)))])
		}
		pieces = append(pieces, []byte(s.String()))
	}
	pieces = append(pieces, nil)
	end := int32(len(pieces) - 1)
	return NewVocabulary(len(pieces), func(id int32) []byte { return pieces[id] }, []int32{end})
}

// TestAlike checks that a mask that is made from an earlier one is that which is computed without it, and that most masks of counted repetitions are made so.
func TestAlike(t *testing.T) {
	v := longVocabulary()
	specs := []Spec{
		{Schema: json.RawMessage(`{"type":"object","properties":{"a":{"type":"string","maxLength":60},"b":{"type":"string","minLength":90}},"required":["a","b"],"additionalProperties":false}`)},
		{Schema: json.RawMessage(`{"type":"array","minItems":3,"maxItems":30,"items":{"type":"string","minLength":2,"maxLength":9}}`)},
		{Schema: json.RawMessage(`{"type":"string","pattern":"^[a-z日é ]{4,70}$"}`)},
		{Regex: `([ab]{3,8}(12)?){2,40}|(é|日|.){50,80}`}, {GBNF: "root ::= (word [ ,]){5,60} \"0\"{30,50}\nword ::= [ab]{1,20} | \"日\"{2,30}"},
	}
	made, all := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		g := mustParse(t, rapid.SampledFrom(specs).Draw(t, "spec"))
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		m, text := NewDecoder(g, v).Matcher(), []byte{}
		for range 14 {
			if _, known := m.a.masks[m.at]; !known && len(m.past) > 0 {
				all++
				if slices.ContainsFunc(m.past, func(p past) bool { return m.a.m.alikeAfter(p.at, m.text[p.n:]) >= leastAlike }) {
					made++
				}
			}
			mask, err := m.Mask()
			if err != nil {
				t.Fatal(err)
			}
			fresh := NewDecoder(g, v).Matcher()
			if !fresh.AcceptText(text) {
				t.Fatalf("%q is refused", text)
			}
			want := fresh.a.mask(fresh.at).bits
			for i := range want {
				if want[i] != mask[i] {
					t.Fatalf("after %q: bits %x, expected %x, of tokens from %d", text, mask[i], want[i], 64*i)
				}
			}
			id := choose(v, mask, r, false)
			if id < 0 {
				return
			}
			m.Accept(id)
			text = append(text, v.pieces[id]...)
		}
	})
	if 6*made < all {
		t.Errorf("%d of %d masks were made from earlier ones", made, all)
	}
}
