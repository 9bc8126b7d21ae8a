package audio

import (
	"bytes"
	"encoding/binary"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"soberano/asr/audio/input"
)

var compressed = []string{"joint44.mp3", "pad22.mp3", "silk.opus", "hybrid.opus", "celt.opus", "st44.ogg", "m16.ogg"}

func clip16(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// decodeBytes decodes a file in memory.
func decodeBytes(b []byte) ([]float32, error) {
	x, _, err := decodeWith(b)
	return x, err
}

// decodeWith decodes a file in memory and returns the remarks on it too.
func decodeWith(b []byte) ([]float32, []Remark, error) {
	r := bytes.NewReader(b)
	in := input.New(r, "x", int64(len(b)))
	in.At = r
	dec, err := open(in)
	if err != nil {
		return nil, nil, err
	}
	s := newSource(dec, nil)
	x, err := readAll(s)
	return x, s.Remarks(), err
}

// snr returns the signal-to-noise ratio of got with respect to want, in dB.
func snr(got, want []float32) float64 {
	var signal, noise float64
	for i, w := range want {
		d := float64(got[i] - w)
		signal, noise = signal+float64(w)*float64(w), noise+d*d
	}
	return 10 * math.Log10(signal/noise)
}

// TestAsReferenceDecoders: each clip decodes to as many samples as the reference decoder gives, as
// close to them as two resamplers and 16 bits allow. The reference's SILK resampler filters
// differently.
func TestAsReferenceDecoders(t *testing.T) {
	for _, name := range compressed {
		got, err := readFile(t, filepath.Join("testdata", name))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		want, err := readFile(t, filepath.Join("testdata", name+".flac"))
		if err != nil {
			t.Fatal(err)
		}
		if name == "m16.ogg" {
			want = want[:len(got)] // ffmpeg gives the last block whole
		}
		if len(got) != len(want) || len(got) != 19200 && name != "pad22.mp3" { // which has no place to say its length
			t.Errorf("%s: %d samples, want %d", name, len(got), len(want))
			continue
		}
		if ratio := snr(got, want); ratio < 40 {
			t.Errorf("%s: %.1f dB from the reference", name, ratio)
		} else {
			t.Logf("%s: %.1f dB", name, ratio)
		}
	}
}

// TestMislabelled: files are recognised by their content, whatever their name. The length is known
// before decoding.
func TestMislabelled(t *testing.T) {
	for i, name := range compressed {
		b := clip16(t, name)
		want, err := decodeBytes(b)
		if err != nil {
			t.Fatal(err)
		}
		s, err := Open(file(t, []string{"x.wav", "x.flac", "x", "x.txt"}[i%4], b))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if d := s.Duration() - seconds(int64(len(want))); d.Abs() > 10*time.Millisecond {
			t.Errorf("%s: duration %v for %d samples", name, s.Duration(), len(want))
		}
		got, err := readAll(s)
		s.Close()
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %d samples, want %d: %v", name, len(got), len(want), err)
		}
	}
}

// TestCompressedCutOff: a truncated file gives the same samples as the whole file, and then an error
// with name, byte and reason.
func TestCompressedCutOff(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		name := rapid.SampledFrom(compressed).Draw(rt, "name")
		b := clip16(t, name)
		whole, err := decodeBytes(b)
		if err != nil {
			t.Fatal(err)
		}
		n := rapid.IntRange(1, len(b)-1).Draw(rt, "bytes")
		got, remarks, err := decodeWith(b[:n])
		if err == nil && len(remarks) > 0 && (len(got) > len(whole)*8/10 || remarks[0].Kind == NoEndMark) {
			return // it was cut between two pages of Ogg, or nearly at its end
		}
		if err == nil && name == "pad22.mp3" && len(remarks) > 0 {
			return // it does not state its length
		}
		if err == nil && name == "pad22.mp3" && slices.ContainsFunc(frameStarts(b), func(at int) bool { return n-at >= 0 && n-at < 4 }) {
			return // it doesn't tell how many frames it has: cut between two it is whole
		}
		if err == nil || !strings.Contains(err.Error(), "audio: x: byte ") {
			t.Fatalf("%s cut to %d of %d bytes: error %v", name, n, len(b), err)
		}
		same := max(0, len(got)-2000) // a filter that doesn't hear what follows ends otherwise
		if len(got) > len(whole)+50 || !slices.Equal(got[:same], whole[:same]) {
			t.Fatalf("%s cut to %d bytes: other samples (%d)", name, n, len(got))
		}
	})
}

