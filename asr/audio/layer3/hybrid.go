package layer3

import "math"

var (
	windows = blockWindows()
	cosines = longCosines()
	shorts  = shortCosines()
	aliases = aliasFactors()
)

// blockWindows returns the windows of the inverse MDCT by block.kind; that of short blocks has 12 values.
func blockWindows() (w [4][36]float32) {
	for i := range 36 {
		long := math.Sin(math.Pi / 36 * (float64(i) + 0.5))
		w[0][i] = float32(long)
		start := long
		switch {
		case i >= 30:
			start = 0
		case i >= 24:
			start = math.Sin(math.Pi / 12 * (float64(i) - 18 + 0.5))
		case i >= 18:
			start = 1
		}
		w[1][i], w[3][35-i] = float32(start), float32(start)
	}
	for i := range 12 {
		w[2][i] = float32(math.Sin(math.Pi / 12 * (float64(i) + 0.5)))
	}
	return w
}

// longCosines returns the cosines of the inverse MDCT of 36 values: those of 0 to 8 and of 18 to 26. The others
// are their mirror images.
func longCosines() (c [18][18]float32) {
	for i := range 18 {
		at := i
		if i >= 9 {
			at += 9
		}
		for k := range 18 {
			c[i][k] = float32(math.Cos(math.Pi / 72 * float64((2*at+1+18)*(2*k+1))))
		}
	}
	return c
}

func shortCosines() (c [12][6]float32) {
	for i := range 12 {
		for k := range 6 {
			c[i][k] = float32(math.Cos(math.Pi / 24 * float64((2*i+1+6)*(2*k+1))))
		}
	}
	return c
}

// aliasFactors returns the factors of the butterflies between neighbouring bands (ISO/IEC 11172-3, table B.9).
func aliasFactors() (f [8][2]float32) {
	for i, c := range [8]float64{-0.6, -0.535, -0.33, -0.185, -0.095, -0.041, -0.0142, -0.0037} {
		root := math.Sqrt(1 + c*c)
		f[i] = [2]float32{float32(1 / root), float32(c / root)}
	}
	return f
}

// hybrid transforms the lines to 18 samples of each of 32 bands, out [18][32].
func (ch *channel) hybrid(b *block, row int, out *[lines]float32) {
	steady := 0 // bands of kind 0
	if b.mixed || b.kind == 0 {
		steady = longBands[row][longOfMixed(row)] / 18
	}
	if b.kind == 2 {
		ch.reorder(b, row)
		ch.reduceAliases(steady)
	} else {
		ch.reduceAliases(lines / 18)
	}
	for band := range lines / 18 {
		x, last := ch.lines[18*band:][:18], (*[18]float32)(ch.overlap[18*band:])
		var y [36]float32
		switch {
		case 18*band >= ch.used:
		case band < steady:
			oneLong(x, &windows[0], &y)
		case b.kind == 2:
			threeShort(x, &y)
		default:
			oneLong(x, &windows[b.kind], &y)
		}
		for t := range 18 {
			v := y[t] + last[t]
			if band&t&1 != 0 {
				v = -v
			}
			out[32*t+band] = v
			last[t] = y[18+t]
		}
	}
}

// reorder sorts the lines of short blocks, which stand by band and window, by frequency.
func (ch *channel) reorder(b *block, row int) {
	var sorted [lines]float32
	bands := b.bands(row)
	ch.used = 0
	for i, x := range bands {
		if x.window < 0 {
			copy(sorted[x.from:x.to], ch.lines[x.from:x.to])
			ch.used = x.to
			continue
		}
		start := bands[i-x.window].from
		for k, v := range ch.lines[x.from:x.to] {
			if sorted[start+3*k+x.window] = v; v != 0 {
				ch.used = max(ch.used, start+3*k+x.window+1)
			}
		}
	}
	ch.lines = sorted
}

// reduceAliases undoes what neighbouring bands have of each other, among the first bands, those with long blocks.
func (ch *channel) reduceAliases(bands int) {
	used := ch.used
	for at := 18; at < 18*bands && at < used+18; at += 18 {
		for i, f := range aliases {
			low, high := &ch.lines[at-1-i], &ch.lines[at+i]
			*low, *high = *low*f[0]-*high*f[1], *high*f[0]+*low*f[1]
		}
		ch.used = max(ch.used, min(at+8, lines))
	}
}

// oneLong computes the windowed inverse MDCT of 18 lines.
func oneLong(x []float32, w, y *[36]float32) {
	for i := range cosines {
		var sum float32
		for k, c := range &cosines[i] {
			sum += c * x[k]
		}
		if i < 9 {
			y[i], y[17-i] = sum*w[i], -sum*w[17-i]
		} else {
			y[9+i], y[44-i] = sum*w[9+i], sum*w[44-i]
		}
	}
}

// threeShort computes the windowed inverse MDCTs of three times 6 lines, which stand side by side.
func threeShort(x []float32, y *[36]float32) {
	for i := range shorts {
		for block := range 3 {
			var sum float32
			for k, c := range &shorts[i] {
				sum += c * x[3*k+block]
			}
			y[6+6*block+i] += sum * windows[2][i]
		}
	}
}
