package vorbis

import (
	"math"
	"math/bits"
	"slices"
)

// floorClass is a class of partitions: how many points it has and which codebooks their heights.
type floorClass struct {
	dim, subclasses int
	master          int   // book, if there are subclasses
	books           []int // of each subclass, -1 for none
}

// floor is the spectral envelope of a block (floor type 1): straight lines in dB between points.
// The setup gives the positions of the points, each packet their heights:
//
//	setup:  5 bits partitions, 4 class of each; for each class 3 dimensions - 1, 2 subclasses,
//	        [8 codebook of the subclass numbers], 8 codebook + 1 of each subclass;
//	        2 multiplier - 1, 4 width of a position, the positions
//	packet: 1 used, heights of both ends, then by partition those of the other points, each as
//	        the distance from the line between its neighbours
//
// Floor type 0 is from before the first release of Vorbis; no encoder writes it.
type floor struct {
	partitions []int // class of each
	classes    []floorClass
	multiplier int
	x          []int // positions of the points, the two ends first
	order      []int // points from left to right
	low, high  []int // for each point, its left and right neighbour among those before it
	y          []int // heights in the packet
	used       []bool
}

var (
	floorRange = [4]int{256, 128, 86, 64}
	floorLevel = func() (t [256]float32) { // 140 dB in 256 steps
		for i := range t {
			t[i] = float32(math.Pow(10, 7*float64(i+1)/256-7))
		}
		return t
	}()
)

// readFloor reads the setup of a floor.
func readFloor(r *bitReader, books int) (*floor, error) {
	f := &floor{}
	most := -1
	for range r.bits(5) {
		class := int(r.bits(4))
		most = max(most, class)
		f.partitions = append(f.partitions, class)
	}
	for range most + 1 {
		c := floorClass{dim: int(r.bits(3)) + 1, subclasses: int(r.bits(2))}
		if c.subclasses > 0 {
			c.master = int(r.bits(8))
		}
		for range 1 << c.subclasses {
			c.books = append(c.books, int(r.bits(8))-1)
		}
		if c.master >= books || slices.Max(c.books) >= books {
			return nil, errSetup
		}
		f.classes = append(f.classes, c)
	}
	f.multiplier = int(r.bits(2)) + 1
	wide := int(r.bits(4))
	f.x = []int{0, 1 << wide}
	for _, class := range f.partitions {
		for range f.classes[class].dim {
			f.x = append(f.x, int(r.bits(wide)))
		}
	}
	if r.over {
		return nil, errSetup
	}
	return f, f.arrange()
}

// arrange finds each point's neighbours.
func (f *floor) arrange() error {
	n := len(f.x)
	f.order = make([]int, n)
	for i := range f.order {
		f.order[i] = i
	}
	slices.SortFunc(f.order, func(a, b int) int { return f.x[a] - f.x[b] })
	for i := 1; i < n; i++ {
		if f.x[f.order[i]] == f.x[f.order[i-1]] {
			return errSetup
		}
	}
	f.low, f.high, f.y, f.used = make([]int, n), make([]int, n), make([]int, n), make([]bool, n)
	for i := 2; i < n; i++ {
		f.low[i], f.high[i] = 0, 1
		for j := range i {
			if f.x[j] < f.x[i] && f.x[j] > f.x[f.low[i]] {
				f.low[i] = j
			}
			if f.x[j] > f.x[i] && f.x[j] < f.x[f.high[i]] {
				f.high[i] = j
			}
		}
	}
	return nil
}

// read reads the points of one channel in a packet; false if its block is silent.
func (f *floor) read(r *bitReader, books []*codebook) bool {
	if !r.flag() {
		return false
	}
	wide := bits.Len(uint(floorRange[f.multiplier-1] - 1))
	f.y[0], f.y[1] = int(r.bits(wide)), int(r.bits(wide))
	at := 2
	for _, p := range f.partitions {
		c := &f.classes[p]
		sub := 0
		if c.subclasses > 0 {
			sub, _ = books[c.master].entry(r)
		}
		for range c.dim {
			f.y[at] = 0
			if b := c.books[sub&(1<<c.subclasses-1)]; b >= 0 {
				f.y[at], _ = books[b].entry(r)
			}
			sub >>= c.subclasses
			at++
		}
	}
	if r.over {
		return false
	}
	f.unfold()
	return true
}

// points returns a copy of the heights, -1 for points that are not used.
func (f *floor) points() []int {
	y := slices.Clone(f.y)
	for i, u := range f.used {
		if !u {
			y[i] = -1
		}
	}
	return y
}

// unfold replaces the distances in y by heights.
func (f *floor) unfold() {
	top := floorRange[f.multiplier-1]
	f.used[0], f.used[1] = true, true
	for i := 2; i < len(f.x); i++ {
		lo, hi := f.low[i], f.high[i]
		line := between(f.x[lo], f.y[lo], f.x[hi], f.y[hi], f.x[i])
		above, below, v := top-line, line, f.y[i]
		f.used[i] = v != 0
		if v == 0 {
			f.y[i] = line
			continue
		}
		f.used[lo], f.used[hi] = true, true
		switch room := 2 * min(above, below); {
		case v >= room && above > below:
			f.y[i] = v - below + line
		case v >= room:
			f.y[i] = line - v + above - 1
		case v&1 != 0:
			f.y[i] = line - (v+1)/2
		default:
			f.y[i] = line + v/2
		}
		f.y[i] = min(max(f.y[i], 0), top-1) // a packet may hold any value
	}
}

// between returns the height at x on the line from (x0, y0) to (x1, y1), rounded towards y0.
func between(x0, y0, x1, y1, x int) int {
	off := max(y1-y0, y0-y1) * (x - x0) / (x1 - x0)
	if y1 < y0 {
		return y0 - off
	}
	return y0 + off
}

// apply multiplies a spectrum by the floor through the points at heights y.
func (f *floor) apply(spectrum []float32, y []int) {
	x0, y0 := 0, y[0]*f.multiplier
	for _, i := range f.order[1:] {
		if y[i] < 0 {
			continue
		}
		x1, y1 := f.x[i], y[i]*f.multiplier
		slope(spectrum, x0, y0, x1, y1)
		x0, y0 = x1, y1
	}
	slope(spectrum, x0, y0, max(len(spectrum), x0+1), y0)
}

// slope multiplies the spectrum from x0 up to x1 by the levels on a line, in whole steps.
func slope(spectrum []float32, x0, y0, x1, y1 int) {
	dx, dy := x1-x0, y1-y0
	base, unit := dy/dx, 1
	if dy < 0 {
		unit = -1
	}
	rest := max(dy, -dy) - max(base, -base)*dx
	y, err := y0, 0
	for x := x0; x < min(x1, len(spectrum)); x++ {
		spectrum[x] *= floorLevel[min(max(y, 0), 255)]
		y += base
		if err += rest; err >= dx {
			err -= dx
			y += unit
		}
	}
}
