package layer3

import "encoding/binary"

// bitReader reads bits, the highest of a byte first. Beyond the end all bits are 0.
type bitReader struct {
	b  []byte
	at int // bit
}

// peek returns the next n bits, at most 24, without consuming them.
func (r *bitReader) peek(n int) uint32 {
	var v uint32
	if i := r.at >> 3; i+4 <= len(r.b) {
		v = binary.BigEndian.Uint32(r.b[i:])
	} else if i < len(r.b) {
		var last [4]byte
		copy(last[:], r.b[i:])
		v = binary.BigEndian.Uint32(last[:])
	}
	return v << (r.at & 7) >> (32 - n)
}

// bits returns the next n bits, at most 24.
func (r *bitReader) bits(n int) int {
	v := r.peek(n)
	r.at += n
	return int(v)
}

// flag reads one bit.
func (r *bitReader) flag() bool { return r.bits(1) != 0 }

// Side is the side information of a frame.
type Side struct {
	Begin  int         // how many bytes before the frame its main data begin
	shared [2]int      // [channel], MPEG-1: groups of scale factors that the second granule shares with the first, the lowest bit for the last group
	blocks [2][2]block // [granule][channel]
}

// block is the side information of a granule in a channel.
type block struct {
	bits     int    // of the scale factors and the Huffman codes
	pairs    int    // pairs of lines that are coded with tables
	power    int    // gain of all lines, in quarters of a power of two; 210 is 1
	compress int    // sizes of the scale factors
	kind     int    // 0 long blocks, 1 the last before short ones, 2 three short ones, 3 the first after them
	mixed    bool   // the lowest bands have long blocks of kind 0
	tables   [3]int // of the regions of the pairs
	windows  [3]int // gain of each short block, in powers of a quarter
	regions  [2]int // scale factor bands of the first two regions, less 1; -1: those of a block that is not of kind 0
	raised   bool   // a fixed table is added to the scale factors
	coarse   bool   // a scale factor is a power of a half, else the root of it
	quads    int    // table of the lines behind the pairs
}

// ReadSide reads the side information of a frame, SideSize bytes.
func ReadSide(f Format, b []byte) *Side {
	r, s := bitReader{b: b}, &Side{}
	if f.mpeg1() {
		s.Begin = r.bits(9)
		r.bits(7 - 2*f.Channels) // private
		for c := range f.Channels {
			s.shared[c] = r.bits(4)
		}
	} else {
		s.Begin = r.bits(8)
		r.bits(f.Channels) // private
	}
	for g := range f.granules() {
		for c := range f.Channels {
			s.blocks[g][c].read(&r, f.mpeg1())
		}
	}
	return s
}

// Size returns how many bytes of main data the frame has.
func (s *Side) Size() int {
	n := 0
	for _, g := range s.blocks {
		n += g[0].bits + g[1].bits
	}
	return (n + 7) / 8
}

func (b *block) read(r *bitReader, mpeg1 bool) {
	b.bits, b.pairs, b.power = r.bits(12), r.bits(9), r.bits(8)
	if b.compress = r.bits(4); !mpeg1 {
		b.compress = b.compress<<5 | r.bits(5)
	}
	if r.flag() {
		b.kind, b.mixed = r.bits(2), r.flag()
		b.tables = [3]int{r.bits(5), r.bits(5)}
		b.windows = [3]int{r.bits(3), r.bits(3), r.bits(3)}
		b.regions[0] = -1
	} else {
		b.tables = [3]int{r.bits(5), r.bits(5), r.bits(5)}
		b.regions = [2]int{r.bits(4), r.bits(3)}
	}
	if mpeg1 {
		b.raised = r.flag()
	}
	b.coarse, b.quads = r.flag(), r.bits(1)
}

// bounds returns the lines at which the second and the third region begin.
func (b *block) bounds(row int) (second, third int) {
	switch long := &longBands[row]; {
	case b.regions[0] >= 0:
		second = long[min(b.regions[0]+1, 22)]
		return second, long[min(b.regions[0]+b.regions[1]+2, 22)]
	case b.kind == 2:
		return 3 * shortBands[row][3], lines
	default:
		return long[8], lines
	}
}
