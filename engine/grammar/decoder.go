package grammar

import (
	"math/bits"
	"slices"
	"sync"
)

// Decoder follows a grammar in the tokens of a vocabulary. It keeps the masks that it has computed, for all answers. It is safe for
// concurrent use.
//
// The mask of a configuration is the union of those of its nodes. What a node allows does not depend on where its rule returns, but for
// tokens that go beyond the end of the rule: so it is computed once, with the places in the tree of tokens where the rule has ended. Only below
// these the tree is walked again, for the set to which the rule returns.
type Decoder struct {
	g *Grammar
	v *Vocabulary

	mu     sync.Mutex
	shared *automaton // of new matchers
}

// automaton is a machine with the masks that have been computed.
type automaton struct {
	mu     sync.Mutex
	m      *machine
	v      *Vocabulary
	masks  map[int32]*mask // of configurations
	locals map[int32]*local
	size   int // of masks and locals, in bytes
	path   []int32
}

// mask is what may follow a configuration.
type mask struct {
	bits  []uint64
	count int // of tokens, without those that end an answer
}

// local is what a node allows whatever comes after its rule.
type local struct {
	bits    []uint64
	escapes []int32 // nodes of the tree of tokens at which the rule has ended
}

const (
	maxMasks   = 64 << 20 // bytes; when they are exceeded, masks are computed anew
	freshAfter = 64 << 20 // bytes of a machine, after which new matchers get a new one
	mostText   = 256      // bytes between two masks, of which the later one is computed from the earlier one
	mostPast   = 4        // masks from which one is computed: a character can take as many tokens
	mostLocals = 16       // of a configuration with more items, the tree is walked for all of them at once
)

// NewDecoder returns a Decoder. Nothing is computed before it is needed.
func NewDecoder(g *Grammar, v *Vocabulary) *Decoder { return &Decoder{g: g, v: v} }

// Matcher returns a Matcher that is before the first token.
func (d *Decoder) Matcher() *Matcher {
	d.mu.Lock()
	if d.shared == nil || d.shared.large() {
		d.shared = &automaton{m: newMachine(d.g), v: d.v, masks: map[int32]*mask{}, locals: map[int32]*local{}}
	}
	a := d.shared
	d.mu.Unlock()
	a.mu.Lock()
	defer a.mu.Unlock()
	return &Matcher{a: a, at: a.m.start()}
}

func (a *automaton) large() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.m.size > freshAfter || a.m.failed
}

// Matcher follows one answer. One goroutine may use it.
type Matcher struct {
	a    *automaton
	at   int32  // configuration
	past []past // those whose masks were asked for last, in order
	text []byte // that has led from the first of them to here
}

// past is a configuration, with the number of bytes of Matcher.text that have led to it.
type past struct {
	at int32
	n  int
}

// Mask returns the tokens that may follow: token i may if bit i%64 of mask[i/64] is set. It must not be changed. The tokens that end
// an answer are among them where the text may end. The error is ErrStuck if no token may follow, or ErrTooComplex.
func (x *Matcher) Mask() ([]uint64, error) {
	x.a.mu.Lock()
	defer x.a.mu.Unlock()
	k := x.mask()
	x.remember()
	switch end := x.a.m.sets[x.at].end; {
	case x.a.m.failed:
		return nil, ErrTooComplex
	case k.count == 0 && (!end || len(x.a.v.ends) == 0):
		return nil, ErrStuck
	}
	return k.bits, nil
}

// Accept adds a token to the text. It returns false, and nothing changes, if it may not follow.
func (x *Matcher) Accept(id int32) bool {
	return id >= 0 && int(id) < len(x.a.v.pieces) && x.a.v.pieces[id] != nil && x.AcceptText(x.a.v.pieces[id])
}

// AcceptText adds text. It returns false, and nothing changes, if it may not follow.
func (x *Matcher) AcceptText(text []byte) bool {
	x.a.mu.Lock()
	defer x.a.mu.Unlock()
	at := x.at
	for _, b := range text {
		if at = x.a.m.step(at, b); at == dead {
			return false
		}
	}
	x.at, x.text = at, append(x.text, text...)
	if len(x.text) > mostText {
		x.past, x.text = nil, nil
	}
	return true
}

// CanEnd reports whether the text may end here.
func (x *Matcher) CanEnd() bool {
	x.a.mu.Lock()
	defer x.a.mu.Unlock()
	return x.a.m.sets[x.at].end
}