// TestChain: concatenated files of one format are decoded one after the other; Ogg streams of other
// codecs between them are skipped.
func TestChain(t *testing.T) {
	for _, pair := range [][2]string{{"silk.opus", "celt.opus"}, {"m16.ogg", "m16.ogg"}, {"joint44.mp3", "joint44.mp3"}} {
		a, b := clip16(t, pair[0]), clip16(t, pair[1])
		one, _ := decodeBytes(a)
		two, _ := decodeBytes(b)
		got, err := decodeBytes(slices.Concat(a, b))
		if err != nil || len(got) != len(one)+len(two) {
			t.Fatalf("%v: %d samples, want %d and %d: %v", pair, len(got), len(one), len(two), err)
		}
		if at := len(one) + 3000; snr(got[at:], two[3000:]) < 60 {
			t.Errorf("%v: the second one is otherwise", pair)
		}
	}
	other := page(2, 7, 0, []byte("fishead\x00 and more"))
	b := clip16(t, "silk.opus")
	want, _ := decodeBytes(b)
	at := bytes.Index(b[4:], []byte("OggS")) + 4
	mixed := slices.Concat(other, b[:at], page(0, 7, 1, []byte("more of it")), b[at:])
	if got, err := decodeBytes(mixed); err != nil || !slices.Equal(got, want) {
		t.Errorf("mixed with another stream: %d samples, want %d: %v", len(got), len(want), err)
	}
}

// page builds an Ogg page of one packet.
func page(flags byte, stream, number uint32, body []byte) []byte {
	le := binary.LittleEndian
	b := le.AppendUint64(append([]byte("OggS\x00"), flags), 0)
	b = le.AppendUint32(le.AppendUint32(le.AppendUint32(b, stream), number), 0)
	b = append(append(b, 1, byte(len(body))), body...)
	le.PutUint32(b[22:], oggCRC(b))
	return b
}

func TestOggRefused(t *testing.T) {
	opus, vorbis := clip16(t, "silk.opus"), clip16(t, "m16.ogg")
	with := func(b []byte, at int, v byte) []byte { // a changed byte of the first page
		b = slices.Clone(b)
		b[at] = v
		clear(b[22:26])
		end := 27 + int(b[26]) + int(b[27])
		binary.LittleEndian.PutUint32(b[22:], oggCRC(b[:end]))
		return b
	}
	for want, b := range map[string][]byte{
		"Opus header states 0 channels": with(opus, 28+9, 0), "Opus header states 3 channels": with(opus, 28+9, 3), "Opus header is of version 16": with(opus, 28+8, 16),
		"several streams": with(with(opus, 28+9, 6), 28+18, 1), "another kind": page(2, 1, 0, []byte("\x80theora and so on")),
		"Vorbis header is of version 1": with(vorbis, 28+7, 1), "Vorbis header states 0 channels": with(vorbis, 28+11, 0), "Vorbis header states a rate of": with(vorbis, 28+14, 255),
		"Vorbis header states blocks of": with(vorbis, 28+28, 0xE9), "setup is missing": page(2, 1, 0, vorbis[28:58]),
		"ends inside the first packet": page(2, 1, 0, append([]byte("\x01vorbis"), make([]byte, 248)...)), "CRC": with(vorbis, 22, 1)[:0],
	} {
		if want == "CRC" {
			b = slices.Clone(vorbis)
			b[40] ^= 1
		}
		if _, err := decodeBytes(b); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want an error with %q, got %v", want, err)
		}
	}
}

// frameStarts returns where the frames of an MP3 without junk begin.
func frameStarts(b []byte) (at []int) {
	for i := 0; i+4 <= len(b); {
		h, _ := parseMP3(b[i:])
		at = append(at, i)
		i += max(h.size, 1)
	}
	return at
}

// TestMP3Tags: an MP3 may have tags at both ends, junk between frames, and missing frames.
func TestMP3Tags(t *testing.T) {
	b := clip16(t, "joint44.mp3")
	want, err := decodeBytes(b)
	if err != nil {
		t.Fatal(err)
	}
	id3 := append([]byte("ID3\x04\x00\x00\x00\x00\x01\x00"), make([]byte, 128)...)
	copy(id3[60:], "\xff\xfb\x90\x00") // a picture may look like a frame
	tag := append([]byte("TAG"), make([]byte, 125)...)
	ape := append([]byte("APETAGEX"), make([]byte, 200)...)
	for name, x := range map[string][]byte{
		"ID3 before": slices.Concat(id3, b), "two before": slices.Concat(id3, id3, b), "TAG behind": slices.Concat(b, tag), "both": slices.Concat(b, ape, tag),
		"junk behind": slices.Concat(b, []byte("junk")),
	} {
		if got, err := decodeBytes(x); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %d samples, want %d: %v", name, len(got), len(want), err)
		}
	}
	at := frameStarts(b)
	// Short junk loses nothing; a file that begins in the middle has one or two silent frames.
	junk := slices.Concat(b[:at[20]], bytes.Repeat([]byte("junk"), 25), b[at[20]:])
	if got, err := decodeBytes(junk); err != nil || !slices.Equal(got, want) {
		t.Errorf("junk inside: %d samples, want %d: %v", len(got), len(want), err)
	}
	got, err := decodeBytes(b[at[20]:])
	const frame = 1152.0 * 16000 / 44100
	if d := len(want) - len(got); err != nil || math.Abs(float64(d)-18*frame+1105.0/44100*16000) > 3*frame {
		t.Errorf("begun in the middle: %d samples of %d: %v", len(got), len(want), err)
	}
	if _, err := decodeBytes(slices.Concat(b, b[at[2]:], make([]byte, mp3Junk+8))); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("nothing but junk behind: %v", err)
	}
}

