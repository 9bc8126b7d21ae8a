package cpu

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"soberano/kernels"
	"soberano/kernels/contract"
	"soberano/kernels/devicetest"
)

// Layers of the states that TestStates compares with reference states.
const (
	fullLayer   = iota
	narrowLayer // a window of less than a page
	wideLayer   // a window of more than a page, and values with other dimensions than keys
	secondNarrow
	recurrentLayer
)

func mixedLayers(recurrent bool) []kernels.Layer {
	layers := []kernels.Layer{
		fullLayer:    {KVHeads: 2, KeyDim: 16, ValueDim: 16},
		narrowLayer:  {KVHeads: 1, KeyDim: 32, ValueDim: 32, Window: 40},
		wideLayer:    {KVHeads: 1, KeyDim: 8, ValueDim: 40, Window: 300},
		secondNarrow: {KVHeads: 2, KeyDim: 16, ValueDim: 16, Window: 40},
	}
	if recurrent {
		layers = append(layers, kernels.Layer{Kind: kernels.Recurrent, Rows: 3, Cols: 5})
	}
	return layers
}

// plainState is a state together with the content that it should have.
type plainState struct {
	real  *state
	k, v  [4][]float32 // content of each layer of keys and values
	n     int
	carry float32 // value of all recurrent values
	let   [4]int  // first position of each layer that the state must still have
}

// states is a device with many states of one shape.
type states struct {
	d      *device
	shape  kernels.StateShape
	all    []*plainState
	number float32 // number of rows so far
}

// TestStates checks that after additions, forks, truncations and closings in any order, each state
// has the same content as a plain list of its positions, and that in the end no memory is in use.
func TestStates(t *testing.T) {
	for _, recurrent := range []bool{false, true} {
		rapid.Check(t, func(t *rapid.T) {
			d, err := newDevice(Options{Threads: 1, Exact: true}, best())
			if err != nil {
				t.Fatal(err)
			}
			defer d.Close()
			m := &states{d: d, shape: kernels.StateShape{Layers: mixedLayers(recurrent), Cap: 1500}}
			m.create(t)
			t.Repeat(map[string]func(*rapid.T){"create": m.create, "add": m.add, "add more": m.add, "fork": m.fork, "truncate": m.truncate, "close": m.close, "restore": m.restore, "": m.check})
			for _, p := range m.all {
				p.real.Close()
			}
			m.allFree(t)
		})
	}
}

func (m *states) pick(t *rapid.T) *plainState {
	if len(m.all) == 0 {
		t.Skip("no states")
	}
	return rapid.SampledFrom(m.all).Draw(t, "which")
}

func (m *states) create(t *rapid.T) {
	s, err := m.d.NewState(m.shape)
	if err != nil {
		t.Fatal(err)
	}
	m.all = append(m.all, &plainState{real: s.(*state)})
}

func (m *states) add(t *rapid.T) {
	p := m.pick(t)
	n := min(rapid.SampledFrom([]int{1, 2, 31, 32, 100, 300}).Draw(t, "n"), m.shape.Cap-p.n)
	for l, f := range m.shape.Layers {
		if f.Kind == kernels.Recurrent {
			for i := range n {
				for j, x := range p.real.recurrent(l, p.n+i, 1) {
					if x != p.carry {
						t.Fatalf("recurrent value %d is %g, expected %g", j, x, p.carry)
					}
					p.real.recurrent(l, p.n+i+1, 0)[j] = x/2 + m.number
				}
				p.carry = p.carry/2 + m.number
			}
			continue
		}
		ks, vs := f.KVHeads*f.KeyDim, f.KVHeads*f.ValueDim
		k, v := devicetest.Gauss(devicetest.Rand(), n*ks), devicetest.Gauss(devicetest.Rand(), n*vs)
		for i := range k {
			k[i] += m.number
		}
		for i := range v {
			v[i] -= m.number
		}
		storeRows(m.d, p.real, l, p.n, k, v, f)
		p.k[l], p.v[l] = append(p.k[l][:p.n*ks:p.n*ks], k...), append(p.v[l][:p.n*vs:p.n*vs], v...)
		if f.Window > 0 {
			p.let[l] = max(p.let[l], (p.n-f.Window+1)/page*page)
		}
	}
	p.n += n
	m.number = float32(math.Mod(float64(m.number)+0.37, 1))
}

