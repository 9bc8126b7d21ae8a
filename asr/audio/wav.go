package audio

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math"

	"soberano/asr/audio/input"
)

const (
	tagPCM, tagFloat, tagALaw, tagMuLaw, tagExtensible = 1, 3, 6, 7, 0xFFFE
	endless                                            = 0x7FFFF000 // data sizes from here on are written for streams of unknown length
)

// wav decodes WAV (Microsoft and IBM, "Multimedia Programming Interface and Data Specifications
// 1.0", 1991; WAVEFORMATEXTENSIBLE; RF64 by EBU Tech 3306), little-endian:
//
//	"RIFF" | "RF64" | "BW64", u32 size, "WAVE", then chunks: 4 bytes name, u32 size, bytes, 1 if odd
//	"ds64"  (RF64) u64 riff size, u64 data size, …: replaces sizes of 0xFFFFFFFF
//	"fmt "  u16 tag, u16 channels, u32 rate, u32 bytes per second, u16 bytes per frame, u16 bits per
//	        sample; if extensible u16 22, u16 valid bits, u32 speakers, 16 bytes beginning with the tag
//	"data"  frames; a size of 0, 0x7FFFF000 or more means that the length was unknown
//
// Samples fill their bytes from the most significant bit, so the width of a sample is bytes per
// frame / channels.
type wav struct {
	input.Losses
	in       *input.Reader
	hz       int
	channels int
	width    int // bytes of a sample
	sample   func([]byte) float32
	limiter  *input.Limiter // of samples in floating point, which may be of any size
	toEnd    bool           // the length of the data is unknown: they end with the file
	size     int64          // bytes of data that follow, unless toEnd
	total    int64          // frames of the file, or -1
	buf      []byte         // whole frames
	split    [][]float32    // the samples of each channel
	mixer    *input.Mixer
}

func isWAV(head []byte) bool {
	if len(head) < 12 {
		return false
	}
	id := string(head[:4])
	return (id == "RIFF" || id == "RF64" || id == "BW64") && string(head[8:12]) == "WAVE"
}

// openWAV reads the chunks before the data.
func openWAV(in *input.Reader) (*wav, error) {
	var head [12]byte
	if err := in.Full(head[:]); err != nil {
		return nil, in.Wrong(input.Short(err), "the WAV header is cut off")
	}
	riff := uint64(binary.LittleEndian.Uint32(head[4:]))
	large := uint64(0) // data size in ds64
	w := &wav{in: in}
	for {
		var chunk [8]byte
		if err := in.Full(chunk[:]); err != nil {
			return nil, in.Wrong(input.Short(err), "no audio: the file ends before a \"data\" chunk")
		}
		size := binary.LittleEndian.Uint32(chunk[4:])
		var err error
		used := int64(0)
		switch name := string(chunk[:4]); name {
		case "data":
			return w, w.begin(riff, size, large)
		case "fmt ":
			used, err = w.format(size)
		case "ds64":
			var b [16]byte
			if size < 16 {
				return nil, in.Wrong(ErrFormat, "the WAV header is damaged: its chunk \"ds64\" has %d bytes, it must have 16 or more", size)
			}
			err, used = in.Full(b[:]), 16
			riff, large = binary.LittleEndian.Uint64(b[:]), binary.LittleEndian.Uint64(b[8:])
		}
		if err == nil {
			err = in.Skip(int64(size) + int64(size&1) - used)
		}
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			err = in.Wrong(io.ErrUnexpectedEOF, "the file ends inside chunk %q of %d bytes", chunk[:4], size)
		}
		if err != nil {
			return nil, err
		}
	}
}

// format reads a fmt chunk and returns how many of its bytes it consumed.
func (w *wav) format(size uint32) (int64, error) {
	if size < 16 {
		return 0, w.in.Wrong(ErrFormat, "the WAV header is damaged: its chunk \"fmt \" has %d bytes, it must have 16 or more", size)
	}
	var b [40]byte
	n := int64(min(size, 40))
	if err := w.in.Full(b[:n]); err != nil {
		return n, input.Short(err)
	}
	u16 := func(at int) int { return int(binary.LittleEndian.Uint16(b[at:])) }
	tag, channels, rate, align, bits := u16(0), u16(2), binary.LittleEndian.Uint32(b[4:]), u16(12), u16(14)
	if tag == tagExtensible && n == 40 {
		tag = u16(24)
	}
	switch {
	case channels < 1 || channels > input.MaxChannels:
		return n, w.in.Wrong(ErrFormat, "the WAV header states %d channels; 1 to %d can be read", channels, input.MaxChannels)
	case rate < input.MinRate || rate > input.MaxRate:
		return n, w.in.Wrong(ErrFormat, "the WAV header states a rate of %d Hz; %d to %d Hz can be read", rate, input.MinRate, input.MaxRate)
	case tag == tagPCM && bits < 8 || bits > 64:
		return n, w.in.Wrong(ErrFormat, "the WAV header states samples of %d bits; 8 to 64 can be read", bits)
	case align == 0 || align%channels != 0 || align/channels*8 < bits:
		return n, w.in.Wrong(ErrFormat, "the WAV header is damaged: it states frames of %d bytes for %d channels of %d bits", align, channels, bits)
	}
	w.hz, w.channels, w.width = int(rate), channels, align/channels
	if tag == tagFloat {
		w.limiter = &input.Limiter{}
	}
	if w.sample = reader(tag, w.width); w.sample == nil {
		return n, foreign(w.in, "samples of kind %s in %d bytes are not read here", tagName(tag), w.width)
	}
	return n, nil
}

