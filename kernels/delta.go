package kernels

// DeltaRule describes the heads of Step.DeltaRule. Several heads of values may share the queries and keys of one head, as
// in grouped attention.
type DeltaRule struct {
	// Heads is the number of heads of values, KeyHeads that of queries and keys, which divides Heads.
	Heads, KeyHeads int
	// KeyDim and ValueDim are the numbers of dimensions of a head.
	KeyDim, ValueDim int
	// Cyclic assigns the queries and keys of head h % KeyHeads to head h. Otherwise they are those of head
	// h / (Heads/KeyHeads).
	Cyclic bool
}

// KeyHead returns the head of queries and keys that head h uses.
func (r *DeltaRule) KeyHead(h int) int {
	if r.Cyclic {
		return h % r.KeyHeads
	}
	return h / (r.Heads / r.KeyHeads)
}

// Layer returns what a state keeps for the rule: a matrix of KeyDim × ValueDim for each head.
func (r *DeltaRule) Layer() Layer {
	return Layer{Kind: Recurrent, Rows: r.Heads * r.KeyDim, Cols: r.ValueDim}
}
