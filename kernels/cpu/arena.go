package cpu

// minSlab is the smallest size of a slab, in values (4 MiB).
const minSlab = 1 << 20

// arena allocates the memory of steps.
//
// New takes consecutive pieces of a slab, and the next step frees all of them at
// once. If a step needs more than the slab has, further slabs are allocated, and the next step replaces them
// by one of their total size. After the largest step, nothing is allocated any more. If many steps in a row use a small part
// of the slab, such as the single tokens after a prompt, or the steps of a decoder after that of an encoder, the system gets
// the memory of the rest back; a later step that uses it gets new pages (a millisecond for 16 MB).
type arena struct {
	slabs   [][]float32
	used    int // values used of the last slab
	sum     int // values in the slabs before the last
	touched int // values of the only slab that have memory
	small   int // steps in a row that used less than a quarter of touched
	most    int // values that the largest of these used
}

const (
	releaseAfter = 4       // small steps
	leastRelease = 1 << 20 // values
)

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

// reset frees everything.
func (a *arena) reset() {
	switch k := len(a.slabs); {
	case k > 1:
		total := a.sum + len(a.slabs[k-1])
		for _, s := range a.slabs {
			releaseMemory(asBytes(s)) // at once, not when the garbage collector finds them
		}
		clear(a.slabs) // the garbage collector may free them before their successor is allocated
		a.slabs = append(a.slabs[:0], alignedF32(total))
		a.touched, a.small, a.most = 0, 0, 0
	case k == 1:
		a.release()
	}
	a.used, a.sum = 0, 0
}

// release gives memory of the slab back to the system if releaseAfter steps used little of it.
func (a *arena) release() {
	a.touched = max(a.touched, a.used)
	if a.used > a.touched/4 {
		a.small, a.most = 0, 0
		return
	}
	a.small, a.most = a.small+1, max(a.most, a.used)
	if a.small < releaseAfter || a.touched-a.most < leastRelease {
		return
	}
	releaseMemory(asBytes(a.slabs[0][a.most:a.touched]))
	a.touched, a.small, a.most = a.most, 0, 0
}
