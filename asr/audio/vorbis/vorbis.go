// Package vorbis decodes the packets of Vorbis (Xiph.Org, "Vorbis I specification") to mono
// samples. Bits are read from the lowest of a byte on.
//
//	three header packets: 8 bits type (1, 3, 5), "vorbis", and
//	  1  32 bits version 0, 8 channels, 32 rate, 3 × 32 bit rates, 4 and 4 logarithms of the
//	     short and the long block, 1 one
//	  3  tags, not used
//	  5  the setup: codebooks, floors, residues, mappings, modes
//	then a packet for each block: 1 bit zero, its mode, [1 long before, 1 long after], for each
//	channel a floor, then the residues
//
//	block = overlap(window · iMDCT(floor · residue))
//
// A mapping assigns floors and residues to the channels and says which channels were stored as
// the larger one and the difference. A mode selects the block length and a mapping. The samples
// between the centres of two blocks are complete when the later one is decoded.
//
// The package exists because no library in pure Go was available. It is tested against libvorbis.
package vorbis

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/bits"

	"soberano/asr/audio/input"
)

var errSetup = errors.New("no valid Vorbis setup")

type mapping struct {
	magnitude, angle []int // channels of each coupling step
	of               []int // submap of each channel
	floors, residues []int // of each submap
}

type mode struct {
	long    bool
	mapping int
}

// Decoder decodes the packets of one stream in order. It belongs to one goroutine.
type Decoder struct {
	hz       int
	channels int
	size     [2]int       // samples of short and long blocks
	window   [2][]float32 // rising half of the window of each size
	mdct     [2]*mdct
	books    []*codebook
	floors   []*floor
	residues []*residue
	mappings []mapping
	modes    []mode

	spectra [][]float32 // [channels][long/2]
	silent  []bool      // [channels]
	block   []float32   // [long]
	last    [][]float32 // [channels][half a block]: second half of the last block
	out     [][]float32 // [channels][up to long/2]: the samples of a packet
	mixer   *input.Mixer
}

// NewDecoder reads the identification header, a stream's first packet. Setup completes the
// decoder. The error names the field and the expected values.
func NewDecoder(b []byte) (*Decoder, error) {
	if len(b) < 30 {
		return nil, fmt.Errorf("the Vorbis header has %d bytes, it must have 30", len(b))
	}
	version, hz, channels := binary.LittleEndian.Uint32(b[7:]), binary.LittleEndian.Uint32(b[12:]), int(b[11])
	short, long := int(b[28]&15), int(b[28]>>4)
	switch {
	case version != 0:
		return nil, fmt.Errorf("the Vorbis header is of version %d; 0 can be read", version)
	case channels < 1 || channels > input.MaxChannels:
		return nil, fmt.Errorf("the Vorbis header states %d channels; 1 to %d can be read", channels, input.MaxChannels)
	case hz < input.MinRate || hz > input.MaxRate:
		return nil, fmt.Errorf("the Vorbis header states a rate of %d Hz; %d to %d Hz can be read", hz, input.MinRate, input.MaxRate)
	case short < 6 || long > 13 || short > long:
		return nil, fmt.Errorf("the Vorbis header states blocks of 2^%d and 2^%d samples; 2^6 to 2^13 can be read, the first no longer than the second", short, long)
	}
	return &Decoder{hz: int(hz), channels: channels, size: [2]int{1 << short, 1 << long}}, nil
}

// Rate returns the sample rate in Hz.
func (d *Decoder) Rate() int { return d.hz }

// Setup reads the setup header, a stream's third packet, which IsSetup recognises. Decoding
// needs it.
func (d *Decoder) Setup(b []byte) error {
	if !IsSetup(b) {
		return errSetup
	}
	if err := d.setup(&bitReader{b: b[7:]}); err != nil {
		return err
	}
	d.prepare()
	return nil
}

// IsSetup reports whether a packet is a setup header.
func IsSetup(b []byte) bool { return len(b) >= 7 && string(b[:7]) == "\x05vorbis" }

// IsAudio reports whether a packet holds samples; others are headers.
func IsAudio(b []byte) bool { return len(b) > 0 && b[0]&1 == 0 }

// setup reads what follows the packet type in the setup header.
func (d *Decoder) setup(r *bitReader) error {
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
			return errSetup
		}
	}
	for range r.bits(6) + 1 {
		kind := r.bits(16)
		if kind != 1 {
			return fmt.Errorf("floor %d of type %d: %w", len(d.floors), kind, errSetup)
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
		if err := d.readMapping(r); err != nil {
			return fmt.Errorf("mapping %d: %w", len(d.mappings), err)
		}
	}
	for range r.bits(6) + 1 {
		m := mode{long: r.flag()}
		kinds := r.bits(32)
		m.mapping = int(r.bits(8))
		if kinds != 0 || m.mapping >= len(d.mappings) {
			return fmt.Errorf("mode %d: %w", len(d.modes), errSetup)
		}
		d.modes = append(d.modes, m)
	}
	if !r.flag() || r.over {
		return errSetup
	}
	return nil
}

