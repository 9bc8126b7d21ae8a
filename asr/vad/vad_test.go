package vad

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"soberano/kernels/cpu"
)

// clip reads a 16-bit mono WAV of the test clips: what follows its "data" header.
func clip(t testing.TB, name string) []float32 {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "testdata", "audio", name+".wav"))
	if err != nil {
		t.Fatal(err)
	}
	at := 12
	for string(b[at:at+4]) != "data" {
		at += 8 + int(binary.LittleEndian.Uint32(b[at+4:]))
	}
	b = b[at+8 : at+8+int(binary.LittleEndian.Uint32(b[at+4:]))]
	x := make([]float32, len(b)/2)
	for i := range x {
		x[i] = float32(int16(binary.LittleEndian.Uint16(b[2*i:]))) / 32768
	}
	return x
}

func golden(t testing.TB) map[string][]float32 {
	t.Helper()
	b, err := os.ReadFile("testdata/probs.json")
	if err != nil {
		t.Fatal(err)
	}
	var probs map[string][]float32
	if err := json.Unmarshal(b, &probs); err != nil {
		t.Fatal(err)
	}
	if len(probs) < 15 {
		t.Fatalf("only %d clips in testdata/probs.json", len(probs))
	}
	return probs
}

func TestProbabilitiesAgreeWithOnnxruntime(t *testing.T) {
	d := New()
	worst := 0.0
	for name, want := range golden(t) {
		x := clip(t, name)
		d.Reset()
		if n := (len(x) + Chunk - 1) / Chunk; n != len(want) {
			t.Fatalf("%s: %d chunks, golden has %d", name, n, len(want))
		}
		for i, w := range want {
			p := d.Prob(x[i*Chunk : min(len(x), (i+1)*Chunk)])
			diff := math.Abs(float64(p - w))
			worst = max(worst, diff)
			if !(diff <= 1e-4) {
				t.Fatalf("%s, chunk %d: probability %v, want %v", name, i, p, w)
			}
		}
	}
	t.Logf("largest difference %.2g", worst)
}

// On every instruction level the probabilities are those of onnxruntime.
func TestInstructionSets(t *testing.T) {
	x, want := clip(t, "jfk"), golden(t)["jfk"]
	for _, level := range []string{"generic", "avx2", "avx512", "neon"} {
		t.Run(level, func(t *testing.T) {
			t.Setenv("SOBERANO_CPU", level)
			dev, err := cpu.New(cpu.Options{Threads: 1, Exact: true})
			if err != nil {
				t.Skip(err)
			}
			n, err := parse(silero, dev)
			if err != nil {
				t.Fatal(err)
			}
			d := Detector{net: n}
			for i, w := range want {
				if p := d.Prob(x[i*Chunk : min(len(x), (i+1)*Chunk)]); !(math.Abs(float64(p-w)) <= 1e-4) {
					t.Fatalf("chunk %d: probability %v, want %v", i, p, w)
				}
			}
		})
	}
}

// Detectors share a network, and their streams are independent in any order of calls.
func TestDetectorsTakeTurns(t *testing.T) {
	probs := golden(t)
	var wg sync.WaitGroup
	for _, name := range []string{"jfk", "goforward", "music_10s", "jfk"} {
		x, want := clip(t, name), probs[name]
		wg.Go(func() {
			d := New()
			for i, w := range want {
				if p := d.Prob(x[i*Chunk : min(len(x), (i+1)*Chunk)]); !(math.Abs(float64(p-w)) <= 1e-4) {
					t.Errorf("%s, chunk %d: probability %v, want %v", name, i, p, w)
					return
				}
			}
		})
	}
	wg.Wait()
}

