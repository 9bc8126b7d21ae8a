package layer3

import (
	"strconv"
	"strings"
	"sync"
)

const (
	longestCode = 19 // bits
	firstBits   = 8  // of a code word, by which it is looked up
)

// code is a Huffman code. Its words are in order; word i has lengths[i] bits and the value values[i], and
// begins, as the highest of longestCode bits, at starts[i].
type code struct {
	starts  []uint32
	lengths []uint8
	values  []uint8
	first   [1<<firstBits + 1]uint16 // by the first bits: the first word that begins with them or with fewer of them
}

// newCode returns a code of the form of codeLengths.
func newCode(words string) *code {
	c, at := &code{}, uint32(0)
	for _, w := range strings.Fields(words) {
		n, err := strconv.ParseUint(w[:1], 36, 8)
		v, err2 := strconv.ParseUint(w[1:], 16, 8)
		if err != nil || err2 != nil {
			panic("layer3: a table is wrong: " + w)
		}
		c.starts, c.lengths, c.values = append(c.starts, at), append(c.lengths, uint8(n)), append(c.values, uint8(v))
		at += 1 << (longestCode - n)
	}
	if at != 1<<longestCode {
		panic("layer3: a code is not complete")
	}
	i := 0
	for p := range c.first {
		for i+1 < len(c.starts) && c.starts[i+1] <= uint32(p)<<(longestCode-firstBits) {
			i++
		}
		c.first[p] = uint16(i)
	}
	return c
}

// next reads a code word and returns its value.
func (c *code) next(r *bitReader) int {
	v := r.peek(longestCode)
	p := v >> (longestCode - firstBits)
	low, high := int(c.first[p]), int(c.first[p+1])
	for low < high { // the last word that begins at v or before
		if middle := (low + high + 1) / 2; c.starts[middle] <= v {
			low = middle
		} else {
			high = middle - 1
		}
	}
	r.at += int(c.lengths[low])
	return int(c.values[low])
}

// codes returns the codes of pairs by the number of the table.
var codes = sync.OnceValue(func() (out [32]*code) {
	for n, words := range codeLengths {
		out[n] = newCode(words)
	}
	for n := range out {
		switch {
		case n > 24:
			out[n] = out[24]
		case n > 16 && n < 24:
			out[n] = out[16]
		}
	}
	return out
})

// quadCodes returns the codes of four values.
var quadCodes = sync.OnceValue(func() [2]*code {
	return [2]*code{newCode(quadLengths[0]), newCode(quadLengths[1])}
})
