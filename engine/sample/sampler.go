package sample

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
)

// ErrNoLogits means that no logit is a finite number, so no token can be chosen.
var ErrNoLogits = errors.New("the model gave no finite logits")

// defaultLast is the number of last tokens that the penalties consider if Params.Last is 0.
const defaultLast = 64

// Check returns an error for the first field whose value is out of range. It names the field as in JSON.
func (p Params) Check() error {
	fields := []struct {
		name      string
		v, lo, hi float32
	}{
		{"temperature", p.Temperature, 0, 100},
		{"top_p", p.TopP, 0, 1},
		{"min_p", p.MinP, 0, 1},
		{"repeat_penalty", p.Repeat, 0, 100},
		{"frequency_penalty", p.Frequency, -100, 100},
		{"presence_penalty", p.Presence, -100, 100},
	}
	for _, f := range fields {
		if !(f.v >= f.lo && f.v <= f.hi) { // also true for NaN
			return fmt.Errorf("sample: %s is %v, expected %v to %v", f.name, f.v, f.lo, f.hi)
		}
	}
	if p.TopK < 0 {
		return fmt.Errorf("sample: top_k is %d, expected 0 (all) or more", p.TopK)
	}
	if p.Last < 0 {
		return fmt.Errorf("sample: repeat_last is %d, expected 0 (%d) or more", p.Last, defaultLast)
	}
	return nil
}

// Sampler chooses the tokens of one answer. Only one goroutine may use it. Each stage works on the
// candidates that the stage before has kept:
//
//	logits ─ penalties ─ top-k ─ top-p ─ min-p ─ temperature ─ random choice
//	         (a copy)     └──── best first, from a heap ────┘
//
// The heap returns the candidates best first, and only as many are taken as the stages need. With a
// vocabulary of 262,144 tokens these are about a hundred, so nothing is sorted. Tokens with equal
// logits are ordered by id, so a seed and the same logits always give the same text.
type Sampler struct {
	p      Params
	rng    *rand.Rand
	logits []float32     // after penalties
	seen   map[int32]int // of the last tokens
	never  []int32       // tokens that are not chosen
	heap   heap          // candidates that have not been taken
	kept   []candidate   // candidates that have been taken, best first
	weight []float64     // of kept
}

// New returns a Sampler. p must have passed Check.
func New(p Params) *Sampler {
	seed := p.Seed
	if seed == 0 && !p.Seeded {
		seed = rand.Uint64()
	}
	// The second word may be any constant other than 0.
	return &Sampler{p: p, rng: rand.New(rand.NewPCG(seed, 0x9e3779b97f4a7c15)), seen: map[int32]int{}}
}

// Never says that these tokens are never chosen, such as those that stand for images. Ids outside the vocabulary are ignored.
func (s *Sampler) Never(ids []int32) { s.never = ids }

// Next chooses a token. logits has one value for each token of the vocabulary and is not changed.
// history holds the tokens of prompt and answer so far, for the penalties. Tokens whose logits are
// not finite are never chosen; if there are no others, the error is ErrNoLogits.
func (s *Sampler) Next(logits []float32, history []int32) (int32, error) {
	logits = s.without(s.penalize(logits, history))
	if s.p.Temperature == 0 || s.p.TopK == 1 {
		return best(logits)
	}
	s.heap = s.heap[:0]
	for i, l := range logits {
		if finite(l) {
			s.heap = append(s.heap, candidate{l, int32(i)})
		}
	}
	if len(s.heap) == 0 {
		return 0, ErrNoLogits
	}
	s.keep()
	return s.draw(), nil
}

// keep fills kept with the candidates that top-k, top-p and min-p keep.
func (s *Sampler) keep() {
	s.kept = s.kept[:0]
	if s.p.TopK == 0 && !(s.p.TopP > 0 && s.p.TopP < 1) {
		s.kept = append(s.kept, s.heap...) // min-p and the random choice do not depend on the order
		s.cutMinP()
		return
	}
	k := len(s.heap)
	total := 0.0 // sum of the weights of which TopP is a share
	if s.p.TopK == 0 {
		top := s.top()
		for _, c := range s.heap {
			total += math.Exp(float64(c.logit - top))
		}
	} else {
		k = min(k, s.p.TopK)
	}
	s.heap.init()
	if total > 0 {
		s.takeShare(total)
	} else {
		for len(s.kept) < k {
			s.kept = append(s.kept, s.heap.pop())
		}
		s.cutTopP()
	}
	s.cutMinP()
}

