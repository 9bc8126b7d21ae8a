package token

import (
	"fmt"
	"math/bits"
	"runtime"
	"strings"
	"sync"

	"soberano/models"
)

// mergePair is a merge: the spellings of the two tokens that it joins.
type mergePair struct{ left, right string }

// cutMerge splits "left right" at the first space after the first byte. Without one, right is "".
func cutMerge(m string) mergePair {
	if m != "" {
		if i := strings.IndexByte(m[1:], ' '); i >= 0 {
			return mergePair{m[:i+1], m[i+2:]}
		}
	}
	return mergePair{m, ""}
}

// mergeTable finds the merge of two neighbouring tokens: a hash table with open addressing over a list. It is filled when the first text is encoded, since a model that is
// only checked, as when it is imported, encodes none. A vocabulary has up to 500,000 merges.
type mergeTable struct {
	list  []merge // best first: the rank of a merge is its index
	once  sync.Once
	slots []int32 // an index in list plus one; 0: the slot is free. Their number is a power of two.
}

// merge is a pair of tokens, and the token that it makes.
type merge struct {
	pair [2]int32
	id   int32
}

// find returns the rank of the merge of a pair and the token that it makes; ok is false if there is none. Several goroutines may call it.
func (m *mergeTable) find(pair [2]int32) (rank, id int32, ok bool) {
	m.once.Do(func() { m.fill(len(m.list)) })
	if rank = m.slots[m.place(pair)] - 1; rank < 0 {
		return 0, 0, false
	}
	return rank, m.list[rank].id, true
}

// fill makes the table of the list, with room for n merges. Of duplicates the first counts.
func (m *mergeTable) fill(n int) {
	m.slots = make([]int32, 1<<bits.Len(uint(n+n/2)))
	for rank, joined := range m.list {
		if at := m.place(joined.pair); m.slots[at] == 0 {
			m.slots[at] = int32(rank) + 1
		}
	}
}

// place returns the slot of a pair, or the free one for it.
func (m *mergeTable) place(pair [2]int32) int {
	h := (uint64(uint32(pair[0]))<<32 | uint64(uint32(pair[1]))) * 0x9e3779b97f4a7c15 // Fibonacci hashing, Knuth, TAOCP 3, 6.4
	at := int(h>>32) & (len(m.slots) - 1)
	for m.slots[at] != 0 && m.list[m.slots[at]-1].pair != pair {
		at = (at + 1) & (len(m.slots) - 1)
	}
	return at
}

// add appends a merge. No other goroutine may use m meanwhile.
func (m *mergeTable) add(joined merge) {
	m.list = append(m.list, joined)
	if m.once.Do(func() {}); len(m.list)+len(m.list)/2 >= len(m.slots) {
		m.fill(2 * len(m.list))
	} else if at := m.place(joined.pair); m.slots[at] == 0 {
		m.slots[at] = int32(len(m.list))
	}
}

// addAll sets the merges: n of them, best first.
func (b *bpe) addAll(n int, merges func(i int) mergePair) error {
	all, errs := make([]merge, n), make([]error, runtime.GOMAXPROCS(0))
	parts(n, func(part, from, to int) {
		made := int32(none)
		for rank := from; rank < to && errs[part] == nil; rank++ {
			made, errs[part] = b.joined(&all[rank], rank, merges(rank), made+1)
		}
	})
	for _, err := range errs { // the first one is that of the first merge that is wrong
		if err != nil {
			return err
		}
	}
	kept := all[:0]
	for _, m := range all {
		if m.id != none {
			kept = append(kept, m)
		}
	}
	b.merges.list = kept
	return nil
}

// joined sets the tokens of a merge and the one that it makes: none if that is a control token, which plain text must never become. It returns that token. guess is a token that it may
// be: vocabularies mostly have the tokens in the order of the merges.
func (b *bpe) joined(m *merge, rank int, pair mergePair, guess int32) (made int32, err error) {
	if pair.left == "" || pair.right == "" {
		return none, fmt.Errorf("merge %d, %s, is not two tokens", rank, models.Quote(pair.left+pair.right))
	}
	for i, s := range []string{pair.left, pair.right} {
		id, ok := b.t.ids.find(s)
		if !ok {
			return none, fmt.Errorf("merge %d names %s, which is no token", rank, models.Quote(s))
		}
		m.pair[i] = id
	}
	if !b.spells(guess, pair) {
		id, ok := b.t.ids.find(pair.left + pair.right)
		if !ok {
			return none, fmt.Errorf("merge %d makes %s, which is no token", rank, models.Quote(pair.left+pair.right))
		}
		guess = id
	}
	m.id = b.t.plain(guess)
	return guess, nil
}

// spells reports whether a token is spelled as the two of a pair together.
func (b *bpe) spells(id int32, pair mergePair) bool {
	if id < 0 || int(id) >= len(b.t.texts) {
		return false
	}
	text := b.t.texts[id]
	return len(text) == len(pair.left)+len(pair.right) && strings.HasPrefix(text, pair.left) && strings.HasSuffix(text, pair.right)
}
