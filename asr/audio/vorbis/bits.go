package vorbis

// bitReader reads the bits of a packet, the lowest of a byte first. After the end all bits are 0
// and over is set.
type bitReader struct {
	b    []byte
	at   int // bit
	over bool
}

// bits returns the next n bits, at most 32.
func (r *bitReader) bits(n int) uint32 {
	v := r.peek(n)
	r.pass(n)
	return v
}

// peek returns the next n bits without taking them.
func (r *bitReader) peek(n int) uint32 {
	var v uint64
	first := r.at >> 3
	for i := range 5 {
		if first+i < len(r.b) {
			v |= uint64(r.b[first+i]) << (8 * i)
		}
	}
	return uint32(v >> (r.at & 7) & (1<<n - 1))
}

// pass skips n bits.
func (r *bitReader) pass(n int) {
	r.at += n
	r.over = r.over || r.at > 8*len(r.b)
}

// flag reads one bit.
func (r *bitReader) flag() bool { return r.bits(1) != 0 }
