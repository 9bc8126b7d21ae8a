// Package propose proposes tokens that may follow a text, so that several tokens can be checked in one step of the model (speculative decoding, arXiv:2211.17192, with proposals of
// probability 1: a proposed token is accepted if the model's sampler chooses it). Text proposes what followed the last tokens where they stood before, Draft also what a small model would
// write. Generation is limited by memory, so a step with a few tokens more takes little longer.
package propose

import "time"

// Proposer proposes tokens that may follow a text. Only one goroutine may use it.
type Proposer interface {
	// Push adds a token of the answer.
	Push(id int32)
	// Propose begins a step and returns up to most tokens that may follow, none if there are none or proposals have not been worth their time. They are valid until the next Push.
	Propose(most int) ([]int32, error)
	// Count returns how many tokens were proposed, and how many of them accepted; those of the last proposal count when the next step begins.
	Count() (proposed, accepted int)
}

// steps are a text, prompt and answer, and the measured times of its steps. These decide how many tokens are proposed, so that proposals which are not accepted cost no more than a small
// part of the time. The unit of time is a step without a proposal.
type steps struct {
	tokens []int32
	prompt int // length of the prompt

	now     func() time.Time
	started time.Time // of the step under way
	at      int       // length of the text when it began
	tried   []int32   // the proposal for it
	sure    []float64 // the probabilities of its tokens by who made it; nil: there are none
	by      *hits     // of who made it

	single float64 // seconds of a step without a proposal, on average; 0: not known yet
	plain  int     // steps without a proposal so far
	each   float64 // what a proposed token adds to a step
	lost   float64 // what proposals have cost beyond what they have saved

	proposed, accepted int
}

// hits counts the tokens of the last proposals of one kind; older ones count less.
type hits struct {
	accepted, compared float64
	expected           float64 // to be accepted by the probabilities of those that were compared
}

const (
	follow     = 0.15 // the weight of a new value in an average
	followDown = 0.5  // and of a step that is shorter than the average
	forget     = 0.9  // the weight of what was counted before a proposal
	firstEach  = 0.15 // before anything is measured
	allowance  = 0.02 // of the steps may be lost by proposals, and
	ahead      = 1.0  // so many before the first is earned
	mostSaved  = 8    // steps that are remembered as saved
	mostPlain  = 4    // steps without a proposal of which the shortest is the first average
)

// Count implements Proposer.
func (s *steps) Count() (proposed, accepted int) { return s.proposed, s.accepted }

// begin begins a step without a proposal.
func (s *steps) begin() {
	s.settle()
	s.started, s.at = s.now(), len(s.tokens)
}

// try makes tokens the proposal of the step that has begun.
func (s *steps) try(tokens []int32, by *hits) { s.tried, s.sure, s.by = tokens, nil, by }

// measure takes the time of the step under way, if the last token is its first.
func (s *steps) measure() {
	if s.started.IsZero() || len(s.tokens) != s.at+1 {
		return
	}
	took, n := s.now().Sub(s.started).Seconds(), float64(len(s.tried))
	switch {
	case n == 0:
		s.measurePlain(took)
	case s.single > 0:
		s.single = min(s.single, took)
		more := min(max(0, took/s.single-1), n) // a token in a step takes no longer than a step
		s.lost += more
		s.each += follow * (more/n - s.each)
	}
}

// measurePlain takes the time of a step without a proposal. The first average is the shortest of some steps, and shorter ones count more than longer ones, since a step takes longer when
// other programs are running, but never shorter.
func (s *steps) measurePlain(took float64) {
	switch s.plain++; {
	case s.plain == 1:
		s.single = took
	case s.plain <= mostPlain:
		s.single = min(s.single, took)
	case took < s.single:
		s.single += followDown * (took - s.single)
	default:
		s.single += follow * (min(took, 2*s.single) - s.single)
	}
}

// settle counts how many of the tokens proposed last were accepted.
func (s *steps) settle() {
	if len(s.tried) == 0 {
		return
	}
	n := 0
	for n < len(s.tried) && s.at+n < len(s.tokens) && s.tokens[s.at+n] == s.tried[n] {
		n++
	}
	s.proposed, s.accepted = s.proposed+len(s.tried), s.accepted+n
	s.lost = max(s.lost-float64(n), -mostSaved)
	compared := min(n+1, len(s.tried))
	s.by.accepted = forget*s.by.accepted + float64(n)
	s.by.compared = forget*s.by.compared + float64(compared)
	s.by.expected *= forget
	for _, p := range s.sure[:min(compared, len(s.sure))] {
		s.by.expected += p
	}
	s.tried = nil
}

// affordable reports whether a proposal of that cost may be tried: were none accepted, all proposals together would cost no more than the allowance.
func (s *steps) affordable(cost float64) bool {
	return s.lost+cost <= ahead+allowance*float64(len(s.tokens)-s.prompt)
}
