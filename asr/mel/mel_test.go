package mel

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"io"
	"math"
	"math/cmplx"
	"os"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func jfk(t testing.TB) []float32 {
	t.Helper()
	b, err := os.ReadFile("../testdata/audio/jfk.wav")
	if err != nil {
		t.Fatal(err)
	}
	b = b[bytes.Index(b, []byte("data"))+8:]
	x := make([]float32, len(b)/2)
	for i := range x {
		x[i] = float32(int16(binary.LittleEndian.Uint16(b[2*i:]))) / 32768
	}
	return x
}

func TestAgreesWithOpenAI(t *testing.T) {
	file, err := os.Open("testdata/jfk_80x3000.f32.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	z, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil || len(b) != 4*80*3000 {
		t.Fatal(len(b), err)
	}
	f := New(80)
	f.Threads = 2
	got := f.Frames(jfk(t), 3000)
	worst := 0.0
	for i, v := range got {
		want := math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
		d := math.Abs(float64(v - want))
		worst = max(worst, d)
		if !(d <= 1e-4) {
			t.Fatalf("mel %d, frame %d: %v, want %v", i/3000, i%3000, v, want)
		}
	}
	t.Logf("largest difference %.2g", worst)
}

// The transform equals its definition in float64.
func TestPowerIsTheDefinition(t *testing.T) {
	p := newPlan()
	rapid.Check(t, func(t *rapid.T) {
		var x [size]float32
		var norm float64
		for i, v := range rapid.SliceOfN(rapid.Float32Range(-1, 1), size, size).Draw(t, "x") {
			x[i] = v
			norm += float64(v) * float64(v)
		}
		var s scratch
		var got [bins]float32
		p.power(&s, &x, &got)
		for k := range bins {
			var sum complex128
			for n, v := range x {
				sum += complex(float64(v), 0) * cmplx.Rect(1, -2*math.Pi*float64(k*n%size)/size)
			}
			want := math.Sqrt(real(sum)*real(sum) + imag(sum)*imag(sum))
			if d := math.Abs(math.Sqrt(float64(got[k])) - want); !(d <= 4e-7*math.Sqrt(norm*size)) {
				t.Fatalf("bin %d: %v, want %v", k, math.Sqrt(float64(got[k])), want)
			}
		}
	})
}

// For any length of the audio and any number of goroutines, the frames are those of the same audio
// padded with zeros.
func TestPaddingAndThreads(t *testing.T) {
	x := jfk(t)
	rapid.Check(t, func(t *rapid.T) {
		frames := rapid.IntRange(1, 60).Draw(t, "frames")
		n := rapid.IntRange(0, 70*Hop).Draw(t, "samples")
		f := New(rapid.SampledFrom([]int{80, 128}).Draw(t, "mels"))
		padded := make([]float32, frames*Hop)
		copy(padded, x[8000:8000+n])
		want := f.Frames(padded, frames)
		f.Threads = rapid.IntRange(0, 5).Draw(t, "threads")
		if got := f.Frames(x[8000:8000+n], frames); !slices.Equal(got, want) {
			t.Fatal("frames differ")
		}
		if len(want) != f.Mels*frames {
			t.Fatalf("%d values for %d frames", len(want), frames)
		}
	})
}

// A sine is largest in the filter with the nearest centre, and each filter is positive somewhere.
func TestFilters(t *testing.T) {
	for _, mels := range []int{80, 128} {
		f := New(mels)
		for m, r := range f.rows {
			if len(r.weight) == 0 || r.start+len(r.weight) > bins {
				t.Errorf("%d mels: filter %d: %d weights from %d", mels, m, len(r.weight), r.start)
			}
		}
		x := make([]float32, 100*Hop)
		for i := range x {
			x[i] = float32(math.Sin(2 * math.Pi * 3000 * float64(i) / Rate))
		}
		got, best := f.Frames(x, 100), 0
		for m := range mels {
			if got[m*100+50] > got[best*100+50] {
				best = m
			}
		}
		top := 15 + math.Log(8)*27/math.Log(6.4)
		want := (15+math.Log(3)*27/math.Log(6.4))*float64(mels+1)/top - 1
		if math.Abs(float64(best)-want) > 1 {
			t.Errorf("%d mels: 3 kHz in filter %d, want %.1f", mels, best, want)
		}
	}
}

func TestSilenceAndNonsense(t *testing.T) {
	f := New(80)
	for _, v := range f.Frames(nil, 3000) {
		if v != -1.5 {
			t.Fatalf("silence is %v, want -1.5", v)
		}
	}
	if f.Frames(jfk(t), 0) != nil || f.Frames(jfk(t), -1) != nil {
		t.Error("frames of no length")
	}
	nan := []float32{float32(math.NaN()), float32(math.Inf(1)), 1e38}
	f.Frames(slices.Repeat(nan, 200), 10) // must return
}

func BenchmarkFrames(b *testing.B) {
	x := slices.Repeat(jfk(b), 3)[:30*Rate]
	f := New(80)
	for b.Loop() {
		f.Frames(x, 3000)
	}
}

// The frames of a window after those of its audio are 0, those of the audio are Frames'.
func TestWindow(t *testing.T) {
	f := New(80)
	x := make([]float32, 10*Hop+1)
	for i := range x {
		x[i] = float32(i%7) / 7
	}
	const frames = 32
	whole, got := f.Frames(x, frames), f.Window(x, frames)
	for m := range f.Mels {
		for i := range frames {
			want := whole[m*frames+i]
			if i > 10 {
				want = 0
			}
			if got[m*frames+i] != want {
				t.Fatalf("mel %d, frame %d: %v, want %v", m, i, got[m*frames+i], want)
			}
		}
	}
}
