package whisper

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"soberano/asr/mel"
	"soberano/kernels/cpu"
	"soberano/models"
)

// aligned holds the words of a clip by another implementation.
type alignedClip struct {
	Language string
	Segments []struct {
		Tokens []int32
		Words  []struct {
			Text             string
			Start, End, Prob float64
		}
	}
}

// TestAlign: the words and times of a text are those of another implementation.
func TestAlign(t *testing.T) {
	m := newSlot(t, openModel(t, "whisper-base", false))
	b, err := os.ReadFile(filepath.Join("testdata", "base_words.json"))
	if err != nil {
		t.Fatal(err)
	}
	var gold map[string]alignedClip
	if err := json.Unmarshal(b, &gold); err != nil {
		t.Fatal(err)
	}
	var off, probs []float64
	for name, g := range gold {
		segments := alignClip(t, m, name, g)
		for i, s := range segments {
			var texts []string
			for k, w := range s.Words {
				texts = append(texts, w.Text)
				if k >= len(g.Segments[i].Words) {
					t.Fatalf("%s: %d words in segment %d, want %d", name, len(s.Words), i, len(g.Segments[i].Words))
				}
				want := g.Segments[i].Words[k]
				if strings.TrimSpace(w.Text) != strings.TrimSpace(want.Text) {
					t.Errorf("%s: word %q, want %q", name, w.Text, want.Text)
				}
				a, z := math.Abs(w.Start.Seconds()-want.Start), math.Abs(w.End.Seconds()-want.End)
				if max(a, z) > 0.0601 {
					t.Logf("%s: %q at %v to %v, want %.2f to %.2f", name, w.Text, w.Start, w.End, want.Start, want.End)
				}
				off, probs = append(off, a, z), append(probs, math.Abs(w.Prob-want.Prob))
			}
			if got := strings.Join(texts, ""); got != s.Text {
				t.Errorf("%s: the words are %q, the text is %q", name, got, s.Text)
			}
		}
	}
	slices.Sort(off)
	slices.Sort(probs)
	within := func(v []float64, most float64) float64 {
		n, _ := slices.BinarySearch(v, most)
		return float64(n) / float64(len(v))
	}
	t.Logf("%d words: %.1f%% of times within 20 ms, %.1f%% within 60 ms, worst %.2f s; worst probability off by %.2f",
		len(probs), 100*within(off, 0.0201), 100*within(off, 0.0601), off[len(off)-1], probs[len(probs)-1])
	if len(probs) < 140 || within(off, 0.0601) < 0.97 || within(probs, 0.05) < 0.9 {
		t.Error("word times are not those of the other implementation")
	}
}

// alignClip aligns the text of the other implementation.
func alignClip(t *testing.T, m *Slot, name string, g alignedClip) []Segment {
	samples := clip(t, name)
	length := time.Duration(len(samples)) * time.Second / 16000
	if err := m.encode(context.Background(), mel.New(m.Mels).Frames(samples, m.Frames()), 0, nil); err != nil {
		t.Fatal(err)
	}
	r := &Result{Language: g.Language}
	for _, s := range g.Segments {
		r.Tokens = append(r.Tokens, s.Tokens...)
	}
	segments, _ := m.Segments(r, length)
	if len(segments) != len(g.Segments) {
		t.Fatalf("%s: %d segments, want %d", name, len(segments), len(g.Segments))
	}
	if err := m.Align(context.Background(), r, Options{}, segments, length); err != nil {
		t.Fatal(err)
	}
	return segments
}

// TestAlignEnglishOnly: the prompt of an English-only model is shorter; times of faster-whisper
// with the same model.
func TestAlignEnglishOnly(t *testing.T) {
	m := newSlot(t, openModel(t, "whisper-tiny.en", false))
	samples := clip(t, "lj_0001.wav")
	r, err := m.Window(context.Background(), mel.New(m.Mels).Frames(samples, m.Frames()), Options{})
	if err != nil {
		t.Fatal(err)
	}
	length := time.Duration(len(samples)) * time.Second / 16000
	segments, _ := m.Segments(r, length)
	if err := m.Align(context.Background(), r, Options{}, segments, length); err != nil {
		t.Fatal(err)
	}
	starts := map[string]time.Duration{}
	for _, s := range segments {
		for _, w := range s.Words {
			starts[strings.TrimSpace(w.Text)] = w.Start
		}
	}
	for word, want := range map[string]float64{"sense": 1.64, "present": 2.98, "differs": 4.90, "crafts": 7.42} {
		if got := starts[word].Seconds(); math.Abs(got-want) > 0.0601 {
			t.Errorf("%q begins at %.2f s, want %.2f: %v", word, got, want, starts)
		}
	}
}

