package audio

import (
	"encoding/binary"
	"errors"
	"io"
	"slices"

	"soberano/asr/audio/input"
	"soberano/asr/audio/layer3"
)

const (
	mp3Junk  = 1 << 16 // bytes without a frame that are skipped before the first one
	mp3Delay = 529     // samples of delay of every decoder
	mp3Stock = 511     // most bytes before a frame at which its data begin
)

// mp3 decodes MP3: MPEG audio, layer III (package layer3). A file is a sequence of frames, big-endian:
//
//	11 ones, 2 bits version (3: MPEG-1, 2: MPEG-2, 0: MPEG-2.5), 2 layer (1: III), 1 no CRC,
//	4 bit rate, 2 sample rate, 1 padding, 1 private, 2 mode (1: joint stereo, 3: mono),
//	1 sum and difference, 1 intensity, 4 others
//	[u16 CRC], side information, main data
//
// The data of a frame begin up to 511 bytes before it, in space that earlier frames left over (the
// bit reservoir). Tags stand before, after and between frames. The first frame may hold, instead
// of audio, the number of frames and of the samples that the encoder added (Xing, Info, LAME).
//
//	input ─▶ sync ─▶ frame ─▶ data gathered ─▶ layer3 ─▶ mono
//
// Silence stands for a frame whose data are missing or damaged, and for the frames that junk between
// frames seems to have been.
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
	dec    layer3.Decoder
	stock  []byte // the last bytes of main data before the frame
	frame  []byte
	main   []byte // the frame's main data, and what follows it
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
	m.stock = m.stock[:0]
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
	at := h.data() + h.format.SideSize()
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
		m.dec, m.stock = layer3.Decoder{}, m.stock[:0]
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
	return m.trim(m.mix(m.decode(h))), nil
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

// decode returns the samples of the frame that was read, of each channel: silence if it cannot be decoded.
func (m *mp3) decode(h mp3Header) [][]float32 {
	at := h.data() + h.format.SideSize()
	side, body := layer3.ReadSide(h.format, m.frame[h.data():at]), m.frame[at:]
	whole := side.Begin <= len(m.stock)
	var channels [][]float32
	var err error
	if whole {
		m.main = append(append(m.main[:0], m.stock[len(m.stock)-side.Begin:]...), body...)
		channels, err = m.dec.Decode(h.format, side, m.main)
	} else {
		channels = m.dec.Silence(h.format)
	}
	m.keep(body)
	switch {
	case whole && err == nil:
		m.cold = 0
	case !whole && m.cold > 0: // the data of earlier frames were skipped
		m.cold--
	default:
		m.cold = 0
		m.Lose(int64(h.samples()))
	}
	return channels
}

// mix returns the mono samples of one or two channels; frames of both kinds may follow each other.
func (m *mp3) mix(channels [][]float32) []float32 {
	return m.mixer.Mix([][]float32{channels[0], channels[len(channels)-1]})
}

// keep adds a frame's main data to the stock.
func (m *mp3) keep(body []byte) {
	m.stock = append(m.stock, body...)
	m.stock = append(m.stock[:0], m.stock[max(0, len(m.stock)-mp3Stock):]...)
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
