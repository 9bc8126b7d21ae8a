package batch

import (
	"context"
	"errors"
	"math"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"

	"soberano/engine/arch"
	"soberano/engine/arch/tiny"
	"soberano/kernels"
	"soberano/kernels/cpu"
	"soberano/models/gguf"
)

var errClosed = errors.New("closed by the test")

func open(t *testing.T, family string, capacity int) *Queue {
	t.Helper()
	m, dev := load(t, family)
	q, err := New(m, dev, capacity)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { q.Close(errClosed) })
	return q
}

func load(t *testing.T, family string) (arch.Model, kernels.Device) {
	t.Helper()
	f, err := gguf.Open(tiny.New(family).Write(t))
	if err != nil {
		t.Fatal(err)
	}
	dev, err := cpu.New(cpu.Options{Exact: true, Threads: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		dev.Close()
		f.Close()
	})
	m, err := arch.Open(f, dev)
	if err != nil {
		t.Fatal(err)
	}
	return m, dev
}

// greedy collects n tokens and the logits they came from.
type greedy struct {
	n      int
	tokens []int32
	logits [][]float32
	cached int
}

func (g *greedy) request(prompt []int32) Request {
	return Request{
		Tokens: prompt, From: len(prompt) - 1,
		Started: func(cached int) { g.cached = cached },
		Each: func(_ int, logits []float32) (int32, bool, error) {
			id := int32(slices.Index(logits, slices.Max(logits)))
			g.tokens, g.logits = append(g.tokens, id), append(g.logits, slices.Clone(logits))
			return id, len(g.tokens) < g.n, nil
		},
	}
}

func run(t interface{ Fatalf(string, ...any) }, q *Queue, prompt []int32, n int, fresh bool) *greedy {
	g := &greedy{n: n}
	r := g.request(prompt)
	r.Fresh = fresh
	if err := q.Do(context.Background(), r); err != nil {
		t.Fatalf("Do: %v", err)
	}
	return g
}

func same(t interface{ Fatalf(string, ...any) }, what string, a, b *greedy) {
	if len(a.logits) != len(b.logits) {
		t.Fatalf("%s: %d and %d tokens", what, len(a.logits), len(b.logits))
	}
	for i := range a.logits {
		span := float64(slices.Max(a.logits[i]) - slices.Min(a.logits[i]))
		for j, x := range a.logits[i] {
			if d := math.Abs(float64(x-b.logits[i][j])) / span; !(d < 1e-4) {
				t.Fatalf("%s: logits of token %d differ by %.2g of the range", what, i, d)
			}
		}
		if a.tokens[i] != b.tokens[i] {
			return // a near-tie; what follows differs rightly
		}
	}
}

// prompts are long and short alike, which slices by themselves are not.
var prompts = rapid.Custom(func(t *rapid.T) []int32 {
	n := rapid.IntRange(1, 90).Draw(t, "length")
	return rapid.SliceOfN(rapid.Int32Range(0, tiny.Vocabulary-1), n, n).Draw(t, "tokens")
})

// A conversation, each turn beginning with the last, among others: what is cached
// changes nothing.
func TestCachedIsUncached(t *testing.T) {
	for _, family := range arch.Families() {
		q := open(t, family, 200)
		rapid.Check(t, func(t *rapid.T) {
			talks := make([][]int32, rapid.IntRange(1, 6).Draw(t, "conversations"))
			for range rapid.IntRange(1, 8).Draw(t, "turns") {
				i := rapid.IntRange(0, len(talks)-1).Draw(t, "which")
				if from := rapid.IntRange(-1, len(talks)-1).Draw(t, "branch of"); from >= 0 {
					talks[i] = slices.Clone(talks[from]) // the same beginning as another
				}
				keep := rapid.IntRange(0, len(talks[i])).Draw(t, "keep")
				talk := append(slices.Clone(talks[i][:keep]), prompts.Draw(t, "turn")...)
				talk = talk[:min(len(talk), 150)]
				got := run(t, q, talk, 4, false)
				same(t, "cached and fresh", run(t, q, talk, 4, true), got)
				talks[i] = append(talk, got.tokens...)
			}
		})
	}
}