// TestAlignmentHeads: heads are those of the file, or else of the upper half of the layers, and they
// exist.
func TestAlignmentHeads(t *testing.T) {
	d := Dims{DecLayers: 4, Heads: 3}
	heads := func(config string) ([]head, error) {
		return alignmentHeads(&models.File{Aux: map[string][]byte{"config.json": []byte(config)}}, d)
	}
	if got, err := heads(`{"alignment_heads":[[3,1],[0,2]]}`); err != nil || !slices.Equal(got, []head{{3, 1}, {0, 2}}) {
		t.Errorf("%v, %v", got, err)
	}
	if got, err := heads(`{}`); err != nil || len(got) != 6 || got[0] != (head{2, 0}) {
		t.Errorf("%v, %v", got, err)
	}
	for _, config := range []string{`{"alignment_heads":[[4,0]]}`, `{"alignment_heads":[[0,-1]]}`, `{"alignment_heads":[1]}`,
		`{"alignment_heads":[` + strings.Repeat("[0,0],", 12) + `[0,0]]}`} {
		if _, err := heads(config); err == nil {
			t.Errorf("%s is taken", config)
		}
	}
	if n := len(openModel(t, "whisper-base", false).aligned); n != 8 {
		t.Errorf("Whisper base aligns by %d heads, not 8", n)
	}
}

// TestWarp: the path goes through the largest weights, enters each row once, and reaches both ends.
func TestWarp(t *testing.T) {
	draw := func(rows ...string) (w []float32, frames int) {
		for _, r := range rows {
			for _, c := range r {
				v := float32(-1)
				if c == '#' {
					v = 1
				}
				w = append(w, v)
			}
		}
		return w, len(rows[0])
	}
	for _, c := range []struct {
		rows []string
		want []int
	}{
		{[]string{"##....", "..##..", "....##"}, []int{0, 2, 4}},
		{[]string{"######", "......"}, []int{0, 5}},
		{[]string{"#.....", ".#####"}, []int{0, 1}},
		{[]string{"#", "#", "#"}, []int{0, 0, 0}},
	} {
		w, frames := draw(c.rows...)
		if got := warp(w, frames); !slices.Equal(got, c.want) {
			t.Errorf("%q begin at %v, want %v", c.rows, got, c.want)
		}
	}
}

func TestMedians(t *testing.T) {
	pool, err := cpu.NewPool(1)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	m := &Model{pool: pool}
	sum := make([]float32, 8)
	m.addMedians(sum, []float32{9, 0, 0, 0, 5, 1, 1, 1}, 2)
	// Reflected: 0 0 0 | 9 0 0 0 5 1 1 1 | 1 1 5
	if want := []float32{0, 0, 0, 2, 2, 2, 2, 2}; !slices.Equal(sum, want) {
		t.Errorf("%v, want %v", sum, want)
	}
	sum = make([]float32, 2)
	if m.addMedians(sum, []float32{3, 4}, 1); sum[0] != 3 || sum[1] != 4 {
		t.Errorf("%v: a short row is not smoothed", sum)
	}
}

// TestWords: text is divided at spaces and punctuation, punctuation is joined to words, and long words
// beside pauses are shortened.
func TestWords(t *testing.T) {
	ms := func(n int) time.Duration { return time.Duration(n) * time.Millisecond }
	var parts []Word
	for i, p := range []string{" Mr", " D", "ash", "wood", ",", " it", " \"", "is", "\"", " so", "."} {
		parts = append(parts, Word{Text: p, tokens: 1, Start: ms(200 * i), End: ms(200*i + 200)})
	}
	words := joinMarks(spaced(parts))
	var texts []string
	tokens := 0
	for _, w := range words {
		texts, tokens = append(texts, w.Text), tokens+w.tokens
	}
	if got := strings.Join(texts, "|"); got != " Mr| Dashwood,| it| \"is\"| so." || tokens != len(parts) {
		t.Errorf("%q of %d tokens", got, tokens)
	}
	long := []Word{{Text: " a", End: ms(200)}, {Text: ".", Start: ms(200), End: ms(2000)}, {Text: " b", Start: ms(2000), End: ms(4000)}}
	if trim(long, ms(400)); long[1].End != ms(600) || long[2].Start != ms(3600) {
		t.Errorf("%+v", long)
	}
	// The pause is removed from the first word, and the segment begins with the word.
	s := Segment{Start: 0, End: ms(3000), Words: []Word{{Text: " a", End: ms(2000)}, {Text: " b", Start: ms(2000), End: ms(2300)}}}
	if s.fitEnds(ms(200), 0); s.Words[0].Start != ms(1600) || s.Start != ms(1600) || s.End != ms(2300) || s.Words[0].Text != "a" {
		t.Errorf("%+v", s)
	}
}
