package vorbis

import (
	"math"
	"math/bits"
)

const (
	mostEntries = 1 << 17 // entries of a codebook; real ones have some thousands
	mostValues  = 1 << 21 // numbers in the vectors of all codebooks
	quickBits   = 9       // codes of up to so many bits are found in one step
)

// codebook is a Huffman code whose entries stand for numbers or vectors (Vorbis I, section 3):
//
//	24 bits "BCV", 16 dimensions, 24 entries, 1 ordered, then the lengths of the codes:
//	  ordered: 5 bits first length - 1, then how many entries have each length
//	  else:    1 sparse, for each entry [1 used], 5 bits length - 1
//	4 bits lookup: 0 numbers only; 1 a lattice, 2 a list of: 32 bits minimum, 32 step, 4 width - 1,
//	  1 each value adds to the previous one, and the values
//
// The codes follow from the lengths: each entry gets the lowest code that is free.
type codebook struct {
	dim     int
	tree    [][2]int32 // by node and bit: another node, or ^entry; 0: no code
	quick   []uint32   // entry<<6 | length by the next quickBits bits; 0: a longer code, or none
	vectors []float32  // [entries][dim]; nil for numbers only
}

// readCodebook reads a codebook whose vectors may have up to room numbers.
func readCodebook(r *bitReader, room int) (*codebook, error) {
	if r.bits(24) != 0x564342 {
		return nil, errSetup
	}
	c := &codebook{dim: int(r.bits(16))}
	entries := int(r.bits(24))
	if entries == 0 || entries > mostEntries || c.dim == 0 {
		return nil, errSetup
	}
	lengths, err := readLengths(r, entries)
	if err != nil {
		return nil, err
	}
	if err := c.build(lengths); err != nil {
		return nil, err
	}
	return c, c.lookup(r, entries, room)
}

// readLengths reads the length of each entry's code, 0 for an unused one.
func readLengths(r *bitReader, entries int) ([]uint8, error) {
	out := make([]uint8, entries)
	if r.flag() {
		length := r.bits(5) + 1
		for at := 0; at < entries; length++ {
			n := int(r.bits(bits.Len(uint(entries - at))))
			if length > 32 || n > entries-at || r.over {
				return nil, errSetup
			}
			for ; n > 0; n-- {
				out[at] = uint8(length)
				at++
			}
		}
		return out, nil
	}
	sparse := r.flag()
	for i := range out {
		if !sparse || r.flag() {
			out[i] = uint8(r.bits(5) + 1)
		}
		if r.over {
			return nil, errSetup
		}
	}
	return out, nil
}

// build makes the tree. At each depth at most one node is free; the deepest free node has the
// lowest code.
func (c *codebook) build(lengths []uint8) error {
	c.tree = make([][2]int32, 1, 2*len(lengths))
	c.quick = make([]uint32, 1<<quickBits)
	var free [33]bool
	var code [33]uint32 // left-justified
	free[0] = true
	used := 0
	for entry, n := range lengths {
		if n == 0 {
			continue
		}
		used++
		z := int(n)
		for z >= 0 && !free[z] {
			z--
		}
		if z < 0 {
			return errSetup // more codes than their lengths allow
		}
		w := code[z]
		free[z] = false
		for y := z + 1; y <= int(n); y++ {
			free[y], code[y] = true, w|1<<(32-y)
		}
		c.add(w, int(n), int32(entry))
	}
	if used == 1 && c.tree[0][0] < 0 { // a single entry has a code of one bit, of either value
		c.tree[0][1] = c.tree[0][0]
		for i := range c.quick {
			c.quick[i] = uint32(^c.tree[0][0])<<6 | 1
		}
		return nil
	}
	for _, f := range free {
		if f {
			return errSetup // fewer codes than their lengths require
		}
	}
	return nil
}

// add puts an entry into the tree; its code is the first n bits of w.
func (c *codebook) add(w uint32, n int, entry int32) {
	node := int32(0)
	for i := range n - 1 {
		bit := w >> (31 - i) & 1
		next := c.tree[node][bit]
		if next <= 0 {
			next = int32(len(c.tree))
			c.tree = append(c.tree, [2]int32{})
			c.tree[node][bit] = next
		}
		node = next
	}
	c.tree[node][w>>(32-n)&1] = ^entry
	if n <= quickBits {
		for i := bits.Reverse32(w); i < 1<<quickBits; i += 1 << n {
			c.quick[i] = uint32(entry)<<6 | uint32(n)
		}
	}
}

// entry reads a code and returns its entry, or false at the end of the packet.
func (c *codebook) entry(r *bitReader) (int, bool) {
	if q := c.quick[r.peek(quickBits)]; q != 0 {
		r.pass(int(q & 63))
		return int(q >> 6), !r.over
	}
	node := int32(0)
	for {
		node = c.tree[node][r.bits(1)]
		if r.over || node == 0 {
			return 0, false
		}
		if node < 0 {
			return int(^node), true
		}
	}
}

// vector reads a code and returns its vector, or nil at the end of the packet.
func (c *codebook) vector(r *bitReader) []float32 {
	e, ok := c.entry(r)
	if !ok {
		return nil
	}
	return c.vectors[e*c.dim : (e+1)*c.dim]
}

// lookup reads the vectors of the entries.
func (c *codebook) lookup(r *bitReader, entries, room int) error {
	kind := r.bits(4)
	if kind == 0 {
		return nil
	}
	if kind > 2 || entries*c.dim > room {
		return errSetup
	}
	least, step := unpackFloat(r.bits(32)), unpackFloat(r.bits(32))
	wide := int(r.bits(4)) + 1
	adds := r.flag()
	values := entries * c.dim
	if kind == 1 {
		values = root(entries, c.dim)
	}
	numbers := make([]float32, values)
	for i := range numbers {
		numbers[i] = float32(r.bits(wide))
		if r.over {
			return errSetup
		}
	}
	c.vectors = make([]float32, entries*c.dim)
	for e := range entries {
		last, index := float32(0), e
		for i := range c.dim {
			at := e*c.dim + i
			k := at
			if kind == 1 {
				k, index = index%values, index/values
			}
			c.vectors[at] = numbers[k]*step + least + last
			if adds {
				last = c.vectors[at]
			}
		}
	}
	return nil
}

// root returns the largest r for which r to the power of dim is at most entries.
func root(entries, dim int) int {
	fits := func(r int) bool {
		p := 1
		for range dim {
			if p *= r; p > entries {
				return false
			}
		}
		return true
	}
	r := 1
	for r < entries && fits(r+1) {
		r++
	}
	return r
}

// unpackFloat decodes 1 bit sign, 10 bits exponent + 788, 21 bits mantissa.
func unpackFloat(v uint32) float32 {
	m := float64(v & (1<<21 - 1))
	if v>>31 != 0 {
		m = -m
	}
	return float32(math.Ldexp(m, int(v>>21&1023)-788))
}
