package whisper

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"soberano/asr/mel"
)

// TestSlots: windows decoded side by side give what each gives alone, whatever the others do; a stopped
// one has no result.
func TestSlots(t *testing.T) {
	m := openModel(t, "whisper-base", false)
	frames := mel.New(m.Mels)
	windows := []struct {
		clip string
		o    Options
	}{
		{"jfk.wav", Options{Language: "en"}},
		{"librivox_0870.wav", Options{Language: "en", Beam: 5}},
		{"espeak_de.wav", Options{}},
		{"goforward.wav", Options{Language: "en", Temperatures: []float32{0.6}, BestOf: 3, Prompt: []int32{1000, 2000, 3000}}},
		{"pink_10s.wav", Options{Language: "en"}},
	}
	alone := newSlot(t, m)
	var slots []*Slot
	want := map[*Slot]*Result{}
	for _, w := range windows {
		mel := frames.Frames(clip(t, w.clip), m.Frames())
		r, err := alone.Window(context.Background(), mel, w.o)
		if err != nil {
			t.Fatal(err)
		}
		s := newSlot(t, m)
		if err := s.Begin(context.Background(), mel, w.o); err != nil {
			t.Fatal(err)
		}
		slots, want[s] = append(slots, s), r
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	left, stopped := newSlot(t, m), newSlot(t, m)
	for _, s := range []*Slot{left, stopped} {
		if err := s.Begin(ctx, frames.Frames(clip(t, "jfk.wav"), m.Frames()), Options{Language: "en"}); err != nil {
			t.Fatal(err)
		}
	}
	busy := func() bool {
		for _, s := range slots {
			if s.Busy() {
				return true
			}
		}
		return false
	}
	for n := 0; busy(); n++ {
		m.Step(context.Background(), append(slots, left, stopped))
		switch n {
		case 2:
			stopped.Stop()
		case 4:
			cancel()
		case 5:
			if _, err := left.Result(); left.Busy() || stopped.Busy() || !errors.Is(err, context.Canceled) {
				t.Errorf("cancelled: busy %v, %v; stopped: busy %v", left.Busy(), err, stopped.Busy())
			}
		}
	}
	for i, s := range slots {
		got, err := s.Result()
		if err != nil {
			t.Fatal(err)
		}
		// Sums are in another order, so a randomly sampled token may differ.
		if w := want[s]; windows[i].o.Temperatures == nil && (fmt.Sprint(got.Tokens) != fmt.Sprint(w.Tokens) || got.Language != w.Language || got.Silent != w.Silent || got.Steps != w.Steps) {
			t.Errorf("%s: %+v, alone %+v", windows[i].clip, got, w)
		}
	}
}
