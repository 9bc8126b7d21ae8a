package batch

import (
	"context"
	"errors"
	"math"
	"testing"

	"soberano/engine/arch"
	"soberano/engine/arch/tiny"
	"soberano/kernels"
	"soberano/kernels/cpu"
	"soberano/models/gguf"
)

var errLost = errors.New("the device is lost")

// failing is a device that fails after some steps: End returns an error, or the rows hold NaN, or there is no memory for a state.
type failing struct {
	kernels.Device
	steps  int // that end well
	nan    bool
	states int // that can be made; -1: any number
}

type failingStep struct {
	kernels.Step
	d    *failing
	rows []*kernels.Rows
}

func (d *failing) Begin(b *kernels.Batch) kernels.Step {
	return &failingStep{Step: d.Device.Begin(b), d: d}
}

func (d *failing) NewState(s kernels.StateShape) (kernels.State, error) {
	if d.states == 0 {
		return nil, errLost
	}
	d.states--
	return d.Device.NewState(s)
}

func (s *failingStep) Read(t kernels.Tensor) *kernels.Rows {
	r := s.Step.Read(t)
	s.rows = append(s.rows, r)
	return r
}

func (s *failingStep) End() error {
	if err := s.Step.End(); err != nil {
		return err
	}
	s.d.steps--
	switch {
	case s.d.steps >= 0:
	case s.d.nan:
		for _, r := range s.rows {
			r.Row(0)[r.Cols-1] = float32(math.NaN())
		}
	default:
		return errLost
	}
	return nil
}

// failingQueue returns a queue on a device that fails, and what the queue said about the failure.
func failingQueue(t *testing.T, s *tiny.Source, d *failing) (*Queue, *error) {
	t.Helper()
	f, err := gguf.Open(s.Write(t))
	if err != nil {
		t.Fatal(err)
	}
	open := func() (arch.Model, kernels.Device) {
		dev, err := cpu.New(cpu.Options{Exact: true, Threads: 2})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { dev.Close() })
		m, err := arch.Open(f, dev, 0)
		if err != nil {
			t.Fatal(err)
		}
		return m, dev
	}
	d.Device, err = cpu.New(cpu.Options{Exact: true, Threads: 2})
	if err != nil {
		t.Fatal(err)
	}
	m, err := arch.Open(f, d, 0)
	if err != nil {
		t.Fatal(err)
	}
	q := queue(t, m, d, 64)
	t.Cleanup(func() { d.Close(); f.Close() })
	var said error
	q.SetReplace(func(cause error) (arch.Model, kernels.Device, error) {
		if said != nil {
			t.Error("the device was replaced twice")
		}
		said = cause
		m, dev := open()
		return m, dev, nil
	})
	return q, &said
}

// TestReplace checks that answers are the same whether their device fails or not: in every step, by an error and by values that are no
// numbers, of families that keep keys, windows and recurrent values.
func TestReplace(t *testing.T) {
	for _, family := range []string{"llama", "gemma3", "lfm2"} {
		t.Run(family, func(t *testing.T) {
			s := tiny.New(family)
			plain, _ := failingQueue(t, s, &failing{steps: math.MaxInt, states: -1})
			prompts := [][]int32{{5, 6, 7, 8, 9, 10, 11}, {5, 6, 7, 1, 2}}
			var want []*greedy
			for _, p := range prompts {
				want = append(want, run(t, plain, p, 9, false))
			}
			for steps := range 12 {
				q, said := failingQueue(t, s, &failing{steps: steps, nan: steps%2 == 1, states: -1})
				var tickets []*Ticket
				var got []*greedy
				for _, p := range prompts {
					g := &greedy{n: 9}
					got, tickets = append(got, g), append(tickets, q.Submit(context.Background(), g.request(p)))
				}
				for i, ticket := range tickets {
					<-ticket.Done()
					if err := ticket.Err(); err != nil {
						t.Fatalf("a failure after %d steps: %v", steps, err)
					}
					same(t, "an answer whose device failed", got[i], want[i])
				}
				cause := errLost
				if steps%2 == 1 {
					cause = ErrNotANumber
				}
				if steps < 9 && !errors.Is(*said, cause) {
					t.Errorf("a failure after %d steps was reported as %v", steps, *said)
				}
				same(t, "the next answer", run(t, q, prompts[0], 9, false), want[0])
			}
		})
	}
}

// TestReplaceScores checks that Each gets the logits of every position once, in order, if the device fails in the middle.
func TestReplaceScores(t *testing.T) {
	var tokens []int32
	for i := range 60 {
		tokens = append(tokens, int32(i%30))
	}
	for steps := range 3 {
		q, said := failingQueue(t, tiny.New("llama"), &failing{steps: steps, states: -1})
		next := 10
		err := q.Do(context.Background(), Request{Tokens: tokens[:20], From: 10, Fresh: true, Each: func(pos int, _ []float32) (int32, bool, error) {
			if pos != next {
				t.Errorf("position %d instead of %d", pos, next)
			}
			next++
			return tokens[pos+1], pos < 50, nil
		}})
		if err != nil || next != 51 || !errors.Is(*said, errLost) {
			t.Errorf("a failure after %d steps, reported as %v: %v, the last position is %d", steps, *said, err, next-1)
		}
	}
}

// TestReplaceWithoutMemory checks that another device takes over where the first has no memory for a sequence.
func TestReplaceWithoutMemory(t *testing.T) {
	q, said := failingQueue(t, tiny.New("llama"), &failing{steps: math.MaxInt, states: 1}) // New makes one
	if g := run(t, q, []int32{1, 2, 3}, 4, false); len(g.tokens) != 4 || !errors.Is(*said, errLost) {
		t.Errorf("%d tokens, reported as %v", len(g.tokens), *said)
	}
}

// TestReplaceFails checks that a request gets both errors if the other device can't be opened.
func TestReplaceFails(t *testing.T) {
	q, _ := failingQueue(t, tiny.New("llama"), &failing{steps: 2, states: -1})
	other := errors.New("there is no memory either")
	q.SetReplace(func(error) (arch.Model, kernels.Device, error) { return nil, nil, other })
	g := &greedy{n: 9}
	if err := q.Do(context.Background(), g.request([]int32{1, 2, 3})); !errors.Is(err, errLost) || !errors.Is(err, other) {
		t.Errorf("the request: %v", err)
	}
}