func TestProbAllocatesNothing(t *testing.T) {
	d, x := New(), make([]float32, Chunk)
	if n := testing.AllocsPerRun(10, func() { d.Prob(x) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestWhatIsNoSpeech(t *testing.T) {
	probs := golden(t)
	for _, name := range []string{"silence_10s", "pink_10s", "music_10s"} {
		got := Speech(clip(t, name), Offline())
		t.Logf("%s: highest probability %.3f, speech %v", name, slices.Max(probs[name]), got)
		if got != nil {
			t.Errorf("%s: speech %v, want none", name, got)
		}
	}
}

func TestSpeechIsFound(t *testing.T) {
	for name := range golden(t) {
		if name == "silence_10s" || name == "pink_10s" || name == "music_10s" {
			continue
		}
		x := clip(t, name)
		sum, last := 0, 0
		for _, r := range Speech(x, Offline()) {
			if r.Start < last || r.End <= r.Start || r.End > len(x) {
				t.Errorf("%s: range %v after %d in %d samples", name, r, last, len(x))
			}
			sum, last = sum+r.End-r.Start, r.End
		}
		if share := float64(sum) / float64(len(x)); share < 0.5 {
			t.Errorf("%s: speech in %.0f%% of it", name, 100*share)
		}
	}
}

// The first words of jfk begin at about 0.35 s, and there is a pause in the middle.
func TestJFK(t *testing.T) {
	x := clip(t, "jfk")
	got := Speech(x, Options{Before: -1, After: -1})
	if len(got) < 2 {
		t.Fatalf("one stretch or none: %v", got)
	}
	if s := float64(got[0].Start) / Rate; s < 0.2 || s > 0.6 {
		t.Errorf("speech starts at %.2f s", s)
	}
	live := Speech(x, Live())
	if live[0].Start != 0 || live[0].End <= got[0].End-1 {
		t.Errorf("with half a second before and 0.3 after: %v; without: %v", live, got)
	}
}

// loudness is a fast detector by loudness.
type loudness struct{}

func (loudness) Reset()                {}
func (loudness) Level() float64        { return 0 }
func (loudness) Look([]float32)        {}
func (loudness) WithoutHum() []float32 { return nil }

func (loudness) Prob(chunk []float32) float32 {
	var sum float32
	for _, v := range chunk {
		sum += v * v
	}
	return min(1, 100*sum/Chunk)
}

// The events do not depend on the sizes of the pushed pieces, and none refers to a future sample.
func TestStreamedIsWhole(t *testing.T) {
	x := slices.Concat(clip(t, "librivox_0880"), make([]float32, 12000), clip(t, "cards_005"))
	same := func(t interface{ Fatalf(string, ...any) }, det detector, piece func() int) {
		whole, s := NewSegmenter(Live()), NewSegmenter(Live())
		whole.det, s.det = det, det
		want := collect(nil, append(whole.Push(x), whole.Flush()...))
		if len(want) < 2 {
			t.Fatalf("want at least two stretches, got %v", want)
		}
		var got []Range
		for rest := x; len(rest) > 0; {
			n := min(len(rest), piece())
			events := s.Push(rest[:n])
			rest = rest[n:]
			for _, e := range events {
				if e.At < 0 || e.At > int64(len(x)-len(rest)) {
					t.Fatalf("event %v after %d samples", e, len(x)-len(rest))
				}
			}
			got = collect(got, events)
		}
		if got = collect(got, s.Flush()); !slices.Equal(got, want) {
			t.Fatalf("%v, want %v", got, want)
		}
	}
	same(t, New(), func() int { return 320 })
	rapid.Check(t, func(t *rapid.T) {
		same(t, loudness{}, func() int { return rapid.IntRange(1, 20000).Draw(t, "n") })
	})
}

func collect(r []Range, events []Event) []Range {
	for _, e := range events {
		if e.Start {
			r = append(r, Range{Start: int(e.At)})
		} else {
			r[len(r)-1].End = int(e.At)
		}
	}
	return r
}

// After Flush a segmenter is like a new one.
func TestFlushStartsAnew(t *testing.T) {
	x := clip(t, "goforward")
	s := NewSegmenter(Offline())
	first := collect(nil, append(s.Push(x), s.Flush()...))
	second := collect(nil, append(s.Push(x), s.Flush()...))
	if len(first) == 0 || !slices.Equal(first, second) {
		t.Errorf("first %v, then %v", first, second)
	}
	if s.Speaking() {
		t.Error("speaking after Flush")
	}
}

func TestNumbersThatAreNone(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	bad := make([]float32, 4*Chunk)
	for i := range bad {
		bad[i] = []float32{nan, inf, -inf, 1e38, 0.5}[i%5]
	}
	d := New()
	for i := range 4 {
		d.Prob(bad[i*Chunk : (i+1)*Chunk])
	}
	d.Prob(nil)
	if p := d.Prob(make([]float32, Chunk)); !(p >= 0 && p <= 1) {
		t.Errorf("probability %v", p)
	}
}

func TestShortSoundsAreNoSpeech(t *testing.T) {
	x := clip(t, "jfk")
	burst := slices.Concat(make([]float32, 16000), x[8000:8000+1600], make([]float32, 16000))
	if got := Speech(burst, Offline()); got != nil {
		t.Errorf("0.1 s of voice is speech: %v", got)
	}
	if got := Speech(x, Options{MinSpeech: time.Hour}); got != nil {
		t.Errorf("speech of an hour in 11 s: %v", got)
	}
	if Speech(nil, Offline()) != nil {
		t.Error("speech in nothing")
	}
}

func TestRing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.IntRange(1, 50).Draw(t, "size")
		r := NewRing(size)
		var all []float32
		for range rapid.IntRange(0, 10).Draw(t, "writes") {
			var piece []float32
			for range rapid.IntRange(0, 120).Draw(t, "n") {
				piece = append(piece, float32(len(all)+len(piece)))
			}
			all = append(all, piece...)
			r.Write(piece)
		}
		from, to := rapid.Int64Range(-5, 300).Draw(t, "from"), rapid.Int64Range(-5, 300).Draw(t, "to")
		var want []float32
		for i := max(from, 0, int64(len(all)-size)); i < min(to, int64(len(all))); i++ {
			want = append(want, all[i])
		}
		if got := r.Slice(from, to); !slices.Equal(got, want) {
			t.Fatalf("Slice(%d, %d) = %v, want %v", from, to, got, want)
		}
	})
}

func BenchmarkProb(b *testing.B) {
	x := clip(b, "jfk")
	d := New()
	for i := 0; b.Loop(); i++ {
		at := i * Chunk % (len(x) - Chunk)
		d.Prob(x[at : at+Chunk])
	}
	b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(b.N)/32*100, "%realtime")
}