// The next turn of a conversation finds the last one's tokens.
func TestTurnsAreReused(t *testing.T) {
	q := open(t, "llama", 200)
	long := make([]int32, 100)
	for i := range long {
		long[i] = int32(i)
	}
	first := run(t, q, long, 5, false)
	if first.cached != 0 {
		t.Errorf("a first prompt found %d tokens", first.cached)
	}
	other := slices.Repeat([]int32{9}, 40) // something else in between
	run(t, q, other, 2, false)
	next := append(slices.Clone(long), first.tokens...)
	next = append(next, 7, 8)
	if g := run(t, q, next, 1, false); g.cached != 104 {
		t.Errorf("the next turn found %d tokens, expected 104: all that were computed", g.cached)
	}
	if g := run(t, q, long, 1, false); g.cached != 99 {
		t.Errorf("the same prompt again found %d tokens, expected all but one", g.cached)
	}
	if g := run(t, q, other, 1, false); g.cached != 39 {
		t.Errorf("the other conversation found %d tokens, expected 39", g.cached)
	}
}

// A conversation that shares its beginning with another (a system message) gets a copy,
// and the other stays whole, be it idle or under way.
func TestSharedBeginning(t *testing.T) {
	for _, family := range []string{"gemma3", "llama", "mixtral"} {
		q := open(t, family, 200)
		long := make([]int32, 100)
		for i := range long {
			long[i] = int32(i)
		}
		run(t, q, long, 3, false)
		branch := append(slices.Clone(long[:37]), 200, 201, 202)
		got := run(t, q, branch, 4, false)
		if got.cached != 37 {
			t.Errorf("%d tokens were copied, expected 37", got.cached)
		}
		same(t, "copied and fresh", run(t, q, branch, 4, true), got)
		if g := run(t, q, long, 3, false); g.cached != 99 {
			t.Errorf("the other conversation has %d tokens left", g.cached)
		}
		var tickets []*Ticket
		both := []*greedy{{n: 30}, {n: 5}}
		for i, p := range [][]int32{long, branch} {
			tickets = append(tickets, q.Submit(context.Background(), both[i].request(p)))
		}
		for i, p := range [][]int32{long, branch} {
			<-tickets[i].Done()
			same(t, "sharing at once", run(t, q, p, both[i].n, true), both[i])
		}
	}
}

// Many at once give what each gives alone, and finish all.
func TestManyAtOnce(t *testing.T) {
	for _, family := range arch.Families() {
		q := open(t, family, 120)
		rapid.Check(t, func(t *rapid.T) {
			type job struct {
				prompt     []int32
				alone, now *greedy
			}
			jobs := make([]job, rapid.IntRange(2, 10).Draw(t, "jobs"))
			for i := range jobs {
				p := prompts.Draw(t, "prompt")
				n := rapid.IntRange(1, 12).Draw(t, "tokens")
				jobs[i] = job{p, run(t, q, p, n, true), &greedy{n: n}}
			}
			var tickets []*Ticket
			for i := range jobs {
				tickets = append(tickets, q.Submit(context.Background(), jobs[i].now.request(jobs[i].prompt)))
			}
			for i, ticket := range tickets {
				<-ticket.Done()
				if ticket.Err() != nil {
					t.Fatalf("job %d: %v", i, ticket.Err())
				}
				same(t, "alone and together", jobs[i].alone, jobs[i].now)
			}
		})
	}
}

// All logits asked for come once, in order, whatever the chunks.
func TestFrom(t *testing.T) {
	q := open(t, "llama", 1500)
	tokens := make([]int32, 1400)
	for i := range tokens {
		tokens[i] = int32(i * 7 % tiny.Vocabulary)
	}
	for _, from := range []int{0, 1, 511, 512, 513, 1399} {
		want := from
		err := q.Do(context.Background(), Request{Tokens: tokens, From: from, Each: func(pos int, logits []float32) (int32, bool, error) {
			if pos != want || len(logits) != tiny.Vocabulary {
				t.Errorf("logits of position %d, expected %d", pos, want)
			}
			want++
			return 0, false, nil
		}})
		if err != nil || want != len(tokens) {
			t.Errorf("from %d: ended at %d, %v", from, want, err)
		}
	}
}

