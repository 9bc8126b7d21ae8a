package sample

import "math"

// candidates are the tokens that may still be chosen. Stages that need the best ones take them from a heap, and only as many as they
// need: with a vocabulary of 262,144 tokens these are about a hundred, so nothing is sorted, and the heap is first made of those near the best one. Tokens with equal logits are ordered
// by id, so that a seed and the same logits always give the same text.
type candidates struct {
	list   []candidate
	other  []candidate // the buffer of the next list
	best   bool        // list is sorted, best first
	byID   bool        // list is sorted by id
	weight []float64   // of list, see softmax
}

// keepBest keeps the n best, sorted.
func (c *candidates) keepBest(n int) {
	if c.best {
		c.list = c.list[:min(n, len(c.list))]
		return
	}
	c.takeWhile(func(int, candidate) bool { n--; return n >= 0 })
}

// takeWhile keeps the best candidates as long as more, given the number of those that are kept already and the next one, returns true.
func (c *candidates) takeWhile(more func(n int, next candidate) bool) {
	if c.best {
		n := 0
		for n < len(c.list) && more(n, c.list[n]) {
			n++
		}
		c.list = c.list[:n]
		return
	}
	near, kept := c.nearFirst(), c.other[:0]
	for _, h := range []heap{c.list[:near], c.list[near:]} {
		h.init()
		for len(h) > 0 && more(len(kept), h[0]) {
			kept = append(kept, h.pop())
		}
		if len(h) > 0 {
			break
		}
	}
	c.list, c.other = kept, c.list[:0]
	c.best, c.byID = true, false
}

// nearLogit is how far below the largest logit candidates are among those that nearFirst moves to the front.
const nearLogit = 8

// nearFirst moves the candidates whose logits are close to the largest to the front, and returns their number.
func (c *candidates) nearFirst() int {
	if len(c.list) == 0 {
		return 0
	}
	n, floor := 0, c.top()-nearLogit
	for i, x := range c.list {
		if x.logit >= floor {
			c.list[n], c.list[i] = x, c.list[n]
			n++
		}
	}
	return n
}

// keepIf keeps the candidates for which keep returns true, in their order.
func (c *candidates) keepIf(keep func(candidate) bool) {
	n := 0
	for _, x := range c.list {
		if keep(x) {
			c.list[n] = x
			n++
		}
	}
	c.list = c.list[:n]
}

// keepTop keeps the best candidate alone.
func (c *candidates) keepTop() {
	top := c.list[0]
	for _, x := range c.list {
		if x.before(top) {
			top = x
		}
	}
	c.list = append(c.list[:0], top)
}

// top returns the largest logit.
func (c *candidates) top() float32 {
	top := c.list[0].logit
	if c.best {
		return top
	}
	for _, x := range c.list {
		if x.logit > top {
			top = x.logit
		}
	}
	return top
}

// total returns the sum of exp(logit - top).
func (c *candidates) total(top float32) float64 {
	sum := 0.0
	for _, x := range c.list {
		sum += exp(float64(x.logit - top))
	}
	return sum
}

// softmax sets weight to the candidates' probabilities.
func (c *candidates) softmax() {
	top := c.top()
	c.weight = c.weight[:0]
	sum := 0.0
	for _, x := range c.list {
		w := math.Exp(float64(x.logit - top))
		c.weight = append(c.weight, w)
		sum += w
	}
	for i := range c.weight {
		c.weight[i] /= sum
	}
}

// entropy returns the entropy of the candidates' distribution in nats, and log Σ exp(logit - top).
func (c *candidates) entropy(top float32) (h, logTotal float64) {
	sum, weighted := 0.0, 0.0
	for _, x := range c.list {
		d := float64(x.logit) - float64(top)
		w := math.Exp(d)
		sum, weighted = sum+w, weighted+w*d
	}
	return math.Log(sum) - weighted/sum, math.Log(sum)
}

// find returns the index of a token, -1 if it isn't a candidate.
func (c *candidates) find(id int32) int {
	if !c.byID {
		for i, x := range c.list {
			if x.id == id {
				return i
			}
		}
		return -1
	}
	lo, hi := 0, len(c.list)
	for lo < hi {
		if mid := (lo + hi) / 2; c.list[mid].id < id {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	if lo < len(c.list) && c.list[lo].id == id {
		return lo
	}
	return -1
}
