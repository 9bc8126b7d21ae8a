package audio

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"slices"

	gomp3 "github.com/hajimehoshi/go-mp3"

	"soberano/asr/audio/input"
)

const (
	mp3Junk  = 1 << 16 // bytes without a frame that are skipped before the first one
	mp3Delay = 529     // samples of delay of every decoder
)

// mp3 decodes MP3: MPEG-1 and MPEG-2 audio, layer III (ISO/IEC 11172-3, 13818-3). A file is a
// sequence of frames, big-endian:
//
//	11 ones, 2 bits version (3: MPEG-1, 2: MPEG-2), 2 layer (1: III), 1 no CRC,
//	4 bit rate, 2 sample rate, 1 padding, 1 private, 2 mode (3: mono), 6 others
//	[u16 CRC], side information (8 or 9 bits of it: main_data_begin), main data
//
// The data of a frame begin up to 511 bytes before it, in space that earlier frames left over (the
// bit reservoir). Tags stand before, after and between frames. The first frame may hold, instead
// of audio, the number of frames and of the samples that the encoder added (Xing, Info, LAME).
//
//	input ─▶ sync ─▶ frame ─▶ [MPEG-2: data gathered] ─▶ go-mp3 ─▶ mono
//
// Frames are found and checked here, and decoded by go-mp3, which gets one frame at a time because
// it does not check what it reads. Silence stands for a frame whose data are missing, for one that
// makes go-mp3 fail, after which a new decoder takes over, and for the frames that junk between
// frames seems to have been. A padded MPEG-2 frame is rewritten without its padding, whose size
// go-mp3 computes wrongly.
type mp3 struct {
	input.Losses
	in     *input.Reader
	first  mp3Header
	whole  int64 // frames of this part as its first frame states, or -1; a file may be several parts joined
	read   int64 // frames of the part that were read
	total  int64 // samples of the part, or -1
	skip   int64 // samples to leave out at its beginning
	done   int64 // samples of it that were returned
	data   int64 // bytes of the file from the first frame on, or -1
	dec    *gomp3.Decoder
	given  bytes.Buffer // the frame that dec reads
	kept   int          // bytes of earlier frames' data that dec still has
	stock  []byte       // MPEG-2: the last bytes of main data, at most 255
	frame  []byte
	pcm    []byte
	split  [2][]float32 // both channels; those of a mono file are alike
	mixer  *input.Mixer
	joined bool  // the first frame was found
	cold   int   // frames that may lack the data of earlier ones, after the beginning or a skip
	size   int64 // bytes of all frames so far
	count  int64 // number of all frames so far
	junk   int64 // bytes skipped since the last frame
	debris int64 // bytes skipped between all frames
	gap    int64 // lost frames that are still to be returned as silence
}

// openMP3 finds the first frame and skips the tags before it.
func openMP3(in *input.Reader) (*mp3, error) {
	m := &mp3{in: in}
	head, _ := in.Peek(4)
	kind, start := unreadMPEG(head), in.Pos
	h, err := m.sync()
	if kind != "" && (err == io.EOF || isForeign(err)) {
		in.Pos = start
		return nil, unread(in, kind)
	}
	if err == io.EOF {
		return nil, foreign(in, "no MP3 frame was found")
	}
	if err != nil {
		return nil, err
	}
	m.first, m.data, m.junk, m.mixer = h, in.Left(), 0, input.NewMixer(2, h.hz)
	return m, m.begin(h)
}

// begin starts a part with frame h, which is next.
func (m *mp3) begin(h mp3Header) error {
	m.whole, m.read, m.total, m.skip, m.done, m.cold = -1, 0, -1, 0, 0, mp3Warm
	b, _ := m.in.Peek(h.size)
	if len(b) < h.size || !m.tell(h, b) {
		return nil
	}
	if m.whole >= 0 && m.total < 0 {
		m.total = m.whole * int64(h.samples())
	}
	if err := m.in.Skip(int64(h.size)); err != nil {
		return m.in.Wrong(err, "reading failed")
	}
	return nil
}

// tell reads a first frame that describes the others instead of holding audio, if it is one.
func (m *mp3) tell(h mp3Header, b []byte) bool {
	at := h.data() + h.side()
	if len(b) < at+8 {
		return false
	}
	if len(b) >= 54 && string(b[36:40]) == "VBRI" {
		m.whole = int64(binary.BigEndian.Uint32(b[50:]))
		return true
	}
	b = b[at:]
	if name := string(b[:4]); name != "Xing" && name != "Info" {
		return false
	}
	flags := b[7]
	b = b[8:]
	for bit, size := range []int{4, 4, 100, 4} {
		if flags>>bit&1 == 0 {
			continue
		}
		if len(b) < size {
			return true
		}
		if bit == 0 {
			m.whole = int64(binary.BigEndian.Uint32(b))
		}
		b = b[size:]
	}
	if len(b) >= 24 && b[0] != 0 { // the encoder's name, and at 21 the samples it added: 12 bits at the beginning, 12 at the end
		before, after := int64(b[21])<<4|int64(b[22])>>4, int64(b[22]&15)<<8|int64(b[23])
		m.skip = before + mp3Delay
		if m.whole >= 0 {
			m.total = max(0, m.whole*int64(h.samples())-before-after)
		}
	}
	return true
}

