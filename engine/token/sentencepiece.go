package token

import "strings"

const space = "▁"

func decodeSpaces(text string) []byte { return []byte(strings.ReplaceAll(text, space, " ")) }

// sentencePiece is SentencePiece with scores (Kudo and Richardson 2018, arXiv:1808.06226), as Llama 2
// and Gemma use it. Spaces are spelled '▁', and there are no words. Of all neighbours whose joined
// spelling is a token, the two with the highest score become one, the leftmost of equals, until
// there are none:
//
//	"▁Hello" : ▁ H e l l o → … → ▁ He llo → ▁ Hello → ▁Hello
//
// A character that is no token becomes the tokens of its bytes, "<0xE2>". The symbols are a linked
// list of ranges of the text, and the pairs are in a heap: O(n log n).
type sentencePiece struct {
	t       *Tokenizer
	scores  []float32
	longest int        // bytes of the longest spelling
	bytes   [256]int32 // token of each byte; the unknown token where there is none
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

// stretch is a symbol: text[from:to], linked to its neighbours; to = from: merged away.
type stretch struct {
	from, to   int
	prev, next int32
}

// pair is a possible merge of two neighbours, valid while they still span text[from:to].
type pair struct {
	score       float32
	left, right int32
	from, to    int
}

func (a pair) before(b pair) bool {
	return a.score > b.score || a.score == b.score && a.left < b.left
}

// joining is the encoding of one text.
type joining struct {
	*sentencePiece
	text    string
	symbols []stretch
	queue   queue[pair]
}

func (s *sentencePiece) encode(dst []int32, text string) []int32 {
	if text == "" {
		return dst
	}
	j := &joining{sentencePiece: s, text: strings.ReplaceAll(text, " ", space), queue: queue[pair]{before: pair.before}}
	j.cut()
	for i := 1; i < len(j.symbols); i++ {
		j.offer(int32(i-1), int32(i))
	}
	for j.queue.len() > 0 {
		j.join(j.queue.pop())
	}
	for i := int32(0); i != none; i = j.symbols[i].next {
		dst = j.emit(dst, j.text[j.symbols[i].from:j.symbols[i].to])
	}
	return dst
}

// cut makes a symbol of each character. A wrong byte forms a symbol with as many bytes as its
// first four bits announce, as in the reference, but with no part of a space.
func (j *joining) cut() {
	const lengths = "\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x02\x02\x03\x04"
	for at := 0; at < len(j.text); {
		to := min(at+int(lengths[j.text[at]>>4]), len(j.text))
		for i := at + 1; i < to; i++ {
			if strings.HasPrefix(j.text[i:], space) {
				to = i
			}
		}
		n := int32(len(j.symbols))
		j.symbols = append(j.symbols, stretch{at, to, n - 1, n + 1})
		at = to
	}
	j.symbols[len(j.symbols)-1].next = none
}

func (j *joining) offer(left, right int32) {
	if left == none || right == none {
		return
	}
	from, to := j.symbols[left].from, j.symbols[right].to
	if to-from > j.longest {
		return
	}
	if id := j.t.ordinary(j.text[from:to]); id != none {
		j.queue.push(pair{j.scores[id], left, right, from, to})
	}
}

func (j *joining) join(p pair) {
	left, right := &j.symbols[p.left], &j.symbols[p.right]
	gone := left.from == left.to || right.from == right.to
	if gone || left.next != p.right || left.from != p.from || right.to != p.to {
		return // one of them has been merged since
	}
	left.to, left.next = right.to, right.next
	right.from = right.to
	if right.next != none {
		j.symbols[right.next].prev = p.left
	}
	j.offer(left.prev, p.left)
	j.offer(p.left, left.next)
}

// emit appends the token of a symbol, or the tokens of its bytes.
func (j *joining) emit(dst []int32, text string) []int32 {
	if id := j.t.ordinary(text); id != none {
		return append(dst, id)
	}
	for i := range len(text) {
		if id := j.bytes[text[i]]; id != none {
			dst = append(dst, id)
		}
	}
	return dst
}
