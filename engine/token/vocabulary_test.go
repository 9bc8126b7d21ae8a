package token

import (
	"testing"

	"pgregory.net/rapid"
)

// The table finds what a map finds, and the first two spellings that are equal.
func TestVocabulary(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		texts := rapid.SliceOfN(rapid.StringMatching(`[abc]{0,4}`), 0, 200).Draw(t, "texts")
		want := map[string]int32{}
		first, second, unique := int32(0), int32(0), true
		for i, s := range texts {
			if old, dup := want[s]; dup && s != "" {
				first, second, unique = old, int32(i), false
				break
			}
			want[s] = int32(i)
		}
		v, a, b, ok := newVocabulary(texts)
		if ok != unique || a != first || b != second {
			t.Fatalf("%v: %d, %d, %v; expected %d, %d, %v", texts, a, b, ok, first, second, unique)
		}
		if !ok {
			return
		}
		delete(want, "")
		v.add("other", 7)
		want["other"] = 7
		for _, s := range append(texts, "other", "", "d", "abcd") {
			id, ok := v.find(s)
			if w, has := want[s]; ok != has || id != w {
				t.Fatalf("%q: %d, %v; expected %d, %v", s, id, ok, w, has)
			}
		}
	})
}
