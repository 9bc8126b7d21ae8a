package cpu

import (
	"math"

	"soberano/kernels"
)

// leastPart is the fewest keys for which it pays to split the keys of a unit into parts.
const leastPart = 256

// Rows of a span of at most kernels.Few rows have the same bits as if they were computed one by one. What adds up in another order is therefore
// chosen by the position of a row alone: the blocks of keys begin at multiples of keyBlock, and the parts depend on which of the panels of 32
// positions the row is in. A unit has rows of one panel.

// cut divides the operation into units.
func (j *attendJob) cut(threads int) {
	group := j.a.Heads / j.a.KVHeads
	j.units = j.units[:0]
	for i, s := range j.spans {
		for t := 0; t < s.N; {
			end, parts := s.N, 1
			if s.N <= kernels.Few {
				end = min(s.N, (s.Pos+t)|31+1-s.Pos)
				parts = j.partsAt(s, s.Pos+t, threads)
			}
			for h := range j.a.KVHeads {
				for r := t * group; r < end*group; r += unitRows {
					for p := range parts {
						j.units = append(j.units, unit{int32(i), int32(h), int32(r), int32(min(unitRows, end*group-r)), int32(p), int32(parts)})
					}
				}
			}
			t = end
		}
	}
	for len(j.parts) < len(j.units) {
		j.parts = append(j.parts, partial{})
	}
}

// partsAt returns into how many parts the keys of a single row at position p are split.
func (j *attendJob) partsAt(s kernels.Span, p, threads int) int {
	n := (j.a.Heads/j.a.KVHeads + unitRows - 1) / unitRows * j.a.KVHeads // its units
	if threads == 1 || n >= 4*threads {
		return 1
	}
	lo, hi := j.reach(s, p)
	return max(1, min(4*threads/n, (hi-lo)/leastPart))
}

// reach returns a range of keys that contains those of all rows in the panel of position p. It begins at a multiple of 32.
func (j *attendJob) reach(s kernels.Span, p int) (lo, hi int) {
	switch {
	case j.a.Causal && s.Whole:
		return j.a.First(p&^31) &^ 31, s.Pos + s.N
	case j.a.Causal:
		return j.a.First(p&^31) &^ 31, p | 31 + 1
	case j.a.Window > 0:
		return max(s.From, p&^31-j.a.Window/2) &^ 31, min(s.Len, p|31+j.a.Window/2+1)
	}
	return s.From &^ 31, s.Len
}

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
	for i := range int(u.rows) {
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

// piece returns the part of the keys lo … hi of a unit of s that u computes. The parts begin at multiples of 32.
func (j *attendJob) piece(s kernels.Span, u unit, lo, hi int) (from, to int) {
	first, end := j.reach(s, s.Pos+int(u.row)/(j.a.Heads/j.a.KVHeads))
	n := (end - first + 31) / 32
	from = first + n*int(u.part)/int(u.parts)*32
	to = first + n*int(u.part+1)/int(u.parts)*32
	return max(from, lo), min(to, hi)
}
