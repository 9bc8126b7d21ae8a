package state

import (
	"errors"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"soberano/kernels"
)

// fake is a device whose states are lists of tokens.
type fake struct {
	kernels.Device
	open  int // states
	spare int // states that can still be made; -1: any number
}

var errMemory = errors.New("no memory")

func (d *fake) NewState(s kernels.StateShape) (kernels.State, error) {
	if d.spare == 0 {
		return nil, errMemory
	}
	d.open++
	return &tokens{dev: d, shape: s}, nil
}

// tokens is a state that can go back as far as its shape's first layer allows.
type tokens struct {
	dev    *fake
	shape  kernels.StateShape
	all    []int32
	from   int // first position that is left of a window
	closed bool
}

func (s *tokens) layer() kernels.Layer    { return s.shape.Layers[0] }
func (s *tokens) Cap() int                { return s.shape.Cap }
func (s *tokens) Len() int                { return len(s.all) }
func (s *tokens) Bytes() int64            { return int64(len(s.all)) }
func (s *tokens) MaxBytes(step int) int64 { return int64(s.shape.Cap) }

func (s *tokens) Truncate(n int) bool {
	switch {
	case s.closed:
		panic("Truncate after Close")
	case n == len(s.all):
		return true
	case n < 0 || n > len(s.all) || n > 0 && !s.reaches(n):
		return false
	}
	s.all = s.all[:n]
	if n == 0 {
		s.from = 0
	}
	return true
}

func (s *tokens) reaches(n int) bool {
	return s.layer().Kind == kernels.KeysValues && max(0, n-s.layer().Window+1) >= s.from
}

func (s *tokens) Fork() (kernels.State, error) {
	if s.closed {
		panic("Fork after Close")
	}
	s.dev.open++
	f := *s
	f.all = slices.Clone(s.all)
	return &f, nil
}

func (s *tokens) Close() error {
	if s.closed {
		panic("closed twice")
	}
	s.closed = true
	s.dev.open--
	return nil
}

// add does what a step does.
func (s *tokens) add(ids ...int32) {
	if w := s.layer().Window; w > 0 {
		s.from = max(s.from, len(s.all)-w+1)
	}
	s.all = append(s.all, ids...)
}

// shapes are of one layer each: full, with a window, recurrent.
var shapes = map[string]kernels.Layer{
	"full":      {},
	"window":    {Window: 6},
	"recurrent": {Kind: kernels.Recurrent},
}

func tree(d *fake, l kernels.Layer, budget int64) *Tree {
	return New(d, kernels.StateShape{Layers: []kernels.Layer{l}, Cap: 1000}, budget)
}

// feed gives a sequence the rest of ids.
func feed(s *Sequence, ids []int32) {
	ids = ids[s.State.Len():]
	s.State.(*tokens).add(ids...)
	s.Add(ids...)
}

func begin(t interface{ Fatal(...any) }, tr *Tree, ids []int32, most int) *Sequence {
	s, err := tr.Begin("", ids, most)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func must(t interface{ Fatal(...any) }, err error) {
	if err != nil {
		t.Fatal(err)
	}
}

// The tree finds the longest beginning that any state, idle or under way, can give, and the
// state has these tokens; all states are closed in the end.
func TestTree(t *testing.T) {
	for name, l := range shapes {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				d := &fake{spare: -1}
				m := &machine{tree: tree(d, l, 1<<40), dev: d}
				t.Repeat(map[string]func(*rapid.T){
					"begin": m.begin, "fresh": m.fresh, "step": m.step, "keep": m.keep, "end": m.end, "drop": m.dropOne, "evict": m.evict, "": m.check,
				})
				must(t, m.tree.Close())
				if d.open != 0 {
					t.Fatalf("%d states are left open", d.open)
				}
			})
		})
	}
}

// machine is a tree in use.
type machine struct {
	tree  *Tree
	dev   *fake
	live  []*Sequence
	texts [][]int32 // of what has been begun: others begin alike
}

// text draws tokens that begin as earlier ones do.
func (m *machine) text(t *rapid.T) []int32 {
	var ids []int32
	if len(m.texts) > 0 && rapid.Bool().Draw(t, "alike") {
		from := rapid.SampledFrom(m.texts).Draw(t, "text")
		ids = slices.Clone(from[:rapid.IntRange(0, len(from)).Draw(t, "shared")])
	}
	ids = append(ids, rapid.SliceOfN(rapid.Int32Range(0, 2), 1, 25).Draw(t, "new")...)
	m.texts = append(m.texts, ids)
	return ids
}

