package propose

import (
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// smallModel proposes tokens of answer, each rightly with a probability that it draws between least and 1, and says that the probability is its power of bias. A token takes it cost
// seconds.
type smallModel struct {
	*rand.Rand
	c                 *clock
	prompt            int
	answer            []int32
	least, bias, cost float64
}

func (m *smallModel) next(tokens []int32, most int, more func(float64) bool) (out []int32, read int, err error) {
	for at := len(tokens) - m.prompt; at < len(m.answer) && len(out) < most; at++ {
		p, id := m.least+(1-m.least)*m.Float64(), m.answer[at]
		if m.Float64() > p {
			id++
		}
		m.c.pass(m.cost)
		out = append(out, id)
		if !more(1 - (1-p)*m.bias) {
			break
		}
	}
	return out, 1, nil
}

// draft runs an answer of 2,000 random tokens with a small model.
func draft(seed uint64, least, bias, cost, each float64) (single, took float64, d *Draft) {
	r := rand.New(rand.NewPCG(seed, 1))
	c, prompt, answer := &clock{time.Unix(1, 0)}, random(r, 50, 50000), random(r, 2000, 50000)
	m := &smallModel{r, c, len(prompt), answer, least, bias, cost}
	d = newDraft(prompt, m.next, true, c.now)
	single, took = simulation(d, c, answer, each)
	return single, took, d
}

// TestDraftPays checks that a good and fast small model saves much of the time, and that one which is too slow for its quality costs little.
func TestDraftPays(t *testing.T) {
	for _, c := range []struct{ least, cost, most float64 }{{0.9, 0.1, 0.5}, {0.7, 0.1, 0.65}, {0.6, 0.3, 0.92}, {0.5, 0.9, 1.03}, {0, 0.5, 1.03}} {
		if single, took, d := draft(1, c.least, 1, c.cost, 0.08); took > c.most*single {
			t.Errorf("at least %v right at a cost of %v: %.0f steps took the time of %.0f; proposed and accepted %v", c.least, c.cost, single, took, [2]int{d.text.proposed, d.text.accepted})
		}
	}
}

// TestDraftLosesLittle checks that an answer takes at most 4 % longer than without proposals, whatever the small model costs, how often it is right, and how much it overrates itself.
func TestDraftLosesLittle(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		f := func(name string, from, to float64) float64 { return rapid.Float64Range(from, to).Draw(rt, name) }
		least, bias, cost, each := f("least", 0, 1), f("bias", 0, 1), f("cost", 0.01, 2), f("each", 0.01, 1)
		if single, took, d := draft(rapid.Uint64().Draw(rt, "seed"), least, bias, cost, each); took > 1.04*single {
			rt.Fatalf("%.0f steps took the time of %.1f; proposed and accepted %v", single, took, [2]int{d.text.proposed, d.text.accepted})
		}
	})
}

// TestDraftOfRepeatedText checks that the small model is not asked for what the text repeats.
func TestDraftOfRepeatedText(t *testing.T) {
	c := &clock{time.Unix(1, 0)}
	answer := random(rand.New(rand.NewPCG(1, 2)), 300, 5000)
	asked := 0
	d := newDraft(answer, func(tokens []int32, _ int, _ func(float64) bool) ([]int32, int, error) {
		asked++
		return nil, 1, nil
	}, true, c.now)
	if single, took := simulation(d, c, answer, 0.1); took > single/3 || asked > 10 {
		t.Errorf("%.0f steps took the time of %.0f, the small model was asked %d times", single, took, asked)
	}
}

// TestDraftError checks that an error of the small model is returned.
func TestDraftError(t *testing.T) {
	fault := errors.New("a fault")
	d := NewDraft([]int32{1}, func([]int32, int, func(float64) bool) ([]int32, int, error) { return nil, 0, fault }, false)
	for i := range int32(mostPlain + 1) {
		_, err := d.Propose(16)
		if (err != nil) != (i == mostPlain) || err != nil && !errors.Is(err, fault) {
			t.Fatalf("step %d: %v", i, err)
		}
		d.Push(i)
	}
}