// storeRows adds rows of keys and values to a layer of a state.
func storeRows(d *device, s kernels.State, l, pos int, k, v []float32, f kernels.Layer) {
	n := len(k) / (f.KVHeads * f.KeyDim)
	st := begin(d, &kernels.Batch{Spans: []kernels.Span{{State: s, N: n, Pos: pos}}})
	a := attentionOf(f)
	st.Store(tensorOf(st, k, n, f.KVHeads*f.KeyDim), tensorOf(st, v, n, f.KVHeads*f.ValueDim), l, &a)
}

// attentionOf returns attention with one query head for each key/value head of a layer.
func attentionOf(f kernels.Layer) kernels.Attention {
	return kernels.Attention{Heads: f.KVHeads, KVHeads: f.KVHeads, HeadDim: f.KeyDim, ValueDim: f.ValueDim, Scale: 0.2, Causal: true, Window: f.Window}
}

func (m *states) fork(t *rapid.T) {
	p := m.pick(t)
	f, err := p.real.Fork()
	if err != nil {
		t.Fatal(err)
	}
	c := *p
	c.real = f.(*state)
	m.all = append(m.all, &c)
}

func (m *states) truncate(t *rapid.T) {
	p := m.pick(t)
	n := rapid.OneOf(rapid.IntRange(0, p.n+1), rapid.IntRange(max(0, p.n-300), p.n)).Draw(t, "to")
	want := n <= p.n
	for l, f := range m.shape.Layers {
		switch {
		case n == 0 || n == p.n:
		case f.Kind == kernels.Recurrent:
			want = false
		case max(0, n-f.Window+1) < p.let[l]:
			want = false
		}
	}
	if got := p.real.Truncate(n); got != want {
		t.Fatalf("a state of %d positions goes back to %d: %v, expected %v", p.n, n, got, want)
	}
	if want {
		p.n = n
	}
	if n == 0 {
		p.carry, p.let = 0, [4]int{}
	}
}

// restore puts a state in the place of one, with the content that it has saved.
func (m *states) restore(t *rapid.T) {
	p := m.pick(t)
	var b bytes.Buffer
	again, err := m.d.NewState(m.shape)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.real.Save(&b); err != nil {
		t.Fatal(err)
	}
	if err := again.(*state).Restore(&b); err != nil || b.Len() > 0 {
		t.Fatalf("a state of %d positions is not restored, and %d bytes are left: %v", p.n, b.Len(), err)
	}
	p.real.Close()
	p.real = again.(*state)
}

func (m *states) close(t *rapid.T) {
	p := m.pick(t)
	if err := p.real.Close(); err != nil {
		t.Fatal(err)
	}
	m.all = slices.DeleteFunc(m.all, func(o *plainState) bool { return o == p })
}

// check checks every state by attention of one query at its last position.
func (m *states) check(t *rapid.T) {
	for i, p := range m.all {
		if p.real.Len() != p.n {
			t.Fatalf("state %d has %d positions, expected %d", i, p.real.Len(), p.n)
		}
		if p.n == 0 {
			continue
		}
		for l, f := range m.shape.Layers {
			// A state that was truncated to the edge of a window has everything that its next position attends to, but lacks one
			// position that its last one attended to.
			edge := f.Window > 0 && max(0, p.n-f.Window) < p.let[l]
			if f.Kind == kernels.Recurrent || edge {
				continue
			}
			m.look(t, p, l, f)
		}
	}
	m.count(t)
}

