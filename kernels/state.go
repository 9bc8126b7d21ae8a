package kernels

import "fmt"

// LayerKind says what a layer keeps of the positions that it has seen.
type LayerKind int

const (
	// KeysValues layers keep a key and a value of each position, for each key/value head.
	KeysValues LayerKind = iota
	// Recurrent layers keep one block of values, which each position replaces.
	Recurrent
	// Latent layers keep one row of each position for all heads: its key has all values of the row, its value
	// the first of them (multi-head latent attention, DeepSeek-V2, arXiv:2405.04434).
	Latent
)

// Layer says what one layer of a model keeps between steps.
type Layer struct {
	Kind LayerKind

	// Of KeysValues: a key has KeyDim values, a value ValueDim. With a Window > 0 a position
	// sees itself and the Window-1 positions before it; the state forgets earlier ones.
	KVHeads, KeyDim, ValueDim int
	Window                    int
	// Fine asks for values as fine as float16, 11 bits, where 8 would do otherwise.
	Fine bool

	// Of Latent: a row has KeyDim values, of which the first ValueDim are the value.

	// Of Recurrent: Rows × Cols float32 values for each sequence, zeros at first.
	Rows, Cols int
}

// StateShape is the shape of a State.
type StateShape struct {
	Layers []Layer
	Cap    int // positions that fit
}

// Check reports what makes a state of the shape impossible on every device.
func (s StateShape) Check() error {
	if len(s.Layers) == 0 || s.Cap <= 0 {
		return fmt.Errorf("%d layers and %d positions: a state needs at least one of both", len(s.Layers), s.Cap)
	}
	for i, l := range s.Layers {
		if err := l.check(); err != nil {
			return fmt.Errorf("layer %d: %w", i, err)
		}
	}
	return nil
}

func (l Layer) check() error {
	switch {
	case l.Kind == Recurrent:
		if l.Rows <= 0 || l.Cols <= 0 {
			return fmt.Errorf("%d × %d recurrent values", l.Rows, l.Cols)
		}
	case l.Kind == Latent:
		if l.ValueDim <= 0 || l.KeyDim < l.ValueDim || l.Window != 0 {
			return fmt.Errorf("latent rows of %d values, the first %d of them as values, window %d", l.KeyDim, l.ValueDim, l.Window)
		}
	case l.Kind != KeysValues:
		return fmt.Errorf("kind %d is not known", l.Kind)
	case l.KVHeads <= 0 || l.KeyDim <= 0 || l.ValueDim <= 0 || l.Window < 0:
		return fmt.Errorf("%d heads with keys of %d and values of %d dimensions, window %d", l.KVHeads, l.KeyDim, l.ValueDim, l.Window)
	}
	return nil
}

// State is what the layers of a model keep of one sequence. Positions are added by the
// operations of a step (Step.Store and those of recurrent layers), always from Len or an
// earlier position on; added at an earlier one, they replace what was there.
//
// A State is used by one goroutine at a time. States share no memory that can change, even
// if one was forked from the other, so different goroutines may use different states.
// Using a State after Close is a bug and panics.
type State interface {
	// Cap is the number of positions that fit.
	Cap() int
	// Len is the number of positions held: the next one to add is Len.
	Len() int
	// Truncate forgets the positions from n on. It returns false, and changes nothing, if the
	// state cannot go back to n: n is negative or beyond Len, a layer with a window has let go
	// of positions that n sees, or a recurrent layer has moved on. Going back to 0 always works.
	Truncate(n int) bool
	// Fork returns a state with the same content. Both share memory until one of them writes.
	Fork() (State, error)
	// Bytes is the memory held. Of memory that several states share, each counts its part, so
	// the sum over all states is what they take together.
	Bytes() int64
	// MaxBytes is the most that Bytes can become if at most step positions are added at a time.
	MaxBytes(step int) int64
	// Close frees the memory.
	Close() error
}
