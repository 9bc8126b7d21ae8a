package token

import "strings"

const space = "▁"

func decodeSpaces(text string) []byte { return []byte(strings.ReplaceAll(text, space, " ")) }

// sentencePiece is SentencePiece with scores (Kudo and Richardson 2018, arXiv:1808.06226), as used by
// Llama 2 and Gemma. Spaces are spelled '▁', and texts are not split into words. In each step, of all
// pairs of neighbours whose joined spelling is a token, the pair with the highest score becomes one
// token; of equal ones the leftmost. This ends when no such pair is left:
//
//	"▁Hello" : ▁ H e l l o → … → ▁ He llo → ▁ Hello → ▁Hello
//
// A character that is not a token becomes the tokens of its bytes, "<0xE2>". The symbols are a linked
// list of ranges of the text, and the pairs are in a heap, so a text takes O(n log n).
type sentencePiece struct {
	t       *Tokenizer
	scores  []float32
	longest int        // length of the longest spelling in bytes
	bytes   [256]int32 // token of each byte, or the unknown token
}

func newSentencePiece(t *Tokenizer, scores []float32, unk int32) *sentencePiece {
	s := &sentencePiece{t: t, scores: scores}
	for b := range s.bytes {
		s.bytes[b] = unk
		if id := t.ordinary(string([]byte{byte(b)})); id != none {
			s.bytes[b] = id
		}
	}
	for i, text := range t.texts {
		s.longest = max(s.longest, len(text))
		if b, ok := byteOf(text); ok && t.kinds[i] == byteToken {
			s.bytes[b] = int32(i)
		}
	}
	return s
}

// textSymbol is the symbol text[from:to], linked to its neighbours. It is empty once it has been merged.
type textSymbol struct {
	from, to   int
	prev, next int32
}

// pair is a possible merge of two neighbours. It is valid while together they are text[from:to].
type pair struct {
	score       float32
	left, right int32
	from, to    int
}

func (a pair) before(b pair) bool {
	return a.score > b.score || a.score == b.score && a.left < b.left
}

// textEncoder is the state of encoding one text.
type textEncoder struct {
	*sentencePiece
	text    string
	symbols []textSymbol
	queue   queue[pair]
}

func (s *sentencePiece) encode(dst []int32, text string) []int32 {
	if text == "" {
		return dst
	}
	e := &textEncoder{sentencePiece: s, text: strings.ReplaceAll(text, " ", space), queue: queue[pair]{before: pair.before}}
	e.splitCharacters()
	for i := 1; i < len(e.symbols); i++ {
		e.enqueue(int32(i-1), int32(i))
	}
	for e.queue.len() > 0 {
		e.merge(e.queue.pop())
	}
	for i := int32(0); i != none; i = e.symbols[i].next {
		dst = e.appendTokens(dst, e.text[e.symbols[i].from:e.symbols[i].to])
	}
	return dst
}

// splitCharacters makes a symbol of each character. As in the reference, an invalid byte forms a
// symbol with as many bytes as its first four bits say, but it never includes bytes of a space.
func (e *textEncoder) splitCharacters() {
	const lengths = "\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x02\x02\x03\x04"
	for at := 0; at < len(e.text); {
		to := min(at+int(lengths[e.text[at]>>4]), len(e.text))
		for i := at + 1; i < to; i++ {
			if strings.HasPrefix(e.text[i:], space) {
				to = i
			}
		}
		n := int32(len(e.symbols))
		e.symbols = append(e.symbols, textSymbol{at, to, n - 1, n + 1})
		at = to
	}
	e.symbols[len(e.symbols)-1].next = none
}

func (e *textEncoder) enqueue(left, right int32) {
	if left == none || right == none {
		return
	}
	from, to := e.symbols[left].from, e.symbols[right].to
	if to-from > e.longest {
		return
	}
	if id := e.t.ordinary(e.text[from:to]); id != none {
		e.queue.push(pair{e.scores[id], left, right, from, to})
	}
}

func (e *textEncoder) merge(p pair) {
	left, right := &e.symbols[p.left], &e.symbols[p.right]
	gone := left.from == left.to || right.from == right.to
	if gone || left.next != p.right || left.from != p.from || right.to != p.to {
		return // one of the two has been merged with another symbol
	}
	left.to, left.next = right.to, right.next
	right.from = right.to
	if right.next != none {
		e.symbols[right.next].prev = p.left
	}
	e.enqueue(left.prev, p.left)
	e.enqueue(p.left, left.next)
}

// appendTokens appends the token of a symbol, or the tokens of its bytes.
func (e *textEncoder) appendTokens(dst []int32, text string) []int32 {
	if id := e.t.ordinary(text); id != none {
		return append(dst, id)
	}
	for i := range len(text) {
		if id := e.bytes[text[i]]; id != none {
			dst = append(dst, id)
		}
	}
	return dst
}
