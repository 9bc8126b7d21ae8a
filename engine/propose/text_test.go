package propose

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// clock is a time that tests move.
type clock struct{ t time.Time }

func (c *clock) now() time.Time { return c.t }

func (c *clock) pass(seconds float64) { c.t = c.t.Add(time.Duration(seconds * float64(time.Second))) }

// simulation runs a text to its end on a model whose steps take one second and each for every proposed token, and returns the number of seconds that it would take
// without proposals, and that it takes.
func simulation(p Proposer, c *clock, answer []int32, each float64) (single, took float64) {
	begin := c.t
	p.Push(answer[0])
	for rest := answer[1:]; len(rest) > 0; {
		d := proposal(p.Propose(16))
		c.pass(1 + each*float64(len(d)))
		for {
			next := rest[0]
			p.Push(next)
			rest = rest[1:]
			if len(d) == 0 || d[0] != next || len(rest) == 0 {
				break
			}
			d = d[1:]
		}
	}
	return float64(len(answer) - 1), c.t.Sub(begin).Seconds()
}

// proposal returns a copy of proposed tokens.
func proposal(tokens []int32, err error) []int32 {
	if err != nil {
		panic(err)
	}
	return slices.Clone(tokens)
}

func random(r *rand.Rand, n int, vocabulary int32) []int32 {
	out := make([]int32, n)
	for i := range out {
		out[i] = r.Int32N(vocabulary)
	}
	return out
}

// TestRepeatedTextTakesFewerSteps checks that an answer which repeats its prompt with small changes takes far fewer steps.
func TestRepeatedTextTakesFewerSteps(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	prompt := random(r, 400, 5000)
	answer := slices.Clone(prompt)
	for i := 20; i < len(answer); i += 20 {
		answer[i] = r.Int32N(5000)
	}
	c := &clock{time.Unix(1, 0)}
	text := newText(prompt, c.now)
	if single, took := simulation(text, c, answer, 0.1); took > single/2.5 || text.accepted < 280 {
		t.Errorf("%.0f steps took the time of %.0f, %d of %d proposed tokens were accepted", single, took, text.accepted, text.proposed)
	}
}

// TestNothingIsLost checks that a text whose repetitions go on differently each time, at any cost of a proposed token, takes at most 3 % longer than without proposals.
func TestNothingIsLost(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 1))
		each := rapid.Float64Range(0.01, 1).Draw(rt, "each")
		prompt, answer := random(r, 500, 8), random(r, 2000, 8) // every three tokens occur often, what follows is random
		c := &clock{time.Unix(1, 0)}
		text := newText(prompt, c.now)
		if single, took := simulation(text, c, answer, each); took > 1.03*single {
			rt.Fatalf("%.0f steps took the time of %.1f; proposed %d, accepted %d", single, took, text.proposed, text.accepted)
		}
	})
}

// TestProposal compares proposals with a plain search, and checks that they are what followed the longest equal end of the text.
func TestProposal(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		tokens := rapid.SliceOfN(rapid.Int32Range(-1, 3), 1, 60).Draw(rt, "tokens")
		c := &clock{time.Unix(1, 0)}
		text := newText(tokens[:1], c.now)
		text.single = 1
		for _, id := range tokens[1:] {
			text.Push(id)
		}
		from, equal := text.match()
		best := 0
		n, places := len(tokens), 0
		for p := n - 1; p > 0 && places < mostTried; p-- {
			k := 0
			for k < longest && k < p && tokens[p-1-k] == tokens[n-1-k] {
				k++
			}
			if k >= least {
				places++
				best = max(best, k)
			}
		}
		if equal != best {
			rt.Fatalf("%v: a match of %d, the best is %d", tokens, equal, best)
		}
		got := proposal(text.Propose(8))
		if slices.Min(append(slices.Clone(got), 0)) < 0 {
			rt.Fatalf("%v: %v has tokens of an image", tokens, got)
		}
		if !slices.Equal(got, tokens[from:][:len(got)]) {
			rt.Fatalf("%v: %v did not follow at %d", tokens, got, from)
		}
	})
}