func (m *mp3) Rate() int { return m.first.hz }

// Frames returns the number of samples by the first frame, or else by the file's size and the bit
// rate.
func (m *mp3) Frames() int64 {
	if m.total >= 0 || m.data < 0 {
		return m.total
	}
	return int64(float64(m.data) / float64(m.first.size) * float64(m.first.samples()))
}

// sync skips what is not a frame and returns the header of the next frame, which is not consumed.
// A header counts if it stands where the last frame ended, or if another frame, a tag or the end
// of the file follows its frame.
func (m *mp3) sync() (mp3Header, error) {
	for {
		b, err := m.in.Peek(tagHead)
		if len(b) < 4 {
			return mp3Header{}, m.end(err)
		}
		if n := m.tag(b); n > 0 {
			if err := m.in.Skip(n); err != nil {
				return mp3Header{}, m.end(err)
			}
			continue
		}
		if h, ok := parseMP3(b); ok && (m.joined && m.junk == 0 && h.like(m.first) || m.follows(h)) {
			m.joined = true
			return h, nil
		}
		if m.junk++; m.junk > mp3Junk && !m.joined {
			return mp3Header{}, foreign(m.in, "no MP3 frame in %d bytes", mp3Junk)
		}
		if err := m.in.Skip(1); err != nil {
			return mp3Header{}, m.in.Wrong(err, "reading failed")
		}
	}
}

// end returns the error for the end of the frames.
func (m *mp3) end(err error) error {
	switch {
	case err != io.EOF:
		return m.in.Wrong(err, "reading failed")
	case m.joined && m.junk > mp3Junk:
		return m.in.Wrong(ErrFormat, "the MP3 is damaged: no frame in the last %d bytes", m.junk)
	}
	return io.EOF
}

// regain estimates how many frames are lost in the junk before a frame, by their mean size. Junk
// smaller than a frame is none.
func (m *mp3) regain() (frames int64) {
	if m.junk > 0 && m.count > 0 {
		frames = m.junk * m.count * 102 / 100 / m.size
	}
	if frames > 0 {
		m.dec, m.kept, m.stock = nil, 0, m.stock[:0]
		m.read += frames
	}
	m.debris, m.junk = m.debris+m.junk, 0
	return frames
}

// tally counts a consumed frame.
func (m *mp3) tally(h mp3Header) {
	m.read++
	m.size += int64(h.size)
	m.count++
}

// follows reports whether another frame, a tag or the end of the file follows the frame of h.
func (m *mp3) follows(h mp3Header) bool {
	b, err := m.in.Peek(h.size + tagHead)
	if m.joined && !h.like(m.first) {
		return false
	}
	if len(b) <= h.size+4 {
		return err == io.EOF && len(b) >= h.size
	}
	next, ok := parseMP3(b[h.size:])
	return ok && next.like(h) || tagSize(b[h.size:]) > 0 || isLyrics(b[h.size:])
}

// Next decodes a frame.
func (m *mp3) Next() ([]float32, error) {
	if m.gap > 0 {
		m.gap--
		return m.trim(m.Silence(int64(m.first.samples()))), nil
	}
	h, err := m.sync()
	if err == nil {
		if m.gap = m.regain(); m.gap > 0 {
			return nil, nil
		}
	}
	if m.whole >= 0 && m.read >= m.whole {
		if err != nil {
			return nil, io.EOF // no audio follows
		}
		if err = m.begin(h); err == nil {
			h, err = m.sync()
		}
	}
	if err == io.EOF && m.whole > m.read {
		if missing := m.whole - m.read; m.count > 0 && missing*m.size/m.count <= 2*m.debris {
			m.Lose(missing * int64(m.first.samples())) // the junk held more frames than estimated
			return nil, io.EOF
		}
		return nil, m.cutOff(m.in.Wrong(io.ErrUnexpectedEOF, "the file is cut off: %d of %d frames are missing", m.whole-m.read, m.whole), 0)
	}
	if err != nil {
		return nil, err
	}
	m.tally(h)
	start := m.in.Pos
	m.frame = slices.Grow(m.frame[:0], h.size)[:h.size]
	if err := m.in.Full(m.frame); err != nil {
		err = m.in.Wrong(input.Short(err), "the file is cut off inside the frame that begins at byte %d", start)
		return nil, m.cutOff(err, 1)
	}
	return m.trim(m.decode(h)), nil
}

