package batch

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"soberano/engine/arch"
	"soberano/engine/nn"
	"soberano/kernels"
)

var plot = flag.String("plot", "", "TestSimulation writes its plot to this file, as SVG")

// costs are the seconds of a step: step + row for each row with logits + prompt for each one without.
type costs struct{ step, row, prompt float64 }

func (c costs) of(rows, logits int) float64 {
	return c.step + float64(logits)*c.row + float64(rows-logits)*c.prompt
}

func (c costs) times(f float64) costs { return costs{c.step * f, c.row * f, c.prompt * f} }

// measured are the costs of SmolLM2 135M Q4_1 with two threads (kernels/SPEED.md): 257 tokens a second one by one, 9.5 ms for a step of eight rows,
// 1,919 tokens a second of a prompt of 512. The cost of attention, which grows with the sequence, is not modelled.
var measured = costs{3.09e-3, 0.80e-3, 0.515e-3}

// customer is a request of the simulation, as queueing theory calls it. Times are seconds.
type customer struct {
	arrival        float64
	prompt, answer int // tokens
	person         bool

	first, end     float64 // when its first and its last token was chosen
	begun          int     // steps before its arrival
	admitted, read int     // steps from its arrival to its admission and to its first token
	tokens         int     // chosen
	pause          float64 // the longest time between two tokens
}

// alone is the time that the customer takes if there are no others.
func (v *customer) alone(c costs) float64 {
	return float64((v.prompt-1)/Chunk)*c.step + c.of(v.prompt, 1) + float64(v.answer-1)*c.of(1, 1)
}

// customers returns n customers whose arrivals are a Poisson process and whose lengths have Pareto distributions. One in ten is a person's.
func customers(n int, rate float64) []*customer {
	r := rand.New(rand.NewPCG(1, 2))
	pareto := func(least, most, alpha float64) int {
		return int(least * math.Pow(1-r.Float64()*(1-math.Pow(least/most, alpha)), -1/alpha))
	}
	all, now := make([]*customer, n), 0.0
	for i := range all {
		now += r.ExpFloat64() / rate
		all[i] = &customer{arrival: now, prompt: pareto(16, 2048, 1.1), answer: pareto(8, 512, 1.1), person: r.IntN(10) == 0}
	}
	return all
}

// simulation is a model whose steps only advance a clock, and a device for it. It submits each customer to the queue when the clock reaches its
// arrival. Only token is called by several goroutines, and the order of its calls in a step does not matter, so the same customers give the same results.
type simulation struct {
	recurrence
	costs costs
	queue *Queue
	now   float64
	steps int
	left  []*customer // that have not arrived yet
	here  int         // customers that have arrived and not ended
	done  chan struct{}
	mu    sync.Mutex // held by token
}

func (s *simulation) Shape() arch.Shape {
	return arch.Shape{Vocabulary: 1, Context: 4096, Scratch: 1, Layers: []kernels.Layer{{KVHeads: 1, KeyDim: 1, ValueDim: 1}}}
}

func (s *simulation) Forward(step *nn.Step) (*kernels.Rows, error) {
	s.now += s.costs.of(len(step.Tokens), len(step.Out))
	s.steps++
	for _, span := range step.Spans {
		span.State.(*memory).n += span.N
	}
	s.arrive()
	return &kernels.Rows{Len: len(step.Out), Cols: 1, Stride: 1, Values: make([]float32, len(step.Out))}, nil
}

// clock is a Queue.now.
func (s *simulation) clock() time.Time { return time.Unix(0, int64(s.now*1e9)) }

// arrive submits the customers that have arrived. If there are none, the clock advances to the next arrival.
func (s *simulation) arrive() {
	if s.here == 0 && len(s.left) > 0 {
		s.now = max(s.now, s.left[0].arrival)
	}
	for len(s.left) > 0 && s.left[0].arrival <= s.now {
		v := s.left[0]
		s.left, v.begun = s.left[1:], s.steps
		s.here++
		s.queue.Submit(context.Background(), Request{
			Tokens: make([]int32, v.prompt), From: v.prompt - 1, Most: v.prompt + v.answer, Fresh: true, Background: !v.person,
			Started: func(int) { v.admitted = s.steps - v.begun },
			Each:    func(int, []float32) (int32, bool, error) { return 0, s.token(v), nil },
		})
	}
}

// token notes a token of a customer. It returns false if it was the last.
func (s *simulation) token(v *customer) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if v.tokens++; v.tokens == 1 {
		v.first, v.read = s.now, s.steps-v.begun
	} else {
		v.pause = max(v.pause, s.now-v.end)
	}
	v.end = s.now
	if v.tokens < v.answer {
		return true
	}
	if s.here--; s.here == 0 {
		s.arrive()
	}
	if s.here == 0 {
		close(s.done)
	}
	return false
}

