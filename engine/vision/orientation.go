package vision

import (
	"bufio"
	"encoding/binary"
	"io"
)

// orientation returns how the picture of a JPEG file is to be turned, as cameras write it into the Exif data, from 1 (not at all) to 8
// (CIPA DC-008, "Orientation"). Other files have 1.
func orientation(r io.Reader) int {
	in := bufio.NewReader(r)
	var mark [4]byte // of a segment, with its length
	if _, err := io.ReadFull(in, mark[:2]); err != nil || mark[0] != 0xff || mark[1] != 0xd8 {
		return 1
	}
	for {
		if _, err := io.ReadFull(in, mark[:]); err != nil || mark[0] != 0xff || mark[1] == 0xda {
			return 1
		}
		n := int(binary.BigEndian.Uint16(mark[2:])) - 2
		if n < 0 {
			return 1
		}
		if mark[1] != 0xe1 {
			if _, err := in.Discard(n); err != nil {
				return 1
			}
			continue
		}
		data := make([]byte, n)
		if _, err := io.ReadFull(in, data); err != nil {
			return 1
		}
		if o := exifOrientation(data); o != 0 {
			return o
		}
	}
}

// exifOrientation reads the orientation in the first directory of Exif data; 0: there is none.
func exifOrientation(data []byte) int {
	const head = "Exif\x00\x00"
	if len(data) < len(head)+8 || string(data[:len(head)]) != head {
		return 0
	}
	data = data[len(head):]
	var order binary.ByteOrder = binary.BigEndian
	if string(data[:2]) == "II" {
		order = binary.LittleEndian
	}
	at := int64(order.Uint32(data[4:]))
	if at+2 > int64(len(data)) {
		return 0
	}
	list := data[at:]
	n := int(order.Uint16(list))
	for list = list[2:]; n > 0 && len(list) >= 12; n, list = n-1, list[12:] {
		const tag = 0x0112
		if o := int(order.Uint16(list[8:])); order.Uint16(list) == tag && o >= 1 && o <= 8 {
			return o
		}
	}
	return 0
}

// Turned returns m as the orientation asks.
func (m *Image) Turned(orientation int) *Image {
	if orientation < 2 || orientation > 8 {
		return m
	}
	out := New(m.Width, m.Height)
	if orientation >= 5 {
		out = New(m.Height, m.Width)
	}
	for y := range out.Height {
		for x := range out.Width {
			fromX, fromY := x, y
			if orientation >= 5 {
				fromX, fromY = y, x
			}
			switch orientation { // mirrored from left to right
			case 2, 3, 7, 8:
				fromX = m.Width - 1 - fromX
			}
			switch orientation { // and from top to bottom
			case 3, 4, 6, 7:
				fromY = m.Height - 1 - fromY
			}
			copy(out.Pix[3*(y*out.Width+x):][:3], m.Pix[3*(fromY*m.Width+fromX):])
		}
	}
	return out
}
