package token

import "strings"

// byteRunes maps each byte to the character that spells it. Printable characters of Latin-1 spell
// themselves; the other bytes get the characters from U+0100 on.
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

// runeBytes is the inverse of byteRunes; -1 for characters that spell no byte.
var runeBytes = func() (bytes [0x144]int16) {
	for i := range bytes {
		bytes[i] = -1
	}
	for b, r := range byteRunes {
		bytes[r] = int16(b)
	}
	return bytes
}()

// decodeBytes converts a spelling to bytes. Characters that do not spell a byte are kept.
func decodeBytes(text string) []byte {
	out := make([]byte, 0, len(text))
	for _, r := range text {
		if int(r) < len(runeBytes) && runeBytes[r] >= 0 {
			out = append(out, byte(runeBytes[r]))
		} else {
			out = append(out, string(r)...)
		}
	}
	return out
}

// spellBytes is the inverse of decodeBytes and accepts any bytes.
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
// as the tokens of its bytes. In each step, of all pairs of neighbouring tokens that have a merge,
// the pair whose merge comes first in the file's list becomes one token. This ends when no pair has
// a merge:
//
//	"Ġlow" : Ġ l o w → Ġ l ow → Ġ low → Ġlow
//
// The tokens of a word are a linked list, and the possible merges are in a heap ordered by (rank,
// position). So a word of n bytes takes O(n log n).
//
// Vocabularies of Gemma 4 and those that were converted from SentencePiece spell characters as they
// are (byChar). There a word starts as the tokens of its characters; a character that is no token
// becomes the tokens of its bytes, "<0xE2>", or the unknown token.
type bpe struct {
	t            *Tokenizer
	split        splitter
	ignoreMerges bool       // a word that is a token is encoded without merges (ignore_merges in tokenizer.json)
	lineBreaks   bool       // so is a word of line breaks alone
	byChar       bool       // the vocabulary spells characters, not bytes
	bytes        [256]int32 // token of each byte, none where the vocabulary lacks it
	unknown      int32      // byChar: token of a character without tokens of its bytes, or none
	fuse         bool       // a run of unknown characters is one unknown token
	merges       mergeTable
}

// newBPE returns byte-level BPE with n merges, best first. The index of t must be complete.
func newBPE(t *Tokenizer, n int, merges func(i int) mergePair, p preTokenizer) (*bpe, error) {
	b := &bpe{t: t, split: p.split, ignoreMerges: p.ignoreMerges, unknown: none}
	for i, r := range byteRunes {
		b.bytes[i] = t.ordinary(string(r))
	}
	return b, b.addAll(n, merges)
}

// newCharBPE returns BPE of characters with n merges, best first.
func newCharBPE(t *Tokenizer, n int, merges func(i int) mergePair, p preTokenizer) (*bpe, error) {
	b := &bpe{t: t, split: p.split, ignoreMerges: p.ignoreMerges, lineBreaks: p.lineBreaks, byChar: true, unknown: none}
	for i := range b.bytes {
		b.bytes[i] = none
	}
	for i, text := range t.texts {
		if c, ok := byteOf(text); ok && !p.bare && t.kinds[i] != control {
			b.bytes[c] = int32(i)
		}
	}
	return b, b.addAll(n, merges)
}

func (b *bpe) encode(dst []int32, text string) []int32 {
	w := &word{bpe: b, queue: queue[candidate]{before: candidate.before}}
	b.split(validText(text), func(s string) {
		if id := b.whole(s); id != none {
			dst = append(dst, id)
			return
		}
		dst = w.encode(dst, s)
	})
	return dst
}

// whole returns the token that stands for a word without merges, or none.
func (b *bpe) whole(s string) int32 {
	switch {
	case b.ignoreMerges && !b.byChar:
		return b.t.ordinary(spellBytes(s))
	case b.ignoreMerges || b.lineBreaks && strings.Trim(s, "\n") == "":
		return b.t.ordinary(s)
	}
	return none
}

// word is the state of encoding one word. It is reused for the next word.
type word struct {
	*bpe
	symbols []symbol
	queue   queue[candidate]
}

// symbol is a token of the word, linked to its neighbours. Its id is none once it has been merged.
type symbol struct{ id, prev, next int32 }

// candidate is a possible merge of the symbols left and right. It is valid while they are
// neighbours and have the ids of pair.
type candidate struct {
	rank, left, right int32
	pair              [2]int32
}

func (a candidate) before(b candidate) bool {
	return a.rank < b.rank || a.rank == b.rank && a.left < b.left
}

func (w *word) encode(dst []int32, s string) []int32 {
	w.symbols = w.symbols[:0]
	if w.byChar {
		w.addChars(s)
	} else {
		w.addBytes(s)
	}
	if len(w.symbols) == 0 {
		return dst
	}
	w.symbols[len(w.symbols)-1].next = none
	for i := 1; i < len(w.symbols); i++ {
		w.enqueue(int32(i-1), int32(i))
	}
	for w.queue.len() > 0 {
		w.merge(w.queue.pop())
	}
	for i := int32(0); i != none; i = w.symbols[i].next {
		dst = append(dst, w.symbols[i].id)
	}
	return dst
}

// push appends a symbol to the list, unless it is none: as in the reference, what the vocabulary lacks
// has no token.
func (w *word) push(id int32) {
	if id != none {
		n := int32(len(w.symbols))
		w.symbols = append(w.symbols, symbol{id, n - 1, n + 1})
	}
}

func (w *word) addBytes(s string) {
	for i := range len(s) {
		w.push(w.bytes[s[i]])
	}
}

func (w *word) addChars(s string) {
	for len(s) > 0 {
		_, n := decodeRune(s)
		switch id := w.t.ordinary(s[:n]); {
		case id != none:
			w.push(id)
		case w.hasBytes(s[:n]):
			w.addBytes(s[:n])
		case w.fuse && len(w.symbols) > 0 && w.symbols[len(w.symbols)-1].id == w.unknown:
		default:
			w.push(w.unknown)
		}
		s = s[n:]
	}
}

// hasBytes reports whether there is a token for each byte of s; without an unknown token, those that
// there are do.
func (w *word) hasBytes(s string) bool {
	if w.unknown == none {
		return true
	}
	for i := range len(s) {
		if w.bytes[s[i]] == none {
			return false
		}
	}
	return true
}

// enqueue adds the merge of two neighbours to the queue, if there is one.
func (w *word) enqueue(left, right int32) {
	if left == none || right == none {
		return
	}
	pair := [2]int32{w.symbols[left].id, w.symbols[right].id}
	if rank, _, ok := w.merges.find(pair); ok {
		w.queue.push(candidate{rank, left, right, pair})
	}
}

func (w *word) merge(c candidate) {
	left, right := &w.symbols[c.left], &w.symbols[c.right]
	if left.id != c.pair[0] || right.id != c.pair[1] || left.next != c.right {
		return // one of the two has been merged with another symbol
	}
	left.id, left.next = w.merges.list[c.rank].id, right.next
	right.id = none
	if right.next != none {
		w.symbols[right.next].prev = c.left
	}
	w.enqueue(left.prev, c.left)
	w.enqueue(c.left, left.next)
}
