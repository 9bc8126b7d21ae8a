package audio

import (
	"bytes"
	"encoding/binary"
	"errors"
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

// readAll reads a source to its end.
func readAll(s *Source) ([]float32, error) {
	var all []float32
	buf := make([]float32, 1000)
	for {
		n, err := s.Read(buf)
		all = append(all, buf[:n]...)
		if err == io.EOF {
			return all, nil
		}
		if err != nil {
			return all, err
		}
	}
}

func readFile(t testing.TB, path string) ([]float32, error) {
	t.Helper()
	s, err := Open(path)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	return readAll(s)
}

func clipPath(name string) string { return filepath.Join("..", "testdata", "audio", name) }

// file writes b to a file and returns its path.
func file(t testing.TB, name string, b []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// header builds a WAV of one fmt chunk and one data chunk.
func header(tag, channels, rate, width, bits int, data []byte) []byte {
	le := binary.LittleEndian
	b := le.AppendUint32([]byte("RIFF"), uint32(36+len(data)))
	b = le.AppendUint32(append(b, "WAVEfmt "...), 16)
	b = le.AppendUint16(le.AppendUint16(b, uint16(tag)), uint16(channels))
	b = le.AppendUint32(le.AppendUint32(b, uint32(rate)), uint32(rate*channels*width))
	b = le.AppendUint16(le.AppendUint16(b, uint16(channels*width)), uint16(bits))
	b = le.AppendUint32(append(b, "data"...), uint32(len(data)))
	return append(b, data...)
}

// TestForms: samples of every form are decoded exactly up to the form's resolution.
func TestForms(t *testing.T) {
	le := binary.LittleEndian
	forms := []struct {
		name        string
		tag, w, bit int
		step        float64
		put         func(b []byte, v float64) []byte
	}{
		{"8", tagPCM, 1, 8, 1.0 / 128, func(b []byte, v float64) []byte { return append(b, byte(math.Floor(v*128)+128)) }},
		{"16", tagPCM, 2, 16, 1.0 / (1 << 15), func(b []byte, v float64) []byte {
			return le.AppendUint16(b, uint16(int16(v*(1<<15))))
		}},
		{"24", tagPCM, 3, 24, 1.0 / (1 << 22), func(b []byte, v float64) []byte {
			return append(b, le.AppendUint32(nil, uint32(int32(v*(1<<23))))[:3]...)
		}},
		{"20 in 24", tagPCM, 3, 20, 1.0 / (1 << 19), func(b []byte, v float64) []byte {
			return append(b, le.AppendUint32(nil, uint32(int32(v*(1<<19))<<4))[:3]...)
		}},
		{"32", tagPCM, 4, 32, 1e-7, func(b []byte, v float64) []byte { return le.AppendUint32(b, uint32(int32(v*(1<<31)))) }},
		{"float 32", tagFloat, 4, 32, 1e-7, func(b []byte, v float64) []byte { return le.AppendUint32(b, math.Float32bits(float32(v))) }},
		{"float 64", tagFloat, 8, 64, 1e-7, func(b []byte, v float64) []byte { return le.AppendUint64(b, math.Float64bits(v)) }},
	}
	for _, f := range forms {
		t.Run(f.name, func(t *testing.T) {
			rapid.Check(t, func(rt *rapid.T) {
				channels := rapid.IntRange(1, input.MaxChannels).Draw(rt, "channels")
				values := rapid.SliceOfN(rapid.Float64Range(-0.99, 0.99), 0, 40).Draw(rt, "values")
				var data []byte
				split := make([][]float32, channels)
				for i := 0; i+channels <= len(values); i += channels {
					for c, v := range values[i : i+channels] {
						sample := f.put(nil, v)
						stored := reader(f.tag, f.w)(sample)
						if math.Abs(float64(stored)-v) > f.step {
							rt.Fatalf("%v is read as %v", v, stored)
						}
						data, split[c] = append(data, sample...), append(split[c], stored)
					}
				}
				want := input.NewMixer(channels, Rate).Mix(split)
				in := input.New(bytes.NewReader(header(f.tag, channels, Rate, f.w, f.bit, data)), "x", int64(44+len(data)))
				dec, err := open(in)
				if err != nil {
					rt.Fatal(err)
				}
				got, err := readAll(newSource(dec, nil))
				if err != nil || len(got) != len(want) {
					rt.Fatalf("%d samples, want %d: %v", len(got), len(want), err)
				}
				for i, w := range want {
					if math.Abs(float64(got[i]-w)) > 1e-6 {
						rt.Fatalf("sample %d: %v, want %v", i, got[i], w)
					}
				}
			})
		})
	}
}

// The values of ITU-T G.711's tables at both ends and in the middle.
func TestCompanded(t *testing.T) {
	for _, c := range []struct {
		got  float32
		want int
	}{
		{aLaw(0xD5), 8}, {aLaw(0x55), -8}, {aLaw(0xAA), 32256}, {aLaw(0x2A), -32256}, {aLaw(0x80), 5504},
		{muLaw(0xFF), 0}, {muLaw(0x7F), 0}, {muLaw(0x80), 32124}, {muLaw(0x00), -32124}, {muLaw(0x8F), 16764},
	} {
		if c.got != float32(c.want)/(1<<15) {
			t.Errorf("%v, want %d/32768", c.got*(1<<15), c.want)
		}
	}
}

func TestWriteThenRead(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := rapid.SliceOf(rapid.Float32Range(-1.5, 1.5)).Draw(t, "x")
		var b bytes.Buffer
		if err := WriteWAV(&b, Rate, x); err != nil {
			t.Fatal(err)
		}
		dec, err := open(input.New(&b, "x", int64(b.Len())))
		if err != nil {
			t.Fatal(err)
		}
		got, err := readAll(newSource(dec, nil))
		if err != nil || len(got) != len(x) {
			t.Fatalf("%d samples of %d: %v", len(got), len(x), err)
		}
		for i, v := range x {
			if d := math.Abs(float64(got[i] - input.Clip(v))); d > 1.0/(1<<15) {
				t.Fatalf("sample %d: %v, want %v", i, got[i], v)
			}
		}
	})
}