func (m *machine) begin(t *rapid.T) {
	ids := m.text(t)
	most := rapid.IntRange(0, len(ids)).Draw(t, "most")
	want := m.longest(ids[:most])
	s := begin(t, m.tree, ids, most)
	if got := s.State.Len(); got != want || !slices.Equal(s.State.(*tokens).all, ids[:got]) {
		t.Fatalf("%d tokens of %v were found, expected %d: %v", got, ids[:most], want, s.State.(*tokens).all)
	}
	m.live = append(m.live, s)
}

// longest works out what there is to be found.
func (m *machine) longest(ids []int32) int {
	best := 0
	try := func(st kernels.State) {
		s := st.(*tokens)
		n := common(s.all, ids)
		if n == len(s.all) || s.reaches(n) {
			best = max(best, n)
		}
	}
	for _, s := range m.live {
		if s.node != nil {
			try(s.State)
		}
	}
	m.tree.each(func(n *node) {
		if n.held != nil {
			try(n.held.state)
		}
	})
	return best
}

func (m *machine) fresh(t *rapid.T) {
	s, err := m.tree.Fresh()
	must(t, err)
	m.live = append(m.live, s)
}

func (m *machine) pick(t *rapid.T) (*Sequence, int) {
	if len(m.live) == 0 {
		t.Skip("nothing is under way")
	}
	i := rapid.IntRange(0, len(m.live)-1).Draw(t, "which")
	return m.live[i], i
}

func (m *machine) step(t *rapid.T) {
	s, _ := m.pick(t)
	ids := rapid.SliceOfN(rapid.Int32Range(0, 2), 1, 9).Draw(t, "tokens")
	s.State.(*tokens).add(ids...)
	s.Add(ids...)
	m.texts = append(m.texts, slices.Clone(s.State.(*tokens).all))
}

func (m *machine) keep(t *rapid.T) {
	s, _ := m.pick(t)
	must(t, s.Keep())
}

func (m *machine) end(t *rapid.T) {
	s, i := m.pick(t)
	must(t, s.End())
	m.live = slices.Delete(m.live, i, i+1)
}

func (m *machine) dropOne(t *rapid.T) {
	s, i := m.pick(t)
	must(t, s.Drop())
	m.live = slices.Delete(m.live, i, i+1)
}

func (m *machine) evict(t *rapid.T) {
	if n := m.tree.oldest(); n != nil {
		must(t, m.tree.drop(n))
	}
}

// check checks the tree itself.
func (m *machine) check(t *rapid.T) {
	states, live := 0, 0
	m.tree.each(func(n *node) {
		if n.parent != nil && n.held == nil && len(n.live) == 0 && len(n.next) < 2 {
			t.Fatalf("a node of %d tokens serves nothing", n.depth)
		}
		for first, c := range n.next {
			if c.parent != n || c.edge[0] != first || c.depth != n.depth+len(c.edge) {
				t.Fatalf("the node %v below one of %d tokens is wrong", c.edge, n.depth)
			}
		}
		if n.held != nil {
			states++
			if st := n.held.state.(*tokens); !slices.Equal(st.all, n.way()) {
				t.Fatalf("the node of %v holds %v", n.way(), st.all)
			}
		}
		for _, s := range n.live {
			live++
			if s.node != n || !slices.Equal(s.State.(*tokens).all, n.way()) {
				t.Fatalf("a sequence of %v stands at %v", s.State.(*tokens).all, n.way())
			}
		}
	})
	fresh := 0
	for _, s := range m.live {
		if s.node == nil {
			fresh++
		}
	}
	if live+fresh != len(m.live) || states+len(m.live) != m.dev.open {
		t.Fatalf("%d states, %d sequences in the tree, %d fresh; %d are open, %d sequences under way", states, live, fresh, m.dev.open, len(m.live))
	}
}

// way is the tokens from the root to n.
func (n *node) way() []int32 {
	if n.parent == nil {
		return nil
	}
	return append(n.parent.way(), n.edge...)
}