func (m *states) look(t *rapid.T, p *plainState, l int, f kernels.Layer) {
	cols := f.KVHeads * f.KeyDim
	a := attentionOf(f)
	q := devicetest.Gauss(devicetest.Rand(), cols)
	st := begin(m.d, &kernels.Batch{Spans: []kernels.Span{{State: p.real, N: 1, Pos: p.n - 1}}})
	x := st.New(1, f.KVHeads*f.ValueDim)
	st.Attend(x, tensorOf(st, q, 1, cols), l, &a)
	want := devicetest.Attended(&a, q, p.k[l], p.v[l], 1, p.n-1, 0)
	if e := devicetest.Distance(flat(x), want); !(e < 1e-5) {
		t.Fatalf("layer %d of a state of %d positions is off by %g", l, p.n, e)
	}
}

// count compares the sum of the memory that the states report with the pages that are in use.
func (m *states) count(t *rapid.T) {
	in := map[*shared]bool{}
	said := int64(0)
	for _, p := range m.all {
		said += p.real.Bytes()
		p.real.Pages(func(s *shared) { in[s] = true })
	}
	used := int64(0)
	for s := range in {
		used += int64(s.form.bytes)
	}
	if said > used || said < used-int64(len(in)*len(m.all)) {
		t.Fatalf("states hold %d bytes and say %d", used, said)
	}
}

// allFree checks that all shared memory is in the free lists.
func (m *states) allFree(t *rapid.T) {
	sum := int64(0)
	for _, f := range m.d.pages.forms {
		for _, s := range f.free {
			if s.Count() != 0 {
				t.Fatal("spare memory is held")
			}
			sum += int64(f.bytes)
		}
	}
	if sum != m.d.pages.spare {
		t.Fatalf("%d bytes are spare, counted were %d", sum, m.d.pages.spare)
	}
}

// TestWindowMemory checks that the memory of layers with a window does not grow with the sequence, that adding
// positions allocates nothing, and that MaxBytes is never exceeded.
func TestWindowMemory(t *testing.T) {
	for _, step := range []int{1, 100, 512} {
		d, err := newDevice(Options{Threads: 1}, best())
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		layer := kernels.Layer{KVHeads: 1, KeyDim: 32, ValueDim: 32, Window: 512}
		s, err := d.NewState(kernels.StateShape{Layers: []kernels.Layer{layer}, Cap: 1 << 20})
		if err != nil {
			t.Fatal(err)
		}
		rows, b, a := devicetest.Gauss(devicetest.Rand(), step*32), &kernels.Batch{Spans: []kernels.Span{{State: s, N: step}}}, attentionOf(layer)
		add := func() {
			b.Spans[0].Pos = s.Len()
			st := d.Begin(b)
			k := st.New(step, 32)
			st.Write(k, rows)
			st.Store(k, k, 0, &a)
			if err := st.End(); err != nil {
				t.Fatal(err)
			}
			if s.Bytes() > s.MaxBytes(step) {
				t.Fatalf("%d bytes at %d, at most %d were expected", s.Bytes(), s.Len(), s.MaxBytes(step))
			}
		}
		for s.Len() < 5000 {
			add()
		}
		if n := testing.AllocsPerRun(2000, add); n != 0 {
			t.Errorf("steps of %d: %g allocations each", step, n)
		}
		if full := StateBytes(kernels.StateShape{Layers: []kernels.Layer{{KVHeads: 1, KeyDim: 32, ValueDim: 32}}, Cap: s.Len()}, step, Cached8); s.Bytes() > full/5 {
			t.Errorf("steps of %d: %d bytes at %d, %d without a window", step, s.Bytes(), s.Len(), full)
		}
	}
}

