package audio

import (
	"bytes"
	"errors"
	"io"
	"log"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	library "github.com/mewkiz/flac"
	"github.com/mewkiz/flac/frame"
	"github.com/mewkiz/flac/meta"
	"pgregory.net/rapid"
)

var flacs = []string{"cards_005.flac", "st44_24.flac", "mono24.flac", "mono16_8bit.flac", "six96.flac", "st48_noise.flac"}

// decodeWith is another implementation's answer: samples mixed to mono at the file's rate.
func decodeWith(t testing.TB, b []byte) []float32 {
	t.Helper()
	log.SetOutput(io.Discard) // it logs each frame of 24 kHz
	defer log.SetOutput(os.Stderr)
	s, err := library.New(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	var out []float32
	for {
		f, err := s.ParseNext()
		if err == io.EOF {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		for i := range f.Subframes[0].Samples {
			sum := 0.0
			for _, c := range f.Subframes {
				sum += float64(c.Samples[i])
			}
			out = append(out, float32(sum/float64(len(f.Subframes))/math.Pow(2, float64(s.Info.BitsPerSample-1))))
		}
	}
}

// decode runs our decoder without the resampler.
func decode(t testing.TB, b []byte) ([]float32, error) {
	t.Helper()
	dec, err := open(newInput(bytes.NewReader(b), "x.flac", int64(len(b))))
	if err != nil {
		return nil, err
	}
	var out []float32
	for {
		x, err := dec.next()
		out = append(out, x...)
		if err == io.EOF {
			return out, nil
		}
		if err != nil {
			return out, err
		}
	}
}

func near(a, b []float32) bool {
	return slices.EqualFunc(a, b, func(x, y float32) bool { return math.Abs(float64(x-y)) < 1e-6 })
}

func TestFLACAgreesWithAnother(t *testing.T) {
	for _, name := range flacs {
		b, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		want := decodeWith(t, b)
		got, err := decode(t, b)
		if err != nil || len(want) < 1000 || !near(got, want) {
			t.Errorf("%s: %d samples, want %d: %v", name, len(got), len(want), err)
		}
		s, err := Open(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		if d := s.Duration() - time.Duration(float64(len(want))/float64(s.dec.rate())*1e9); d.Abs() > time.Microsecond {
			t.Errorf("%s: duration %v", name, s.Duration())
		}
		s.Close()
	}
}

// Lossless: the clip from FLAC is the clip from WAV, also behind an ID3 tag, with a tag at its
// end, and where STREAMINFO does not know the length.
func TestFLACIsTheWAV(t *testing.T) {
	want, err := readFile(t, clipPath("cards_005.wav"))
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile("testdata/cards_005.flac")
	if err != nil {
		t.Fatal(err)
	}
	unknown := slices.Clone(b)
	unknown[21] &= 0xF0
	clear(unknown[22:26])
	for name, b := range map[string][]byte{
		"as it is": b, "unknown length": unknown, "ID3 before": slices.Concat([]byte("ID3\x04\x00\x00\x00\x00\x00\x03abc"), b),
		"tag behind": slices.Concat(b, []byte("TAG"), make([]byte, 125)), "both": slices.Concat(unknown, []byte("TAG"), make([]byte, 125)),
	} {
		got, err := readFile(t, file(t, "x", b))
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %d samples, want %d: %v", name, len(got), len(want), err)
		}
	}
}

// What the other implementation encodes, ours decodes: all layouts of channels and depths.
func TestFLACOfAnotherEncoder(t *testing.T) {
	layouts := []frame.Channels{frame.ChannelsMono, frame.ChannelsLR, frame.ChannelsLRC, frame.ChannelsLRLsRs, frame.ChannelsLeftSide, frame.ChannelsSideRight, frame.ChannelsMidSide}
	rapid.Check(t, func(t *rapid.T) {
		depth := rapid.SampledFrom([]uint8{8, 16, 24}).Draw(t, "depth")
		layout := rapid.SampledFrom(layouts).Draw(t, "layout")
		n := rapid.IntRange(16, 300).Draw(t, "n")
		info := &meta.StreamInfo{BlockSizeMin: 16, BlockSizeMax: 300, SampleRate: 44100, NChannels: uint8(layout.Count()), BitsPerSample: depth, NSamples: uint64(n)}
		f := &frame.Frame{Header: frame.Header{BlockSize: uint16(n), SampleRate: 44100, Channels: layout, BitsPerSample: depth}}
		want := make([]float32, n)
		for range layout.Count() {
			top := int32(1)<<(depth-1) - 1
			x := rapid.SliceOfN(rapid.Int32Range(-top-1, top), n, n).Draw(t, "x")
			if rapid.Bool().Draw(t, "constant") {
				x = slices.Repeat(x[:1], n)
			}
			for i, v := range x {
				want[i] += float32(v) / (float32(top) + 1) / float32(layout.Count())
			}
			f.Subframes = append(f.Subframes, &frame.Subframe{SubHeader: frame.SubHeader{Pred: frame.PredVerbatim}, Samples: x, NSamples: n})
		}
		var b bytes.Buffer
		enc, err := library.NewEncoder(&b, info)
		if err != nil {
			t.Fatal(err)
		}
		enc.EnablePredictionAnalysis(rapid.Bool().Draw(t, "predict"))
		if err := enc.WriteFrame(f); err != nil {
			t.Fatal(err)
		}
		if err := enc.Close(); err != nil {
			t.Fatal(err)
		}
		dec, err := open(newInput(&b, "x", int64(b.Len())))
		if err != nil {
			t.Fatal(err)
		}
		got, err := dec.next()
		if err != nil || !near(got, want) {
			t.Fatalf("%d samples, want %d: %v", len(got), n, err)
		}
	})
}

// Cut anywhere, a FLAC gives a beginning of its samples and says where it ends; with a byte
// changed, all but those of a frame, for which silence stands.
func TestFLACDamaged(t *testing.T) {
	b, err := os.ReadFile("testdata/mono24.flac")
	if err != nil {
		t.Fatal(err)
	}
	want, err := decode(t, b)
	if err != nil {
		t.Fatal(err)
	}
	for at := 0; at < len(b); at += 1 + at/1024 { // every byte of the beginning, then fewer
		dec, err := open(newInput(bytes.NewReader(b[:at]), "x.flac", int64(at)))
		var got []float32
		for err == nil {
			var x []float32
			x, err = dec.next()
			got = append(got, x...)
		}
		if at >= 4 && !errors.Is(err, io.ErrUnexpectedEOF) || !strings.Contains(err.Error(), "x.flac: byte ") {
			t.Fatalf("cut at %d: %v", at, err)
		}
		if !slices.Equal(got, want[:len(got)]) {
			t.Fatalf("cut at %d: other samples", at)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		at := rapid.IntRange(audioAt(b), len(b)-1).Draw(t, "at")
		bad := slices.Clone(b)
		bad[at] ^= rapid.ByteRange(1, 255).Draw(t, "bits")
		dec, err := open(newInput(bytes.NewReader(bad), "x.flac", int64(len(bad))))
		if err != nil {
			return // the damage is before the frames
		}
		var got []float32
		for err == nil {
			var x []float32
			x, err = dec.next()
			got = append(got, x...)
		}
		if err == io.EOF && len(got) != len(want) {
			t.Fatalf("byte %d changed: %d samples, and %v", at, len(got), err)
		}
		other := int64(0)
		for i, v := range got {
			if v != want[i] {
				other++
			}
		}
		if lost := dec.lost(); other > lost || lost > 4608 || lost == 0 && err == io.EOF && other > 0 {
			t.Fatalf("byte %d changed: %d samples are other ones, and %d lost", at, other, lost)
		}
	})
}

func FuzzFLAC(f *testing.F) {
	for _, name := range []string{"mono16_8bit.flac", "st44_24.flac", "six96.flac"} {
		b, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			f.Fatal(err)
		}
		info := slices.Clone(b[:42])
		info[4] |= 128 // the only block
		at := audioAt(b)
		f.Add(append(info, b[at:min(len(b), at+700)]...)) // small, or the fuzzer shortens it for long
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		drain(t, b)
		drainFLAC(t, b)
	})
}

