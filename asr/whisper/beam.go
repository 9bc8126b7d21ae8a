package whisper

// Beam search: the width likeliest beginnings are continued together, one row of a step
// each. Each hypothesis has a state; where two continue the same one, the second gets a
// fork. It ends when patience × width of them have ended; the best by
// Options.rank counts (openai/whisper, BeamSearchDecoder).

import (
	"cmp"
	"context"
	"errors"
	"math"
	"slices"

	"soberano/kernels"
)

// hypothesis is a beginning; its state holds all tokens but the last.
type hypothesis struct {
	tokens []int32
	sum    float64 // of the log-probabilities
	bonus  float64 // for expected words
	in     trail   // of the vocabulary
	state  kernels.State
}

func (h *hypothesis) score() float64 { return h.sum + h.bonus }

// with returns h continued by c, without a state.
func (h *hypothesis) with(c candidate) hypothesis {
	return hypothesis{tokens: append(slices.Clip(h.tokens), c.id), sum: c.sum, bonus: c.bonus, in: c.in}
}

// candidate continues hypothesis from by token id.
type candidate struct {
	from       int
	id         int32
	sum, bonus float64
	in         trail
}

// search is a beam search in progress.
type search struct {
	slot   *Slot
	o      *Options
	width  int
	enough int // ended hypotheses
	live   []hypothesis
	ended  []hypothesis
	looped *hypothesis // the likeliest that runs in circles
}

func (s *Slot) beam(ctx context.Context, first []float32, pos, width int, _ float32, o *Options) (a *attempt, err error) {
	a = &attempt{}
	b := &search{slot: s, o: o, width: width, enough: max(1, int(math.Round(o.Patience*float64(width)))),
		live: []hypothesis{{state: s.self}}}
	s.self.Truncate(pos)
	defer func() { err = errors.Join(err, b.restore()) }()
	copy(s.logits, first)
	cands := s.continuations(nil, 0, &b.live[0], width+1, o)
	for n := range s.most(pos) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		kept := b.keep(cands)
		if len(b.ended) >= b.enough || len(kept) == 0 {
			break
		}
		if err := b.follow(kept); err != nil {
			return nil, err
		}
		cands = cands[:0]
		logits, err := s.stepBeam(b.live, pos+n)
		if err != nil {
			return nil, err
		}
		a.steps++
		for i := range b.live {
			s.dev.Read(s.logits, logits, i)
			cands = s.continuations(cands, i, &b.live[i], width+1, o)
		}
	}
	top := b.result()
	a.tokens, a.sum, a.looped = top.tokens, top.sum, len(b.ended) == 0 && b.looped != nil
	return a, nil
}

// keep returns the candidates that go on, the best of width at most, and puts aside those
// that have ended or run in circles.
func (b *search) keep(cands []candidate) (kept []candidate) {
	slices.SortStableFunc(cands, func(x, y candidate) int {
		return cmp.Compare(y.sum+y.bonus, x.sum+x.bonus)
	})
	for _, c := range cands {
		h := b.live[c.from].with(c)
		switch {
		case c.id == b.slot.EndOfText:
			if h.tokens = h.tokens[:len(h.tokens)-1]; len(b.ended) < b.enough {
				b.ended = append(b.ended, h)
			}
		case loops(h.tokens):
			if b.looped == nil {
				b.looped = &h
			}
		default:
			if kept = append(kept, c); len(kept) == b.width {
				return kept
			}
		}
	}
	return kept
}

// result returns the hypothesis that counts.
func (b *search) result() hypothesis {
	if len(b.ended) == 0 && b.looped != nil {
		return *b.looped
	}
	if len(b.ended) < b.enough {
		b.ended = append(b.ended, b.live...)
	}
	return b.o.likeliest(b.ended)
}

// restore leaves the slot one state that holds the prefix, for the next attempt: every live
// one does.
func (b *search) restore() error {
	b.slot.self = b.live[0].state
	var others []kernels.State
	for _, h := range b.live[1:] {
		others = append(others, h.state)
	}
	return closeAll(others)
}

// follow makes the kept candidates the live hypotheses. The first to continue a hypothesis
// takes its state, others get forks of it.
func (b *search) follow(kept []candidate) error {
	taken := make([]bool, len(b.live))
	next := make([]hypothesis, len(kept))
	var forks []kernels.State
	for i, c := range kept {
		next[i] = b.live[c.from].with(c)
		next[i].state = b.live[c.from].state
		if taken[c.from] {
			f, err := next[i].state.Fork()
			if err != nil {
				return errors.Join(err, closeAll(forks))
			}
			next[i].state, forks = f, append(forks, f)
		}
		taken[c.from] = true
	}
	var left []kernels.State
	for i, h := range b.live {
		if !taken[i] {
			left = append(left, h.state)
		}
	}
	b.live = next
	return closeAll(left)
}

func closeAll(states []kernels.State) (err error) {
	for _, s := range states {
		err = errors.Join(err, s.Close())
	}
	return err
}

// stepBeam feeds the last token of each hypothesis, at position pos.
func (s *Slot) stepBeam(live []hypothesis, pos int) (kernels.Tensor, error) {
	ids := make([]int32, len(live))
	spans := make([]kernels.Span, len(live))
	for i, h := range live {
		ids[i] = h.tokens[len(h.tokens)-1]
		spans[i] = kernels.Span{State: h.state, Row: i, N: 1, Pos: pos}
	}
	return s.step(ids, spans, 0)
}

// continuations appends the n likeliest continuations of h, the from-th hypothesis, by
// the logits in m.logits.
func (s *Slot) continuations(dst []candidate, from int, h *hypothesis, n int, o *Options) []candidate {
	next := s.allow(s.logits, h.tokens, o)
	var ids [maxBeam + 1]int32
	undo, top := s.lift(o.Vocabulary, &next, h.in)
	n = s.dev.Largest(ids[:n], next.logits)
	undo()
	for _, id := range ids[:n] {
		id += int32(next.from)
		in, bonus := o.Vocabulary.follow(h.in, id, top-next.logit(id))
		dst = append(dst, candidate{from: from, id: id, sum: h.sum + next.prob(id), bonus: h.bonus + bonus, in: in})
	}
	return dst
}
