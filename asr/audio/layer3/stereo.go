package layer3

import "math"

// stereo restores the two channels from what is coded, by the second channel's block.
func (d *Decoder) stereo(f Format, b *block) {
	l, r := &d.channels[0], &d.channels[1]
	if f.Intensity {
		d.directions(f, b)
		return
	}
	if f.Middle {
		n := max(l.used, r.used)
		middle(l.lines[:n], r.lines[:n])
		l.used, r.used = n, n
	}
}

// middle replaces a sum and a difference by two channels.
func middle(l, r []float32) {
	for i, s := range l {
		l[i], r[i] = (s+r[i])*math.Sqrt2/2, (s-r[i])*math.Sqrt2/2
	}
}

// directions restores two channels of which the second has lines up to a band; its scale factors of the bands
// behind are directions of the first channel's lines. This is so for each short block.
func (d *Decoder) directions(f Format, b *block) {
	l, r := &d.channels[0], &d.channels[1]
	bands := b.bands(f.Row)
	var sounds [3]bool // the second channel has lines in a band behind, by short block
	for i := len(bands) - 1; i >= 0; i-- {
		x := bands[i]
		left, right := l.lines[x.from:x.to], r.lines[x.from:x.to]
		first, last := x.window, x.window
		if x.window < 0 {
			first, last = 0, 2
		}
		for _, v := range right {
			for w := first; w <= last && v != 0; w++ {
				sounds[w] = true
			}
		}
		heard := false
		for w := first; w <= last; w++ {
			heard = heard || sounds[w]
		}
		from := i
		if i >= len(bands)-1 && x.window < 0 {
			from = i - 1
		} else if x.window >= 0 && i >= len(bands)-3 {
			from = i - 3
		}
		if g, h, ok := r.scales.direction(from, f, b); ok && !heard {
			for k, v := range left {
				left[k], right[k] = v*g, v*h
			}
		} else if f.Middle {
			middle(left, right)
		}
	}
	l.used, r.used = lines, lines
}

// direction returns the gains of the first channel's lines of a band in both channels; false if the scale factor is no
// direction.
func (s *scales) direction(band int, f Format, b *block) (left, right float32, ok bool) {
	at := s.at[band]
	if at >= s.most[band] {
		return 0, 0, false
	}
	if f.mpeg1() {
		t := math.Tan(float64(at) * math.Pi / 12)
		if at == 6 {
			return 1, 0, true
		}
		return float32(t / (1 + t)), float32(1 / (1 + t)), true
	}
	step := 0.25 // powers of two
	if b.compress&1 != 0 {
		step = 0.5
	}
	g := float32(math.Exp2(-step * float64((at+1)/2)))
	if at&1 != 0 {
		return g, 1, true
	}
	return 1, g, true
}
