// Package lookup proposes the tokens of a text that repeats itself: what followed the last few tokens where they stood before. Answers that rewrite, summarise or correct a text of
// the prompt repeat much of it, so several tokens can be checked in one step of the model (prompt lookup decoding; the check is that of speculative decoding, arXiv:2211.17192, with a
// proposal of probability 1).
//
//	… the old house stood on the hill …  …  the old house stood ▸ on the hill
//	      └── earlier ──────┘                └─ the end of the text   └─ proposal
package lookup

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

// Text is a text, prompt and answer, with its proposals. The measured times of the steps decide how many tokens are proposed, so that proposals which are not accepted cost no more
// than a small part of the time. Only one goroutine may use it.
type Text struct {
	tokens []int32
	prompt int           // length of the prompt
	last   map[key]int32 // the latest place behind these tokens
	before []int32       // for each place, the one before it behind the same tokens; 0: none

	now     func() time.Time
	started time.Time // of the step under way
	at      int       // length of the text when it began
	from    int       // the proposal for it is tokens[from : from+tried]
	tried   int

	single             float64 // seconds of a step without a proposal, on average; 0: not known yet
	each               float64 // what a proposed token adds to a step, in steps without a proposal
	accepted, compared float64 // of the last proposals
	lost               float64 // what proposals have cost beyond what they have saved, in steps without a proposal

	Proposed, Accepted int // tokens so far; those of the last proposal count when the next step begins
}

const (
	follow    = 0.15 // the weight of a new value in an average
	forget    = 0.9  // the weight of what was counted before a proposal
	firstEach = 0.15 // values before anything is measured
	firstHit  = 0.6
	allowance = 0.02 // of the steps may be lost by proposals, and
	ahead     = 1.0  // so many before the first is earned
	mostSaved = 8    // steps that are remembered as saved
)

// New returns a text that begins with a prompt. Negative tokens stand for parts of images; they are never proposed.
func New(prompt []int32) *Text { return newText(prompt, time.Now) }

func newText(prompt []int32, now func() time.Time) *Text {
	t := &Text{last: make(map[key]int32, len(prompt)), now: now, prompt: len(prompt), each: firstEach}
	for _, id := range prompt {
		t.add(id)
	}
	return t
}

// Push adds a token of the answer.
func (t *Text) Push(id int32) {
	t.add(id)
	if !t.started.IsZero() && len(t.tokens) == t.at+1 {
		t.measure()
	}
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

// measure takes the time of the step whose first token has just come.
func (t *Text) measure() {
	took := t.now().Sub(t.started).Seconds()
	switch {
	case t.tried == 0 && t.single == 0:
		t.single = took
	case t.tried == 0:
		t.single += follow * (min(took, 2*t.single) - t.single) // a pause of the machine is no step
	case t.single > 0:
		n := float64(t.tried)
		more := min(max(0, took/t.single-1), n) // a token in a step takes no longer than a step
		t.lost += more
		t.each += follow * (more/n - t.each)
	}
}

// settle counts how many of the tokens proposed last were accepted.
func (t *Text) settle() {
	if t.tried == 0 {
		return
	}
	n := 0
	for n < t.tried && t.at+n < len(t.tokens) && t.tokens[t.at+n] == t.tokens[t.from+n] {
		n++
	}
	t.Proposed, t.Accepted = t.Proposed+t.tried, t.Accepted+n
	t.lost = max(t.lost-float64(n), -mostSaved)
	t.accepted = forget*t.accepted + float64(n)
	t.compared = forget*t.compared + float64(min(n+1, t.tried))
	t.tried = 0
}

// Propose begins a step and returns up to most tokens that may follow, none if nothing is repeated or proposals have not been worth their time. They are valid until the next Push.
func (t *Text) Propose(most int) []int32 {
	t.settle()
	t.started, t.at = t.now(), len(t.tokens)
	if t.single == 0 {
		return nil // the time of a step is not known yet
	}
	from, equal := t.match()
	if equal == 0 {
		return nil
	}
	n := min(most, t.worth(equal), len(t.tokens)-from)
	if n <= 0 || !t.affordable(n) {
		return nil
	}
	out := t.tokens[from : from+n : from+n]
	if i := slices.IndexFunc(out, func(id int32) bool { return id < 0 }); i >= 0 {
		out = out[:i]
	}
	t.from, t.tried = from, len(out)
	return out
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
	hit := (t.accepted + 2*firstHit) / (t.compared + 2)
	p := min(max(1-(1-hit)*2*least/float64(least+equal), 0.01), 0.995)
	return int(math.Log(max(t.each, 0.01)) / math.Log(p))
}

// affordable reports whether a proposal of n tokens may be tried: were none accepted, all proposals together would cost no more than the allowance.
func (t *Text) affordable(n int) bool {
	return t.lost+float64(n)*t.each <= ahead+allowance*float64(len(t.tokens)-t.prompt)
}
