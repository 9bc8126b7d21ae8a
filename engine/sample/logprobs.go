package sample

import "math"

// Logprob is a token with the natural logarithm of its probability.
type Logprob struct {
	ID      int32
	Logprob float64
}

// Logprobs returns the logarithm of a token's probability in the model's own distribution, before bias, penalties and every
// stage of sampling, and the n most probable tokens, best first, appended to dst. Logits that are not finite have no part in it.
func Logprobs(dst []Logprob, logits []float32, id int32, n int) (of float64, top []Logprob) {
	highest := math.Inf(-1)
	for _, l := range logits {
		if finite(l) {
			highest = max(highest, float64(l))
		}
	}
	sum := 0.0
	first := len(dst)
	for i, l := range logits {
		if !finite(l) {
			continue
		}
		sum += math.Exp(float64(l) - highest)
		if n > 0 && (len(dst)-first < n || float64(l) > dst[len(dst)-1].Logprob) {
			dst = insert(dst, first, Logprob{int32(i), float64(l)}, n)
		}
	}
	total := highest + math.Log(sum)
	for i := range dst[first:] {
		dst[first+i].Logprob -= total
	}
	return float64(logits[id]) - total, dst
}

// insert puts x into the list dst[first:], which is sorted and has at most n elements.
func insert(dst []Logprob, first int, x Logprob, n int) []Logprob {
	if len(dst)-first < n {
		dst = append(dst, x)
	}
	i := len(dst) - 1
	for ; i > first && dst[i-1].Logprob < x.Logprob; i-- {
		dst[i] = dst[i-1]
	}
	dst[i] = x
	return dst
}
