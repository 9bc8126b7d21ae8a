// Package state keeps what layers have computed for the tokens of earlier sequences, so that
// a new sequence with the same beginning computes only what is new.
package state

import (
	"errors"

	"soberano/kernels"
)

// Tree is a prefix tree over tokens. Its nodes hold states, each of the tokens on the way
// from the root; the sequences that are under way stand in it too.
//
//	root ─ system prompt ─┬─ question A ─ answer A ● ─ question A2 ─ (under way)
//	                      └─ question B ─ answer B ●
//
// A new sequence finds the longest beginning that it shares with any of them and forks that
// state; states share memory (kernels.State), so what is common is kept once. A state longer
// than what is shared goes back to it with Truncate. Where it can't, because a layer has a
// window or is recurrent, the nearest state before serves, which is why Sequence.Keep takes
// snapshots of sequences under way.
//
// States together stay below a budget in bytes as long as some are idle: the least recently
// used ones are closed first. A Tree is used by one goroutine at a time.
type Tree struct {
	dev     kernels.Device
	shape   kernels.StateShape
	rewinds bool
	budget  int64
	roots   map[string]*node // by key, see Begin
	clock   int64            // of uses
	running []*Sequence
}

// node is a place in the tree. It holds a state, or sequences stand at it, or it has several
// children, but for the root.
type node struct {
	parent *node
	edge   []int32 // tokens from the parent to here
	depth  int     // tokens from the root to here
	next   map[int32]*node
	held   *held
	live   []*Sequence
}

// held is an idle state.
type held struct {
	state kernels.State
	used  int64
}

const (
	// MostOnPath is how many states the way to one node may hold, besides that of a sequence under way. A conversation's last state
	// and three snapshots let it be continued, answered anew and edited without much to compute
	// again; each holds the windows of all windowed layers, and the values of recurrent ones.
	MostOnPath = 4
	// worthKeeping is how many tokens at the end of an idle state are kept for others when a
	// sequence continues from before them.
	worthKeeping = 16
)

// New makes an empty tree of states of a shape on dev. budget is in bytes.
func New(dev kernels.Device, shape kernels.StateShape, budget int64) *Tree {
	return &Tree{roots: map[string]*node{}, dev: dev, shape: shape, rewinds: rewinds(shape), budget: budget}
}

// rewinds reports whether every state of the shape can go back to any position.
func rewinds(s kernels.StateShape) bool {
	for _, l := range s.Layers {
		if l.Kind == kernels.Recurrent || l.Window > 0 && l.Window < s.Cap {
			return false
		}
	}
	return true
}

// Budget returns the largest number of bytes of all states, if some are idle.
func (t *Tree) Budget() int64 { return t.budget }

// Rewinds reports whether every state can go back to any position, so that snapshots are
// worth nothing.
func (t *Tree) Rewinds() bool { return t.rewinds }

// Begin begins a sequence with the state of the longest beginning of tokens that is there, but
// at most of most tokens. Len of the state says how many it has. Only states of sequences with the same key serve:
// it names what else the states depend on.
func (t *Tree) Begin(key string, tokens []int32, most int) (*Sequence, error) {
	return t.begin(key, tokens, most, t.rewinds)
}

// Branch is Begin for a sequence that will end with Drop: every idle state stays in the tree.
func (t *Tree) Branch(key string, tokens []int32, most int) (*Sequence, error) {
	return t.begin(key, tokens, most, false)
}

// begin is Begin; if take is true, the sequence may take an idle state out of the tree.
func (t *Tree) begin(key string, tokens []int32, most int, take bool) (*Sequence, error) {
	s := &Sequence{tree: t}
	var err error
	if s.State, err = t.find(key, tokens[:most], take); err == nil && s.State == nil {
		s.State, err = t.newState()
	}
	if err != nil {
		return nil, err
	}
	n := s.State.Len()
	s.tokens = append(s.tokens, tokens[:n]...)
	s.node = t.insert(t.root(key), s.tokens)
	s.node.live = append(s.node.live, s)
	t.running = append(t.running, s)
	return s, nil
}

// Fresh begins an empty sequence that finds nothing and leaves nothing in the tree.
func (t *Tree) Fresh() (*Sequence, error) {
	st, err := t.newState()
	if err != nil {
		return nil, err
	}
	s := &Sequence{tree: t, State: st}
	t.running = append(t.running, s)
	return s, nil
}

// root returns the root of the sequences with a key.
func (t *Tree) root(key string) *node {
	n := t.roots[key]
	if n == nil {
		n = &node{}
		t.roots[key] = n
	}
	return n
}

// each calls do with all nodes. do must not change the tree.
func (t *Tree) each(do func(*node)) {
	for _, n := range t.roots {
		n.each(do)
	}
}

// Known returns a fork of the state of the longest beginning of tokens that is there, nil if there is none. The caller closes it.
func (t *Tree) Known(key string, tokens []int32) (kernels.State, error) {
	return t.find(key, tokens, false)
}

// Empty returns an empty state. If there is no memory for it, idle states make room.
func (t *Tree) Empty() (kernels.State, error) { return t.newState() }

// Put puts an idle state of tokens into the tree, which owns it from then on.
func (t *Tree) Put(key string, tokens []int32, st kernels.State) error {
	n := t.insert(t.root(key), tokens)
	return errors.Join(t.hold(n, st), t.settle(n))
}

// newState makes an empty state. If there is no memory for it, idle states make room.
func (t *Tree) newState() (kernels.State, error) {
	for {
		st, err := t.dev.NewState(t.shape)
		if err == nil {
			return st, nil
		}
		n := t.oldest()
		if n == nil {
			return nil, err
		}
		if e := t.drop(n); e != nil {
			return nil, errors.Join(err, e)
		}
	}
}

// Bytes is the memory of all states, those of sequences under way included.
func (t *Tree) Bytes() int64 {
	sum := int64(0)
	for _, s := range t.running {
		sum += s.State.Bytes()
	}
	t.each(func(n *node) {
		if n.held != nil {
			sum += n.held.state.Bytes()
		}
	})
	return sum
}

// Fit closes idle states, the least recently used first, until the budget is kept.
func (t *Tree) Fit() error {
	for t.Bytes() > t.budget {
		n := t.oldest()
		if n == nil {
			return nil
		}
		if err := t.drop(n); err != nil {
			return err
		}
	}
	return nil
}

// Close closes all states. Sequences under way must not be used afterwards.
func (t *Tree) Close() error {
	var err error
	for _, s := range t.running {
		err = errors.Join(err, s.State.Close())
	}
	t.each(func(n *node) {
		if n.held != nil {
			err = errors.Join(err, n.held.state.Close())
		}
	})
	t.running = nil
	clear(t.roots)
	return err
}

// oldest returns the node that holds the state used least recently, nil if there is none.
func (t *Tree) oldest() (old *node) {
	t.each(func(n *node) {
		if n.held != nil && (old == nil || n.held.used < old.held.used) {
			old = n
		}
	})
	return old
}

// hold makes n hold an idle state, used now, instead of what it held before.
func (t *Tree) hold(n *node, st kernels.State) error {
	var err error
	if n.held != nil {
		err = n.held.state.Close()
	}
	t.clock++
	n.held = &held{st, t.clock}
	return err
}

// drop closes the state that n holds.
func (t *Tree) drop(n *node) error {
	err := n.held.state.Close()
	n.held = nil
	n.tidy()
	return err
}
