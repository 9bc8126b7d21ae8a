package whisper

import (
	"cmp"
	"context"
	"math"
	"slices"
)

// hypothesis is a possible beginning of the text. Its state holds all its tokens but the last.
type hypothesis struct {
	tokens []int32
	sum    float64 // of the log-probabilities
	bonus  float64 // for words of the vocabulary
	in     trail   // position in a word of the vocabulary
	state  int     // index in Slot.self
	spoken int     // up to how many tokens repetitions are not checked, see Slot.loop
}

func (h *hypothesis) score() float64 { return h.sum + h.bonus }

// noState stands for the state of a hypothesis that has none yet.
const noState = -1

// with returns h continued by c, without a state.
func (h *hypothesis) with(c candidate) hypothesis {
	return hypothesis{tokens: append(slices.Clip(h.tokens), c.id), sum: c.sum, bonus: c.bonus, in: c.in, state: noState, spoken: max(h.spoken, c.spoken)}
}

// candidate continues hypothesis from by token id.
type candidate struct {
	from       int
	id         int32
	sum, bonus float64
	in         trail
	spoken     int
}

// search is a beam search in progress.
type search struct {
	slot   *Slot
	r      *Result
	o      *Options
	width  int
	enough int // number of ended hypotheses that ends the search
	live   []hypothesis
	free   []int // unused states
	ended  []hypothesis
	looped *hypothesis // the likeliest one that is a loop
}

// beam decodes by beam search (openai/whisper, BeamSearchDecoder): the width likeliest hypotheses
// are continued together, one row of a step each. Each has a state; where two continue the same
// one, the second gets a fork. The search ends when patience × width of them have ended; the best
// by Options.rank is the result.
func (s *Slot) beam(ctx context.Context, first []float32, pos, width int, _ float32, r *Result, o *Options) (*attempt, error) {
	a := &attempt{}
	b := &search{slot: s, r: r, o: o, width: width, enough: max(1, int(math.Round(o.Patience*float64(width)))),
		live: []hypothesis{{state: 0}}}
	for i := 1; i < width; i++ {
		b.free = append(b.free, i)
	}
	copy(s.logits, first)
	cands := s.continuations(nil, 0, &b.live[0], s.logits, width+1, o)
	for n := range s.most(pos) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		kept, err := b.keep(cands)
		if err != nil {
			return nil, err
		}
		if len(b.ended) >= b.enough || len(kept) == 0 {
			break
		}
		forks := b.follow(kept, pos+n)
		cands = cands[:0]
		out, err := s.stepBeam(b.live, pos+n, forks)
		if err != nil {
			return nil, err
		}
		a.steps++
		for i := range b.live {
			cands = s.continuations(cands, i, &b.live[i], out.row(i), width+1, o)
		}
	}
	top := b.result()
	a.tokens, a.sum, a.looped = top.tokens, top.sum, len(b.ended) == 0 && b.looped != nil
	return a, nil
}

// keep returns the candidates that are continued, at most width, and records those that have ended
// or are loops.
func (b *search) keep(cands []candidate) (kept []candidate, err error) {
	slices.SortStableFunc(cands, func(x, y candidate) int {
		return cmp.Compare(y.sum+y.bonus, x.sum+x.bonus)
	})
	for _, c := range cands {
		h := b.live[c.from].with(c)
		if c.id == b.slot.EndOfText {
			if h.tokens = h.tokens[:len(h.tokens)-1]; len(b.ended) < b.enough {
				b.ended = append(b.ended, h)
			}
			continue
		}
		loop, err := b.slot.loop(&h, b.r, b.o)
		if err != nil {
			return nil, err
		}
		if loop {
			if b.looped == nil {
				b.looped = &h
			}
			continue
		}
		c.spoken = h.spoken
		if kept = append(kept, c); len(kept) == b.width {
			return kept, nil
		}
	}
	return kept, nil
}

// result returns the best hypothesis.
func (b *search) result() hypothesis {
	if len(b.ended) == 0 && b.looped != nil {
		return *b.looped
	}
	if len(b.ended) < b.enough {
		b.ended = append(b.ended, b.live...)
	}
	return b.o.likeliest(b.ended)
}

// follow makes the kept candidates the live hypotheses and returns the forks that they need; each
// state holds n positions. The first candidate that continues a hypothesis takes its state, others
// get a fork.
func (b *search) follow(kept []candidate, n int) (forks []fork) {
	if len(b.live[0].tokens) == 0 {
		forks = append(forks, fork{0, 0, n}) // an earlier attempt may have extended it
	}
	taken := make([]bool, len(b.live))
	next := make([]hypothesis, len(kept))
	for i, c := range kept {
		next[i] = b.live[c.from].with(c)
		if !taken[c.from] {
			taken[c.from] = true
			next[i].state = b.live[c.from].state
		}
	}
	for i, h := range b.live {
		if !taken[i] {
			b.free = append(b.free, h.state)
		}
	}
	for i, c := range kept {
		if next[i].state == noState {
			next[i].state, b.free = b.free[len(b.free)-1], b.free[:len(b.free)-1]
			forks = append(forks, fork{next[i].state, b.live[c.from].state, n})
		}
	}
	b.live = next
	return forks
}

// stepBeam runs the decoder over the last token of each hypothesis, at position pos, after the
// forks were made.
func (s *Slot) stepBeam(live []hypothesis, pos int, forks []fork) (logits, error) {
	r := request{forks: forks, ids: make([]int32, len(live)), spans: make([]span, len(live))}
	for i, h := range live {
		r.ids[i] = h.tokens[len(h.tokens)-1]
		r.spans[i] = span{h.state, 1, pos}
	}
	return s.step(r)
}

// continuations appends to dst the n likeliest continuations of h, hypothesis number from, by the
// logits after its tokens, which are modified.
func (s *Slot) continuations(dst []candidate, from int, h *hypothesis, logits []float32, n int, o *Options) []candidate {
	next := s.allow(logits, h.tokens, o)
	var ids [maxBeam + 1]int32
	undo, top := s.lift(o.Vocabulary, &next, h.in)
	n = s.pool.Largest(ids[:n], next.logits)
	undo()
	for _, id := range ids[:n] {
		id += int32(next.from)
		in, bonus := o.Vocabulary.follow(h.in, id, top-next.logit(id))
		dst = append(dst, candidate{from: from, id: id, sum: h.sum + next.prob(id), bonus: h.bonus + bonus, in: in})
	}
	return dst
}
