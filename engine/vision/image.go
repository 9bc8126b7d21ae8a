package vision

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"io"
	"math"

	// The formats of images that are read.
	_ "image/gif"
	_ "image/jpeg"
	_ "image/png"

	_ "golang.org/x/image/bmp"
	_ "golang.org/x/image/webp"
)

// Image is a picture in 8-bit RGB, [Height][Width][3].
type Image struct {
	Width, Height int
	Pix           []byte
}

// Limits of images. A smaller side is scaled up by the models, a larger picture would need more memory than it is worth: every
// model scales pictures down to a few megapixels.
const (
	minSide   = 2
	maxSide   = 1 << 15
	maxPixels = 100 << 20
)

// ErrFormat means that a file is no image of a known format.
var ErrFormat = errors.New("not an image that can be read: PNG, JPEG, GIF, WebP and BMP can")

// ErrDamaged means that a file of a known format can't be read.
var ErrDamaged = errors.New("the image is damaged")

// SizeError means that an image is too small or too large.
type SizeError struct{ Width, Height int }

func (e *SizeError) Error() string {
	return fmt.Sprintf("the image has %d × %d pixels; from %d × %d to %d megapixels can be read", e.Width, e.Height, minSide, minSide, maxPixels>>20)
}

// Extensions are the file extensions of the images that are read.
var Extensions = []string{".png", ".jpg", ".jpeg", ".gif", ".webp", ".bmp"}

// Format returns the format of the image in file: png, jpeg, gif, webp or bmp; "" if it is none of these.
func Format(file []byte) string {
	_, format, err := image.DecodeConfig(bytes.NewReader(file))
	if err != nil {
		return ""
	}
	return format
}

// Decode reads an image. Of animations it is the first picture. Transparent parts become white, and photos are upright. The size is checked before memory is
// taken. The error is ErrFormat, a *SizeError, or wraps ErrDamaged.
func Decode(r io.ReadSeeker) (*Image, error) {
	c, _, err := image.DecodeConfig(r)
	if errors.Is(err, image.ErrFormat) {
		return nil, ErrFormat
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if c.Width < minSide || c.Height < minSide || c.Width > maxSide || c.Height > maxSide || c.Width*c.Height > maxPixels {
		return nil, &SizeError{c.Width, c.Height}
	}
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	in, _, err := image.Decode(r)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	return fromImage(in).Turned(orientation(r)), nil
}

// fromImage converts a picture, on white.
func fromImage(in image.Image) *Image {
	b := in.Bounds()
	out, at := New(b.Dx(), b.Dy()), colours(in)
	pix := out.Pix
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			r, g, bl, a := at(x, y)
			white := 0xffff - a
			pix[0], pix[1], pix[2] = byte((r+white)>>8), byte((g+white)>>8), byte((bl+white)>>8)
			pix = pix[3:]
		}
	}
	return out
}

// colours returns a function with the colours of a picture, multiplied by their opacity. Those of the usual kinds are read without an
// allocation for each pixel.
func colours(in image.Image) func(x, y int) (r, g, b, a uint32) {
	switch in := in.(type) {
	case *image.YCbCr:
		return func(x, y int) (r, g, b, a uint32) { return in.YCbCrAt(x, y).RGBA() }
	case *image.NRGBA:
		return func(x, y int) (r, g, b, a uint32) { return in.NRGBAAt(x, y).RGBA() }
	case *image.RGBA:
		return func(x, y int) (r, g, b, a uint32) { return in.RGBAAt(x, y).RGBA() }
	}
	return func(x, y int) (r, g, b, a uint32) { return in.At(x, y).RGBA() }
}

// New returns a black image.
func New(width, height int) *Image { return &Image{width, height, make([]byte, 3*width*height)} }

// Crop returns the part of m of the given size whose upper left corner is at x, y.
func (m *Image) Crop(x, y, width, height int) *Image {
	out := New(width, height)
	for row := range height {
		copy(out.Pix[3*row*width:][:3*width], m.Pix[3*((y+row)*m.Width+x):])
	}
	return out
}

// Filter is a way to scale images.
type Filter struct {
	support float64
	weight  func(x float64) float64
}