func count(from, n int) []int32 {
	ids := make([]int32, n)
	for i := range ids {
		ids[i] = int32(from + i)
	}
	return ids
}

// What is used stays, what has not been used for longest goes.
func TestLeastRecentlyUsed(t *testing.T) {
	for name, l := range shapes {
		d := &fake{spare: -1}
		tr := tree(d, l, 130)
		put := func(from int) {
			s := begin(t, tr, count(from, 30), 29)
			feed(s, count(from, 30))
			must(t, s.End())
			must(t, tr.Fit())
		}
		found := func(from int) int {
			s := begin(t, tr, count(from, 31), 30)
			n := s.State.Len()
			feed(s, count(from, 31))
			must(t, s.End())
			return n
		}
		put(100)
		put(200)
		put(300)
		if found(100) != 30 {
			t.Errorf("%s: what was put first is gone already", name)
		}
		put(400)
		put(500)
		if tr.Bytes() > 130 {
			t.Errorf("%s: %d bytes, the budget is 130", name, tr.Bytes())
		}
		if a, b := found(100), found(200); a != 30 || b != 0 {
			t.Errorf("%s: %d tokens are left of what was used, %d of what was not", name, a, b)
		}
		must(t, tr.Close())
		if d.open != 0 {
			t.Errorf("%s: %d states are left open", name, d.open)
		}
	}
}

// Without memory for another state idle ones make room, and if there are none it fails.
func TestNoMemory(t *testing.T) {
	d := &fake{spare: -1}
	tr := tree(d, kernels.Layer{}, 1000)
	s := begin(t, tr, count(1, 20), 19)
	feed(s, count(1, 20))
	must(t, s.End())
	d.spare = 0
	if _, err := tr.Begin("", count(50, 20), 19); !errors.Is(err, errMemory) {
		t.Errorf("without memory: %v", err)
	}
	if d.open != 0 {
		t.Errorf("%d idle states did not make room", d.open)
	}
}

// A sequence that cannot go back is found by its snapshots, and a way holds only so many.
func TestSnapshots(t *testing.T) {
	for _, name := range []string{"window", "recurrent"} {
		d := &fake{spare: -1}
		tr := tree(d, shapes[name], 1<<40)
		s := begin(t, tr, count(0, 1), 0)
		for n := 10; n <= 200; n += 10 {
			feed(s, count(0, n))
			must(t, s.Keep())
		}
		must(t, s.End())
		if d.open != MostOnPath {
			t.Errorf("%s: %d states on one way, expected %d", name, d.open, MostOnPath)
		}
		s = begin(t, tr, count(0, 150), 149)
		if n := s.State.Len(); n == 0 || n > 149 {
			t.Errorf("%s: %d of 149 tokens were found", name, n)
		}
		must(t, tr.Close())
	}
	d := &fake{spare: -1}
	tr := tree(d, shapes["full"], 1<<40)
	s := begin(t, tr, count(0, 1), 0)
	for n := 10; n <= 200; n += 10 {
		feed(s, count(0, n))
		must(t, s.Keep())
	}
	must(t, s.End())
	if d.open != 1 {
		t.Errorf("%d states where one can go back to all others", d.open)
	}
}

// What serves nothing any more when a sequence ends leaves the tree, on both sides of a place
// where the tree branches.
func TestSettleTidiesAll(t *testing.T) {
	d := &fake{spare: -1}
	tr := tree(d, shapes["window"], 1<<40)
	s := begin(t, tr, count(0, 30), 0)
	for _, n := range []int{10, 20, 25, 30} { // a state of 10, a branch at 15, states of 20 and 25
		feed(s, count(0, n))
		if n < 30 {
			must(t, s.Keep())
		}
	}
	other := begin(t, tr, append(count(0, 15), 99, 98), 10)
	feed(other, append(count(0, 15), 99, 98))
	whole := begin(t, tr, count(0, 40), 0) // computed in one step, so it goes back anywhere
	feed(whole, count(0, 40))
	must(t, s.Drop())
	must(t, whole.End())
	tr.each(func(n *node) {
		if n.parent != nil && n.held == nil && len(n.live) == 0 && len(n.next) < 2 {
			t.Errorf("a node of %d tokens serves nothing", n.depth)
		}
	})
}