// cutOff returns how decoding ends where the file is cut off with err, with so many frames more missing
// than m.read says.
func (m *mp3) cutOff(err error, more int64) error {
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	frame := int64(m.first.samples())
	return m.Ends((max(m.whole-m.read, 0)+more)*frame, m.read*frame, m.first.hz, err)
}

// decode returns the samples of a frame, silence if it cannot be decoded.
func (m *mp3) decode(h mp3Header) []float32 {
	whole := m.give(h)
	m.pcm = slices.Grow(m.pcm[:0], 4*h.samples())[:4*h.samples()]
	if !m.library() {
		m.dec, m.kept, m.cold = nil, 0, 0
		return m.Silence(int64(h.samples()))
	}
	switch {
	case whole:
		m.cold = 0
	case m.cold > 0:
		m.cold--
	default:
		m.Lose(int64(h.samples()))
	}
	for c := range m.split {
		m.split[c] = m.split[c][:0]
		for b := m.pcm[2*c:]; len(b) >= 2; b = b[min(4, len(b)):] {
			m.split[c] = append(m.split[c], float32(int16(binary.LittleEndian.Uint16(b)))/(1<<15))
		}
	}
	return m.mixer.Mix(m.split[:])
}

// give writes the frame to given in a form that go-mp3 can read, without audio if its data are
// incomplete.
func (m *mp3) give(h mp3Header) (whole bool) {
	m.given.Reset()
	side := m.frame[h.data() : h.data()+h.side()]
	body := m.frame[h.data()+h.side():]
	if h.lsf {
		return m.gather(h, side, body)
	}
	begin := int(binary.BigEndian.Uint16(side) >> 7)
	whole = begin <= m.kept && (m.dec != nil || begin == 0)
	if !whole { // data of earlier frames are missing
		clear(side)
		begin = 0
	}
	m.kept = begin + len(body)
	m.given.Write(m.frame)
	return whole
}

// gather writes an MPEG-2 frame that does not refer to earlier ones: without CRC and padding, with
// the highest bit rate and all of its data. Data that exceed such a frame become silence.
func (m *mp3) gather(h mp3Header, side, body []byte) (whole bool) {
	begin := int(side[0])
	word := h.word&^(15<<12|1<<9) | 14<<12 | 1<<16
	size := 144000 * 160 / h.hz / 2
	data := slices.Clone(body)
	whole = begin <= len(m.stock)
	if whole {
		data = append(slices.Clone(m.stock[len(m.stock)-begin:]), body...)
	}
	m.stock = append(m.stock, body...)
	m.stock = m.stock[max(0, len(m.stock)-255):]
	side[0] = 0
	if room := size - 4 - len(side); !whole || partBits(h, side) > 8*min(room, len(data)) {
		clear(side)
		whole = false
	}
	b := binary.BigEndian.AppendUint32(nil, word)
	b = append(append(b, side...), data...)
	b = append(b, make([]byte, size)...)[:size]
	m.given.Write(b)
	return whole
}

// partBits returns the number of bits of main data by the side information of an MPEG-2 frame: 12
// bits of each channel's 63, after the first 9 (mono) or 10.
func partBits(h mp3Header, side []byte) int {
	bit := func(i int) int { return int(side[i/8]>>(7-i%8)) & 1 }
	total := 0
	for c := range h.channels {
		n, at := 0, 8+h.channels+63*c
		for i := range 12 {
			n = n<<1 | bit(at+i)
		}
		total += n
	}
	return total
}

// library decodes given into pcm. It returns false if go-mp3 fails or does not consume exactly the
// frame.
func (m *mp3) library() (ok bool) {
	defer func() {
		if recover() != nil { // go-mp3 can panic on invalid frames
			ok = false
		}
	}()
	if m.dec == nil {
		d, err := gomp3.NewDecoder(struct{ io.Reader }{&m.given}) // a Seeker would be read ahead
		if err != nil {
			return false
		}
		m.dec = d
	}
	_, err := io.ReadFull(m.dec, m.pcm)
	return err == nil && m.given.Len() == 0
}

// trim removes the samples that the encoder and the decoder add.
func (m *mp3) trim(x []float32) []float32 {
	n := min(m.skip, int64(len(x)))
	x, m.skip = x[n:], m.skip-n
	if m.total >= 0 {
		x = x[:min(int64(len(x)), m.total-m.done)]
	}
	m.done += int64(len(x))
	return x
}
