package vision

import "fmt"

// Part is a part of what a language model sees of an image: a text, whose control tokens are meant, or a tile that the encoder
// turns into rows.
type Part struct {
	Text string
	Tile *Image
}

// Letterbox returns m scaled to fit into a square, with black beside it, between two texts.
func Letterbox(m *Image, side int, f Filter, before, after string) []Part {
	scale := min(float32(side)/float32(m.Width), float32(side)/float32(m.Height))
	width, height := fitted(m.Width, scale, side), fitted(m.Height, scale, side)
	small, out := m.Resize(width, height, f), New(side, side)
	left, top := (side-width)/2, (side-height)/2
	for y := range height {
		copy(out.Pix[3*((top+y)*side+left):], small.Pix[3*y*width:][:3*width])
	}
	return []Part{{Text: before}, {Tile: out}, {Text: after}}
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
