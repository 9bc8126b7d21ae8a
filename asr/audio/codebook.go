package audio

// Codebooks of Vorbis (Vorbis I, section 3). An entry has a Huffman code, first bit first, and
// stands for a number or for a vector of a few values:
//
//	24 bits "BCV", 16 dimensions, 24 entries, 1 ordered, then the codes' lengths:
//	  ordered: 5 bits first length - 1, then how many entries have each length
//	  else:    1 sparse, for each entry [1 used], 5 bits length - 1
//	4 bits lookup: 0 numbers only; 1 a lattice, 2 a list of: 32 bits least, 32 step, 4 width - 1,
//	  1 each value adds to the last, and the values
//
// The codes follow from the lengths: each entry takes the lowest code that is free.

import (
	"errors"
	"math"
	"math/bits"
)

const (
	mostEntries = 1 << 17 // real books have some thousands
	mostValues  = 1 << 21 // numbers in the vectors of all books
	quickBits   = 9       // codes up to here are found in one step
)

var errVorbis = errors.New("no valid Vorbis setup")

// lsb reads bits, the lowest of a byte first. Behind the end they are 0 and over is set.
type lsb struct {
	b    []byte
	at   int // bit
	over bool
}

// bits returns the next n bits, at most 32.
func (r *lsb) bits(n int) uint32 {
	v := r.peek(n)
	r.pass(n)
	return v
}

// peek returns the next n bits without taking them.
func (r *lsb) peek(n int) uint32 {
	var v uint64
	first := r.at >> 3
	for i := range 5 {
		if first+i < len(r.b) {
			v |= uint64(r.b[first+i]) << (8 * i)
		}
	}
	return uint32(v >> (r.at & 7) & (1<<n - 1))
}

func (r *lsb) pass(n int) {
	r.at += n
	r.over = r.over || r.at > 8*len(r.b)
}

func (r *lsb) flag() bool { return r.bits(1) != 0 }

type codebook struct {
	dim     int
	tree    [][2]int32 // by bit: another node, or ^entry; 0: no code
	quick   []uint32   // entry<<6 | length by the next quickBits bits; 0: a longer code, or none
	vectors []float32  // [entries][dim], nil for numbers only
}

// readCodebook reads a book, whose vectors may have as many numbers as room says.
func readCodebook(r *lsb, room int) (*codebook, error) {
	if r.bits(24) != 0x564342 {
		return nil, errVorbis
	}
	c := &codebook{dim: int(r.bits(16))}
	entries := int(r.bits(24))
	if entries == 0 || entries > mostEntries || c.dim == 0 {
		return nil, errVorbis
	}
	lengths, err := readLengths(r, entries)
	if err != nil {
		return nil, err
	}
	if err := c.plant(lengths); err != nil {
		return nil, err
	}
	return c, c.lookup(r, entries, room)
}

// readLengths reads the length of each entry's code, 0 for an unused one.
func readLengths(r *lsb, entries int) ([]uint8, error) {
	out := make([]uint8, entries)
	if r.flag() {
		length := r.bits(5) + 1
		for at := 0; at < entries; length++ {
			n := int(r.bits(bits.Len(uint(entries - at))))
			if length > 32 || n > entries-at || r.over {
				return nil, errVorbis
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
			return nil, errVorbis
		}
	}
	return out, nil
}

// plant makes the tree. At each depth there is at most one free node that no deeper one is below;
// the deepest has the lowest code.
func (c *codebook) plant(lengths []uint8) error {
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
			return errVorbis // more codes than there can be
		}
		w := code[z]
		free[z] = false
		for y := z + 1; y <= int(n); y++ {
			free[y], code[y] = true, w|1<<(32-y)
		}
		c.add(w, int(n), int32(entry))
	}
	if used == 1 && c.tree[0][0] < 0 { // the code of a book's only entry is one bit, whatever the bit
		c.tree[0][1] = c.tree[0][0]
		for i := range c.quick {
			c.quick[i] = uint32(^c.tree[0][0])<<6 | 1
		}
		return nil
	}
	for _, f := range free {
		if f {
			return errVorbis // fewer than there must be
		}
	}
	return nil
}

// add puts an entry's code of n bits, left-justified in w, in the tree.
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

// entry reads a code; false at the end of the packet.
func (c *codebook) entry(r *lsb) (int, bool) {
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

// vector reads a code and returns its vector; nil at the end of the packet.
func (c *codebook) vector(r *lsb) []float32 {
	e, ok := c.entry(r)
	if !ok {
		return nil
	}
	return c.vectors[e*c.dim : (e+1)*c.dim]
}

// lookup reads what the entries stand for.
func (c *codebook) lookup(r *lsb, entries, room int) error {
	kind := r.bits(4)
	if kind == 0 {
		return nil
	}
	if kind > 2 || entries*c.dim > room {
		return errVorbis
	}
	least, step := vorbisFloat(r.bits(32)), vorbisFloat(r.bits(32))
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
			return errVorbis
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

// root is the largest number whose power dim is at most entries.
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

// vorbisFloat: 1 bit sign, 10 exponent + 788, 21 mantissa.
func vorbisFloat(v uint32) float32 {
	m := float64(v & (1<<21 - 1))
	if v>>31 != 0 {
		m = -m
	}
	return float32(math.Ldexp(m, int(v>>21&1023)-788))
}