// batched serves customers by a queue.
func batched(t *testing.T, c costs, all []*customer) {
	s := &simulation{costs: c, left: all, done: make(chan struct{})}
	s.queue = queue(t, s, s, 4096)
	s.queue.now = s.clock
	if err := s.queue.Exec(func() error { s.arrive(); return nil }); err != nil {
		t.Fatal(err)
	}
	<-s.done
}

// static serves customers first come, first served: up to width that have arrived are one batch, which the next follows when all of it have ended.
func static(width int) func(*testing.T, costs, []*customer) {
	return func(_ *testing.T, c costs, all []*customer) {
		for now := 0.0; len(all) > 0; {
			now = max(now, all[0].arrival)
			n, rows, longest := 0, 0, 0
			for n < min(width, len(all)) && all[n].arrival <= now {
				rows, longest = rows+all[n].prompt, max(longest, all[n].answer)
				n++
			}
			now += float64((rows-1)/Chunk)*c.step + c.of(rows, n)
			for k := 1; k <= longest; k++ {
				alive := 0
				for _, v := range all[:n] {
					if k == 1 {
						v.first = now
					}
					if k == v.answer {
						v.end = now
					}
					if k < v.answer {
						alive++
					}
				}
				if alive > 0 {
					now += c.of(alive, alive)
				}
			}
			all = all[n:]
		}
	}
}

// policies are the ways to serve customers that are compared.
var policies = []struct {
	name  string
	color string // of its lines in the plot
	serve func(*testing.T, costs, []*customer)
}{
	{"`batch.Queue`", "#2a6fdb", batched},
	{"first come, first served, one at a time", "#c0392b", static(1)},
	{"first come, first served, 16 at a time", "#e0a030", static(mostSlots)},
}

// groups are the customers that are looked at by themselves.
var groups = []func(*customer) bool{
	func(*customer) bool { return true },
	func(v *customer) bool { return v.person },
	func(v *customer) bool { return !v.person && v.prompt+v.answer <= 64 },
	func(v *customer) bool { return !v.person && v.prompt+v.answer >= 512 },
}

// The groups.
const (
	everyone = iota
	persons
	short
	long
)

// outcome is what the customers of a group experienced.
type outcome struct {
	waits  []float64 // seconds until the first token, ascending
	speeds []float64 // time alone : time, ascending
}

// at returns the value below or at which a share of the ascending values is.
func at[T any](values []T, share float64) T { return values[int(share*float64(len(values)-1))] }

// fairness returns Jain's index of the speeds: 1 if all are equal, 1/n if one customer has everything.
func (o outcome) fairness() float64 {
	sum, squares := 0.0, 0.0
	for _, x := range o.speeds {
		sum, squares = sum+x, squares+x*x
	}
	return sum * sum / squares / float64(len(o.speeds))
}

// result is what a policy made of the customers.
type result struct {
	groups [4]outcome
	end    float64 // of the last customer
}

func resultOf(all []*customer, c costs) (r result) {
	for _, v := range all {
		r.end = max(r.end, v.end)
		for i, has := range groups {
			if o := &r.groups[i]; has(v) {
				o.waits, o.speeds = append(o.waits, v.first-v.arrival), append(o.speeds, v.alone(c)/(v.end-v.arrival))
			}
		}
	}
	for i := range r.groups {
		slices.Sort(r.groups[i].waits)
		slices.Sort(r.groups[i].speeds)
	}
	return r
}

// TestSimulation serves 1,000 customers a second by a queue and first come, first served: a load that each can serve, one just below what a queue can, and one just
// above. The costs of a step are those measured, scaled so that this is the load. With -v it prints the results as a table.
func TestSimulation(t *testing.T) {
	const rate = 1000
	n := 3000
	if testing.Short() {
		n = 1000
	}
	all := customers(n, math.Inf(1))
	batched(t, measured, all)
	most := float64(n) / resultOf(all, measured).end // customers a second that a queue can serve
	for _, load := range []float64{0.35, 0.9, 1.1} {
		c := measured.times(most * load / rate)
		var results []result
		for i, p := range policies {
			all := customers(n, rate)
			p.serve(t, c, all)
			results = append(results, resultOf(all, c))
			if i == 0 {
				checkPersons(t, all)
				checkPauses(t, all, c)
			}
			t.Log(row(load, p.name, n, results[i]))
		}
		compare(t, load, results)
		if load == 0.9 && *plot != "" {
			if err := os.WriteFile(*plot, []byte(drawing(results)), 0o644); err != nil {
				t.Error(err)
			}
		}
	}
}

