package token

import (
	"fmt"
	"strings"

	"soberano/models"
)

// byteRunes is the character that spells each byte: itself where printable in
// Latin-1, else the next free one from U+0100.
var byteRunes = func() (r [256]rune) {
	free := rune(256)
	for b := range r {
		c := rune(b)
		if c >= '!' && c <= '~' || c >= '¡' && c <= '¬' || c >= '®' && c <= 'ÿ' {
			r[b] = c
			continue
		}
		r[b] = free
		free++
	}
	return r
}()

var runeBytes = func() map[rune]byte {
	m := make(map[rune]byte, 256)
	for b, r := range byteRunes {
		m[r] = byte(b)
	}
	return m
}()

// decodeBytes turns a spelling into bytes; characters that spell no byte stay as they are.
func decodeBytes(text string) []byte {
	out := make([]byte, 0, len(text))
	for _, r := range text {
		if b, ok := runeBytes[r]; ok {
			out = append(out, b)
		} else {
			out = append(out, string(r)...)
		}
	}
	return out
}

// spellBytes is the inverse of decodeBytes for any bytes.
func spellBytes(s string) string {
	var b strings.Builder
	b.Grow(2 * len(s))
	for i := range len(s) {
		b.WriteRune(byteRunes[s[i]])
	}
	return b.String()
}

// bpe is byte-level byte pair encoding (Sennrich et al. 2016, arXiv:1508.07909; Radford et al. 2019,
// the GPT-2 tokenizer).
//
// The vocabulary spells bytes as visible characters: 'Ġ' is a space, 'Ċ' a newline. A word starts
// as the tokens of its bytes. Then, again and again, the two neighbours whose merge comes first in
// the file's list become one token, until no merge is left:
//
//	"Ġlow" : Ġ l o w → Ġ l ow → Ġ low → Ġlow
//
// The tokens of a word are a linked list and the possible merges are in a heap by (rank, position),
// so a word of n bytes takes O(n log n).
type bpe struct {
	t      *Tokenizer
	split  splitter
	whole  bool // a word that is a token is encoded without merges (tokenizer.json: ignore_merges)
	bytes  [256]int32
	merges map[[2]int32]merge // by the ids of the two neighbours
}

type merge struct{ rank, id int32 }

// newBPE reads the merges: "left right", best first. t has its index already.
func newBPE(t *Tokenizer, merges []string, split splitter, whole bool) (*bpe, error) {
	b := &bpe{t: t, split: split, whole: whole, merges: make(map[[2]int32]merge, len(merges))}
	for i, r := range byteRunes {
		b.bytes[i] = t.ordinary(string(r))
	}
	for rank, m := range merges {
		left, right, ok := cutMerge(m)
		if !ok {
			return nil, fmt.Errorf("merge %d, %s, is not two tokens", rank, models.Quote(m))
		}
		if err := b.add(rank, left, right); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// cutMerge splits at the first space that is not the first byte.
func cutMerge(m string) (left, right string, ok bool) {
	if m == "" {
		return "", "", false
	}
	i := strings.IndexByte(m[1:], ' ')
	if i < 0 || i+2 == len(m) {
		return "", "", false
	}
	return m[:i+1], m[i+2:], true
}

func (b *bpe) add(rank int, left, right string) error {
	var pair [2]int32
	for i, s := range []string{left, right} {
		id, ok := b.t.ids[s]
		if !ok {
			return fmt.Errorf("merge %d names %s, which is no token", rank, models.Quote(s))
		}
		pair[i] = id
	}
	id, ok := b.t.ids[left+right]
	if !ok {
		return fmt.Errorf("merge %d makes %s, which is no token", rank, models.Quote(left+right))
	}
	if b.t.ordinary(left+right) == none {
		return nil // because plain text never becomes a control token
	}
	if _, dup := b.merges[pair]; !dup { // the first one counts
		b.merges[pair] = merge{int32(rank), id}
	}
	return nil
}

func (b *bpe) encode(dst []int32, text string) []int32 {
	w := &word{bpe: b, queue: queue[candidate]{before: candidate.before}}
	b.split(clean(text), func(s string) {
		if b.whole {
			if id := b.t.ordinary(spellBytes(s)); id != none {
				dst = append(dst, id)
				return
			}
		}
		dst = w.encode(dst, s)
	})
	return dst
}

// word is the scratch memory of encoding a word, used for one word after the other.
type word struct {
	*bpe
	symbols []symbol
	queue   queue[candidate]
}

// symbol is a token of the word so far, linked to its neighbours; id none: merged away.
type symbol struct{ id, prev, next int32 }

// candidate is a possible merge of the symbols left and right, valid while they are
// neighbours with the ids of pair.
type candidate struct {
	rank, left, right int32
	pair              [2]int32
}

func (a candidate) before(b candidate) bool {
	return a.rank < b.rank || a.rank == b.rank && a.left < b.left
}

func (w *word) encode(dst []int32, s string) []int32 {
	w.symbols = w.symbols[:0]
	for i := range len(s) {
		// A byte that the vocabulary lacks has no token, as in the reference.
		if id := w.bytes[s[i]]; id != none {
			n := int32(len(w.symbols))
			w.symbols = append(w.symbols, symbol{id, n - 1, n + 1})
		}
	}
	if len(w.symbols) == 0 {
		return dst
	}
	w.symbols[len(w.symbols)-1].next = none
	for i := 1; i < len(w.symbols); i++ {
		w.offer(int32(i-1), int32(i))
	}
	for w.queue.len() > 0 {
		w.merge(w.queue.pop())
	}
	for i := int32(0); i != none; i = w.symbols[i].next {
		dst = append(dst, w.symbols[i].id)
	}
	return dst
}

// offer queues the merge of two neighbours, if there is one.
func (w *word) offer(left, right int32) {
	if left == none || right == none {
		return
	}
	pair := [2]int32{w.symbols[left].id, w.symbols[right].id}
	if m, ok := w.merges[pair]; ok {
		w.queue.push(candidate{m.rank, left, right, pair})
	}
}

func (w *word) merge(c candidate) {
	left, right := &w.symbols[c.left], &w.symbols[c.right]
	if left.id != c.pair[0] || right.id != c.pair[1] || left.next != c.right {
		return // one of them has been merged since
	}
	left.id, left.next = w.merges[c.pair].id, right.next
	right.id = none
	if right.next != none {
		w.symbols[right.next].prev = c.left
	}
	w.offer(left.prev, c.left)
	w.offer(c.left, left.next)
}
