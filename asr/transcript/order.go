package transcript

import (
	"math"
	"slices"
)

// order changes times so that each line starts after the previous one and ends before the next
// begins. A model's times may overlap, or be equal. The longest sequence of lines in order keeps its
// times, the others are placed between their neighbours and lose their word times:
//
//	recognised ├──a──┤   ┊      ├b┤       ├──d──┤
//	                  ├c┤┊
//	in order   ├──a──┤├b┤├c┤              ├──d──┤
func order(all []line) {
	kept := longestRun(all)
	for n := 0; n <= len(kept); n++ {
		from, to := 0, len(all) // the lines between two that keep their times
		var begin, end int64
		if n > 0 {
			from, begin = kept[n-1]+1, all[kept[n-1]].start+1
		}
		if n < len(kept) {
			to, end = kept[n], all[kept[n]].start
		}
		if from == to {
			continue
		}
		between := all[from:to]
		switch {
		case n == len(kept): // after all of them
			begin = max(begin, all[from-1].end)
			end = math.MaxInt64
		case n > 0: // the previous line may be shortened
			begin = max(begin, min(all[from-1].end, end-shortest*int64(len(between))))
		}
		room := int64(0) // that they need; minutes may be available
		for _, l := range between {
			room += readable + 80*int64(width(l.text))
		}
		if n == 0 {
			begin = max(begin, end-room)
		}
		between[0].start, between[0].end = begin, max(begin, min(end, begin+room))
		share(between)
	}
	for i := range all {
		if i > 0 {
			all[i].start = max(all[i].start, all[i-1].start+1)
			all[i-1].end = min(all[i-1].end, all[i].start)
		}
		all[i].end = max(all[i].end, all[i].start+1)
	}
}

// share divides the time of the first line among all lines, by their width.
func share(all []line) {
	total, at := 0, 0
	for _, l := range all {
		total += 1 + width(l.text)
	}
	begin, long := all[0].start, all[0].end-all[0].start
	for i := range all {
		l := &all[i]
		l.moved = true
		l.start = begin + long*int64(at)/int64(total)
		at += 1 + width(l.text)
		l.end = begin + long*int64(at)/int64(total)
	}
}

// longestRun returns the indices of a longest sequence of lines of which each starts later than the
// previous one (Schensted 1961).
func longestRun(all []line) []int {
	var ends []int // ends[k]: the line with the earliest start that ends a sequence of k+1
	before := make([]int, len(all))
	for i := range all {
		k, _ := slices.BinarySearchFunc(ends, all[i].start, func(j int, start int64) int {
			if all[j].start < start {
				return -1
			}
			return 1
		})
		before[i] = -1
		if k > 0 {
			before[i] = ends[k-1]
		}
		if k == len(ends) {
			ends = append(ends, 0)
		}
		ends[k] = i
	}
	if len(ends) == 0 {
		return nil
	}
	var run []int
	for i := ends[len(ends)-1]; i >= 0; i = before[i] {
		run = append(run, i)
	}
	slices.Reverse(run)
	return run
}

// Milliseconds that a person needs to notice a text, and to read a short one.
const shortest, readable = 300, 1000

// visible extends each cue to the shortest time: into the pauses around it, into a neighbour that is
// long enough, or by moving what follows. A pause after it extends it to readable. No cue starts
// before the previous one ends.
func visible(all []cue) {
	for i := range all {
		c, free := &all[i], int64(0)
		if i > 0 {
			free = all[i-1].end
		}
		c.start = max(c.start, free)
		c.end = max(c.end, c.start)
		if i+1 < len(all) {
			c.end = max(c.end, min(c.start+readable, all[i+1].start))
		}
		if c.end-c.start >= shortest {
			continue
		}
		c.end = c.start + shortest
		if i+1 == len(all) || c.end <= all[i+1].start {
			continue
		}
		c.end = max(c.start, all[i+1].start)
		c.start = max(free, c.end-shortest)
		if c.end-c.start < shortest && i > 0 { // there was no pause before it
			last := &all[i-1]
			c.start = min(c.start, max(c.end-shortest, last.start+4*shortest))
			last.end = c.start
		}
		c.end = max(c.end, c.start+shortest)
	}
}
