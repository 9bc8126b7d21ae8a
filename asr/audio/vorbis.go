package audio

// Vorbis in Ogg (Xiph.Org, "Vorbis I specification"), bits from the lowest on:
//
//	three packets: 8 bits type (1, 3, 5), "vorbis", and
//	  1  32 bits version 0, 8 channels, 32 rate, 3 × 32 bit rates, 4 and 4 logarithms of the
//	     short and the long block, 1 one
//	  3  tags, not used
//	  5  the setup: codebooks, floors, residues, mappings, modes
//	then a packet a block: 1 bit zero, its mode, [1 long before, 1 long behind], for each channel a
//	floor, then the residues
//
//	block = overlap(window · iMDCT(floor · residue))
//
// A mapping says which channels have which floor and residue, and which were stored as the
// larger one and the difference. A mode says long or short and which mapping. A block gives
// its samples when the next one is known: what lies between the middles of both.
//
// The decoder is our own, since no library in pure Go could be had; it is tested against
// libvorbis.

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
)

type vorbisMapping struct {
	magnitude, angle []int // channels, by coupling step
	of               []int // submap of each channel
	floors, residues []int // by submap
}

type vorbisMode struct {
	long    bool
	mapping int
}

type vorbis struct {
	*stream
	channels int
	size     [2]int // of short and long blocks
	window   [2][]float32
	mdct     [2]*mdct
	books    []*codebook
	floors   []*floor
	residues []*residue
	mappings []vorbisMapping
	modes    []vorbisMode

	spectra [][]float32 // [channels][long/2]
	silent  []bool
	block   []float32   // [long]
	last    [][]float32 // [channels][half a block]: what of the last block comes behind its middle
	sum     []float32   // [long/2]
}

// openVorbis opens the stream whose first page was just read.
func openVorbis(o *ogg) (decoder, error) {
	s := &stream{ogg: o}
	s.codec = &vorbis{stream: s}
	return s, s.open("\x01vorbis")
}

// begin reads the three packets at a stream's beginning, of which p is the first.
func (d *vorbis) begin(p packet) error {
	b := p.data
	if len(b) < 30 {
		return d.ogg.in.wrong(ErrFormat, "the first Vorbis packet has %d bytes, want 30", len(b))
	}
	hz, channels := binary.LittleEndian.Uint32(b[12:]), int(b[11])
	brief, long := int(b[28]&15), int(b[28]>>4)
	switch {
	case binary.LittleEndian.Uint32(b[7:]) != 0:
		return d.ogg.in.wrong(ErrFormat, "vorbis.version is %d, want 0", binary.LittleEndian.Uint32(b[7:]))
	case channels < 1 || channels > maxChannels:
		return d.ogg.in.wrong(ErrFormat, "vorbis.channels is %d, want 1 to %d", channels, maxChannels)
	case hz < minRate || hz > maxRate:
		return d.ogg.in.wrong(ErrFormat, "vorbis.rate is %d Hz, want %d to %d", hz, minRate, maxRate)
	case d.hz != 0 && d.hz != int(hz):
		return d.ogg.in.wrong(ErrFormat, "vorbis.rate changes from %d to %d Hz inside the file", d.hz, hz)
	case brief < 6 || long > 13 || brief > long:
		return d.ogg.in.wrong(ErrFormat, "vorbis.blocks are of 2^%d and 2^%d samples, want 2^6 to 2^13", brief, long)
	}
	d.hz, d.channels, d.size = int(hz), channels, [2]int{1 << brief, 1 << long}
	for {
		p, err := d.ogg.packet()
		if err != nil {
			return d.ogg.in.wrong(short(err), "the Vorbis setup is missing")
		}
		if bytes.HasPrefix(p.data, []byte("\x05vorbis")) {
			if err := d.setup(&lsb{b: p.data[7:]}); err != nil {
				return d.ogg.in.wrong(ErrFormat, "the Vorbis setup is damaged: %v", err)
			}
			d.prepare()
			return nil
		}
		if p.first || len(p.data) > 0 && p.data[0]&1 == 0 {
			return d.ogg.in.wrong(ErrFormat, "the Vorbis setup is missing")
		}
	}
}

