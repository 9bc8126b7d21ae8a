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
	"soberano/kernels/devicetest"
	"soberano/models/gguf"
)

// failingQueue returns a queue on a device that fails, and what the queue said about the failure.
func failingQueue(t *testing.T, s *tiny.Source, d *devicetest.Failing) (*Queue, *error) {
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
			plain, _ := failingQueue(t, s, &devicetest.Failing{Steps: math.MaxInt})
			prompts := [][]int32{{5, 6, 7, 8, 9, 10, 11}, {5, 6, 7, 1, 2}}
			var want []*greedy
			for _, p := range prompts {
				want = append(want, run(t, plain, p, 9, false))
			}
			for steps := range 12 {
				q, said := failingQueue(t, s, &devicetest.Failing{Steps: steps, NaN: steps%2 == 1})
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
				cause := devicetest.ErrLost
				if steps%2 == 1 {
					cause = kernels.ErrNotANumber
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
		q, said := failingQueue(t, tiny.New("llama"), &devicetest.Failing{Steps: steps})
		next := 10
		err := q.Do(context.Background(), Request{Tokens: tokens[:20], From: 10, Fresh: true, Each: func(pos int, _ []float32) (int32, bool, error) {
			if pos != next {
				t.Errorf("position %d instead of %d", pos, next)
			}
			next++
			return tokens[pos+1], pos < 50, nil
		}})
		if err != nil || next != 51 || !errors.Is(*said, devicetest.ErrLost) {
			t.Errorf("a failure after %d steps, reported as %v: %v, the last position is %d", steps, *said, err, next-1)
		}
	}
}

// TestReplaceWithoutMemory checks that another device takes over where the first has no memory for a sequence.
func TestReplaceWithoutMemory(t *testing.T) {
	q, said := failingQueue(t, tiny.New("llama"), &devicetest.Failing{Steps: math.MaxInt, States: 1}) // New makes one
	if g := run(t, q, []int32{1, 2, 3}, 4, false); len(g.tokens) != 4 || !errors.Is(*said, devicetest.ErrLost) {
		t.Errorf("%d tokens, reported as %v", len(g.tokens), *said)
	}
}

// TestReplaceFails checks that a request gets both errors if the other device can't be opened.
func TestReplaceFails(t *testing.T) {
	q, _ := failingQueue(t, tiny.New("llama"), &devicetest.Failing{Steps: 2})
	other := errors.New("there is no memory either")
	q.SetReplace(func(error) (arch.Model, kernels.Device, error) { return nil, nil, other })
	g := &greedy{n: 9}
	if err := q.Do(context.Background(), g.request([]int32{1, 2, 3})); !errors.Is(err, devicetest.ErrLost) || !errors.Is(err, other) {
		t.Errorf("the request: %v", err)
	}
}
