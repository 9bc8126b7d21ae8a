package batch

import (
	"context"
	"errors"
	"flag"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"soberano/engine/arch"
	"soberano/engine/arch/tiny"
	"soberano/engine/state"
	"soberano/kernels"
	"soberano/kernels/cpu"
	"soberano/models/gguf"
)

var errClosed = errors.New("closed by the test")

func open(t *testing.T, family string, capacity int) *Queue {
	t.Helper()
	m, dev := load(t, family)
	return queue(t, m, dev, capacity)
}

func queue(t *testing.T, m arch.Model, dev kernels.Device, capacity int) *Queue {
	t.Helper()
	q, err := New(m, dev, capacity)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := q.Close(errClosed); err != nil {
			t.Error(err)
		}
		if waiting, running := q.Requests(); waiting != 0 || running != 0 {
			t.Errorf("after the end %d requests wait and %d are under way", waiting, running)
		}
	})
	return q
}

func load(t *testing.T, family string) (arch.Model, kernels.Device) {
	t.Helper()
	s := tiny.New(family)
	if eps := "xielu.eps"; s.Meta[eps] != nil {
		s.Meta[eps] = []float64{-1e-6, -1e-6, -1e-6} // xIELU jumps at 0 by as much, where rounding can change the side
	}
	return loadSource(t, s)
}

func loadSource(t *testing.T, s *tiny.Source) (arch.Model, kernels.Device) {
	t.Helper()
	f, err := gguf.Open(s.Write(t))
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
	m, err := arch.Open(f, dev, 0)
	if err != nil {
		t.Fatal(err)
	}
	for key := range s.Meta {
		if strings.HasSuffix(key, ".expert_count") {
			mixtures.Store(m, true)
			t.Cleanup(func() { mixtures.Delete(m) })
		}
	}
	return m, dev
}

// mixtures are the opened models with experts, as keys.
var mixtures sync.Map

// greedy collects n tokens and the logits they came from.
type greedy struct {
	n      int
	tokens []int32
	logits [][]float32
	cached int
	// mixture: rounding can choose another of two experts that are nearly equal.
	mixture bool
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
	_, g.mixture = mixtures.Load(q.model)
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
	most := 5e-4 // gemma3n makes 1.1e-4 of rounding
	if a.mixture || b.mixture {
		most = 2e-2
	}
	for i := range a.logits {
		span := float64(slices.Max(a.logits[i]) - slices.Min(a.logits[i]))
		for j, x := range a.logits[i] {
			if d := math.Abs(float64(x-b.logits[i][j])) / span; !(d < most) {
				t.Fatalf("%s: logits of token %d differ by %.2g of the range", what, i, d)
			}
		}
		if a.tokens[i] != b.tokens[i] {
			return // a near-tie; what follows differs rightly
		}
	}
}

// prompts are long and short alike, which slices by themselves are not.
func prompts(longest int) *rapid.Generator[[]int32] {
	return rapid.Custom(func(t *rapid.T) []int32 {
		n := rapid.IntRange(1, longest).Draw(t, "length")
		if n > 100 { // drawing each token would take longer than computing it
			r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
			tokens := make([]int32, n)
			for i := range tokens {
				tokens[i] = r.Int32N(tiny.Vocabulary)
			}
			return tokens
		}
		return rapid.SliceOfN(rapid.Int32Range(0, tiny.Vocabulary-1), n, n).Draw(t, "tokens")
	})
}

// tested returns the kinds of models of a test: all of them or, in short tests, a few.
func tested() []string {
	if testing.Short() {
		return tiny.Representative()
	}
	return tiny.Kinds()
}

// fewer makes the rest of a test try fewer random cases of a kind whose layers keep the same as those of another.
func fewer(t *testing.T, kind string) {
	if slices.Contains(tiny.Representative(), kind) {
		return
	}
	const checks = "rapid.checks"
	before := flag.Lookup(checks).Value.String()
	if err := flag.Set(checks, "10"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := flag.Set(checks, before); err != nil {
			t.Error(err)
		}
	})
}

// A conversation, each turn beginning with the last, among others: what is cached changes
// nothing, whatever the layers keep.
func TestCachedIsUncached(t *testing.T) {
	for _, kind := range tested() {
		t.Run(kind, func(t *testing.T) {
			fewer(t, kind)
			cachedIsUncached(t, open(t, kind, 200), 90, 150)
		})
	}
	t.Run("convolutions, long", func(t *testing.T) { cachedIsUncached(t, open(t, "lfm2", 1500), 700, 1400) })
	t.Run("delta rule, long", func(t *testing.T) { cachedIsUncached(t, open(t, "qwen35", 1500), 700, 1400) })
	t.Run("windows that are passed", func(t *testing.T) {
		m, dev := loadSource(t, windowed())
		cachedIsUncached(t, queue(t, m, dev, 900), 500, 880)
	})
	t.Run("recurrent", func(t *testing.T) {
		m := &recurrence{}
		cachedIsUncached(t, queue(t, m, m, 1500), 700, 1400)
	})
}