// checkPersons checks that the requests of a person wait neither for a slot nor for long prompts. (A prompt of 2,000 tokens takes 16 steps beside answers.)
func checkPersons(t *testing.T, all []*customer) {
	var admitted, read []int
	for _, v := range all {
		if v.person {
			admitted, read = append(admitted, v.admitted), append(read, v.read)
		}
	}
	slices.Sort(admitted)
	slices.Sort(read)
	t.Logf("a person's request was admitted after %d steps at most; its first token came after %d (median), %d (95 %%), %d (99 %%), and %d at most", at(admitted, 1), at(read, 0.5), at(read, 0.95), at(read, 0.99), at(read, 1))
	if at(admitted, 0.95) > 1 || at(admitted, 1) > 16 || at(read, 0.95) > 8 || at(read, 1) > 40 {
		t.Error("a person's request waited for others")
	}
}

// checkPauses checks that no answer pauses for longer than a step with answers takes, however long the prompts are.
func checkPauses(t *testing.T, all []*customer, c costs) {
	longest := slices.MaxFunc(all, func(a, b *customer) int { return cmp.Compare(a.pause, b.pause) }).pause
	if step := c.of(mixed+mostSlots, mostSlots); longest > 1.001*step {
		t.Errorf("an answer paused for %.3g s; a step takes %.3g", longest, step)
	}
}

// compare checks that short customers do not wait for long ones, and that a queue serves as many customers as first come, first served, sooner and more fairly.
func compare(t *testing.T, load float64, results []result) {
	queue := results[0]
	if s, l := at(queue.groups[short].waits, 0.95), at(queue.groups[long].waits, 0.95); s > l {
		t.Errorf("load %g: short customers wait %.3g s, long ones %.3g", load, s, l)
	}
	for i, other := range results[1:] {
		name := policies[1+i].name
		if queue.end > 1.01*other.end {
			t.Errorf("load %g: the last customer ends after %.3g s, %s after %.3g", load, queue.end, name, other.end)
		}
		if s, o := at(queue.groups[short].waits, 0.95), at(other.groups[short].waits, 0.95); s > o/2 {
			t.Errorf("load %g: short customers wait %.3g s, %s %.3g", load, s, name, o)
		}
		if f, o := queue.groups[everyone].fairness(), other.groups[everyone].fairness(); f < 1.2*o {
			t.Errorf("load %g: fairness %.2f, %s %.2f", load, f, name, o)
		}
	}
}

// row returns a row of the table, as Markdown: the milliseconds until the first token of each group (median, 95 %, 99 %), Jain's index of all, and customers a second.
func row(load float64, name string, n int, r result) string {
	var b strings.Builder
	fmt.Fprintf(&b, "| %.0f %% | %s |", 100*load, name)
	for _, o := range r.groups {
		fmt.Fprintf(&b, " %.1f, %.1f, %.1f |", 1e3*at(o.waits, 0.5), 1e3*at(o.waits, 0.95), 1e3*at(o.waits, 0.99))
	}
	fmt.Fprintf(&b, " %.2f | %.0f |", r.groups[everyone].fairness(), float64(n)/r.end)
	return b.String()
}

// deep is a simulation in which attention takes as long as everything else behind 500 tokens.
type deep struct{ simulation }

func (d *deep) Forward(step *nn.Step) (*kernels.Rows, error) {
	for _, span := range step.Spans {
		d.now += d.costs.prompt * float64(span.N) * float64(span.State.Len()) / 500
	}
	return d.simulation.Forward(step)
}

// TestPausesOfDeepPrompts checks that an answer pauses for no longer while the end of a long prompt is read than while its beginning is.
func TestPausesOfDeepPrompts(t *testing.T) {
	answer, long := &customer{prompt: 4, answer: 400, person: true}, &customer{prompt: 3500, answer: 4, arrival: 0.01}
	d := &deep{simulation{costs: costs{step: 0.001, row: 0.0002, prompt: 0.0001}, left: []*customer{answer, long}, done: make(chan struct{})}}
	d.queue = queue(t, d, &d.simulation, 4096)
	d.queue.now = d.clock
	if err := d.queue.Exec(func() error { d.arrive(); return nil }); err != nil {
		t.Fatal(err)
	}
	<-d.done
	if chunk := d.costs.of(mixed+2, 2); answer.pause < chunk || answer.pause > 1.5*chunk {
		t.Errorf("an answer paused for %.3g s; reading %d tokens at the beginning takes %.3g", answer.pause, mixed, chunk)
	}
}

// TestJoins checks that a request joins those under way with the next step, however few wait: so it never joins later than text-generation-inference has it, which waits until 0.3 times as many
// wait as are under way, or for 20 steps.
func TestJoins(t *testing.T) {
	for running := range mostSlots - reserved {
		var all []*customer
		for range running {
			all = append(all, &customer{prompt: 4, answer: 200})
		}
		late := &customer{prompt: 4, answer: 2, arrival: 0.05}
		batched(t, costs{step: 0.001, row: 0.0001, prompt: 0.0001}, append(all, late))
		if late.admitted > 1 || late.read > 2 {
			t.Errorf("beside %d requests, one was admitted after %d steps and had its first token after %d", running, late.admitted, late.read)
		}
	}
}
