package sample

import (
	"bytes"
	"math"
	"slices"
)

// maxTail is the largest number of tokens of a breaker after its first one.
const maxTail = 20

// Breakers are the sequences of tokens at which DRY's repetitions end.
type Breakers struct {
	tails map[int32][][]int32 // the tokens that follow, by the first token; empty if it is a breaker by itself
}

// NewBreakers finds the tokens that spell strings, in a vocabulary of size tokens. word returns the bytes of a token, encode the tokens of
// a text. A token that contains a string is a breaker; one that ends with the beginning of a string is one with the tokens of the rest.
func NewBreakers(strings []string, size int, word func(id int32) []byte, encode func(text string) []int32) *Breakers {
	b := &Breakers{tails: map[int32][][]int32{}}
	for id := range int32(size) {
		w := word(id)
		for _, s := range strings {
			b.add(id, w, s, encode)
		}
	}
	return b
}

func (b *Breakers) add(id int32, word []byte, s string, encode func(string) []int32) {
	if bytes.Contains(word, []byte(s)) {
		b.tails[id] = append(b.tails[id], nil)
		return
	}
	for n := min(len(s)-1, len(word)); n > 0; n-- {
		if !bytes.HasSuffix(word, []byte(s[:n])) {
			continue
		}
		tail := encode(s[n:])
		tail = tail[:min(len(tail), maxTail)]
		if !slices.ContainsFunc(b.tails[id], func(t []int32) bool { return slices.Equal(t, tail) }) {
			b.tails[id] = append(b.tails[id], tail)
		}
	}
}

// alone reports whether a token by itself ends repetitions.
func (b *Breakers) alone(id int32) bool {
	return b != nil && slices.ContainsFunc(b.tails[id], func(t []int32) bool { return len(t) == 0 })
}

// limit returns the number of tokens at the end of history after the last breaker.
func (b *Breakers) limit(history []int32) int {
	if b == nil || len(b.tails) == 0 {
		return len(history)
	}
	for i := len(history) - 1; i >= 0; i-- {
		longest := -1
		for _, tail := range b.tails[history[i]] {
			if rest := history[i+1:]; len(tail) > longest && len(tail) <= len(rest) && slices.Equal(tail, rest[:len(tail)]) {
				longest = len(tail)
			}
		}
		if longest >= 0 {
			return len(history) - 1 - i - longest
		}
	}
	return len(history)
}

// dry lowers the logits of tokens that would continue a repetition.
func (s *Sampler) dry(history []int32) {
	if s.p.DRYMultiplier == 0 {
		return
	}
	allowed := s.p.DRYAllowed
	if allowed == 0 {
		allowed = defaultAllowed
	}
	history = last(history, s.p.DRYLast)
	limit := s.breakers.limit(history)
	if len(history) <= allowed || limit < allowed {
		return
	}
	clear(s.repeats)
	s.suffixes(history)
	for k := 1; k < len(history); k++ {
		if n := min(s.matches[k], int32(limit)); int(n) >= allowed {
			id := history[len(history)-k]
			if n > s.repeats[id] && !s.breakers.alone(id) {
				s.repeats[id] = n
			}
		}
	}
	s.adjust(s.repeats, func(l float32, n int32) float32 { return l - s.dryPenalty(int(n)-allowed) })
}

// dryPenalty returns what a token loses that continues a repetition of so many tokens beyond the allowed ones.
func (s *Sampler) dryPenalty(beyond int) float32 {
	base := float64(s.p.DRYBase)
	if base == 0 {
		base = defaultBase
	}
	return min(float32(float64(s.p.DRYMultiplier)*math.Pow(base, float64(beyond))), math.MaxFloat32)
}

// suffixes sets matches[k] to the length of the longest common suffix of tokens and tokens without its last k: the
// Z function of the reversed sequence, in linear time.
func (s *Sampler) suffixes(tokens []int32) {
	n := len(tokens)
	at := func(i int) int32 { return tokens[n-1-i] }
	s.matches = slices.Grow(s.matches[:0], n)[:n]
	left, right := 0, 0 // the match that reaches furthest: [left, right)
	for k := 1; k < n; k++ {
		m := 0
		if k < right {
			m = min(right-k, int(s.matches[k-left]))
		}
		for k+m < n && at(m) == at(k+m) {
			m++
		}
		s.matches[k] = int32(m)
		if k+m > right {
			left, right = k, k+m
		}
	}
}
