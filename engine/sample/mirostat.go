package sample

import "math"

// mirostatTop is the number of best tokens from which Mirostat 1 estimates the exponent of Zipf's law.
const mirostatTop = 100

// keepMirostat keeps the candidates whose surprise is at most that which mu allows. vocabulary is the number of tokens of the model.
func (s *Sampler) keepMirostat(vocabulary int) {
	if s.p.Mirostat == 2 {
		top := s.c.top()
		logTotal := math.Log(s.c.total(top))
		s.c.takeWhile(func(n int, next candidate) bool {
			return n == 0 || (logTotal-float64(next.logit-top))/math.Ln2 <= s.mu
		})
		return
	}
	s.c.keepBest(s.mirostatK(vocabulary))
}

// mirostatK returns how many tokens Mirostat 1 keeps.
func (s *Sampler) mirostatK(vocabulary int) int {
	s.top.list = append(s.top.list[:0], s.c.list...)
	s.top.best, s.top.byID = s.c.best, false
	s.top.keepBest(mirostatTop)
	top, products, squares := s.top.list, 0.0, 0.0
	for i := 0; i+1 < len(top); i++ {
		t := math.Log(float64(i+2) / float64(i+1))
		products += t * float64(top[i].logit-top[i+1].logit)
		squares += t * t
	}
	if squares == 0 || products == 0 {
		return len(s.c.list)
	}
	exponent := products / squares
	epsilon := exponent - 1
	k := math.Pow(epsilon*math.Exp2(s.mu)/(1-math.Pow(float64(vocabulary), -epsilon)), 1/exponent)
	if !(k < float64(len(s.c.list))) { // also true for NaN, of an exponent of 1
		return len(s.c.list)
	}
	return max(1, int(k))
}

// learn changes mu for the candidate that was chosen; weight holds the candidates' probabilities.
func (s *Sampler) learn(chosen int) {
	tau, eta := float64(s.p.MirostatTau), float64(s.p.MirostatEta)
	if tau == 0 {
		tau = defaultTau
	}
	if eta == 0 {
		eta = defaultEta
	}
	s.mu -= eta * (-math.Log2(s.c.weight[chosen]) - tau)
}