// begin determines the length of the data.
func (w *wav) begin(riff uint64, size uint32, large uint64) error {
	if w.sample == nil {
		return w.in.Wrong(ErrFormat, "the WAV header is damaged: its chunk \"data\" stands before its chunk \"fmt \"")
	}
	frame := w.channels * w.width
	n, left := uint64(size), w.in.Left()
	if size == math.MaxUint32 && large > 0 {
		n = min(large, math.MaxInt64)
	} else if size >= endless && (left < 0 || uint64(left) < n) {
		w.toEnd = true
	}
	if size == 0 && (left < 0 || int64(riff)+8 != w.in.Size) {
		w.toEnd = true
	}
	w.size = int64(n)
	if !w.toEnd && left >= 0 && w.continues() {
		w.Note(input.Remark{Kind: input.Understated, Samples: w.size / int64(frame)})
		w.toEnd = true
	}
	w.total = w.remaining()
	w.buf = make([]byte, max(1, 1<<15/frame)*frame)
	w.split, w.mixer = make([][]float32, w.channels), input.NewMixer(w.channels, w.hz)
	if w.limiter != nil {
		w.prime()
	}
	return nil
}

// prime shows the limiter the first ten seconds, so that silence before the first sound is not scaled up.
func (w *wav) prime() {
	if w.in.At == nil {
		return
	}
	frame := w.channels * w.width
	b := make([]byte, min(int64(10*w.hz), (8<<20)/int64(frame), max(0, w.total))*int64(frame))
	n, err := w.in.At.ReadAt(b, w.in.Pos)
	if err != nil && err != io.EOF {
		return // reading the file will fail there too
	}
	for b = b[:n]; len(b) >= w.width; b = b[w.width:] {
		w.limiter.Prime(w.sample(b))
	}
}

// continues reports whether audio continues after the data that the header states, by 50 ms or more:
// what follows is neither another chunk nor zeros.
func (w *wav) continues() bool {
	rest := w.in.Left() - w.size
	if w.in.At == nil || rest < int64(w.hz/20*w.channels*w.width) {
		return false
	}
	b := make([]byte, min(rest, 1<<12))
	if n, err := w.in.At.ReadAt(b, w.in.Pos+w.size); n < len(b) && err != nil {
		return false
	}
	for _, pad := range []int64{0, 1} {
		if h := b[pad:]; int64(binary.LittleEndian.Uint32(h[4:])) <= rest-8-pad && isName(h[:4]) {
			return false
		}
	}
	return len(bytes.Trim(b, "\x00")) > 0 && !bytes.HasPrefix(b, []byte("ID3")) && !bytes.HasPrefix(b, []byte("APETAGEX"))
}

// isName reports whether b can be the name of a chunk.
func isName(b []byte) bool {
	return !bytes.ContainsFunc(b, func(r rune) bool { return r < ' ' || r > '~' })
}

func (w *wav) Rate() int     { return w.hz }
func (w *wav) Frames() int64 { return w.total }

// remaining returns how many frames follow, or -1 if that is unknown.
func (w *wav) remaining() int64 {
	n, left := w.size, w.in.Left()
	switch {
	case w.toEnd && left < 0:
		return -1
	case w.toEnd || left >= 0 && left < n:
		n = left
	}
	return n / int64(w.channels*w.width)
}

