package layer3

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestDCT: the recursive transform gives what its definition says.
func TestDCT(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var x, spare [32]float32
	for i := range x {
		x[i] = rng.Float32() - 0.5
	}
	got := x
	dct(got[:], spare[:])
	for k := range 32 {
		want := 0.0
		for i, v := range x {
			want += float64(v) * math.Cos(math.Pi/64*float64(k*(2*i+1)))
		}
		if math.Abs(float64(got[k])-want) > 1e-5 {
			t.Errorf("%d: %g, want %g", k, got[k], want)
		}
	}
}

// TestCodes: each code word is read as its value, with its length.
func TestCodes(t *testing.T) {
	all := codes()
	quads := quadCodes()
	for n, c := range append(all[:], quads[:]...) {
		if c == nil {
			if n != 0 && n != 4 && n != 14 {
				t.Errorf("code %d is missing", n)
			}
			continue
		}
		for i, start := range c.starts {
			for _, v := range []uint32{start, start + 1<<(longestCode-c.lengths[i]) - 1} {
				v <<= 32 - longestCode
				r := bitReader{b: []byte{byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)}}
				if got := c.next(&r); got != int(c.values[i]) || r.at != int(c.lengths[i]) {
					t.Fatalf("code %d, word %d: value %x of %d bits, want %x of %d", n, i, got, r.at, c.values[i], c.lengths[i])
				}
			}
		}
	}
}

// FuzzDecode: no side information and no data make the decoder panic, or give other samples than -1 to 1.
func FuzzDecode(f *testing.F) {
	f.Add(byte(0), []byte("\x00\x00the side information of a frame, and then data"))
	f.Add(byte(7), []byte("\xff\xffthe side information of a frame, and then data"))
	f.Fuzz(func(t *testing.T, kind byte, b []byte) {
		format := Format{Row: int(kind % 9), Channels: 1 + int(kind>>4&1), Middle: kind>>5&1 != 0, Intensity: kind>>6&1 != 0}
		var d Decoder
		for n := format.SideSize(); len(b) >= n; b = b[n:] {
			out, err := d.Decode(format, ReadSide(format, b[:n]), b[n:])
			for _, c := range out {
				if len(c) != format.Samples() {
					t.Fatalf("%d samples, want %d (%v)", len(c), format.Samples(), err)
				}
				for _, v := range c {
					if !(v >= -1 && v <= 1) {
						t.Fatalf("a sample of %g", v)
					}
				}
			}
		}
	})
}
