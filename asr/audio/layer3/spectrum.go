package layer3

import (
	"math"
	"slices"
	"sync"
)

// scales are the scale factors of a granule in a channel, by the bands of its layout. Those of the last bands are 0.
type scales struct {
	at   [40]int
	most [40]int // the value that is no direction, for directions
}

// readMPEG1 reads the scale factors of MPEG-1. In the second granule, groups of long blocks may be those of the first.
func (s *scales) readMPEG1(r *bitReader, b *block, second bool, shared int) {
	sizes := [2]int{[...]int{0, 0, 0, 0, 3, 1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4}[b.compress], [...]int{0, 1, 2, 3, 0, 1, 2, 3, 1, 2, 3, 1, 2, 3, 2, 3}[b.compress]}
	first := s.at
	*s = scales{}
	for i := range s.most {
		s.most[i] = 7
	}
	at := 0
	take := func(n, size int) {
		for range n {
			s.at[at] = r.bits(size)
			at++
		}
	}
	switch b.layout() {
	case mixed:
		take(17, sizes[0])
		take(18, sizes[1])
	case short:
		take(18, sizes[0])
		take(18, sizes[1])
	default:
		for i, n := range [4]int{6, 5, 5, 5} {
			if second && shared>>(3-i)&1 != 0 {
				copy(s.at[at:at+n], first[at:])
				at += n
				continue
			}
			take(n, sizes[i/2])
		}
	}
}

// counts are how many scale factors have each of the four sizes in MPEG-2, by the coding and by the kind of blocks:
// long, short, mixed. The last three are for directions.
var counts = [6][3][4]int{
	{{6, 5, 5, 5}, {9, 9, 9, 9}, {6, 9, 9, 9}},
	{{6, 5, 7, 3}, {9, 9, 12, 6}, {6, 9, 12, 6}},
	{{11, 10}, {18, 18}, {15, 18}},
	{{7, 7, 7}, {12, 12, 12}, {6, 15, 12}},
	{{6, 6, 6, 3}, {12, 9, 9, 6}, {6, 12, 9, 6}},
	{{8, 8, 5}, {15, 12, 9}, {6, 18, 9}},
}

// readMPEG2 reads the scale factors of MPEG-2, or directions.
func (s *scales) readMPEG2(r *bitReader, b *block, directions bool) {
	*s = scales{}
	coding, sizes := sizesOf(b.compress, directions)
	b.raised = coding == 2
	at := 0
	for i, n := range counts[coding][b.layout()] {
		for range n {
			s.at[at] = r.bits(sizes[i])
			if s.most[at] = 1<<sizes[i] - 1; sizes[i] == 0 {
				s.most[at] = 1 // the direction is 0
			}
			at++
		}
	}
	for i := at; i < len(s.at); i++ { // directions of the last bands are those before them
		s.most[i] = 1
	}
}

// sizesOf returns how the scale factors of MPEG-2 are coded, a row of counts, and their sizes in bits.
func sizesOf(compress int, directions bool) (coding int, sizes [4]int) {
	c := compress
	if directions {
		switch c /= 2; {
		case c < 180:
			return 3, [4]int{c / 36, c % 36 / 6, c % 6}
		case c < 244:
			c -= 180
			return 4, [4]int{c / 16, c / 4 % 4, c % 4}
		}
		c -= 244
		return 5, [4]int{c / 3, c % 3}
	}
	switch {
	case c < 400:
		return 0, [4]int{c / 80, c / 16 % 5, c / 4 % 4, c % 4}
	case c < 500:
		c -= 400
		return 1, [4]int{c / 20, c / 4 % 5, c % 4}
	}
	c -= 500
	return 2, [4]int{c / 3, c % 3}
}

// band is a scale factor band: lines [from, to), and the short block to which it belongs.
type band struct{ from, to, window int }

// The layouts of the scale factor bands of a block.
const (
	long = iota
	short
	mixed // the lowest bands are long
)

