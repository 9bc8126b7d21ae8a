package whisper

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"soberano/asr/audio"
	"soberano/asr/mel"
	"soberano/engine/token"
	"soberano/kernels/cpu"
	"soberano/models/ctranslate2"
	"soberano/models/defaults"
)

// opened holds the models of this test run by name and precision.
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
	m, err := onCPU(f, cpu.Options{Exact: exact, Cache: cpu.CachedF16}, text)
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
		{"whisper-base", false, 3e-3, 1e-2},
		{"whisper-tiny.en", true, 1e-4, 1e-4},
		{"whisper-tiny.en", false, 3e-3, 1e-2},
	} {
		t.Run(fmt.Sprintf("%s/exact=%v", c.model, c.exact), func(t *testing.T) {
			m := newSlot(t, openModel(t, c.model, c.exact))
			want := readFloats(t, filepath.Join("testdata", c.model[len("whisper-"):]+"_encoder_jfk.f32"))
			var diff, size, worst, largest float64
			rows := 0
			x := m.encoded(t, mel.New(m.Mels).Frames(clip(t, "jfk.wav"), m.Frames()))
			for r := 0; r < x.Len; r += 10 {
				for i, v := range x.Row(r) {
					w := float64(want[rows*m.State+i])
					d := math.Abs(float64(v) - w)
					diff, size = diff+d, size+math.Abs(w)
					worst, largest = max(worst, d), max(largest, math.Abs(w))
				}
				rows++
			}
			t.Logf("%s: mean %.2g of the mean value, worst %.2g of the largest", m.dev.Name(), diff/size, worst/largest)
			if rows != 150 || !(diff/size < c.mean && worst/largest < c.most) {
				t.Errorf("%d rows, mean %g, worst %g; want 150, under %g and %g", rows, diff/size, worst/largest, c.mean, c.most)
			}
		})
	}
}

// TestSteps: tokens read together, one by one, and beside another hypothesis give the same logits.
func TestSteps(t *testing.T) {
	m := newSlot(t, openModel(t, "whisper-tiny.en", true))
	if err := m.encode(context.Background(), mel.New(m.Mels).Frames(clip(t, "goforward.wav"), m.Frames()), 0, nil); err != nil {
		t.Fatal(err)
	}
	ids := []int32{m.Start, m.TimesBegin, 1514, 2651, 838}
	want := slices.Clone(m.feed(t, ids, []span{{0, len(ids), 0}}, len(ids)-1).row(0))
	var got []float32
	same := func(how string) {
		t.Helper()
		var worst float64
		for i, v := range got {
			worst = max(worst, math.Abs(float64(v-want[i])))
		}
		if !(worst < 2e-3) {
			t.Errorf("%s: a logit differs by %g", how, worst)
		}
	}
	for i, id := range ids {
		got = m.feed(t, []int32{id}, []span{{1, 1, i}}, 0, fork{1, min(i, 1), i}).row(0)
	}
	same("one by one")
	n := len(ids) - 1
	got = m.feed(t, []int32{500, ids[n]}, []span{{0, 1, n + 1}, {2, 1, n}}, 0, fork{2, 1, n}).row(1)
	same("in a fork beside another")
}

// TestDecode: a beam of one is greedy, a wider one gives no less likely text, and both are correct.
func TestDecode(t *testing.T) {
	m := newSlot(t, openModel(t, "whisper-base", false))
	frames := mel.New(m.Mels).Frames(clip(t, "librivox_0930.wav"), m.Frames())
	greedy, err := m.Window(context.Background(), frames, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if greedy.Text != "He might even have been made amiable himself." || greedy.Language != "en" || greedy.Languages["en"] < 0.9 || greedy.Silent || greedy.Looped || greedy.NoSpeech > 0.2 {
		t.Errorf("heard %+v", greedy)
	}
	o := Options{Language: "en"}.withDefaults()
	type search func(context.Context, []float32, int, int, float32, *Result, *Options) (*attempt, error)
	try := func(by search, width int) (a *attempt) {
		t.Helper()
		var err error
		m.run(func() {
			r := &Result{Language: "en"}
			first, pos, _ := m.prefill(r, &o)
			a, err = by(context.Background(), first, pos, width, 0, r, &o)
		})
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	one := try(m.beam, 1)
	if fmt.Sprint(one.tokens) != fmt.Sprint(greedy.Tokens) {
		t.Errorf("a beam of one gives %v, greedy %v", one.tokens, greedy.Tokens)
	}
	five := try(m.beam, 5)
	mean := func(a *attempt) float64 { return a.sum / float64(len(a.tokens)) }
	if mean(five) < mean(one)-1e-4 { // five rows are added up in another order than one
		t.Errorf("a beam of five has %g a token, greedy %g", mean(five), mean(one))
	}
	again := try(m.sample, 1)
	if fmt.Sprint(again.tokens) != fmt.Sprint(greedy.Tokens) {
		t.Errorf("after a beam search greedy gives %v, before %v", again.tokens, greedy.Tokens)
	}
}

// TestDetect: the probability of the language is close to that of another implementation, which pads
// its windows differently.
func TestDetect(t *testing.T) {
	m := newSlot(t, openModel(t, "whisper-base", false))
	for name, want := range map[string]struct {
		code string
		p    float64
	}{"jfk.wav": {"en", 0.94519}, "aishell_S0724W0121.wav": {"zh", 0.99044}} {
		r, err := m.Window(context.Background(), mel.New(m.Mels).Frames(clip(t, name), m.Frames()), Options{Quick: true})
		if err != nil {
			t.Fatal(err)
		}
		sum := 0.0
		for _, p := range r.Languages {
			sum += p
		}
		if r.Language != want.code || math.Abs(r.Languages[want.code]-want.p) > 0.05 || math.Abs(sum-1) > 1e-5 {
			t.Errorf("%s: %s with %.3f of %.6f, want %s with %.3f", name, r.Language, r.Languages[r.Language], sum, want.code, want.p)
		}
	}
}
