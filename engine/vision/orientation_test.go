package vision

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/color"
	"image/jpeg"
	"testing"
)

// photographed returns a JPEG file, 32 × 16, whose left half is red and upper right quarter green, with Exif data.
func photographed(t testing.TB, order binary.AppendByteOrder, orientation uint16) []byte {
	t.Helper()
	m := image.NewRGBA(image.Rect(0, 0, 32, 16))
	for y := range 16 {
		for x := range 32 {
			c := color.RGBA{0, 0, 255, 255}
			if x < 16 {
				c = color.RGBA{255, 0, 0, 255}
			} else if y < 8 {
				c = color.RGBA{0, 255, 0, 255}
			}
			m.Set(x, y, c)
		}
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, &jpeg.Options{Quality: 100}); err != nil {
		t.Fatal(err)
	}
	exif := []byte("Exif\x00\x00MM\x00*")
	if order == binary.AppendByteOrder(binary.LittleEndian) {
		exif = []byte("Exif\x00\x00II*\x00")
	}
	exif = order.AppendUint32(exif, 8)
	exif = order.AppendUint16(exif, 2)
	for _, entry := range [][2]uint16{{0x010e, 7}, {0x0112, orientation}} {
		exif = order.AppendUint16(order.AppendUint32(order.AppendUint16(order.AppendUint16(exif, entry[0]), 3), 1), entry[1])
		exif = append(exif, 0, 0)
	}
	head := append([]byte{0xff, 0xd8, 0xff, 0xe1}, binary.BigEndian.AppendUint16(nil, uint16(len(exif)+2))...)
	return append(append(head, exif...), b.Bytes()[2:]...)
}

// Photos are upright, however the camera was held.
func TestOrientation(t *testing.T) {
	const red, green, blue = "red", "green", "blue"
	name := func(m *Image, x, y int) string {
		p := m.Pix[3*(y*m.Width+x):]
		switch {
		case p[0] > 200:
			return red
		case p[1] > 200:
			return green
		}
		return blue
	}
	// The corners: upper left, upper right, lower left, lower right.
	for o, want := range map[uint16][4]string{
		0: {red, green, red, blue}, 1: {red, green, red, blue}, 2: {green, red, blue, red}, 3: {blue, red, green, red}, 4: {red, blue, red, green},
		5: {red, red, green, blue}, 6: {red, red, blue, green}, 7: {blue, green, red, red}, 8: {green, blue, red, red}, 9: {red, green, red, blue},
	} {
		for _, order := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
			m, err := Decode(bytes.NewReader(photographed(t, order, o)))
			if err != nil {
				t.Fatal(err)
			}
			got := [4]string{name(m, 1, 1), name(m, m.Width-2, 1), name(m, 1, m.Height-2), name(m, m.Width-2, m.Height-2)}
			if got != want || (m.Width == 16) != (o >= 5 && o <= 8) {
				t.Errorf("orientation %d: %d × %d, %v, expected %v", o, m.Width, m.Height, got, want)
			}
		}
	}
}

// Damaged Exif data are no orientation, and no error.
func TestOrientationDamaged(t *testing.T) {
	whole := photographed(t, binary.LittleEndian, 6)
	for n := range 120 {
		if o := orientation(bytes.NewReader(whole[:n])); o != 1 && o != 6 {
			t.Errorf("of %d bytes: %d", n, o)
		}
		spoiled := bytes.Clone(whole)
		spoiled[n] = 0xff
		if o := orientation(bytes.NewReader(spoiled)); o < 1 || o > 8 {
			t.Errorf("with another byte %d: %d", n, o)
		}
	}
}