// A clip has the same samples with a chunk of odd length before its data, as extensible WAV, as RF64,
// and with the sizes that streams write.
func TestManyHeaders(t *testing.T) {
	plain, err := os.ReadFile(clipPath("goforward.wav"))
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(plain, []byte("data"))
	data := plain[at+8:]
	want, err := readFile(t, clipPath("goforward.wav"))
	if err != nil || len(want) != len(data)/2 {
		t.Fatalf("%d samples: %v", len(want), err)
	}
	le := binary.LittleEndian
	sized := func(riff, size uint32) []byte {
		b := slices.Clone(plain)
		le.PutUint32(b[4:], riff)
		le.PutUint32(b[at+4:], size)
		return b
	}
	insert := func(chunk string) []byte {
		return slices.Concat(plain[:12], le.AppendUint32([]byte("LIST"), uint32(len(chunk))), []byte(chunk), make([]byte, len(chunk)&1), plain[12:])
	}
	ext := slices.Concat(plain[:16], le.AppendUint32(nil, 40), le.AppendUint16(nil, tagExtensible), plain[22:36],
		[]byte{22, 0, 16, 0, 4, 0, 0, 0, 1, 0, 0, 0, 0, 0, 16, 0, 128, 0, 0, 170, 0, 56, 155, 113}, plain[36:])
	rf64 := slices.Concat([]byte("RF64\xff\xff\xff\xffWAVEds64"), le.AppendUint32(nil, 28),
		le.AppendUint64(nil, uint64(len(plain)+36-8)), le.AppendUint64(nil, uint64(len(data))), make([]byte, 12), plain[12:])
	le.PutUint32(rf64[at+36+4:], math.MaxUint32)
	for name, b := range map[string][]byte{
		"as it is": plain, "a list of 7 bytes": insert("INFOabc"), "extensible": ext, "RF64": rf64,
		"RF64 and a list behind": append(slices.Clone(rf64), "LIST\x04\x00\x00\x00INFO"...),
		"sizes 0":                sized(0, 0), "sizes -1": sized(math.MaxUint32, math.MaxUint32), "sizes of sox": sized(0x7FFFFFFF, 0x7FFFFFDB),
		"a stream with half a sample": append(sized(0, math.MaxUint32), 1),
		"a list behind":               append(slices.Clone(plain), "LIST\x04\x00\x00\x00INFO"...),
	} {
		s, err := Open(file(t, "x.bin", b))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		length := s.Duration()
		got, err := readAll(s)
		if after := s.Duration(); after != length {
			t.Errorf("%s: duration %v, after reading %v", name, length, after)
		}
		s.Close()
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %d samples, want %d: %v", name, len(got), len(want), err)
		}
		if d := length - time.Duration(len(want))*time.Second/Rate; d.Abs() > time.Millisecond {
			t.Errorf("%s: duration %v", name, length)
		}
	}
}

// A truncated file gives what it holds, then an error with name, byte and reason.
func TestCutOff(t *testing.T) {
	plain, err := os.ReadFile(clipPath("goforward.wav"))
	if err != nil {
		t.Fatal(err)
	}
	want, _ := readFile(t, clipPath("goforward.wav"))
	path := file(t, "cut.wav", plain[:20001])
	got, err := readFile(t, path)
	if !slices.Equal(got, want[:(20001-44)/2]) {
		t.Errorf("%d samples", len(got))
	}
	if !errors.Is(err, io.ErrUnexpectedEOF) || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "byte 20001") {
		t.Errorf("error %v", err)
	}
	for n := range 44 {
		_, err := readFile(t, file(t, "cut.wav", plain[:n]))
		if err == nil || !strings.Contains(err.Error(), "cut.wav") || !strings.Contains(err.Error(), "byte ") {
			t.Errorf("%d bytes: error %v", n, err)
		}
	}
}

