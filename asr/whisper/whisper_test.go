package whisper

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"soberano/asr/audio"
	"soberano/asr/mel"
	"soberano/engine/token"
	"soberano/kernels"
	"soberano/kernels/cpu"
	"soberano/models/ctranslate2"
	"soberano/models/defaults"
)

// opened are the models of this test run by name and precision.
var opened = struct {
	sync.Mutex
	models map[string]*Model
}{models: map[string]*Model{}}

// openModel returns the default model of that name, kept until the tests end.
func openModel(t testing.TB, name string, exact bool) *Model {
	t.Helper()
	dir := defaults.Need(t, name)
	opened.Lock()
	defer opened.Unlock()
	key := fmt.Sprint(name, exact)
	if m := opened.models[key]; m != nil {
		return m
	}
	f, err := ctranslate2.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	vocabulary := f.Aux["vocabulary.json"]
	if vocabulary == nil {
		vocabulary = f.Aux["vocabulary.txt"]
	}
	text, err := token.NewWhisper(f.Aux["tokenizer.json"], vocabulary)
	if err != nil {
		t.Fatal(err)
	}
	dev, err := cpu.New(cpu.Options{Exact: exact})
	if err != nil {
		t.Fatal(err)
	}
	m, err := New(dev, f, text)
	if err != nil {
		t.Fatal(err)
	}
	opened.models[key] = m
	return m
}

func clip(t testing.TB, name string) []float32 {
	t.Helper()
	src, err := audio.Open(filepath.Join("..", "testdata", "audio", name))
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	var all []float32
	buf := make([]float32, 4096)
	for {
		n, err := src.Read(buf)
		all = append(all, buf[:n]...)
		if err == io.EOF {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func readFloats(t testing.TB, path string) []float32 {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	out := make([]float32, len(b)/4)
	for i := range out {
		out[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
	}
	return out
}

// TestEncoder compares every tenth row of the features of 11 s of speech with another
// implementation's in float32. The tolerance is relative to the largest value.
func TestEncoder(t *testing.T) {
	for _, c := range []struct {
		model string
		exact bool
		mean  float64 // of |difference| / mean of |value|
		most  float64 // largest |difference| / largest |value|
	}{
		{"whisper-base", true, 1e-4, 1e-4},
		{"whisper-base", false, 2e-2, 2e-2},
		{"whisper-tiny.en", true, 1e-4, 1e-4},
		{"whisper-tiny.en", false, 2e-2, 2e-2},
	} {
		t.Run(fmt.Sprintf("%s/exact=%v", c.model, c.exact), func(t *testing.T) {
			m := openModel(t, c.model, c.exact)
			want := readFloats(t, filepath.Join("testdata", c.model[len("whisper-"):]+"_encoder_jfk.f32"))
			var diff, size, worst, largest float64
			rows := 0
			err := m.encode(context.Background(), mel.New(m.Mels).Frames(clip(t, "jfk.wav"), m.Frames()), func(x kernels.Tensor) {
				got := make([]float32, m.State)
				for r := 0; r < x.Rows; r += 10 {
					m.dev.Read(got, x, r)
					for i, v := range got {
						w := float64(want[rows*m.State+i])
						d := math.Abs(float64(v) - w)
						diff, size = diff+d, size+math.Abs(w)
						worst, largest = max(worst, d), max(largest, math.Abs(w))
					}
					rows++
				}
			})
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%s: mean %.2g of the mean value, worst %.2g of the largest", m.dev.Name(), diff/size, worst/largest)
			if rows != 150 || !(diff/size < c.mean && worst/largest < c.most) {
				t.Errorf("%d rows, mean %g, worst %g; want 150, under %g and %g", rows, diff/size, worst/largest, c.mean, c.most)
			}
		})
	}
}

// TestExplore prints.
func TestExplore(t *testing.T) {
	m := openModel(t, "whisper-base", os.Getenv("EXACT") != "")
	for _, name := range []string{"jfk.wav", "lj_0001.wav", "espeak_de.wav", "pink_10s.wav"} {
		for _, beam := range []int{1, 5} {
			r, err := m.Window(context.Background(), mel.New(m.Mels).Frames(clip(t, name), m.Frames()), Options{Beam: beam})
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%s beam %d: enc %v dec %v steps %d (%.1f ms) lang %s %.4f avg %.4f nosp %.4f ratio %.3f temp %v silent %v: %s", name, beam, r.Encoder, r.Decoder, r.Steps,
				r.Decoder.Seconds()*1000/float64(r.Steps), r.Language, r.Languages[r.Language], r.AvgLogprob, r.NoSpeech, r.Ratio, r.Temperature, r.Silent, r.Text)
		}
	}
}
