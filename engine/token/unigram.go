package token

import (
	"math"
	"strings"
)

// unigram is SentencePiece's unigram language model (Kudo 2018, arXiv:1804.10959), as used by T5 and
// XLM-R. A score is the logarithm of a token's probability; of all ways to divide a text into tokens, the
// one with the highest sum counts. It is found by Viterbi's algorithm: for each position, the best way
// to reach it, and the token that ends there.
//
//	▁ h e l l o   ▁hello: -8.1   ▁he -5.2 + llo -7.9   ▁ -2.0 + hell -9.3 + o -4.4
//
// A character without a token of its own is unknown and costs 10 more than the worst token. Characters
// in a row that are unknown are one unknown token.
type unigram struct {
	tokens  *prefixes
	scores  []float64 // by id
	unknown int32
	penalty float64                  // score of an unknown character
	bytes   [256]int32               // byte tokens that stand for an unknown character; none where it is one unknown token
	prepare func(text string) string // nil: nothing
}

func newUnigram(t *Tokenizer, scores []float64, unknown int32) *unigram {
	u := &unigram{scores: scores, unknown: unknown}
	for b := range u.bytes {
		u.bytes[b] = none
	}
	var all []spelling
	least := math.Inf(1)
	for i, text := range t.texts {
		switch t.kinds[i] {
		case normal:
			least = min(least, scores[i])
		case userDefined:
			if isMarker(text) {
				continue
			}
			scores[i] = 0
		case unused:
		default:
			continue
		}
		all = append(all, spelling{text, int32(i)})
	}
	u.tokens, u.penalty = newPrefixes(all), least-10
	return u
}

// arrival is the best way to reach a position of the text.
type arrival struct {
	score float64
	from  int
	id    int32
}

func (u *unigram) encode(dst []int32, text string) []int32 {
	if u.prepare != nil {
		text = u.prepare(text)
	}
	best := make([]arrival, len(text)+1)
	for i := range best {
		best[i].score = math.Inf(-1)
	}
	best[0].score = 0
	for at := 0; at < len(text); {
		size := min(lengthOf(text[at]), len(text)-at)
		if !u.extend(best, text, at, size) {
			reach(best, at, at+size, best[at].score+u.penalty, u.unknown)
		}
		at += size
	}
	return u.collect(dst, text, best)
}

// extend reaches every position to which a token leads from at. It reports whether one of them is that of
// the character at at, size bytes.
func (u *unigram) extend(best []arrival, text string, at, size int) (single bool) {
	p := u.tokens.begin()
	for i := at; i < len(text) && p.lo < p.hi; i++ {
		if id := u.tokens.step(&p, text[i]); id != none {
			reach(best, at, i+1, best[at].score+u.scores[id], id)
			single = single || i+1 == at+size
		}
	}
	return single
}

func reach(best []arrival, from, to int, score float64, id int32) {
	if score > best[to].score {
		best[to] = arrival{score, from, id}
	}
}

// collect walks back from the end and appends the tokens.
func (u *unigram) collect(dst []int32, text string, best []arrival) []int32 {
	var ways []int // ends of the tokens, last first
	for at := len(text); at > 0; at = best[at].from {
		ways = append(ways, at)
	}
	before := none
	for i := len(ways) - 1; i >= 0; i-- {
		a := best[ways[i]]
		switch {
		case a.id != u.unknown:
			dst = append(dst, a.id)
		case u.hasBytes(text[a.from:ways[i]]):
			for _, b := range []byte(text[a.from:ways[i]]) {
				dst = append(dst, u.bytes[b])
			}
		case before != u.unknown && u.unknown != none:
			dst = append(dst, u.unknown)
		}
		before = a.id
	}
	return dst
}

func (u *unigram) hasBytes(s string) bool {
	for i := range len(s) {
		if u.bytes[s[i]] == none {
			return false
		}
	}
	return true
}

// lengthOf returns how many bytes a character has by its first byte; an invalid one counts as complete.
func lengthOf(c byte) int {
	return int("\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x02\x02\x03\x04"[c>>4])
}

// whitening says how SentencePiece's normalizer treats spaces.
type whitening struct {
	prefix bool // add_dummy_prefix: a space before a text
	merge  bool // remove_extra_whitespaces
}

// normalize maps characters by m and spells spaces '▁'.
func (w whitening) normalize(m *charsMap, text string) string {
	var b strings.Builder
	b.Grow(len(text) + len(text)/2)
	prefixed, inWord := false, false
	for len(text) > 0 {
		mapped, n := m.next(text)
		for i := range len(mapped) {
			if mapped[i] == ' ' {
				inWord = false
				if !w.merge {
					b.WriteString(space)
				}
				continue
			}
			if !inWord && (w.merge || w.prefix && !prefixed) {
				b.WriteString(space)
				prefixed = true
			}
			inWord = true
			b.WriteByte(mapped[i])
		}
		text = text[n:]
	}
	return b.String()
}
