package whisper

import (
	"context"
	"slices"
	"testing"

	"soberano/kernels/cpu"
)

// TestLiftOfTwoSlots: two windows that share a vocabulary raise logits at the same time, and
// each gets its own values back.
func TestLiftOfTwoSlots(t *testing.T) {
	m, v := ruled(), &Vocabulary{root: &node{}}
	v.add([]int32{1, 2})
	v.add([]int32{3, 4})
	a, b := []float32{4, 3, 2, 1}, []float32{-1, -2, -3, -4}
	nextA, nextB := open{from: 1, logits: slices.Clone(a)}, open{from: 1, logits: slices.Clone(b)}
	undoA, _ := (&Slot{Model: m}).lift(v, &nextA, trail{})
	undoB, _ := (&Slot{Model: m}).lift(v, &nextB, trail{})
	undoA()
	undoB()
	if !slices.Equal(nextA.logits, a) || !slices.Equal(nextB.logits, b) {
		t.Errorf("restored %v and %v, want %v and %v", nextA.logits, nextB.logits, a, b)
	}
}

// TestSharedVocabulary: windows that share a vocabulary and are resumed by two workers at the
// same time give what they give where one is resumed after the other. The race detector checks
// what the windows share.
func TestSharedVocabulary(t *testing.T) {
	v := &Vocabulary{root: &node{}}
	for i := range int32(2000) {
		v.add([]int32{i * 20, i*20 + 1, i*20 + 2})
	}
	want := sideBySide(t, v, func(m *Model, ctx context.Context, slots []*Slot) {
		busy := slices.DeleteFunc(slices.Clone(slots), func(s *Slot) bool { return !s.Busy() })
		m.answer(ctx, busy)
		for _, s := range busy {
			s.resume()
		}
	})
	for i, got := range sideBySide(t, v, (*Model).Step) {
		if !slices.Equal(got, want[i]) {
			t.Errorf("window %d: %v, resumed one after the other %v", i, got, want[i])
		}
	}
}

// sideBySide returns the tokens of four windows of the small model, greedy and by beam search,
// decoded together by calls of step.
func sideBySide(t *testing.T, v *Vocabulary, step func(*Model, context.Context, []*Slot)) (tokens [][]int32) {
	t.Helper()
	m, err := onCPU(small(nil), cpu.Options{Threads: 2, Exact: true}, spelling{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.end() })
	var slots []*Slot
	for i := range 4 {
		mel := make([]float32, 80*3000)
		for k := range mel {
			mel[k] = float32((k*(i+3))%17) / 17
		}
		s := newSlot(t, m)
		if err := s.Begin(context.Background(), mel, Options{Vocabulary: v, Beam: 1 + 2*(i%2), Temperatures: []float32{0}}); err != nil {
			t.Fatal(err)
		}
		slots = append(slots, s)
	}
	for slices.ContainsFunc(slots, (*Slot).Busy) {
		step(m, context.Background(), slots)
	}
	for _, s := range slots {
		r, err := s.Result()
		if err != nil {
			t.Fatal(err)
		}
		tokens = append(tokens, r.Tokens)
	}
	return tokens
}