// setup reads the third packet.
func (d *vorbis) setup(r *lsb) error {
	d.books, d.floors, d.residues, d.mappings, d.modes = nil, nil, nil, nil, nil
	room := mostValues
	for range r.bits(8) + 1 {
		c, err := readCodebook(r, room)
		if err != nil {
			return fmt.Errorf("codebook %d: %w", len(d.books), err)
		}
		room -= len(c.vectors)
		d.books = append(d.books, c)
	}
	for range r.bits(6) + 1 {
		if r.bits(16) != 0 {
			return errVorbis
		}
	}
	for range r.bits(6) + 1 {
		kind := r.bits(16)
		if kind != 1 {
			return fmt.Errorf("floor %d of type %d: %w", len(d.floors), kind, errVorbis)
		}
		f, err := readFloor(r, len(d.books))
		if err != nil {
			return fmt.Errorf("floor %d: %w", len(d.floors), err)
		}
		d.floors = append(d.floors, f)
	}
	for range r.bits(6) + 1 {
		s, err := readResidue(r, int(r.bits(16)), d.books)
		if err != nil {
			return fmt.Errorf("residue %d: %w", len(d.residues), err)
		}
		d.residues = append(d.residues, s)
	}
	for range r.bits(6) + 1 {
		if err := d.mapping(r); err != nil {
			return fmt.Errorf("mapping %d: %w", len(d.mappings), err)
		}
	}
	for range r.bits(6) + 1 {
		m := vorbisMode{long: r.flag()}
		kinds := r.bits(32)
		m.mapping = int(r.bits(8))
		if kinds != 0 || m.mapping >= len(d.mappings) {
			return fmt.Errorf("mode %d: %w", len(d.modes), errVorbis)
		}
		d.modes = append(d.modes, m)
	}
	if !r.flag() || r.over {
		return errVorbis
	}
	return nil
}

// mapping reads a mapping.
func (d *vorbis) mapping(r *lsb) error {
	var m vorbisMapping
	if r.bits(16) != 0 {
		return errVorbis
	}
	submaps := 1
	if r.flag() {
		submaps = int(r.bits(4)) + 1
	}
	if r.flag() {
		wide := bits.Len(uint(d.channels - 1))
		for range r.bits(8) + 1 {
			a, b := int(r.bits(wide)), int(r.bits(wide))
			if a == b || a >= d.channels || b >= d.channels {
				return errVorbis
			}
			m.magnitude, m.angle = append(m.magnitude, a), append(m.angle, b)
		}
	}
	if r.bits(2) != 0 {
		return errVorbis
	}
	m.of = make([]int, d.channels)
	if submaps > 1 {
		for i := range m.of {
			if m.of[i] = int(r.bits(4)); m.of[i] >= submaps {
				return errVorbis
			}
		}
	}
	for range submaps {
		r.bits(8)
		f, s := int(r.bits(8)), int(r.bits(8))
		if f >= len(d.floors) || s >= len(d.residues) {
			return errVorbis
		}
		m.floors, m.residues = append(m.floors, f), append(m.residues, s)
	}
	d.mappings = append(d.mappings, m)
	return nil
}

// prepare makes what decoding needs.
func (d *vorbis) prepare() {
	for i, n := range d.size {
		d.mdct[i] = newMDCT(n)
		d.window[i] = make([]float32, n/2)
		for k := range d.window[i] {
			s := math.Sin(math.Pi * (float64(k) + 0.5) / float64(n))
			d.window[i][k] = float32(math.Sin(math.Pi / 2 * s * s))
		}
	}
	long := d.size[1]
	d.spectra, d.last, d.silent = make([][]float32, d.channels), make([][]float32, d.channels), make([]bool, d.channels)
	for c := range d.channels {
		d.spectra[c] = make([]float32, long/2)
	}
	d.block, d.sum = make([]float32, long), make([]float32, long/2)
	d.forget()
}

// forget leaves the next block without one before it: it only gives what the one after needs.
func (d *vorbis) forget() { clear(d.last) }

func (d *vorbis) sound(b []byte) bool { return len(b) > 0 && b[0]&1 == 0 }

// mode reads a packet's mode; false if there is none of that number.
func (d *vorbis) mode(r *lsb) (m vorbisMode, ok bool) {
	i := int(r.bits(bits.Len(uint(len(d.modes) - 1))))
	if i >= len(d.modes) {
		return m, false
	}
	return d.modes[i], true
}