// layout returns the layout of b.
func (b *block) layout() int {
	switch {
	case b.kind != 2:
		return long
	case b.mixed:
		return mixed
	}
	return short
}

// layouts holds the bands by Format.Row and layout.
var layouts = sync.OnceValue(func() (out [9][3][]band) {
	for row := range out {
		of := &out[row]
		for i, to := range longBands[row][1:] {
			of[long] = append(of[long], band{longBands[row][i], to, -1})
		}
		for i, to := range shortBands[row][1:] {
			n := to - shortBands[row][i]
			for w := range 3 {
				from := 3*shortBands[row][i] + w*n
				of[short] = append(of[short], band{from, from + n, w})
			}
		}
		of[mixed] = slices.Concat(of[long][:longOfMixed(row)], of[short][9:])
	}
	return out
})

// longOfMixed returns how many bands of mixed blocks are long.
func longOfMixed(row int) int {
	if row < 3 {
		return 8
	}
	return 6
}

// bands returns the scale factor bands of b.
func (b *block) bands(row int) []band { return layouts()[row][b.layout()] }

// values reads the Huffman codes of a granule up to bit end into out, and returns the line from which on all are 0.
func (b *block) values(r *bitReader, row, end int, out *[lines]float32) (used int, err error) {
	if r.at > end || b.pairs > lines/2 {
		return 0, ErrDamaged
	}
	second, third := b.bounds(row)
	at := 0
	for region, to := range [3]int{second, third, lines} {
		to = min(to, 2*b.pairs)
		table := b.tables[region]
		if at < to && (table == 4 || table == 14) {
			return 0, ErrDamaged
		}
		if table == 0 {
			for ; at < to; at++ {
				out[at] = 0
			}
			continue
		}
		for c := codes()[table]; at < to; at += 2 {
			v := c.next(r)
			out[at], out[at+1] = value(r, v>>4, linbits[table]), value(r, v&15, linbits[table])
		}
	}
	if r.at > end {
		return 0, ErrDamaged
	}
	for c := quadCodes()[b.quads]; at <= lines-4 && r.at < end; at += 4 {
		v := c.next(r)
		for i := range 4 {
			out[at+i] = value(r, v>>(3-i)&1, 0)
		}
		if r.at > end { // some encoders leave less than a code at the end
			break
		}
	}
	clear(out[at:])
	for at > 0 && out[at-1] == 0 {
		at--
	}
	return at, nil
}

// powers returns the values up to the largest one to the power of 4/3.
var powers = sync.OnceValue(func() []float32 {
	out := make([]float32, 15+1<<13)
	for i := range out {
		out[i] = float32(math.Pow(float64(i), 4.0/3))
	}
	return out
})

// value returns value v to the power of 4/3, with the bits that follow it: more of the value, and its sign.
func value(r *bitReader, v, more int) float32 {
	if v == 0 {
		return 0
	}
	if v == 15 && more > 0 {
		v += r.bits(more)
	}
	if r.flag() {
		return -powers()[v]
	}
	return powers()[v]
}

// raise is added to the scale factors of long blocks where block.raised says so.
var raise = [22]int{11: 1, 1, 1, 1, 2, 2, 3, 3, 3, 2}

// gain multiplies the lines by the gains of their bands.
func (ch *channel) gain(b *block, row int) {
	step := 2 // of a scale factor, in quarters of a power of two
	if b.coarse {
		step = 4
	}
	for i, x := range b.bands(row) {
		if x.from >= ch.used {
			return
		}
		scale := ch.scales.at[i]
		power := b.power - 210
		if x.window >= 0 {
			power -= 8 * b.windows[x.window]
		} else if b.raised {
			scale += raise[i]
		}
		g := float32(math.Exp2(float64(power-step*scale) / 4))
		for k := x.from; k < x.to; k++ {
			ch.lines[k] *= g
		}
	}
}
