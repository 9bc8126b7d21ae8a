package token

import (
	"hash/maphash"
	"math/bits"
)

// vocabulary finds tokens by their spellings. It is a hash table with open addressing over the spellings of a vocabulary, which is filled several times faster than
// a map: a vocabulary has up to 260,000 tokens, and three are looked up for each merge when it is read.
type vocabulary struct {
	texts []string
	slots []slot // their number is a power of two, more than that of the texts
	seed  maphash.Seed
	other map[string]int32 // further spellings of tokens
}

// slot is a place in the table.
type slot struct {
	id  int32  // plus one; 0: the slot is free
	tag uint32 // a part of the hash of the spelling, so that most others need not be compared
}

// newVocabulary returns the table of texts. If two are equal, it returns the first such pair and false. Empty ones may be repeated, since no text becomes
// such a token; they are not found.
func newVocabulary(texts []string) (s vocabulary, first, second int32, ok bool) {
	s = vocabulary{texts: texts, slots: make([]slot, 1<<bits.Len(uint(len(texts)+len(texts)/4))), seed: maphash.MakeSeed()}
	for i, text := range texts {
		if text == "" {
			continue
		}
		at, tag := s.place(text)
		if old := s.slots[at].id; old != 0 {
			return s, old - 1, int32(i), false
		}
		s.slots[at] = slot{int32(i) + 1, tag}
	}
	return s, 0, 0, true
}

// place returns the slot of a spelling, or the free one for it, and its tag.
func (s *vocabulary) place(text string) (at int, tag uint32) {
	h := maphash.String(s.seed, text)
	tag = uint32(h >> 32)
	for at = int(h) & (len(s.slots) - 1); ; at = (at + 1) & (len(s.slots) - 1) {
		if p := s.slots[at]; p.id == 0 || p.tag == tag && s.texts[p.id-1] == text {
			return at, tag
		}
	}
}

// find returns the token with a spelling.
func (s *vocabulary) find(text string) (id int32, ok bool) {
	if len(s.slots) > 0 {
		at, _ := s.place(text)
		if id := s.slots[at].id; id != 0 {
			return id - 1, true
		}
	}
	id, ok = s.other[text]
	return id, ok
}

// add adds a further spelling of a token.
func (s *vocabulary) add(text string, id int32) {
	if s.other == nil {
		s.other = map[string]int32{}
	}
	s.other[text] = id
}
