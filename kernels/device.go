package kernels

import "errors"

// ErrNotANumber: the device computes values that are no numbers. Who runs a model on a device that may be replaced looks for them.
var ErrNotANumber = errors.New("the device computes values that are no numbers")

// Device holds weights and state, and runs steps. Only one goroutine may use it and everything that it
// creates.
type Device interface {
	// Name returns a description for people: "AVX-512, 2 threads".
	Name() string
	// Close frees the device, its matrices, vectors and states, and stops its workers. It ends an
	// open step. Closing twice is allowed.
	Close() error

	// Load stacks the parts, which have equal Cols but may differ in Type, by rows into one Matrix:
	// with it, a query, key and value projection is a single product. Parts with experts are
	// stacked separately for each expert; all must have the same number of experts. Data is read during the
	// call and, for Embed, later: it must stay valid until the matrix is closed. Bias is
	// copied. The error says which dimensions of the weights are inconsistent.
	Load(parts ...Weights) (Matrix, error)
	// NewVector copies values to the device.
	NewVector(values []float32) (Vector, error)
	// NewState returns an empty state. It fails if the shape is impossible, or if the device does not support
	// a kind of layer.
	NewState(s StateShape) (State, error)
	// Loaded tells the device that a model has been loaded completely. The device may write
	// its own form of the weights to a file for the next start, or move them to better memory. A failure
	// to write is not reported, since it only makes the next start slower.
	Loaded() error

	// Begin starts a step. The previous step must have ended; its tensors and rows become
	// invalid. A nil b is an empty batch.
	Begin(b *Batch) Step
}

// Few is the largest number of rows of a span for which a batch-invariant device computes each row as if it were alone.
const Few = 17

// BatchInvariant is implemented by devices that may be batch-invariant: the values of a row have the same bits whether its span has one row or up to Few, and
// whatever other spans the step has. It holds for families without recurrent layers.
type BatchInvariant interface {
	// BatchInvariant reports whether the device is batch-invariant.
	BatchInvariant() bool
}
