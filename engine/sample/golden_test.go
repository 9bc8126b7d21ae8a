package sample

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"testing"
)

// golden is testdata/samplers.json.
type golden struct {
	History []int32
	Logits  [][]float32
	Cases   []struct {
		Params json.RawMessage
		Logits int
		Kept   [][2]float64
		Steps  []struct {
			Kept   [][2]float64
			Chosen int32
		}
	}
}

func readGolden(t *testing.T) (g golden) {
	t.Helper()
	raw, err := os.ReadFile("testdata/samplers.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &g); err != nil {
		t.Fatal(err)
	}
	return g
}

// samplerOf makes the sampler of a golden case. Breakers are spelled as tokens.
func samplerOf(t *testing.T, raw json.RawMessage) *Sampler {
	t.Helper()
	var p Params
	if err := json.Unmarshal(raw, &p); err != nil {
		t.Fatal(err)
	}
	p.Seed = 1
	if p.Bias[20] == -100 { // JSON has no infinity
		p.Bias[20] = float32(math.Inf(-1))
	}
	if err := p.Check(); err != nil {
		t.Fatal(err)
	}
	s := New(p)
	b := &Breakers{tails: map[int32][][]int32{}}
	for _, text := range p.DRYBreakers {
		var ids []int32
		for _, f := range strings.Fields(text) {
			id, err := strconv.Atoi(f)
			if err != nil {
				t.Fatal(err)
			}
			ids = append(ids, int32(id))
		}
		b.tails[ids[0]] = append(b.tails[ids[0]], ids[1:])
	}
	s.SetBreakers(b)
	return s
}

// compare compares the sampler's candidates with those of llama.cpp.
func compare(s *Sampler, want [][2]float64) error {
	if len(s.c.list) != len(want) {
		return fmt.Errorf("%d candidates, expected %d: %v", len(s.c.list), len(want), s.c.list)
	}
	for _, w := range want {
		i := s.c.find(int32(w[0]))
		if i < 0 {
			return fmt.Errorf("token %v is no candidate", w[0])
		}
		if got := s.c.weight[i]; math.Abs(got-w[1]) > 1e-4*w[1]+1e-9 {
			return fmt.Errorf("token %v has probability %v, expected %v", w[0], got, w[1])
		}
	}
	return nil
}

// TestGolden compares every stage, and orders of stages, with llama.cpp.
func TestGolden(t *testing.T) {
	g := readGolden(t)
	for _, c := range g.Cases {
		s := samplerOf(t, c.Params)
		if c.Steps == nil {
			if err := s.distribution(g.Logits[c.Logits], g.History); err != nil {
				t.Fatalf("%s: %v", c.Params, err)
			}
			if err := compare(s, c.Kept); err != nil {
				t.Errorf("%s, logits %d: %v", c.Params, c.Logits, err)
			}
			continue
		}
		for i, step := range c.Steps { // of Mirostat, which learns from what was chosen
			if err := s.distribution(g.Logits[i%len(g.Logits)], nil); err != nil {
				t.Fatalf("%s: %v", c.Params, err)
			}
			if err := compare(s, step.Kept); err != nil {
				t.Fatalf("%s, step %d: %v", c.Params, i, err)
			}
			s.learn(s.c.find(step.Chosen))
		}
	}
}