// Next decodes a buffer of frames.
func (w *wav) Next() ([]float32, error) {
	want := w.buf
	if !w.toEnd {
		frame := int64(w.channels * w.width)
		want = want[:min(int64(len(want)), w.size/frame*frame)]
		if len(want) == 0 {
			return nil, io.EOF
		}
	}
	before := w.in.Pos
	err := w.in.Full(want)
	got := int(w.in.Pos - before)
	w.size -= int64(got)
	switch {
	case err == nil:
	case err != io.EOF && err != io.ErrUnexpectedEOF:
		err = w.in.Wrong(err, "reading failed")
	case w.toEnd:
		err = io.EOF
	default:
		err = w.in.Wrong(io.ErrUnexpectedEOF, "the file is cut off: %d bytes of audio are missing", w.size)
		frame := int64(w.channels * w.width)
		err = w.Ends(w.size/frame, w.total, w.hz, err)
	}
	return w.mix(want[:got]), err
}

// mix returns the whole frames in b, mixed to mono.
func (w *wav) mix(b []byte) []float32 {
	for c := range w.split {
		w.split[c] = w.split[c][:0]
	}
	for frame := w.channels * w.width; len(b) >= frame; b = b[frame:] {
		for c := range w.split {
			w.split[c] = append(w.split[c], w.sample(b[c*w.width:]))
		}
	}
	if w.limiter != nil {
		w.limiter.Limit(w.split, w.hz)
	}
	return w.mixer.Mix(w.split)
}

// reader returns the function that decodes the sample at the beginning of b, or nil if the form is
// not supported.
func reader(tag, width int) func(b []byte) float32 {
	le := binary.LittleEndian
	switch [2]int{tag, width} {
	case [2]int{tagPCM, 1}:
		return func(b []byte) float32 { return float32(int(b[0])-128) / 128 }
	case [2]int{tagPCM, 2}:
		return func(b []byte) float32 { return float32(int16(le.Uint16(b))) / (1 << 15) }
	case [2]int{tagPCM, 3}:
		return func(b []byte) float32 {
			return float32(int32(uint32(b[0])<<8|uint32(b[1])<<16|uint32(b[2])<<24)) / (1 << 31)
		}
	case [2]int{tagPCM, 4}:
		return func(b []byte) float32 { return float32(int32(le.Uint32(b))) / (1 << 31) }
	case [2]int{tagFloat, 4}:
		return func(b []byte) float32 { return math.Float32frombits(le.Uint32(b)) }
	case [2]int{tagFloat, 8}:
		return func(b []byte) float32 { return float32(math.Float64frombits(le.Uint64(b))) }
	case [2]int{tagALaw, 1}:
		return func(b []byte) float32 { return aLaw(b[0]) }
	case [2]int{tagMuLaw, 1}:
		return func(b []byte) float32 { return muLaw(b[0]) }
	}
	return nil
}

// aLaw decodes ITU-T G.711 A-law.
func aLaw(b byte) float32 {
	b ^= 0x55
	v := int(b&15)<<4 + 8
	if e := int(b >> 4 & 7); e > 0 {
		v = (v + 256) << (e - 1)
	}
	if b&0x80 == 0 {
		v = -v
	}
	return float32(v) / (1 << 15)
}

// muLaw decodes ITU-T G.711 µ-law.
func muLaw(b byte) float32 {
	b = ^b
	v := (int(b&15)<<3+132)<<(b>>4&7) - 132
	if b&0x80 != 0 {
		v = -v
	}
	return float32(v) / (1 << 15)
}

func tagName(tag int) string {
	names := map[int]string{tagPCM: "PCM", tagFloat: "floating point", tagALaw: "A-law", tagMuLaw: "µ-law",
		2: "Microsoft ADPCM", 17: "IMA ADPCM", 49: "GSM 6.10", 85: "MP3", 255: "AAC"}
	if n := names[tag]; n != "" {
		return n
	}
	return fmt.Sprintf("0x%04X", tag)
}

// WriteWAV writes samples from -1 to 1 (others are clipped) as a mono WAV of 16 bits.
func WriteWAV(w io.Writer, rate int, samples []float32) error {
	size := 2 * uint64(len(samples))
	if size > endless-64 {
		return fmt.Errorf("audio: %d samples are too many for a WAV file", len(samples))
	}
	b := make([]byte, 0, 44+size)
	le := binary.LittleEndian
	b = le.AppendUint32(append(b, "RIFF"...), uint32(36+size))
	b = le.AppendUint32(append(b, "WAVEfmt "...), 16)
	b = le.AppendUint16(le.AppendUint16(b, tagPCM), 1)
	b = le.AppendUint32(le.AppendUint32(b, uint32(rate)), uint32(2*rate))
	b = le.AppendUint16(le.AppendUint16(b, 2), 16)
	b = le.AppendUint32(append(b, "data"...), uint32(size))
	for _, v := range samples {
		s := math.RoundToEven(float64(input.Clip(v)) * (1 << 15))
		b = le.AppendUint16(b, uint16(int16(min(s, 1<<15-1))))
	}
	_, err := w.Write(b)
	return err
}