// The filters of Pillow, with the same results (Pillow's documentation, "Filters").
var (
	Bilinear = Filter{1, func(x float64) float64 { return max(0, 1-math.Abs(x)) }}
	Bicubic  = Filter{2, bicubic}
	Lanczos  = Filter{3, lanczos}
)

// bicubic is the cubic convolution with a = -½.
func bicubic(x float64) float64 {
	switch x = math.Abs(x); {
	case x < 1:
		return (1.5*x-2.5)*x*x + 1
	case x < 2:
		return -0.5 * (((x-5)*x+8)*x - 4)
	}
	return 0
}

func lanczos(x float64) float64 {
	if x < -3 || x >= 3 {
		return 0
	}
	return sinc(x) * sinc(x/3)
}

func sinc(x float64) float64 {
	if x == 0 {
		return 1
	}
	return math.Sin(math.Pi*x) / (math.Pi * x)
}

// precision is the number of fractional bits of the weights of a filter.
const precision = 22

// Resize returns m in another size. As in Pillow, rows are scaled first and columns after them, each with rounding to 8 bits.
func (m *Image) Resize(width, height int, f Filter) *Image {
	if width == m.Width && height == m.Height {
		return m
	}
	return m.columns(width, f).rows(height, f)
}

// taps are the source pixels of a pixel: from first on, with their weights.
type taps struct {
	first   int
	weights []int32
}

// resample returns the taps of out pixels made of in.
func resample(in, out int, f Filter) []taps {
	list := make([]taps, out)
	scale := float64(in) / float64(out)
	stretch := max(1, scale)
	support := f.support * stretch
	for i := range list {
		center := (float64(i) + 0.5) * scale
		first, last := max(0, int(center-support+0.5)), min(in, int(center+support+0.5))
		w, sum := make([]float64, last-first), 0.0
		for k := range w {
			w[k] = f.weight((float64(k+first) - center + 0.5) / stretch)
			sum += w[k]
		}
		t := taps{first, make([]int32, len(w))}
		for k, x := range w {
			if sum != 0 {
				x /= sum
			}
			t.weights[k] = int32(x*(1<<precision) + math.Copysign(0.5, x))
		}
		list[i] = t
	}
	return list
}

// columns scales the width.
func (m *Image) columns(width int, f Filter) *Image {
	if width == m.Width {
		return m
	}
	out, list := New(width, m.Height), resample(m.Width, width, f)
	for y := range m.Height {
		row, to := m.Pix[3*y*m.Width:][:3*m.Width], out.Pix[3*y*width:][:3*width]
		for x, t := range list {
			var sum [3]int32
			for k, w := range t.weights {
				p := row[3*(t.first+k):][:3]
				for c := range sum {
					sum[c] += int32(p[c]) * w
				}
			}
			for c, s := range sum {
				to[3*x+c] = round8(s)
			}
		}
	}
	return out
}

// rows scales the height.
func (m *Image) rows(height int, f Filter) *Image {
	if height == m.Height {
		return m
	}
	out, sums := New(m.Width, height), make([]int32, 3*m.Width)
	for y, t := range resample(m.Height, height, f) {
		clear(sums)
		for k, w := range t.weights {
			for i, p := range m.Pix[3*(t.first+k)*m.Width:][:len(sums)] {
				sums[i] += int32(p) * w
			}
		}
		for i, s := range sums {
			out.Pix[3*y*m.Width+i] = round8(s)
		}
	}
	return out
}

// round8 returns a sum of weighted pixels as a pixel.
func round8(sum int32) byte { return byte(min(255, max(0, (sum+1<<(precision-1))>>precision))) }

// Normalised returns (pixel/255 - mean)/std of each channel, as patches of size × size pixels, each [3][size][size]. The sides of m are multiples of
// size. The numbers of the patches, row by row, are given in the order in which they are wanted.
func (m *Image) Normalised(size int, patches []int, mean, std [3]float32) []float32 {
	across, n := m.Width/size, 3*size*size
	out := make([]float32, len(patches)*n)
	for i, p := range patches {
		patch, left, top := out[i*n:][:n], p%across*size, p/across*size
		for at := range size * size {
			pixel := m.Pix[3*((top+at/size)*m.Width+left+at%size):]
			for c := range 3 {
				patch[c*size*size+at] = (float32(pixel[c])/255 - mean[c]) / std[c]
			}
		}
	}
	return out
}