// MustEnd reports whether the text may end here and nothing may follow.
func (x *Matcher) MustEnd() bool {
	x.a.mu.Lock()
	defer x.a.mu.Unlock()
	s := x.a.m.sets[x.at]
	return s.end && len(s.items) == 0
}

// mask returns the mask of the present configuration. If it is alike to one before it, the mask is the same for tokens so short that they may follow both or neither; only the others are walked.
func (x *Matcher) mask() *mask {
	a := x.a
	if k, ok := a.masks[x.at]; ok {
		return k
	}
	for _, p := range slices.Backward(x.past) {
		before, ok := a.masks[p.at]
		if !ok {
			continue
		}
		n := a.m.alikeAfter(p.at, x.text[p.n:])
		for i := len(longerThan) - 1; i >= 0; i-- {
			if n < longerThan[i] {
				continue
			}
			l := &a.v.longer[i]
			set := make([]uint64, a.v.words())
			for i, w := range before.bits {
				set[i] = w & l.short[i]
			}
			a.walk(&l.tree, 0, x.at, set, nil)
			return a.keep(x.at, set)
		}
	}
	return a.mask(x.at)
}

// remember notes the present configuration as one of the past.
func (x *Matcher) remember() {
	if x.past = append(x.past, past{x.at, len(x.text)}); len(x.past) > mostPast {
		cut := x.past[1].n
		x.past, x.text = append([]past{}, x.past[1:]...), append([]byte{}, x.text[cut:]...)
		for i := range x.past {
			x.past[i].n -= cut
		}
	}
}

func (a *automaton) mask(c int32) *mask {
	if k, ok := a.masks[c]; ok {
		return k
	}
	set, items := make([]uint64, a.v.words()), a.m.sets[c].items
	if len(items) > mostLocals {
		a.walk(&a.v.tree, 0, c, set, nil)
	} else {
		for _, it := range items {
			a.maskItem(it, set)
		}
	}
	return a.keep(c, set)
}

// keep makes a mask of the tokens that may follow a configuration, and keeps it.
func (a *automaton) keep(c int32, set []uint64) *mask {
	if a.size > maxMasks {
		clear(a.masks)
		clear(a.locals)
		a.size = 0
	}
	k := &mask{bits: set}
	for _, w := range k.bits {
		k.count += bits.OnesCount64(w)
	}
	if a.m.sets[c].end {
		for _, id := range a.v.ends {
			k.bits[id/64] |= 1 << (id % 64)
		}
	}
	a.masks[c] = k
	a.size += 8*len(k.bits) + 100
	return k
}

// maskItem adds what a node allows, with the set to which its rule returns.
func (a *automaton) maskItem(it item, set []uint64) {
	l := a.local(it.node)
	for i, w := range l.bits {
		set[i] |= w
	}
	if it.below == ended || len(l.escapes) == 0 {
		return
	}
	below := a.m.returned(it.below)
	for _, at := range l.escapes {
		a.walk(&a.v.tree, at, below, set, nil)
	}
}

func (a *automaton) local(node int32) *local {
	if l, ok := a.locals[node]; ok {
		return l
	}
	l := &local{bits: make([]uint64, a.v.words())}
	a.walk(&a.v.tree, 0, a.m.intern([]item{{node, ended}}, false), l.bits, &l.escapes)
	a.locals[node] = l
	a.size += 8*len(l.bits) + 4*len(l.escapes) + 100
	return l
}

// walk sets the bits of the tokens below a node of the tree that may follow a configuration. escapes, if it is not nil, gets the nodes at which the
// end is reached and that have nodes below them.
func (a *automaton) walk(v *tree, from, c int32, set []uint64, escapes *[]int32) {
	base := int(v.depth[from])
	a.path = append(a.path[:0], c) // the configuration at each depth from there
	for i, stop := from+1, v.skip[from]; i < stop && !a.m.failed; {
		depth := int(v.depth[i]) - base
		to := a.m.step(a.path[depth-1], v.byteOf[i])
		if to == dead {
			i = v.skip[i]
			continue
		}
		a.path = append(a.path[:depth], to)
		for _, id := range v.ids[v.first[i]:v.first[i+1]] {
			set[id/64] |= 1 << (id % 64)
		}
		if escapes != nil && v.skip[i] > i+1 && a.m.sets[to].end {
			*escapes = append(*escapes, i)
		}
		i++
	}
}