// windowed is a small model most of whose layers see 24 tokens, so that a page of 256 is
// behind the window after 280.
func windowed() *tiny.Source {
	s := tiny.New("gemma3")
	s.Layers(3)
	s.Meta["gemma3.attention.sliding_window_pattern"] = uint64(3)
	return s
}

func cachedIsUncached(t *testing.T, q *Queue, turn, longest int) {
	found := 0
	rapid.Check(t, func(t *rapid.T) {
		talks := make([][]int32, rapid.IntRange(1, 6).Draw(t, "conversations"))
		for range rapid.IntRange(1, 8).Draw(t, "turns") {
			i := rapid.IntRange(0, len(talks)-1).Draw(t, "which")
			if from := rapid.IntRange(-1, len(talks)-1).Draw(t, "branch of"); from >= 0 {
				talks[i] = slices.Clone(talks[from]) // the same beginning as another
			}
			keep := rapid.IntRange(0, len(talks[i])).Draw(t, "keep")
			if rapid.Bool().Draw(t, "continue") {
				keep = len(talks[i])
			}
			talk := append(slices.Clone(talks[i][:keep]), prompts(turn).Draw(t, "turn")...)
			talk = talk[:min(len(talk), longest)]
			got := run(t, q, talk, 4, false)
			same(t, "cached and fresh", run(t, q, talk, 4, true), got)
			talks[i] = append(talk, got.tokens...)
			found += got.cached
		}
	})
	if found == 0 {
		t.Error("nothing was found in the cache")
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

// within calls do on the queue's goroutine.
func within(t *testing.T, q *Queue, do func()) {
	t.Helper()
	err := q.Do(context.Background(), Request{Tokens: []int32{1}, Fresh: true, Each: func(int, []float32) (int32, bool, error) {
		do()
		return 0, false, nil
	}})
	if err != nil {
		t.Fatal(err)
	}
}

// numbers is n tokens, from first on.
func numbers(first, n int) []int32 {
	tokens := make([]int32, n)
	for i := range tokens {
		tokens[i] = int32((first + i*i) % tiny.Vocabulary)
	}
	return tokens
}

// kinds opens a queue for every way in which layers keep what they have seen.
func kinds(t *testing.T, test func(t *testing.T, q *Queue, goesBack bool)) {
	t.Run("full", func(t *testing.T) { test(t, open(t, "llama", 1500), true) })
	t.Run("convolutions", func(t *testing.T) { test(t, open(t, "lfm2", 1500), false) })
	t.Run("windows", func(t *testing.T) {
		m, dev := loadSource(t, windowed())
		test(t, queue(t, m, dev, 1500), false)
	})
	t.Run("recurrent", func(t *testing.T) {
		m := &recurrence{}
		test(t, queue(t, m, m, 1500), false)
	})
}

// What conversations have in common is computed once, also by one that is under way, and each
// is continued where it ended.
func TestSystemPrompt(t *testing.T) {
	kinds(t, func(t *testing.T, q *Queue, goesBack bool) {
		system := numbers(1, 700)
		talk := func(i int) []int32 { return append(slices.Clone(system), numbers(1000*i, 50)...) }
		least := Chunk // the last end of a chunk in what is shared
		if goesBack {
			least = len(system)
		}
		answers := make([]*greedy, 4)
		for i := range answers {
			answers[i] = run(t, q, talk(i), 300, false)
			if i > 0 && answers[i].cached < least {
				t.Errorf("conversation %d found %d tokens, expected %d", i, answers[i].cached, least)
			}
		}
		for i, a := range answers {
			next := append(append(talk(i), a.tokens...), numbers(7, 20)...)
			got := run(t, q, next, 3, false)
			if want := 750 + 299; got.cached != want {
				t.Errorf("the next turn of conversation %d found %d tokens, expected %d", i, got.cached, want)
			}
			same(t, "next turn", run(t, q, next, 3, true), got)
		}
	})
}

// A request finds what another has computed that is still under way.
func TestUnderWay(t *testing.T) {
	kinds(t, func(t *testing.T, q *Queue, goesBack bool) {
		prompt := numbers(50, 600)
		answered, found := make(chan struct{}), atomic.Int32{}
		found.Store(-1)
		n := 0
		first := q.Submit(context.Background(), Request{Tokens: prompt, From: len(prompt) - 1,
			Each: func(int, []float32) (int32, bool, error) {
				if n++; n == 1 {
					close(answered)
				}
				return int32(n % tiny.Vocabulary), found.Load() < 0 && n < 800, nil
			}})
		<-answered
		second := &greedy{n: 5}
		r := second.request(append(slices.Clone(prompt[:550]), 2, 3, 4))
		r.Started = func(cached int) { found.Store(int32(cached)) }
		if err := q.Do(context.Background(), r); err != nil {
			t.Fatal(err)
		}
		if <-first.Done(); first.Err() != nil {
			t.Fatal(first.Err())
		}
		want := int32(Chunk)
		if goesBack {
			want = 550
		}
		if found.Load() < want {
			t.Errorf("%d tokens were found, expected %d at least", found.Load(), want)
		}
		same(t, "beside", run(t, q, r.Tokens, 5, true), second)
	})
}

// Another answer to the same prompt finds all of it that its state can go back to.
func TestAnotherAnswer(t *testing.T) {
	kinds(t, func(t *testing.T, q *Queue, goesBack bool) {
		prompt := numbers(3, 700)
		first := run(t, q, prompt, 500, false)
		again := run(t, q, prompt, 500, false)
		if again.cached < Chunk || goesBack && again.cached != 699 {
			t.Errorf("%d tokens were found", again.cached)
		}
		same(t, "another answer", first, again)
	})
}

// Short requests do not push out a long conversation, whatever their number; a conversation
// that has not been used for longest goes when there is no room.
func TestBudget(t *testing.T) {
	kinds(t, func(t *testing.T, q *Queue, _ bool) {
		long := numbers(1, 900)
		run(t, q, long, 100, false)
		full := int64(0)
		within(t, q, func() {
			if full = q.tree.Bytes(); full == 0 {
				t.Error("nothing is kept")
			}
			q.tree = state.New(q.dev, q.model.Shape().State(q.cap), 3*full)
		})
		next := append(slices.Clone(long), run(t, q, long, 100, false).tokens...)
		for i := range 40 {
			run(t, q, numbers(1000+7*i, 30), 3, false)
			if i%4 == 0 {
				if g := run(t, q, next, 1, false); g.cached != 999 {
					t.Fatalf("after %d short requests %d tokens of the long conversation are left", i+1, g.cached)
				}
			}
			within(t, q, func() {
				if b := q.tree.Bytes() - q.slots[0].seq.State.Bytes(); b > full*3 {
					t.Errorf("%d bytes are kept, the budget is %d", b, full*3)
				}
			})
		}
	})
}

// Many at once give what each gives alone, and finish all.
func TestManyAtOnce(t *testing.T) {
	for _, kind := range tested() {
		t.Run(kind, func(t *testing.T) { manyAtOnce(t, kind) })
	}
}

func manyAtOnce(t *testing.T, kind string) {
	fewer(t, kind)
	q := open(t, kind, 120)
	rapid.Check(t, func(t *rapid.T) {
		type job struct {
			prompt     []int32
			alone, now *greedy
		}
		jobs := make([]job, rapid.IntRange(2, 10).Draw(t, "jobs"))
		for i := range jobs {
			p := prompts(90).Draw(t, "prompt")
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
	for _, family := range []string{"llama", "gemma3", "lfm2"} {
		t.Run(family, func(t *testing.T) { closeRunning(t, family) })
	}
}

func closeRunning(t *testing.T, family string) {
	m, dev := load(t, family)
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
	for _, err := range []error{errClosed, errors.New("another")} {
		if err := q.Close(err); err != nil {
			t.Error(err)
		}
	}
	if n := q.tree.Bytes(); n != 0 {
		t.Errorf("states of %d bytes are left", n)
	}
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

// A request with Discard starts from what is known and leaves the tree as it was, whatever the
// layers keep.
func TestDiscard(t *testing.T) {
	for _, kind := range tested() {
		t.Run(kind, func(t *testing.T) {
			q := open(t, kind, 200)
			known := make([]int32, 120)
			for i := range known {
				known[i] = int32(i % tiny.Vocabulary)
			}
			prompt := append(slices.Clone(known), 3, 1, 4, 1, 5)
			run(t, q, known, 1, false)
			want := run(t, q, prompt, 8, true)
			bytes := q.tree.Bytes()
			for range 3 {
				g := &greedy{n: 8}
				r := g.request(prompt)
				r.Discard = true
				if err := q.Do(context.Background(), r); err != nil {
					t.Fatal(err)
				}
				if g.cached == 0 {
					t.Error("nothing of the prompt was found")
				}
				same(t, "discard", want, g)
				if now := q.tree.Bytes(); now != bytes {
					t.Errorf("the tree has %d bytes, before %d", now, bytes)
				}
			}
		})
	}
}

// TestSideBySide checks that the logits of a step are given to its requests at the same time.
func TestSideBySide(t *testing.T) {
	if runtime.GOMAXPROCS(0) == 1 {
		t.Skip("goroutines run one after the other")
	}
	q := open(t, "llama", 20)
	var here sync.WaitGroup
	here.Add(2)
	both := make(chan struct{})
	go func() { here.Wait(); close(both) }()
	var tickets [2]*Ticket
	submit := func() error {
		for i := range tickets {
			tickets[i] = q.Submit(t.Context(), Request{Tokens: []int32{1, 2}, From: 1, Each: func(int, []float32) (int32, bool, error) {
				here.Done()
				select {
				case <-both:
					return 0, false, nil
				case <-time.After(20 * time.Second):
					return 0, false, errors.New("the other request is not called meanwhile")
				}
			}})
		}
		return nil
	}
	if err := q.Exec(submit); err != nil { // both are in the first step
		t.Fatal(err)
	}
	for _, ticket := range tickets {
		<-ticket.Done()
		if err := ticket.Err(); err != nil {
			t.Fatal(err) // the other one would wait as long
		}
	}
}
