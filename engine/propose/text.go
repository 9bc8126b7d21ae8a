package propose

import (
	"math"
	"slices"
	"time"
)

const (
	least     = 3  // tokens that must be equal before the proposal
	longest   = 24 // tokens beyond which a longer match says no more
	mostTried = 8  // earlier places that are compared
)

// key is the last tokens of a text.
type key [least]int32

// Text proposes the tokens of a text that repeats itself: what followed the last few tokens where they stood before (prompt lookup decoding). Answers that rewrite, summarise or correct
// a text of the prompt repeat much of it.
//
//	… the old house stood on the hill …  …  the old house stood ▸ on the hill
//	      └── earlier ──────┘                └─ the end of the text   └─ proposal
type Text struct {
	steps
	last   map[key]int32 // the latest place behind these tokens
	before []int32       // for each place, the one before it behind the same tokens; 0: none
	hits   hits
}

// firstHit is the share of accepted tokens before any is proposed.
const firstHit = 0.6

// NewText returns a text that begins with a prompt. Negative tokens stand for parts of images; they are never proposed.
func NewText(prompt []int32) *Text { return newText(prompt, time.Now) }

func newText(prompt []int32, now func() time.Time) *Text {
	t := &Text{steps: steps{now: now, prompt: len(prompt), each: firstEach}, last: make(map[key]int32, len(prompt))}
	for _, id := range prompt {
		t.add(id)
	}
	return t
}

// Push implements Proposer.
func (t *Text) Push(id int32) {
	t.add(id)
	t.measure()
}

func (t *Text) add(id int32) {
	t.tokens = append(t.tokens, id)
	n := len(t.tokens)
	t.before = append(t.before, 0)
	if n >= least {
		k := key(t.tokens[n-least:])
		t.before[n-1], t.last[k] = t.last[k], int32(n)
	}
}

// Propose implements Proposer; the error is nil.
func (t *Text) Propose(most int) ([]int32, error) {
	t.begin()
	if t.single == 0 {
		return nil, nil // the time of a step is not known yet
	}
	from, equal := t.match()
	if equal == 0 {
		return nil, nil
	}
	n := min(most, t.worth(equal), len(t.tokens)-from)
	if n <= 0 || !t.affordable(float64(n)*t.each) {
		return nil, nil
	}
	out := t.tokens[from : from+n : from+n]
	if i := slices.IndexFunc(out, func(id int32) bool { return id < 0 }); i >= 0 {
		out = out[:i]
	}
	t.try(out, &t.hits)
	return out, nil
}

// match returns the place behind the earlier tokens that are equal to the most of the last ones, and how many are; 0 if there is none. Of equal matches it is the latest.
func (t *Text) match() (from, equal int) {
	n := len(t.tokens)
	if n < least {
		return 0, 0
	}
	place := t.before[n-1]
	for range mostTried {
		if place == 0 {
			break
		}
		k := least
		for k < longest && k < int(place) && t.tokens[int(place)-1-k] == t.tokens[n-1-k] {
			k++
		}
		if k > equal {
			from, equal = int(place), k
		}
		place = t.before[place-1]
	}
	return from, equal
}

// worth returns how many tokens to propose behind so many equal ones: as long as the next is more likely to be accepted than what it costs. Long matches are accepted more often.
func (t *Text) worth(equal int) int {
	hit := (t.hits.accepted + 2*firstHit) / (t.hits.compared + 2)
	p := min(max(1-(1-hit)*2*least/float64(least+equal), 0.01), 0.995)
	return int(math.Log(max(t.each, 0.01)) / math.Log(p))
}
