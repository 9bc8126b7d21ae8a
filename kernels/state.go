package kernels

import (
	"fmt"
	"io"
)

// LayerKind is the kind of values that a layer keeps of the positions that it has processed.
type LayerKind int

const (
	// KeysValues layers keep a key and a value of each position, for each key/value head.
	KeysValues LayerKind = iota
	// Recurrent layers keep one block of values, which each position updates.
	Recurrent
	// Latent layers keep one row for each position, shared by all heads. The whole row is the key, and its first
	// values are the value (multi-head latent attention, DeepSeek-V2, arXiv:2405.04434).
	Latent
)

// Layer describes what one layer of a model keeps between steps.
type Layer struct {
	Kind LayerKind

	// For KeysValues: a key has KeyDim values, a value ValueDim. If Window > 0, a position
	// attends to itself and the Window-1 positions before it; the state drops earlier ones.
	KVHeads, KeyDim, ValueDim int
	Window                    int
	// Fine requires values, and attention to them, with the precision of float16 (11 bits) even if 8 bits would usually do.
	Fine bool

	// For Latent: a row has KeyDim values, of which the first ValueDim are the value.

	// For Recurrent: Rows × Cols float32 values for each sequence, initially zeros.
	Rows, Cols int
}

// StateShape is the shape of a State: the layers, and Cap, the largest number of positions.
type StateShape struct {
	Layers []Layer
	Cap    int // largest number of positions
}

// Check returns an error if no device can have a state of this shape.
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

// State is what the layers of a model keep of one sequence. The operations of a step add
// positions (Step.Store and those of recurrent layers), beginning at Len or at an
// earlier position. In the latter case they replace the positions that were there.
//
// The goroutine that uses the device uses its states, see Device. A fork may be used as if it shared nothing with
// the state of which it was made.
// Using a State after Close is a bug and panics.
type State interface {
	// Cap returns the largest number of positions.
	Cap() int
	// Len returns the number of positions held, which is also the next position to add.
	Len() int
	// Truncate removes the positions from n on. It returns false, and changes nothing, if the
	// state cannot go back to n: n is negative or exceeds Len, a layer with a window has dropped
	// positions that n attends to, or a recurrent layer has advanced. Truncating to 0 always succeeds.
	Truncate(n int) bool
	// Fork returns a state with the same content. Both share memory until one of them writes.
	Fork() (State, error)
	// Bytes returns the memory held, in bytes. Memory that several states share is divided among them, so
	// the sum over all states is their total memory.
	Bytes() int64
	// MaxBytes returns the largest value of Bytes if at most step positions are added at a time.
	MaxBytes(step int) int64
	// Close frees the memory.
	Close() error
}

// SavedState is implemented by the states of devices whose content can be kept outside of the device.
type SavedState interface {
	State
	// Layout identifies the form of what Save writes. A state can be restored from what one of an equal Layout has saved.
	Layout() string
	// Save writes the content of the positions held, and nothing that other states or removed positions have left in the memory.
	// An error is one of w.
	Save(w io.Writer) error
	// Restore gives an empty state what Save has written. After an error the state must be closed. It checks how much there is of what, not the
	// values: these must be protected by a checksum.
	Restore(r io.Reader) error
}
