package sample

import "math"

// Stages that keep a part of the candidates. Each keeps at least one.

func (s *Sampler) topK() {
	if s.p.TopK > 0 {
		s.c.keepBest(s.p.TopK)
	}
}

func (s *Sampler) topP() {
	if !(s.p.TopP > 0 && s.p.TopP < 1) {
		return
	}
	top := s.c.top()
	sum, want := 0.0, float64(s.p.TopP)*s.c.total(top)
	s.c.takeWhile(func(n int, next candidate) bool {
		if n > 0 && sum >= want {
			return false
		}
		sum += exp(float64(next.logit - top))
		return true
	})
}

func (s *Sampler) minP() {
	if s.p.MinP == 0 {
		return
	}
	floor := float64(s.c.top()) + math.Log(float64(s.p.MinP))
	s.c.keepIf(func(x candidate) bool { return float64(x.logit) >= floor })
}

// typical keeps the tokens whose surprise, -log p, is nearest to the entropy.
func (s *Sampler) typical() {
	if !(s.p.Typical > 0 && s.p.Typical < 1) {
		return
	}
	top := s.c.top()
	entropy, logTotal := s.c.entropy(top)
	h := heap(s.distances[:0]) // the negative distance of each candidate, with its index in place of the id
	for i, x := range s.c.list {
		surprise := logTotal - float64(x.logit-top)
		h = append(h, candidate{float32(-math.Abs(surprise - entropy)), int32(i)})
	}
	s.distances = h
	h.init()
	kept := s.c.other[:0]
	for sum := 0.0; len(h) > 0 && sum <= float64(s.p.Typical); {
		x := s.c.list[h.pop().id]
		sum += math.Exp(float64(x.logit-top) - logTotal)
		kept = append(kept, x)
	}
	s.c.list, s.c.other = kept, s.c.list[:0]
	s.c.best, s.c.byID = false, false
}

// topNSigma keeps the logits within TopNSigma standard deviations of the largest.
func (s *Sampler) topNSigma() {
	if s.p.TopNSigma == 0 || len(s.c.list) < 2 {
		return
	}
	n, sum, squares := float64(len(s.c.list)), 0.0, 0.0
	for _, x := range s.c.list {
		sum += float64(x.logit)
	}
	mean := sum / n
	for _, x := range s.c.list {
		squares += (float64(x.logit) - mean) * (float64(x.logit) - mean)
	}
	floor := float64(s.c.top()) - float64(s.p.TopNSigma)*math.Sqrt(squares/n)
	s.c.keepIf(func(x candidate) bool { return float64(x.logit) >= floor })
}

// xtc removes the tokens of at least the threshold but the last of them.
func (s *Sampler) xtc() {
	threshold := float64(s.p.XTCThreshold)
	if threshold == 0 {
		threshold = defaultThreshold
	}
	if s.p.XTCProbability == 0 || threshold > 0.5 || len(s.c.list) < 2 || s.rng.Float32() > s.p.XTCProbability {
		return
	}
	top := s.c.top()
	floor := threshold * s.c.total(top)
	above := func(x candidate) bool { return math.Exp(float64(x.logit-top)) >= floor }
	last, found := candidate{}, false
	for _, x := range s.c.list {
		if above(x) && (!found || last.before(x)) {
			last, found = x, true
		}
	}
	if found {
		s.c.keepIf(func(x candidate) bool { return !x.before(last) })
	}
}

// leastTemperature is the temperature below which the best token is chosen, since quotients by it might be no finite numbers.
const leastTemperature = 1e-6

// temperature divides the logits by the temperature. At 0 it keeps the best alone.
func (s *Sampler) temperature() {
	t := float64(s.p.Temperature)
	if s.p.Range > 0 {
		if len(s.c.list) < 2 {
			return
		}
		t = s.dynamic()
	}
	if t < leastTemperature {
		s.c.keepTop()
		return
	}
	for i := range s.c.list {
		l := float64(s.c.list[i].logit) / t
		s.c.list[i].logit = float32(max(-math.MaxFloat32, min(l, math.MaxFloat32)))
	}
}

// dynamic returns the temperature for the entropy of the candidates.
func (s *Sampler) dynamic() float64 {
	exponent := float64(s.p.Exponent)
	if exponent == 0 {
		exponent = 1
	}
	lowest, highest := max(0, float64(s.p.Temperature-s.p.Range)), float64(s.p.Temperature+s.p.Range)
	entropy, _ := s.c.entropy(s.c.top())
	share := max(0, entropy/math.Log(float64(len(s.c.list))))
	return lowest + (highest-lowest)*math.Pow(share, exponent)
}