func TestRefused(t *testing.T) {
	t.Setenv("PATH", "") // without ffmpeg
	ok := header(tagPCM, 1, Rate, 2, 16, make([]byte, 8))
	with := func(at int, v uint32, n int) []byte {
		b := slices.Clone(ok)
		copy(b[at:at+n], binary.LittleEndian.AppendUint32(nil, v))
		return b
	}
	for want, b := range map[string][]byte{
		"empty": nil, "page that begins at byte 0": []byte("OggS\x00\x02abcdefgh"), "no MP3 frame": []byte("ID3\x04\x00\x00\x00\x00\x00\x01xabcd"),
		"MP4": []byte("\x00\x00\x00\x20ftypM4A "), "text, no sound": []byte("#EXTM3U\nhttp://localhost/x"), "no WAV": []byte("RIFF\x04\x00\x00\x00AVI "),
		"install ffmpeg":    []byte("\x1aE\xdf\xa3\x00\x00\x00\x00\x00\x00\x00\x00"),
		"states 0 channels": with(22, 0, 2), "states 65 channels": with(22, 65, 2), "a rate of 999 Hz": with(24, 999, 4), "a rate of 768001 Hz": with(24, 768001, 4),
		"frames of 1 bytes": with(32, 1, 2), "frames of 0 bytes": with(32, 0, 2), "MP3 in 2": with(20, 85, 2), "0x1234": with(20, 0x1234, 2), "in 5 bytes": with(32, 5, 2),
		"fmt \\\" has 3 bytes": with(16, 3, 4), "inside chunk": with(16, 1<<31, 4), "before its chunk": slices.Concat(ok[:12], ok[36:]), "ends before": ok[:36],
		"ds64": slices.Concat(ok[:12], []byte("ds64\x08\x00\x00\x00abcdefgh"), ok[12:]),
	} {
		path := file(t, "x.wav", b)
		_, err := Open(path)
		want = strings.ReplaceAll(want, "\\\"", "\"")
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("want an error with %q, got %v", want, err)
		}
	}
	if _, err := Open(t.TempDir()); err == nil {
		t.Error("a directory opens")
	}
	if _, err := Open(filepath.Join(t.TempDir(), "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
}

// A valid file without samples is not an error, nor one whose samples are not numbers.
func TestEmptyAndNaN(t *testing.T) {
	if got, err := readFile(t, file(t, "x.wav", header(tagPCM, 2, 44100, 2, 16, nil))); err != nil || len(got) != 0 {
		t.Errorf("%d samples: %v", len(got), err)
	}
	var data []byte
	for _, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), 1e300, 0.5} {
		data = binary.LittleEndian.AppendUint64(data, math.Float64bits(v))
	}
	got, err := readFile(t, file(t, "x.wav", header(tagFloat, 1, Rate, 8, 64, data)))
	if err != nil || !slices.Equal(got, []float32{0, 1, -1, 1, 0.5}) {
		t.Errorf("%v: %v", got, err)
	}
}

// drain decodes b, which may be anything, up to a limit, and checks what holds for every file.
func drain(t *testing.T, b []byte) {
	drainInput(t, input.New(bytes.NewReader(b), "fuzz", int64(len(b))))
}

func drainInput(t *testing.T, in *input.Reader) {
	dec, err := open(in)
	if err != nil {
		if !strings.Contains(err.Error(), "fuzz") {
			t.Fatalf("an error without the file's name: %v", err)
		}
		return
	}
	s := newSource(dec, nil)
	if s.Duration() < 0 {
		t.Fatalf("duration %v", s.Duration())
	}
	buf := make([]float32, 4096)
	for range 300 {
		n, err := s.Read(buf)
		for _, v := range buf[:n] {
			if !(v >= -2 && v <= 2) { // the filter rings by a part
				t.Fatalf("sample %v", v)
			}
		}
		if err != nil {
			if n != 0 {
				t.Fatalf("%d samples along with %v", n, err)
			}
			return
		}
	}
}

func FuzzWAV(f *testing.F) {
	f.Add(header(tagPCM, 1, Rate, 2, 16, []byte("some samples")))
	f.Add(header(tagFloat, 2, 44100, 4, 32, []byte("some more samples are here..")))
	f.Add(header(tagMuLaw, 1, 8000, 1, 8, []byte("telephone")))
	f.Add([]byte("RF64\xff\xff\xff\xffWAVEds64\x10\x00\x00\x00abcdefghabcdefghdata\xff\xff\xff\xff"))
	f.Fuzz(drain)
}