// readMapping reads a mapping.
func (d *Decoder) readMapping(r *bitReader) error {
	var m mapping
	if r.bits(16) != 0 {
		return errSetup
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
				return errSetup
			}
			m.magnitude, m.angle = append(m.magnitude, a), append(m.angle, b)
		}
	}
	if r.bits(2) != 0 {
		return errSetup
	}
	m.of = make([]int, d.channels)
	if submaps > 1 {
		for i := range m.of {
			if m.of[i] = int(r.bits(4)); m.of[i] >= submaps {
				return errSetup
			}
		}
	}
	for range submaps {
		r.bits(8)
		f, s := int(r.bits(8)), int(r.bits(8))
		if f >= len(d.floors) || s >= len(d.residues) {
			return errSetup
		}
		m.floors, m.residues = append(m.floors, f), append(m.residues, s)
	}
	d.mappings = append(d.mappings, m)
	return nil
}

// prepare allocates the windows, transforms and buffers.
func (d *Decoder) prepare() {
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
	d.block, d.out = make([]float32, long), make([][]float32, d.channels)
	d.Reset()
}

// Reset makes the next packet the first one: it gives no samples, but the packet after it does.
func (d *Decoder) Reset() {
	clear(d.last)
	d.mixer = input.NewMixer(d.channels, d.hz)
}

// mode reads the mode of a packet; false if there is none of that number.
func (d *Decoder) mode(r *bitReader) (m mode, ok bool) {
	i := int(r.bits(bits.Len(uint(len(d.modes) - 1))))
	if i >= len(d.modes) {
		return m, false
	}
	return d.modes[i], true
}

// Samples returns how many samples of a channel the next packets complete. Headers have none.
func (d *Decoder) Samples(packets ...[]byte) (n int64) {
	last := 2 * len(d.last[0])
	for _, b := range packets {
		if !IsAudio(b) {
			continue
		}
		m, ok := d.mode(&bitReader{b: b, at: 1})
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

// Decode returns the samples that a packet completes, mixed to mono by input.Mixer, from -1 to 1, valid
// until the next call. The error is that of a packet with an unknown mode.
func (d *Decoder) Decode(b []byte) ([]float32, error) {
	r := &bitReader{b: b, at: 1}
	m, ok := d.mode(r)
	if !ok {
		return nil, errSetup
	}
	size, before, after := 0, 0, 0 // 1: long
	if m.long {
		size, before, after = 1, int(r.bits(1)), int(r.bits(1))
	}
	n := d.size[size]
	d.spectrum(r, &d.mappings[m.mapping], n/2)
	for c := range d.channels {
		y := d.block[:n]
		d.mdct[size].inverse(y, d.spectra[c][:n/2])
		rise(y[:n/2], d.window[before])
		fall(y[n/2:], d.window[after])
		d.out[c] = d.overlap(c, y)
		for i, v := range d.out[c] {
			d.out[c][i] = input.Clip(v)
		}
	}
	return d.mixer.Mix(d.out), nil
}

// spectrum decodes the spectra of all channels; half is half the length of the block.
func (d *Decoder) spectrum(r *bitReader, m *mapping, half int) {
	curves := make([][]int, d.channels) // heights of each channel; several channels may use one floor
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

// uncouple restores two channels from the larger one, in a, and the difference, in b.
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

// rise applies the rising window to the first half of a block; a short window is centred in it.
func rise(y, window []float32) {
	flat := (len(y) - len(window)) / 2
	clear(y[:flat])
	for i, w := range window {
		y[flat+i] *= w
	}
}

// fall applies the falling window to the second half of a block.
func fall(y, window []float32) {
	flat := (len(y) - len(window)) / 2
	for i := range window {
		y[flat+i] *= window[len(window)-1-i]
	}
	clear(y[flat+len(window):])
}

// overlap adds block y of channel c to the block before it and returns the samples from the centre of
// that block to the centre of y.
func (d *Decoder) overlap(c int, y []float32) []float32 {
	last, half := d.last[c], len(y)/2
	out := d.out[c][:0]
	if last != nil {
		shift := (half - len(last)) / 2
		for i := range (len(last) + half) / 2 {
			v := float32(0)
			if i < len(last) {
				v = last[i]
			}
			if k := i + shift; k >= 0 {
				v += y[k]
			}
			out = append(out, v)
		}
	}
	d.last[c] = append(d.last[c][:0], y[half:]...)
	return out
}
