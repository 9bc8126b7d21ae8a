package kernels

// Device holds weights and state, and runs steps. One goroutine owns it and all that it
// has made.
type Device interface {
	// Name is for people: "AVX-512, 2 threads".
	Name() string
	// Close frees the device, its matrices, vectors and states, and ends its workers. A step
	// that is open ends with it. Closing twice is allowed.
	Close() error

	// Load stacks the parts by rows (they share Cols, not Type) into one Matrix:
	// a query, key and value projection becomes one product. Parts with experts are
	// stacked for each expert; all have as many. Data is read during the
	// call and, for Embed, later: it must stay valid until the matrix is closed. Bias is
	// copied. The error says which numbers of the weights do not fit together.
	Load(parts ...Weights) (Matrix, error)
	// NewVector copies values to the device.
	NewVector(values []float32) (Vector, error)
	// NewState makes an empty state. It fails if the shape is impossible or a layer of a form
	// that the device does not have.
	NewState(s StateShape) (State, error)
	// Loaded tells the device that a model has been loaded completely: it may write its
	// own form of the weights for a next time, or move them to better memory. A failure
	// to write is no error: the next start takes longer.
	Loaded() error

	// Begin starts a step. The step before must have ended; its tensors and rows are
	// gone. b may be nil for an empty batch.
	Begin(b *Batch) Step
}