func (d *vorbis) samples(packets ...[]byte) (n int64) {
	last := 2 * len(d.last[0])
	for _, b := range packets {
		if !d.sound(b) {
			continue
		}
		m, ok := d.mode(&lsb{b: b, at: 1})
		if !ok {
			last = 0
			continue
		}
		size := d.size[0]
		if m.long {
			size = d.size[1]
		}
		if last > 0 {
			n += int64(last+size) / 4
		}
		last = size
	}
	return n
}

// decode returns the mono samples that a packet completes.
func (d *vorbis) decode(b []byte) ([]float32, error) {
	r := &lsb{b: b, at: 1}
	m, ok := d.mode(r)
	if !ok {
		return nil, errVorbis
	}
	size, before, behind := 0, 0, 0 // 1: long
	if m.long {
		size, before, behind = 1, int(r.bits(1)), int(r.bits(1))
	}
	n := d.size[size]
	d.spectrum(r, &d.mappings[m.mapping], n/2)
	out := d.sum[:0]
	for c := range d.channels {
		y := d.block[:n]
		d.mdct[size].inverse(y, d.spectra[c][:n/2])
		rise(y[:n/2], d.window[before])
		fall(y[n/2:], d.window[behind])
		out = d.overlap(c, y)
	}
	for i, v := range out {
		out[i] = clip(v / float32(d.channels))
	}
	return out, nil
}

// spectrum decodes the spectra of all channels, half of them as long as the block.
func (d *vorbis) spectrum(r *lsb, m *vorbisMapping, half int) {
	curves := make([][]int, d.channels) // floors are shared: their points are kept by channel
	for c := range d.channels {
		clear(d.spectra[c][:half])
		f := d.floors[m.floors[m.of[c]]]
		d.silent[c] = !f.read(r, d.books)
		curves[c] = f.points()
	}
	quiet := append([]bool(nil), d.silent...)
	for i, a := range m.magnitude {
		if b := m.angle[i]; !quiet[a] || !quiet[b] {
			quiet[a], quiet[b] = false, false
		}
	}
	for s := range m.residues {
		var of [][]float32
		var not []bool
		for c := range d.channels {
			if m.of[c] == s {
				of, not = append(of, d.spectra[c][:half]), append(not, quiet[c])
			}
		}
		d.residues[m.residues[s]].read(r, d.books, of, not)
	}
	for i := len(m.magnitude) - 1; i >= 0; i-- {
		uncouple(d.spectra[m.magnitude[i]][:half], d.spectra[m.angle[i]][:half])
	}
	for c := range d.channels {
		if d.silent[c] {
			clear(d.spectra[c][:half])
			continue
		}
		d.floors[m.floors[m.of[c]]].apply(d.spectra[c][:half], curves[c])
	}
}

// uncouple turns the larger one and the difference into two channels.
func uncouple(a, b []float32) {
	for i, m := range a {
		d := b[i]
		switch {
		case m > 0 && d > 0:
			b[i] = m - d
		case m > 0:
			a[i], b[i] = m+d, m
		case d > 0:
			b[i] = m + d
		default:
			a[i], b[i] = m-d, m
		}
	}
}

// rise fades half a block in; a short window stands in its middle.
func rise(y, window []float32) {
	flat := (len(y) - len(window)) / 2
	clear(y[:flat])
	for i, w := range window {
		y[flat+i] *= w
	}
}

// fall fades half a block out.
func fall(y, window []float32) {
	flat := (len(y) - len(window)) / 2
	for i := range window {
		y[flat+i] *= window[len(window)-1-i]
	}
	clear(y[flat+len(window):])
}

// overlap adds a block y of channel c to the one before and returns the sum of the channels so
// far, from the middle of that one to the middle of y.
func (d *vorbis) overlap(c int, y []float32) []float32 {
	last, half := d.last[c], len(y)/2
	var out []float32
	if last != nil {
		out = d.sum[:(len(last)+half)/2]
		shift := (half - len(last)) / 2
		for i := range out {
			v := float32(0)
			if i < len(last) {
				v = last[i]
			}
			if k := i + shift; k >= 0 {
				v += y[k]
			}
			if c > 0 {
				v += out[i]
			}
			out[i] = v
		}
	}
	d.last[c] = append(d.last[c][:0], y[half:]...)
	return out
}
