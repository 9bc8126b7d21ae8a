package cpu

import "math"

// leastPart is the fewest keys for which it pays to split the keys of a unit into parts.
const leastPart = 256

// partial is the result of one part of a unit, before normalisation.
type partial struct {
	out      []float32 // [12][headDim rounded up to 32]
	max, sum [unitRows]float32
}

// join combines the parts of the units that were split.
func (j *attendJob) join() {
	for i := 0; i < len(j.units); i += int(j.units[i].parts) {
		if u := j.units[i]; u.parts > 1 {
			j.joinUnit(u, j.parts[i:][:u.parts])
		}
	}
}

// joinUnit combines the parts of one unit: it rescales their outputs to the largest of their maxima, adds them, and
// divides by the sum.
func (j *attendJob) joinUnit(u unit, parts []partial) {
	s := j.spans[u.span]
	_, d := j.a.Dims()
	dims, group := j.layerOf(s).dims, j.a.Heads/j.a.KVHeads
	for i := range min(unitRows, s.N*group-int(u.row)) {
		top, sum := float32(math.Inf(-1)), float32(0)
		for p := range parts {
			top = max(top, parts[p].max[i])
		}
		t, h := j.place(s, u, i, group)
		dst := j.dst.Row(t)[h*d:][:d]
		clear(dst)
		for p := range parts {
			part := &parts[p]
			if part.sum[i] == 0 {
				continue
			}
			share := float32(math.Exp(float64(part.max[i] - top)))
			sum += share * part.sum[i]
			out := part.out[i*dims:][:d]
			scaleTo(j.lv, out, out, share)
			addTo(j.lv, dst, out)
		}
		scaleTo(j.lv, dst, dst, j.share(h, top, sum))
	}
}

// share returns the number by which the output of a row of query head h is multiplied in the end: the inverse of the sum of the
// softmax weights, which are relative to exp(top).
func (j *attendJob) share(h int, top, sum float32) float32 {
	if j.sinks == nil {
		return inverse(sum)
	}
	return float32(1 / (float64(sum) + math.Exp(float64(j.sinks[h]-top))))
}

// piece splits the keys lo … hi at multiples of 32 into parts and returns the unit's part.
func (u unit) piece(lo, hi int) (from, to int) {
	lo &^= 31
	n := (hi - lo + 31) / 32
	from = lo + n*int(u.part)/int(u.parts)*32
	to = lo + n*int(u.part+1)/int(u.parts)*32
	return from, min(to, hi)
}
