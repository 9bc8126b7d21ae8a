package whisper

import (
	"context"
	"math"
	"math/rand/v2"
)

// sample decodes token by token (openai/whisper, GreedyDecoder with best_of): the likeliest one or,
// with temperature t above 0, one by its probability. n texts are sampled side by side, one row of a
// step each; the best by Options.rank is the result.
func (s *Slot) sample(ctx context.Context, first []float32, pos, n int, t float32, r *Result, o *Options) (*attempt, error) {
	a := &attempt{}
	live := make([]hypothesis, n)
	draws := make([]*rand.Rand, n)
	var forks []fork // of the prefix, before the first step
	for i := range live {
		live[i].state = i
		forks = append(forks, fork{i, 0, pos})
		draws[i] = rand.New(rand.NewPCG(uint64(i+1), uint64(t*10)))
	}
	logits := func(int) []float32 {
		copy(s.logits, first)
		return s.logits
	}
	var ended, looped []hypothesis
	for k := range s.most(pos) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		for i := range live { // all before a check for loops, which makes the logits invalid
			s.extend(&live[i], logits(i), t, draws[i], o)
		}
		rest := live[:0]
		for i, h := range live {
			if h.tokens[len(h.tokens)-1] == s.EndOfText {
				h.tokens = h.tokens[:len(h.tokens)-1]
				ended = append(ended, h)
				continue
			}
			loop, err := s.loop(&h, r, o)
			if err != nil {
				return nil, err
			}
			if loop {
				looped = append(looped, h)
				continue
			}
			draws[len(rest)] = draws[i]
			rest = append(rest, h)
		}
		if live = rest; len(live) == 0 {
			break
		}
		out, err := s.stepBeam(live, pos+k, forks)
		if err != nil {
			return nil, err
		}
		a.steps++
		logits, forks = out.row, nil
	}
	if ended = append(ended, live...); len(ended) == 0 {
		ended, a.looped = looped, true
	}
	top := o.likeliest(ended)
	a.tokens, a.sum = top.tokens, top.sum
	return a, nil
}

// extend samples the token that follows h by the logits after its tokens, which are modified, and
// appends it to h's tokens.
func (s *Slot) extend(h *hypothesis, logits []float32, t float32, draw *rand.Rand, o *Options) {
	next := s.allow(logits, h.tokens, o)
	undo, top := s.lift(o.Vocabulary, &next, h.in)
	id, _ := s.best(next.logits)
	if t > 0 {
		id = s.draw(next.logits, id, t, draw)
	}
	undo() // log-probabilities are those of the network
	id += int32(next.from)
	in, bonus := o.Vocabulary.follow(h.in, id, top-next.logit(id))
	h.tokens, h.in = append(h.tokens, id), in
	h.sum, h.bonus = h.sum+next.prob(id), h.bonus+bonus
}

// draw returns the index of a logit by its probability at temperature t; top is the largest.
func (s *Slot) draw(logits []float32, top int32, t float32, rng *rand.Rand) int32 {
	sum := 0.0
	scores := s.scores[:len(logits)]
	for i, v := range logits {
		scores[i] = 0
		if x := (v - logits[top]) / t; x > -25 { // all others together add less than 1e-6
			scores[i] = float32(math.Exp(float64(x)))
			sum += float64(scores[i])
		}
	}
	at := rng.Float64() * sum
	for i, p := range scores {
		if at -= float64(p); at < 0 {
			return int32(i)
		}
	}
	return top
}