// TestMP3BadFrame: a frame that makes the library fail is silence, and the next ones are decoded.
func TestMP3BadFrame(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		b := clip16(t, rapid.SampledFrom(compressed[:2]).Draw(rt, "name"))
		want, err := decodeBytes(b)
		if err != nil {
			t.Fatal(err)
		}
		at := frameStarts(b)
		k := rapid.IntRange(2, len(at)-4).Draw(rt, "frame")
		noise := rapid.SliceOfN(rapid.Byte(), 30, 60).Draw(rt, "noise")
		copy(b[at[k]+4:], noise)
		got, err := decodeBytes(b)
		if err != nil || len(got) != len(want) {
			t.Fatalf("%d samples, want %d: %v", len(got), len(want), err)
		}
	})
}

// TestCompressedInConstantMemory: memory does not grow with the length. The file is minutes of one
// clip, repeated.
func TestCompressedInConstantMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("decodes minutes of sound")
	}
	for _, name := range []string{"pad22.mp3", "silk.opus", "m16.ogg"} {
		b := clip16(t, name)
		src := func(n int) *Source {
			dec, err := open(input.New(&again{b: b, left: n}, name, -1))
			if err != nil {
				t.Fatal(err)
			}
			return newSource(dec, nil)
		}
		held(t, src(10))
		few, many := held(t, src(20)), held(t, src(200))
		if many > few+1<<20 {
			t.Errorf("%s: %d kB are held in four minutes, %d kB in half a minute", name, many>>10, few>>10)
		}
	}
}

// again is a stream of the same bytes, repeated.
type again struct {
	b    []byte
	at   int
	left int
}

func (a *again) Read(p []byte) (int, error) {
	if a.at == len(a.b) {
		a.at, a.left = 0, a.left-1
	}
	if a.left == 0 {
		return 0, io.EOF
	}
	n := copy(p, a.b[a.at:])
	a.at += n
	return n, nil
}

// drainUnchecked decodes without verifying checksums, which mutations rarely pass.
func drainUnchecked(t *testing.T, b []byte) {
	in := input.New(bytes.NewReader(b), "fuzz", int64(len(b)))
	in.Unchecked, in.At = true, bytes.NewReader(b)
	drainInput(t, in)
	drain(t, b) // most pages are damaged

	defer func(s float64) { streamNear = s }(streamNear)
	streamNear = 0.1
	in = input.New(bytes.NewReader(b), "fuzz", int64(len(b)))
	in.At = bytes.NewReader(b)
	if dec, err := open(in); err == nil {
		s := newSource(dec, nil)
		s.Skip(time.Second)
		s.Read(make([]float32, 100))
	}
}

func FuzzMP3(f *testing.F) {
	for _, name := range compressed[:2] {
		b := clip16(f, name)
		f.Add(b[:2000])
		f.Add(b[len(b)-1500:])
	}
	f.Fuzz(drain)
}

func FuzzOpus(f *testing.F) {
	for _, name := range compressed[2:5] {
		b := clip16(f, name)
		f.Add(b[:min(len(b), 3000)])
	}
	f.Fuzz(drainUnchecked)
}

func FuzzVorbis(f *testing.F) {
	for _, name := range compressed[5:] {
		b := clip16(f, name)
		f.Add(b[:min(len(b), 6000)])
	}
	f.Fuzz(drainUnchecked)
}

func BenchmarkCompressed(b *testing.B) {
	for _, name := range compressed {
		b.Run("file="+name, func(b *testing.B) {
			x := clip16(b, name)
			n := 0
			for b.Loop() {
				got, err := decodeBytes(x)
				if err != nil {
					b.Fatal(err)
				}
				n += len(got)
			}
			b.ReportMetric(float64(n)/Rate/b.Elapsed().Seconds(), "realtime")
		})
	}
}