// TestStateShapes checks that impossible shapes are refused with a reason.
func TestStateShapes(t *testing.T) {
	d, err := newDevice(Options{Threads: 1}, best())
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	good := kernels.Layer{KVHeads: 1, KeyDim: 8, ValueDim: 8}
	for _, l := range []kernels.Layer{
		{}, {KVHeads: 1, KeyDim: 12}, {KVHeads: -1, KeyDim: 8, ValueDim: 8}, {KVHeads: 1, KeyDim: 8, ValueDim: 8, Window: -1},
		{Kind: kernels.Recurrent}, {Kind: 7, Rows: 1, Cols: 1}, {KVHeads: 1 << 20, KeyDim: 1 << 20, ValueDim: 1 << 20},
	} {
		if _, err := d.NewState(kernels.StateShape{Layers: []kernels.Layer{good, l}, Cap: 4096}); err == nil {
			t.Errorf("%+v was accepted", l)
		}
	}
	huge := kernels.StateShape{Layers: []kernels.Layer{{KVHeads: 1 << 30, KeyDim: 1 << 30, ValueDim: 1 << 30}}, Cap: 1 << 30}
	if n := StateBytes(huge, 512, Cached8); n < contract.MaxStateBytes {
		t.Errorf("a huge state is said to take %d bytes", n)
	}
	for _, s := range []kernels.StateShape{{Cap: 1}, {Layers: []kernels.Layer{good}}} {
		if _, err := d.NewState(s); err == nil {
			t.Errorf("%+v was accepted", s)
		}
	}
}

// TestStateMisuse checks that the use of closed states, of positions beyond the end and of layers of another
// kind panics.
func TestStateMisuse(t *testing.T) {
	d, err := newDevice(Options{Threads: 1}, best())
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	open := func() kernels.State {
		s, err := d.NewState(kernels.StateShape{Layers: mixedLayers(true), Cap: 600})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	rows := devicetest.Gauss(devicetest.Rand(), 400*32)
	store := func(s kernels.State, layer, pos, n int) {
		f := kernels.Layer{KVHeads: 1, KeyDim: 32, ValueDim: 32}
		if layer == fullLayer {
			f = kernels.Layer{KVHeads: 2, KeyDim: 16, ValueDim: 16}
		}
		storeRows(d, s, layer, pos, rows[:n*32], rows[:n*32], f)
	}
	closed := open()
	closed.Close()
	for what, c := range map[string]struct {
		do   func()
		want string
	}{
		"Truncate after Close": {func() { closed.Truncate(0) }, "after Close"},
		"Fork after Close":     {func() { closed.Fork() }, "after Close"},
		"Store after Close":    {func() { store(closed, fullLayer, 0, 1) }, "closed"},
		"a gap":                {func() { store(open(), fullLayer, 1, 1) }, "beyond the end"},
		"beyond the capacity":  {func() { s := open(); store(s, fullLayer, 0, 400); store(s, fullLayer, 400, 201) }, "beyond the state"},
		"a recurrent layer":    {func() { store(open(), recurrentLayer, 0, 1) }, "another shape"},
		"behind the window": {func() {
			s := open()
			store(s, narrowLayer, 0, 400)
			store(s, narrowLayer, 400, 1)
			store(s, narrowLayer, 280, 1)
		}, "let go"},
		"recurrent, not in order": {func() {
			s := open().(*state)
			s.recurrent(recurrentLayer, 0, 1)
			s.CheckRecurrent("Scan", kernels.Span{State: s, N: 1}, recurrentLayer, 3, 5, 1)
		}, "position"},
	} {
		if got := fmt.Sprint(recovered(c.do)); !strings.Contains(got, c.want) {
			t.Errorf("%s: %s, expected a panic about %q", what, got, c.want)
		}
	}
}

// TestFineLayers checks that a fine layer is stored as float16 on every level: bfloat16 has eight bits of precision, float16 has eleven.
func TestFineLayers(t *testing.T) {
	for l := range levelNames {
		for _, floats := range []Floats{Keep, BFloat16, Bits8} {
			d := &device{lv: level(l), floats: floats}
			if f := d.formOf(kernels.Layer{KVHeads: 8, KeyDim: 64, ValueDim: 64, Fine: true}); f.kind != kindF16 {
				t.Errorf("%s, floats %d: kind %v", levelNames[l], floats, f.kind)
			}
		}
	}
}