func (s *Sampler) top() float32 {
	top := s.heap[0].logit
	for _, c := range s.heap {
		top = max(top, c.logit)
	}
	return top
}

// takeShare takes the best candidates until they have the share TopP of total.
func (s *Sampler) takeShare(total float64) {
	sum, want := 0.0, float64(s.p.TopP)*total
	for len(s.heap) > 0 && (len(s.kept) == 0 || sum < want) {
		c := s.heap.pop()
		s.kept = append(s.kept, c)
		sum += math.Exp(float64(c.logit - s.kept[0].logit))
	}
}

// cutTopP shortens kept, which is sorted, to the share TopP of its probability.
func (s *Sampler) cutTopP() {
	if !(s.p.TopP > 0 && s.p.TopP < 1) {
		return
	}
	total := 0.0
	for _, c := range s.kept {
		total += math.Exp(float64(c.logit - s.kept[0].logit))
	}
	sum := 0.0
	for i, c := range s.kept {
		sum += math.Exp(float64(c.logit - s.kept[0].logit))
		if sum >= float64(s.p.TopP)*total {
			s.kept = s.kept[:i+1]
			return
		}
	}
}

// cutMinP removes candidates with less than MinP times the probability of the best.
func (s *Sampler) cutMinP() {
	if s.p.MinP == 0 {
		return
	}
	top := s.kept[0].logit
	for _, c := range s.kept {
		top = max(top, c.logit)
	}
	floor := float64(top) + math.Log(float64(s.p.MinP))
	n := 0
	for _, c := range s.kept {
		if float64(c.logit) >= floor {
			s.kept[n] = c
			n++
		}
	}
	s.kept = s.kept[:n]
}

// draw chooses one of kept at random, with a probability proportional to exp(logit/temperature).
func (s *Sampler) draw() int32 {
	top := s.kept[0].logit
	for _, c := range s.kept {
		top = max(top, c.logit)
	}
	s.weight = s.weight[:0]
	total := 0.0
	for _, c := range s.kept {
		w := math.Exp(float64(c.logit-top) / float64(s.p.Temperature))
		s.weight = append(s.weight, w)
		total += w
	}
	at := s.rng.Float64() * total
	last := s.kept[0].id
	for i, w := range s.weight {
		if w == 0 {
			continue
		}
		last = s.kept[i].id
		if at -= w; at < 0 {
			break
		}
	}
	return last
}

// penalize returns logits with penalties for recent tokens. It is a copy if there are any.
func (s *Sampler) penalize(logits []float32, history []int32) []float32 {
	repeat := s.p.Repeat
	if repeat == 0 {
		repeat = 1
	}
	if repeat == 1 && s.p.Frequency == 0 && s.p.Presence == 0 {
		return logits
	}
	last := s.p.Last
	if last == 0 {
		last = defaultLast
	}
	clear(s.seen)
	for _, id := range history[max(0, len(history)-last):] {
		s.seen[id]++
	}
	s.logits = append(s.logits[:0], logits...)
	for id, n := range s.seen {
		if id < 0 || int(id) >= len(s.logits) {
			continue
		}
		l := s.logits[id]
		if l > 0 {
			l /= repeat
		} else {
			l *= repeat
		}
		s.logits[id] = l - float32(n)*s.p.Frequency - s.p.Presence
	}
	return s.logits
}

// without returns logits without those of the tokens that are not chosen. It is a copy if there are any.
func (s *Sampler) without(logits []float32) []float32 {
	if len(s.never) == 0 {
		return logits
	}
	s.logits = append(s.logits[:0], logits...) // which may be logits itself
	for _, id := range s.never {
		if id >= 0 && int(id) < len(s.logits) {
			s.logits[id] = float32(math.Inf(-1))
		}
	}
	return s.logits
}

// best returns the token with the largest finite logit; of equal ones the first.
func best(logits []float32) (int32, error) {
	id := -1
	for i, l := range logits {
		if finite(l) && (id < 0 || l > logits[id]) {
			id = i
		}
	}
	if id < 0 {
		return 0, ErrNoLogits
	}
	return int32(id), nil
}

func finite(x float32) bool { return x-x == 0 }
