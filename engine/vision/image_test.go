package vision

import (
	"bytes"
	"errors"
	"image"
	"image/color"
	"image/png"
	"testing"
)

func encoded(t testing.TB, m image.Image) *bytes.Reader {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	return bytes.NewReader(b.Bytes())
}

func TestDecode(t *testing.T) {
	m := image.NewNRGBA(image.Rect(0, 0, 3, 2))
	m.Set(1, 0, color.NRGBA{200, 100, 50, 255})
	m.Set(2, 1, color.NRGBA{0, 0, 0, 128})
	got, err := Decode(encoded(t, m))
	if err != nil {
		t.Fatal(err)
	}
	if got.Width != 3 || got.Height != 2 || got.Pix[0] != 255 || got.Pix[3] != 200 || got.Pix[5] != 50 || got.Pix[15] != 127 {
		t.Errorf("%d × %d: %v", got.Width, got.Height, got.Pix)
	}
	for what, data := range map[string][]byte{"text": []byte("no image"), "nothing": nil} {
		if _, err := Decode(bytes.NewReader(data)); !errors.Is(err, ErrFormat) {
			t.Errorf("%s: %v", what, err)
		}
	}
	var size *SizeError
	if _, err := Decode(encoded(t, image.NewGray(image.Rect(0, 0, 1, 40)))); !errors.As(err, &size) || size.Width != 1 {
		t.Errorf("a line: %v", err)
	}
	if _, err := Decode(encoded(t, image.NewGray(image.Rect(0, 0, maxSide+1, 2)))); !errors.As(err, &size) {
		t.Errorf("a long line: %v", err)
	}
	whole := encoded(t, image.NewRGBA(image.Rect(0, 0, 64, 64)))
	cut := make([]byte, whole.Len()*2/3)
	if _, err := whole.Read(cut); err != nil {
		t.Fatal(err)
	}
	if _, err := Decode(bytes.NewReader(cut)); err == nil || errors.Is(err, ErrFormat) {
		t.Errorf("an image that ends early: %v", err)
	}
}

// A picture of one colour stays of that colour, whatever the filter and the size.
func TestResizeKeepsColour(t *testing.T) {
	m := New(17, 9)
	for i := range m.Pix {
		m.Pix[i] = []byte{255, 0, 130}[i%3]
	}
	for name, f := range map[string]Filter{"bilinear": Bilinear, "bicubic": Bicubic, "Lanczos": Lanczos} {
		for _, size := range [][2]int{{17, 9}, {1, 1}, {40, 3}, {5, 60}} {
			out := m.Resize(size[0], size[1], f)
			if out.Width != size[0] || out.Height != size[1] || len(out.Pix) != 3*size[0]*size[1] {
				t.Fatalf("%s: %d × %d", name, out.Width, out.Height)
			}
			for i, p := range out.Pix {
				if want := m.Pix[i%3]; p != want {
					t.Fatalf("%s to %v: value %d is %d, expected %d", name, size, i, p, want)
				}
			}
		}
	}
}

// Every image, however narrow, has parts of the right size.
func TestParts(t *testing.T) {
	const side = 24
	for _, size := range [][2]int{{2, 2}, {2, 5000}, {5000, 2}, {side, side}, {1000, 700}} {
		m := New(size[0], size[1])
		for name, parts := range map[string][]Part{
			"letterbox": Letterbox(m, side, side, Bilinear, "<", ">"), "tiles": Tiles(m, side, 4*side), "one tile": Tiles(m, side, 0),
		} {
			tiles := 0
			for _, p := range parts {
				if p.Tile == nil {
					continue
				}
				if tiles++; p.Tile.Width != side || p.Tile.Height != side {
					t.Errorf("%s of %v: a tile of %d × %d", name, size, p.Tile.Width, p.Tile.Height)
				}
			}
			if tiles == 0 || name != "tiles" && tiles != 1 || tiles > 17 {
				t.Errorf("%s of %v: %d tiles", name, size, tiles)
			}
		}
	}
}

// TestFit compares sizes with those of llama.cpp's mtmd (llama-cpp-python 0.3.36), in units, for images of 8 to 4096 of them.
func TestFit(t *testing.T) {
	for unit, list := range map[int][][4]int{
		28: {{2, 2, 3, 3}, {28, 28, 3, 3}, {42, 42, 3, 3}, {43, 41, 3, 3}, {20, 15, 4, 3}, {1920, 1080, 69, 39}, {4000, 3000, 73, 55}, {3000, 4000, 55, 73}, {32768, 2, 1170, 1}, {2, 32768, 1, 1170}, {224, 224, 8, 8}, {1793, 1792, 64, 64}, {30, 1000, 1, 36}},
		8:  {{2, 2, 3, 3}, {42, 42, 5, 5}, {43, 41, 5, 5}, {1920, 1080, 85, 48}, {32768, 2, 4096, 1}, {640, 480, 73, 55}, {224, 224, 28, 28}, {1793, 1792, 64, 63}, {7, 10000, 1, 1250}, {30, 1000, 4, 125}},
	} {
		for _, c := range list {
			w, h := Fit(c[0], c[1], unit, 8*unit*unit, 4096*unit*unit)
			if w != c[2]*unit || h != c[3]*unit {
				t.Errorf("%d × %d become %d × %d, expected %d × %d units of %d", c[0], c[1], w, h, c[2], c[3], unit)
			}
			parts := Letterbox(New(c[0], c[1]), min(w, 512), min(h, 512), Bicubic, "", "end")
			if len(parts) != 2 || parts[0].Tile == nil || parts[0].Tile.Width != min(w, 512) || parts[0].Tile.Height != min(h, 512) || parts[1].Text != "end" {
				t.Errorf("%v: %d parts", c, len(parts))
			}
		}
	}
}

// TestGrid compares numbers of tiles with those of llama.cpp's mtmd for LFM2-VL, and checks the tiles and the texts before them.
func TestGrid(t *testing.T) {
	for _, c := range []struct{ width, height, across, down int }{
		{1920, 1200, 3, 2}, {4000, 3000, 3, 2}, {3000, 4000, 2, 3}, {2571, 840, 3, 1}, {2048, 1100, 4, 2}, {1500, 1500, 3, 3}, {1000, 9000, 1, 9}, {6000, 2400, 5, 2},
	} {
		if across, down := Nearest(&Image{Width: c.width, Height: c.height}, 512, 10); across != c.across || down != c.down {
			t.Errorf("%d × %d become %d × %d tiles, expected %d × %d", c.width, c.height, across, down, c.across, c.down)
		}
	}
	for _, c := range []struct{ width, height, across, down int }{{61, 40, 3, 2}, {20, 70, 1, 3}, {30, 30, 2, 2}, {25, 24, 2, 1}, {200, 20, 6, 1}} { // InternVL
		if across, down := MostDetail(&Image{Width: c.width, Height: c.height}, 24, 6); across != c.across || down != c.down {
			t.Errorf("%d × %d become %d × %d tiles, expected %d × %d", c.width, c.height, across, down, c.across, c.down)
		}
	}
	m := New(90, 61)
	m.Pix[0] = 200
	list := Grid(m, 20, 3, 2, Bilinear, "<%d,%d>")
	if len(list) != 12 || list[0].Text != "<1,1>" || list[6].Text != "<2,1>" || list[11].Tile.Width != 20 || list[1].Tile.Pix[0] == list[3].Tile.Pix[0] {
		t.Errorf("%d parts: %+v", len(list), list[0].Text)
	}
}
