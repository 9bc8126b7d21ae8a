package audio

import (
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// TestChainedRates: Vorbis streams of different rates that follow each other in a file are decoded as each
// by itself.
func TestChainedRates(t *testing.T) {
	names := []string{"m16.ogg", "st44.ogg", "m16.ogg"}
	var chain []byte
	var want []float32
	for _, name := range names {
		path := filepath.Join("testdata", name)
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		chain = append(chain, b...)
		x, err := readFile(t, path)
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, x...)
	}
	got, err := readFile(t, file(t, "chain.ogg", chain))
	if err != nil {
		t.Fatal(err)
	}
	if d := len(got) - len(want); d < -2 || d > 2 {
		t.Fatalf("%d samples, want %d", len(got), len(want))
	}
	var off, all float64
	for i := range min(len(got), len(want)) {
		off, all = off+math.Pow(float64(got[i]-want[i]), 2), all+math.Pow(float64(want[i]), 2)
	}
	if off > 1e-3*all {
		t.Errorf("the signal differs by %.1f dB", 10*math.Log10(off/all))
	}
}

// TestFloatsAboveOne: samples in floating point beyond ±1 keep their shape: a recording with the values of
// 16-bit integers, or twice too loud, is as another one but for its level. One damaged sample spoils
// nothing but its surroundings.
func TestFloatsAboveOne(t *testing.T) {
	const n = Rate
	wave := func(scale float64, damaged bool) []float32 {
		var data []byte
		for i := range n {
			v := scale * 0.9 * math.Sin(float64(i)/9)
			if damaged && i == n/2 {
				v = 1e30
			}
			data = binary.LittleEndian.AppendUint32(data, math.Float32bits(float32(v)))
		}
		got, err := readFile(t, file(t, "x.wav", header(tagFloat, 1, Rate, 4, 32, data)))
		if err != nil || len(got) != n {
			t.Fatalf("%d samples: %v", len(got), err)
		}
		return got
	}
	plain := wave(1, false)
	for _, scale := range []float64{2, 32768} {
		got := wave(scale, false)
		for i, v := range got {
			if math.Abs(float64(v)-float64(plain[i])/0.9) > 0.12 {
				t.Fatalf("times %g: sample %d is %g, want about %g", scale, i, v, plain[i]/0.9)
			}
		}
	}
	got := wave(1, true)
	got[n/2] = plain[n/2]
	if !slices.Equal(got, plain) {
		t.Error("a damaged sample changes others")
	}
}