func TestErrorInTheMiddle(t *testing.T) {
	q := open(t, "llama", 100)
	bad := errors.New("bad")
	tokens := []int32{1, 2, 3, 4, 5, 6}
	calls := 0
	r := Request{Tokens: tokens, Each: func(pos int, _ []float32) (int32, bool, error) {
		calls++
		if pos == 2 {
			return 0, false, bad
		}
		return 0, false, nil
	}}
	other := &greedy{n: 3}
	a, b := q.Submit(context.Background(), r), q.Submit(context.Background(), other.request([]int32{9, 8, 7}))
	<-a.Done()
	<-b.Done()
	if a.Err() != bad || calls != 3 {
		t.Errorf("%v after %d calls", a.Err(), calls)
	}
	same(t, "beside a failing request", run(t, q, []int32{9, 8, 7}, 3, true), other)
}

func TestCancel(t *testing.T) {
	q := open(t, "llama", 120)
	before := run(t, q, []int32{5, 6, 7}, 5, true)
	ctx, cancel := context.WithCancel(context.Background())
	var calls atomic.Int32
	endless := Request{Tokens: []int32{5, 6, 7, 8}, From: 3, Each: func(int, []float32) (int32, bool, error) {
		if calls.Add(1) == 3 {
			cancel()
		}
		return 1, true, nil
	}}
	var tickets []*Ticket
	for range 8 { // more than there are slots: some are cancelled in the line
		tickets = append(tickets, q.Submit(ctx, endless))
	}
	for _, ticket := range tickets {
		<-ticket.Done()
		if !errors.Is(ticket.Err(), context.Canceled) {
			t.Errorf("ended with %v", ticket.Err())
		}
	}
	same(t, "before and after", before, run(t, q, []int32{5, 6, 7}, 5, false))
}

func TestFull(t *testing.T) {
	q := open(t, "llama", 32)
	n := 0
	err := q.Do(context.Background(), Request{Tokens: []int32{1, 2}, From: 1, Each: func(int, []float32) (int32, bool, error) {
		n++
		return 3, true, nil
	}})
	if !errors.Is(err, ErrFull) || n != 31 {
		t.Errorf("%v after %d tokens", err, n)
	}
	for _, r := range []Request{{}, {Tokens: []int32{1}, From: 1}, {Tokens: []int32{1}, From: -1}, {Tokens: make([]int32, 33)}} {
		if q.Do(context.Background(), r) == nil {
			t.Errorf("%d tokens from %d passed", len(r.Tokens), r.From)
		}
	}
}

// Close ends what runs and what waits, and leaves no goroutine behind.
func TestClose(t *testing.T) {
	m, dev := load(t, "llama")
	before := runtime.NumGoroutine()
	q, err := New(m, dev, 120)
	if err != nil {
		t.Fatal(err)
	}
	running := make(chan struct{})
	var once sync.Once
	var tickets []*Ticket
	for range 8 {
		tickets = append(tickets, q.Submit(context.Background(), Request{Tokens: []int32{1, 2}, From: 1,
			Each: func(pos int, _ []float32) (int32, bool, error) {
				once.Do(func() { close(running) })
				return 3, pos < 100, nil
			}}))
	}
	<-running
	q.Close(errClosed)
	q.Close(errors.New("another"))
	for _, ticket := range tickets {
		<-ticket.Done()
		if err := ticket.Err(); err != nil && err != errClosed {
			t.Errorf("ended with %v", err)
		}
	}
	if err := q.Do(context.Background(), Request{Tokens: []int32{1}}); err != errClosed {
		t.Errorf("after Close: %v", err)
	}
	for runtime.NumGoroutine() > before {
		runtime.Gosched() // a goroutine that has closed its channel is about to end
	}
}
