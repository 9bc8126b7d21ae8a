package cpu

// minSlab is the least size of a slab, in values (4 MiB).
const minSlab = 1 << 20

// arena is the memory of steps.
//
// New hands out pieces of a slab one after the other; the next step takes all of them back
// at once. A step that outgrows the slab gets further ones, and the next step joins them
// into one, so that after the largest step nothing is allocated any more.
type arena struct {
	slabs [][]float32
	used  int // of the last slab
	sum   int // values in the earlier slabs
}

// take returns n values of undefined content, aligned to 64 bytes.
func (a *arena) take(n int) []float32 {
	need := (n + 15) &^ 15
	if len(a.slabs) == 0 || a.used+need > len(a.slabs[len(a.slabs)-1]) {
		if k := len(a.slabs); k > 0 {
			a.sum += len(a.slabs[k-1])
		}
		a.slabs = append(a.slabs, alignedF32(max(minSlab, need, a.sum/2)))
		a.used = 0
	}
	s := a.slabs[len(a.slabs)-1]
	out := s[a.used : a.used+n : a.used+n]
	a.used += need
	return out
}

// reset takes everything back.
func (a *arena) reset() {
	if k := len(a.slabs); k > 1 {
		total := a.sum + len(a.slabs[k-1])
		clear(a.slabs) // let go of them before their successor is made
		a.slabs = append(a.slabs[:0], alignedF32(total))
	}
	a.used, a.sum = 0, 0
}