// audioAt is where the first frame of a FLAC begins.
func audioAt(b []byte) int {
	for at := 4; ; {
		last := b[at] >= 128
		at += 4 + int(b[at+1])<<16 + int(b[at+2])<<8 + int(b[at+3])
		if last {
			return at
		}
	}
}

// drainFLAC decodes without the checksums, which hardly a mutation would pass.
func drainFLAC(t *testing.T, b []byte) {
	in := newInput(bytes.NewReader(b), "fuzz", int64(len(b)))
	dec, err := open(in)
	f, ok := dec.(*flac)
	if err != nil || !ok {
		return
	}
	f.in.unchecked = true
	for range 100 {
		before, found := in.pos, f.gap > 0 || f.held > 0 // behind a damage
		x, err := f.next()
		if err != nil {
			return
		}
		if len(x) == 0 || len(x) > 1<<16 || in.pos == before && !found {
			t.Fatalf("a frame of %d samples from %d bytes", len(x), in.pos-before)
		}
	}
}

func BenchmarkFLAC(b *testing.B) {
	x, err := os.ReadFile("testdata/cards_005.flac")
	if err != nil {
		b.Fatal(err)
	}
	n := 0
	for b.Loop() {
		got, err := decode(b, x)
		if err != nil {
			b.Fatal(err)
		}
		n += len(got)
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds()/1e6, "Msamples/s")
}
