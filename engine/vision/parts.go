package vision

import (
	"fmt"
	"math"
)

// Part is a part of what a language model sees of an image: a text, whose control tokens are meant, or a tile that the encoder
// turns into rows.
type Part struct {
	Text string
	Tile *Image
}

// Grid returns m divided into across × down tiles of side × side pixels, row by row, each behind a text with the numbers of its row and its column, if
// there is a format for it. It is scaled to fit into the grid, with black beside it.
func Grid(m *Image, side, across, down int, f Filter, format string) (list []Part) {
	whole := Letterbox(m, across*side, down*side, f, "", "")[0].Tile
	for y := range down {
		for x := range across {
			if format != "" {
				list = append(list, Part{Text: fmt.Sprintf(format, y+1, x+1)})
			}
			list = append(list, Part{Tile: whole.Crop(x*side, y*side, side, side)})
		}
	}
	return list
}

// Nearest returns the grid of 2 to most tiles whose proportions are the nearest to those of m. Of grids with the same proportions it is the largest that m fills by
// more than half.
func Nearest(m *Image, side, most int) (across, down int) {
	ratio, area := float32(m.Width)/float32(m.Height), float32(m.Width*m.Height)
	best := float32(math.Inf(1))
	for tiles := 2; tiles <= most; tiles++ {
		for w := 1; w <= tiles; w++ {
			h := tiles / w
			if w*h != tiles {
				continue
			}
			d := ratio - float32(w)/float32(h)
			if d = max(d, -d); d < best || d == best && area > 0.5*float32(side*side*tiles) {
				best, across, down = d, w, h
			}
		}
	}
	return across, down
}

// MostDetail returns the grid of 1 to most tiles in which m keeps the most of its pixels; of several ones, that with the fewest other pixels.
func MostDetail(m *Image, side, most int) (across, down int) {
	detail, waste := 0, math.MaxInt
	for w := 1; w <= most; w++ {
		for h := 1; h <= most/w; h++ {
			scale := min(float32(w*side)/float32(m.Width), float32(h*side)/float32(m.Height))
			kept := min(int(float32(m.Width)*scale)*int(float32(m.Height)*scale), m.Width*m.Height)
			if rest := w*h*side*side - kept; kept > detail || kept == detail && rest < waste {
				detail, waste, across, down = kept, rest, w, h
			}
		}
	}
	return max(1, across), max(1, down)
}

// Letterbox returns m scaled to fit into width × height pixels, with black beside it, between two texts, of which the first may be empty.
func Letterbox(m *Image, width, height int, f Filter, before, after string) []Part {
	scale := min(float32(width)/float32(m.Width), float32(height)/float32(m.Height))
	w, h := fitted(m.Width, scale, width), fitted(m.Height, scale, height)
	small, out := m.Resize(w, h, f), New(width, height)
	left, top := (width-w)/2, (height-h)/2
	for y := range h {
		copy(out.Pix[3*((top+y)*width+left):], small.Pix[3*y*w:][:3*w])
	}
	list := []Part{{Text: before}, {Tile: out}, {Text: after}}
	if before == "" {
		return list[1:]
	}
	return list
}

// Fit returns the size to which an image is scaled by models that take images of any size: sides that are multiples of unit, least to most
// pixels in all, and nearly the proportions of the image ("smart resize" of Qwen 2 VL, arXiv:2409.12191).
func Fit(width, height, unit, least, most int) (int, int) {
	wide, high := float32(width), float32(height)
	w, h := multiple(math.Round, wide, unit), multiple(math.Round, high, unit)
	switch {
	case w*h > most:
		by := float32(math.Sqrt(float64(high * wide / float32(most))))
		return multiple(math.Floor, wide/by, unit), multiple(math.Floor, high/by, unit)
	case w*h < least:
		by := float32(math.Sqrt(float64(float32(least) / (high * wide))))
		return multiple(math.Ceil, wide*by, unit), multiple(math.Ceil, high*by, unit)
	}
	return w, h
}

// multiple returns x as a multiple of unit, at least one, rounded by a function.
func multiple(round func(float64) float64, x float32, unit int) int {
	return unit * max(1, int(round(float64(x/float32(unit)))))
}

// fitted returns a side of an image that is scaled, rounded up.
func fitted(n int, scale float32, most int) int {
	x := float32(n) * scale
	whole := int(x)
	if float32(whole) < x {
		whole++
	}
	return max(1, min(whole, most))
}

// Tiles returns m as Idefics 3 and SmolVLM see it (arXiv:2408.12637): scaled so that the longer side has longest pixels, stretched to
// whole tiles of side × side pixels, row by row, and the whole picture as one more tile. With longest 0 the image is one tile only.
func Tiles(m *Image, side, longest int) []Part {
	const fake = "<fake_token_around_image>"
	var list []Part
	whole := m
	if longest > 0 {
		width, height := scaledTo(m.Width, m.Height, longest)
		across, down := (width+side-1)/side, (height+side-1)/side
		whole = m.Resize(width, height, Lanczos).Resize(across*side, down*side, Lanczos)
		for y := range down {
			for x := range across {
				list = append(list, Part{Text: fmt.Sprintf("%s<row_%d_col_%d>", fake, y+1, x+1)}, Part{Tile: whole.Crop(x*side, y*side, side, side)})
			}
			if y < down-1 {
				list = append(list, Part{Text: "\n"})
			}
		}
	}
	return append(list, Part{Text: "\n\n" + fake + "<global-img>"}, Part{Tile: whole.Resize(side, side, Lanczos)}, Part{Text: fake})
}

// scaledTo returns the size of an image whose longer side is scaled to longest; the other is made even.
func scaledTo(width, height, longest int) (int, int) {
	ratio := float64(width) / float64(height)
	if width >= height {
		h := int(float64(longest) / ratio)
		return longest, max(2, h+h%2)
	}
	w := int(float64(longest) * ratio)
	return max(2, w+w%2), longest
}
