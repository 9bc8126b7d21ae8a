package flac

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

	library "github.com/mewkiz/flac"
	"github.com/mewkiz/flac/frame"
	"github.com/mewkiz/flac/meta"
	"pgregory.net/rapid"

	"soberano/asr/audio/input"
)

var flacs = []string{"cards_005.flac", "st44_24.flac", "mono24.flac", "mono16_8bit.flac", "six96.flac", "st48_noise.flac"}

// decodeWith returns what another implementation decodes, mixed to mono.
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

// open returns a decoder of a file in memory, which can be read at any position.
func open(b []byte) (*Decoder, error) {
	r := bytes.NewReader(b)
	in := input.New(r, "x.flac", int64(len(b)))
	in.At = r
	return New(in)
}

// decode decodes a file in memory.
func decode(t testing.TB, b []byte) ([]float32, error) {
	t.Helper()
	dec, err := open(b)
	if err != nil {
		return nil, err
	}
	var out []float32
	for {
		x, err := dec.Next()
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

// TestAgreesWithAnother: every file decodes to what another implementation decodes.
func TestAgreesWithAnother(t *testing.T) {
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
		d, err := open(b)
		if err != nil {
			t.Fatal(err)
		}
		if d.Frames() != int64(len(want)) {
			t.Errorf("%s: the header states %d samples of %d", name, d.Frames(), len(want))
		}
	}
}

// TestOfAnotherEncoder: what another implementation encodes decodes to the same samples, for all
// channel layouts and sample sizes.
func TestOfAnotherEncoder(t *testing.T) {
	layouts := []frame.Channels{frame.ChannelsMono, frame.ChannelsLR, frame.ChannelsLRC, frame.ChannelsLRLsRs, frame.ChannelsLeftSide, frame.ChannelsSideRight, frame.ChannelsMidSide}
	rapid.Check(t, func(t *rapid.T) {
		depth := rapid.SampledFrom([]uint8{8, 16, 24}).Draw(t, "depth")
		layout := rapid.SampledFrom(layouts).Draw(t, "layout")
		n := rapid.IntRange(16, 300).Draw(t, "n")
		info := &meta.StreamInfo{BlockSizeMin: 16, BlockSizeMax: 300, SampleRate: 44100, NChannels: uint8(layout.Count()), BitsPerSample: depth, NSamples: uint64(n)}
		f := &frame.Frame{Header: frame.Header{BlockSize: uint16(n), SampleRate: 44100, Channels: layout, BitsPerSample: depth}}
		var split [][]float32
		for range layout.Count() {
			top := int32(1)<<(depth-1) - 1
			x := rapid.SliceOfN(rapid.Int32Range(-top-1, top), n, n).Draw(t, "x")
			if rapid.Bool().Draw(t, "constant") {
				x = slices.Repeat(x[:1], n)
			}
			values := make([]float32, n)
			for i, v := range x {
				values[i] = float32(v) / (float32(top) + 1)
			}
			split = append(split, values)
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
		dec, err := open(b.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		got, err := dec.Next()
		if err != nil || !near(got, input.NewMixer(layout.Count(), 44100).Mix(split)) {
			t.Fatalf("%d samples, want %d: %v", len(got), n, err)
		}
	})
}

// TestDamaged: a file truncated anywhere gives a prefix of its samples and an error that states
// the position. With one byte changed it gives all samples but those of a frame, which are silence.
func TestDamaged(t *testing.T) {
	b, err := os.ReadFile("testdata/mono24.flac")
	if err != nil {
		t.Fatal(err)
	}
	want, err := decode(t, b)
	if err != nil {
		t.Fatal(err)
	}
	for at := 0; at < len(b); at += 1 + at/1024 { // every byte of the beginning, then fewer
		dec, err := open(b[:at])
		var got []float32
		for err == nil {
			var x []float32
			x, err = dec.Next()
			got = append(got, x...)
		}
		nearly := dec != nil && len(got) > len(want)*8/10 && len(dec.Remarks()) == 1 && dec.Remarks()[0].Kind == input.EndsEarly
		if !(err == io.EOF && nearly) && (!errors.Is(err, io.ErrUnexpectedEOF) || !strings.Contains(err.Error(), "x.flac: byte ")) {
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
		dec, err := open(bad)
		if err != nil {
			return // the damage is before the frames
		}
		var got []float32
		for err == nil {
			var x []float32
			x, err = dec.Next()
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
		if lost := dec.Lost(); other > lost || lost > 4608 || lost == 0 && err == io.EOF && other > 0 {
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
		drain(t, b, false)
		drain(t, b, true) // hardly a mutation passes the checksums
		skip(b)
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

// drain decodes whatever b is, up to a limit, and checks what holds for every file.
func drain(t *testing.T, b []byte, unchecked bool) {
	f, err := open(b)
	if err != nil {
		if !strings.Contains(err.Error(), "x.flac") {
			t.Fatalf("an error without the file's name: %v", err)
		}
		return
	}
	f.in.Unchecked = unchecked
	for range 100 {
		before, found := f.in.Pos, f.gap > 0 || f.held > 0 // after damage
		x, err := f.Next()
		if err != nil {
			return
		}
		if len(x) == 0 || len(x) > 1<<16 || f.in.Pos == before && !found {
			t.Fatalf("a frame of %d samples from %d bytes", len(x), f.in.Pos-before)
		}
		for _, v := range x {
			if !(v >= -1 && v <= 1) {
				t.Fatalf("sample %v", v)
			}
		}
	}
}

// skip seeks in whatever b is.
func skip(b []byte) {
	defer func(n int64) { seekNear = n }(seekNear)
	seekNear = 0
	if f, err := open(b); err == nil {
		if _, err := f.Skip(100); err == nil {
			f.Next()
		}
	}
}

// TestSkip: after a skip, and after the samples that it leaves to decode, the file continues with
// the sample that was asked for.
func TestSkip(t *testing.T) {
	defer func(n int64) { seekNear = n }(seekNear)
	seekNear = 0 // the files are short
	for _, name := range flacs {
		b, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		whole, err := decode(t, b)
		if err != nil {
			t.Fatal(err)
		}
		sought := false
		rapid.Check(t, func(rt *rapid.T) {
			f, err := open(b)
			if err != nil {
				rt.Fatal(err)
			}
			at := int64(0)
			for range 2 {
				n := rapid.Int64Range(0, int64(len(whole))-at).Draw(rt, "skip")
				left, err := f.Skip(n)
				if err != nil || left > n {
					rt.Fatalf("%s: %d of %d samples are left: %v", name, left, n, err)
				}
				sought = sought || left < n
				at += n - left
			}
			var got []float32
			for err == nil {
				var x []float32
				x, err = f.Next()
				got = append(got, x...)
			}
			if err != io.EOF || !slices.Equal(got, whole[at:]) {
				rt.Fatalf("%s: %d samples follow, want %d: %v", name, len(got), len(whole[at:]), err)
			}
		})
		if !sought && len(b) > 1<<13 { // short distances are decoded
			t.Errorf("%s: no skip has found a frame", name)
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
