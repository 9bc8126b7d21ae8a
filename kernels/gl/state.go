//go:build (linux || windows) && cgo

package gl

import (
	"fmt"
	"slices"

	"soberano/kernels"
	"soberano/kernels/contract"
)

// state implements kernels.State. Its pages are memory of the GPU (form).
//
// Keys and values are float16, two in a word, or float32 (Options.Exact). A page of a layer with keys of K and values of V dimensions has for each head
// [256][keyWords] words of keys and, unless the layer is latent, [256][valueWords] words of values.
type state struct {
	contract.State[*page]
	plan *plan
	dev  *device
}

// plan is what all states of one shape have in common.
type plan struct {
	contract.Plan
	layers  []layerForm
	groups  []*form
	carried *form // of the recurrent layers; nil if there are none
}

// layerForm describes how the memory of one layer is organised.
type layerForm struct {
	kernels.Layer
	slot       int // index of its memory in the form
	heads      int // of keys and values
	keyWords   int // words of a key
	valueWords int // words of a value that lie behind the keys; 0 in a latent layer
	words      int // of a page
}

// mostDims is the most dimensions of a key or value; see attend.glsl.
const mostDims = 1024

// NewState returns an empty state.
func (d *device) NewState(s kernels.StateShape) (kernels.State, error) {
	if d.closed {
		return nil, errClosed
	}
	p, err := d.plan(s)
	if err != nil {
		return nil, fmt.Errorf("gl: NewState: %w", err)
	}
	return p.state(d), nil
}

func (p *plan) state(d *device) *state {
	return &state{contract.NewState(&p.Plan, d.pages.release), p, d}
}

// plan checks a shape and determines the place of each layer in memory.
func (d *device) plan(s kernels.StateShape) (*plan, error) {
	if err := s.Check(); err != nil {
		return nil, err
	}
	p := &plan{Plan: contract.NewPlan(s)}
	words, carried := make([][]int, len(p.Windows)), []int(nil) // of the layers of each group
	size := 0.0
	for i, l := range s.Layers {
		f, bytes := d.formOf(l)
		if size += bytes * float64(s.Cap/positions+1); size > contract.MaxStateBytes {
			return nil, fmt.Errorf("a context of %d positions needs %.0f GiB or more; choose a shorter one", s.Cap, size/(1<<30))
		}
		if bytes > 4*float64(d.gpu.most) || l.Kind != kernels.Recurrent && max(l.KeyDim, l.ValueDim) > mostDims {
			return nil, fmt.Errorf("layer %d: %w: keys and values of %d and %d dimensions, %.0f bytes", i, ErrUnsupported, l.KeyDim, l.ValueDim, bytes)
		}
		if g := p.Group[i]; g == contract.Carried {
			f.slot, carried = len(carried), append(carried, f.words)
		} else {
			f.slot, words[g] = len(words[g]), append(words[g], f.words)
		}
		p.layers = append(p.layers, f)
	}
	for g, w := range words {
		f := d.pages.form(w, min(4, d.slabPages(w)), min(32, d.slabPages(w)))
		p.groups, p.PageBytes[g] = append(p.groups, f), f.bytes()
	}
	if p.HasCarried {
		p.carried = d.pages.form(carried, 1, min(8, d.slabPages(carried)))
		p.CarriedBytes = p.carried.bytes()
	}
	return p, nil
}

// slabPages returns how many pages a buffer can have for each of the layers with so many words.
func (d *device) slabPages(words []int) int { return max(1, d.gpu.most/slices.Max(words)) }

// wordsOf returns the number of words of a key or value, rounded up to 16 bytes, which a shader reads at once.
func (d *device) wordsOf(dims int) int {
	if d.exact {
		return (dims + 3) / 4 * 4
	}
	return (dims + 7) / 8 * 4
}

// formOf returns the form of a layer and the bytes of a page, which may exceed every memory.
func (d *device) formOf(l kernels.Layer) (f layerForm, bytes float64) {
	f = layerForm{Layer: l, heads: l.KVHeads, keyWords: d.wordsOf(l.KeyDim), valueWords: d.wordsOf(l.ValueDim)}
	switch l.Kind {
	case kernels.Recurrent:
		f.words, bytes = l.Rows*l.Cols, 4*float64(l.Rows)*float64(l.Cols)
		return f, bytes
	case kernels.Latent:
		f.heads, f.valueWords = 1, 0
	}
	f.words = f.heads * positions * (f.keyWords + f.valueWords)
	return f, 4 * positions * float64(f.heads) * (float64(f.keyWords) + float64(f.valueWords))
}

// Fork returns a state that shares the memory.
func (s *state) Fork() (kernels.State, error) { return &state{s.Share(), s.plan, s.dev}, nil }

// stateOf returns the state of a span. It panics if the state belongs to another device.
func (s *step) stateOf(op string, sp kernels.Span) *state {
	c, ok := sp.State.(*state)
	if !ok || c.dev != s.d {
		contract.Misuse(op, "a state of another device")
	}
	return c
}

// pager implements contract.Memory for a state in a step, which records copies as commands.
type pager struct {
	s *step
	c *state
}

// Take returns a page with memory.
func (g *pager) Take(group int) *page {
	f := g.c.plan.carried
	if group != contract.Carried {
		f = g.c.plan.groups[group]
	}
	m := g.s.d.pages.take(f)
	g.s.fail(g.s.d.ensure(m))
	return m
}

// Copy copies whole pages.
func (g *pager) Copy(to, from *page, _, _ int) {
	if g.s.err == nil {
		for i, n := range from.form.words {
			g.s.copyWords(to.slab.buffers[i], to.index*n, from.slab.buffers[i], from.index*n, n)
		}
	}
}

func (g *pager) Clear(m *page) {
	if g.s.err == nil {
		for i, n := range m.form.words {
			g.s.clearWords(m.slab.buffers[i], m.index*n, n)
		}
	}
}
