package sample

import (
	"errors"
	"math"
	"math/rand/v2"
)

// ErrNoLogits means that no token can be chosen: no logit is a finite number, or those that are belong to excluded tokens.
var ErrNoLogits = errors.New("the model gave no finite logits")

// Values that stand for parameters that are 0.
const (
	defaultLast      = 64
	defaultAllowed   = 2
	defaultBase      = 1.75
	defaultThreshold = 0.1
	defaultTau       = 5
	defaultEta       = 0.1
)

// Sampler chooses the tokens of one answer. Only one goroutine may use it. Each stage works on the candidates that the stage before
// has kept:
//
//	logits ─ excluded tokens ─ bias ─ the stages of Params.Order ─────┬─ random choice
//	                               └─ temperature ─ Mirostat 1 or 2 ──┘
//
// After the first steps a step allocates nothing.
type Sampler struct {
	p        Params
	order    []Stage
	rng      *rand.Rand
	bias     []candidate // of Params.Bias
	never    []uint64    // a bit for each token that is not chosen
	allowed  []uint64    // a bit for each token that may be chosen; nil: all
	breakers *Breakers
	c        candidates

	seen      map[int32]int32 // how often, of the last tokens
	matches   []int32         // see suffixes
	repeats   map[int32]int32 // length of the repetition that a token would continue
	distances []candidate     // see typical
	top       candidates      // the best, see mirostatK
	mu        float64         // largest surprise that Mirostat allows, in bits
}

// New returns a Sampler. p must have passed Check.
func New(p Params) *Sampler {
	seed := p.Seed
	if seed == 0 && !p.Seeded {
		seed = rand.Uint64()
	}
	order := p.Order
	if order == nil {
		order = DefaultOrder()
	}
	if p.Mirostat > 0 {
		order = []Stage{StageTemperature}
	}
	order = p.needed(order)
	tau := float64(p.MirostatTau)
	if tau == 0 {
		tau = defaultTau
	}
	s := &Sampler{p: p, order: order, seen: map[int32]int32{}, repeats: map[int32]int32{}, mu: 2 * tau,
		rng: rand.New(rand.NewPCG(seed, 0x9e3779b97f4a7c15))} // The second word may be any constant other than 0.
	for id, b := range p.Bias {
		s.bias = append(s.bias, candidate{b, id})
	}
	return s
}

// Never says that these tokens are never chosen, such as those that stand for images. Ids outside the vocabulary are ignored.
func (s *Sampler) Never(ids []int32) {
	clear(s.never)
	for _, id := range ids {
		for id >= 0 && int(id)/64 >= len(s.never) {
			s.never = append(s.never, 0)
		}
		if id >= 0 {
			s.never[id/64] |= 1 << (id % 64)
		}
	}
}

// Allow says that only tokens whose bits are set are chosen: token i has bit i%64 of mask[i/64]. nil allows all. Next reads the
// mask, which the caller may change between two calls.
func (s *Sampler) Allow(mask []uint64) { s.allowed = mask }

// SetBreakers sets the sequences at which the repetitions of DRY end. nil: there are none.
func (s *Sampler) SetBreakers(b *Breakers) { s.breakers = b }

// NeedsBreakers returns the strings for SetBreakers, nil if the parameters need none.
func (p Params) NeedsBreakers() []string {
	if p.DRYMultiplier == 0 || p.Mirostat > 0 {
		return nil
	}
	if p.DRYBreakers == nil {
		return DefaultBreakers()
	}
	return p.DRYBreakers
}

// Next chooses a token. logits has one value for each token of the vocabulary and is not changed.
// history holds the tokens of prompt and answer so far, for the penalties. Tokens whose logits are
// not finite are never chosen; if there are no others, the error is ErrNoLogits.
func (s *Sampler) Next(logits []float32, history []int32) (int32, error) {
	if err := s.distribution(logits, history); err != nil {
		return 0, err
	}
	chosen := s.draw()
	if s.p.Mirostat > 0 {
		s.learn(chosen)
	}
	return s.c.list[chosen].id, nil
}

// distribution sets the candidates, and their probabilities as weight.
func (s *Sampler) distribution(logits []float32, history []int32) error {
	if s.greedy() {
		s.loadTop(logits)
	} else {
		s.load(logits)
	}
	if len(s.c.list) == 0 {
		return ErrNoLogits
	}
	for _, stage := range s.order {
		s.apply(stage, history)
	}
	if s.p.Mirostat > 0 {
		s.keepMirostat(len(logits))
	}
	s.c.softmax()
	return nil
}

// load makes candidates of the tokens that may be chosen and adds the bias.
func (s *Sampler) load(logits []float32) {
	list := s.c.list[:0]
	for i, l := range logits {
		if l-l == 0 && !has(s.never, i) && (s.allowed == nil || has(s.allowed, i)) { // l-l is NaN for numbers that are not finite
			list = append(list, candidate{l, int32(i)})
		}
	}
	s.c.list, s.c.best, s.c.byID = list, false, true
	excluded := false
	for _, b := range s.bias {
		if i := s.c.find(b.id); i >= 0 {
			s.c.list[i].logit += b.logit
			excluded = excluded || !finite(s.c.list[i].logit)
		}
	}
	if excluded {
		s.c.keepIf(func(x candidate) bool { return finite(x.logit) })
	}
}

// greedy reports whether the first stage keeps the best token alone, whatever the others do.
func (s *Sampler) greedy() bool {
	return len(s.order) > 0 && s.order[0] == StageTemperature && s.p.Temperature < leastTemperature && s.p.Range == 0 && s.p.Mirostat == 0 && len(s.bias) == 0
}

// loadTop makes a candidate of the best token alone, which takes a tenth of the time of load.
func (s *Sampler) loadTop(logits []float32) {
	s.c.list, s.c.best, s.c.byID = s.c.list[:0], true, true
	top, at := float32(math.Inf(-1)), -1
	for i, l := range logits {
		if l > top && l-l == 0 && !has(s.never, i) && (s.allowed == nil || has(s.allowed, i)) {
			top, at = l, i
		}
	}
	if at >= 0 {
		s.c.list = append(s.c.list, candidate{top, int32(at)})
	}
}

func has(bits []uint64, i int) bool { return i/64 < len(bits) && bits[i/64]>>(i%64)&1 != 0 }

func (s *Sampler) apply(stage Stage, history []int32) {
	switch stage {
	case StagePenalties:
		s.penalties(history)
	case StageDRY:
		s.dry(history)
	case StageTopNSigma:
		s.topNSigma()
	case StageTopK:
		s.topK()
	case StageTypical:
		s.typical()
	case StageTopP:
		s.topP()
	case StageMinP:
		s.minP()
	case StageXTC:
		s.xtc()
	case StageTemperature:
		s.temperature()
	}
}

// draw chooses one of the candidates at random, with the probabilities in weight, and returns its index.
func (s *Sampler) draw() int {
	if len(s.c.list) == 1 {
		return 0
	}
	at, chosen := s.rng.Float64(), 0
	for i, w := range s.c.weight {
		if w == 0 {
			continue
		}
		chosen = i
		if at -= w; at < 0 {
			break
		}
	}
	return chosen
}

func finite(x float32) bool { return !math.IsNaN(float64(x)) && !math.IsInf(float64(x), 0) }
