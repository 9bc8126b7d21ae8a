package whisper

// Beam search: the width likeliest beginnings are continued together, one row of a step
// each. Their prefix lies in one cache per hypothesis; where two continue the same one,
// the second gets a copy. It ends when width of them have ended; the best by mean
// log-probability of a token counts (openai/whisper, BeamSearchDecoder with patience 1).

import (
	"context"
	"slices"

	"soberano/kernels"
)

// hypothesis is a beginning, its tokens in a cache but for the last.
type hypothesis struct {
	tokens []int32
	sum    float64
	cache  kernels.Cache
}

// candidate continues hypothesis from by token id.
type candidate struct {
	from int
	id   int32
	sum  float64
}

func (m *Model) beam(ctx context.Context, first []float32, pos, width int) (*attempt, error) {
	a := &attempt{}
	live := []hypothesis{{cache: m.self[0]}}
	free := slices.Clone(m.self[1:width])
	var ended []hypothesis
	var looped *hypothesis
	copy(m.logits, first)
	cands := m.continuations(nil, 0, live[0], width+1)
	for n := range m.most(pos) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		slices.SortStableFunc(cands, func(a, b candidate) int {
			if a.sum > b.sum {
				return -1
			} else if a.sum < b.sum {
				return 1
			}
			return 0
		})
		var kept []candidate
		for _, c := range cands {
			h := hypothesis{tokens: live[c.from].tokens, sum: c.sum}
			if c.id == m.EndOfText {
				if len(ended) < width {
					ended = append(ended, h)
				}
				continue
			}
			h.tokens = append(slices.Clip(h.tokens), c.id)
			if loops(h.tokens) {
				if looped == nil {
					looped = &h
				}
				continue
			}
			if kept = append(kept, c); len(kept) == width {
				break
			}
		}
		if len(ended) >= width || len(kept) == 0 {
			break
		}
		live, free = follow(live, free, kept, pos+n)
		cands = cands[:0]
		logits := m.stepBeam(live, pos+n)
		a.steps++
		for i, h := range live {
			m.dev.Read(m.logits, logits, i)
			cands = m.continuations(cands, i, h, width+1)
		}
	}
	// The prefix is in every live cache; the first is the one that the next attempt uses.
	for i, h := range live {
		at := slices.Index(m.self, h.cache)
		m.self[i], m.self[at] = m.self[at], m.self[i]
	}
	if len(ended) == 0 && looped != nil {
		a.tokens, a.sum, a.looped = looped.tokens, looped.sum, true
		return a, nil
	}
	if len(ended) < width {
		ended = append(ended, live...)
	}
	score := func(h hypothesis) float64 { return h.sum / float64(max(1, len(h.tokens))) }
	top := slices.MaxFunc(ended, func(x, y hypothesis) int {
		if score(x) < score(y) {
			return -1
		} else if score(x) > score(y) {
			return 1
		}
		return 0
	})
	a.tokens, a.sum = top.tokens, top.sum
	return a, nil
}

// follow makes the kept candidates the live hypotheses. n positions of each cache are
// filled. The first to continue a hypothesis takes its cache, others copy it.
func follow(live []hypothesis, free []kernels.Cache, kept []candidate, n int) ([]hypothesis, []kernels.Cache) {
	taken := make([]bool, len(live))
	next := make([]hypothesis, len(kept))
	for i, c := range kept {
		next[i] = hypothesis{tokens: append(slices.Clip(live[c.from].tokens), c.id), sum: c.sum}
		if !taken[c.from] {
			taken[c.from] = true
			next[i].cache = live[c.from].cache
		}
	}
	for i, h := range live {
		if !taken[i] {
			free = append(free, h.cache)
		}
	}
	for i, c := range kept {
		if next[i].cache == nil {
			next[i].cache, free = free[len(free)-1], free[:len(free)-1]
			next[i].cache.Copy(live[c.from].cache, n)
		}
	}
	return next, free
}

// stepBeam feeds the last token of each hypothesis, at position pos.
func (m *Model) stepBeam(live []hypothesis, pos int) kernels.Tensor {
	ids := make([]int32, len(live))
	spans := make([]kernels.Span, len(live))
	for i, h := range live {
		ids[i] = h.tokens[len(h.tokens)-1]
		spans[i] = kernels.Span{Cache: h.cache, Row: i, N: 1, Pos: pos}
	}
	return m.step(ids, spans, 0)
}

// continuations appends the n likeliest continuations of h, the from-th hypothesis, by
// the logits in m.logits.
func (m *Model) continuations(dst []candidate, from int, h hypothesis, n int) []candidate {
	next := m.allow(m.logits, h.tokens)
	var ids [maxBeam + 1]int32
	for _, i := range ids[:m.dev.Largest(ids[:n], next.logits)] {
		id := i + int32(next.from)
		dst = append(dst, candidate{from: from, id: id, sum: h.sum + next.prob(id)})
	}
	return dst
}
