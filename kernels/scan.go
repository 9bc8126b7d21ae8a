package kernels

// Scan describes the selective state spaces of Step.Scan: Mamba (arXiv:2312.00752), where a head is one column and each of its states
// decays at a rate of its own, and Mamba 2 (arXiv:2405.21060), where the states of a head decay together.
type Scan struct {
	// Heads is the number of heads, of Dim columns each, and States the number of states of a column.
	Heads, Dim, States int
	// Groups divides Heads. The heads of a group, which are neighbours, share b and c.
	Groups int
	// A holds the rates, which are negative: [Heads], or [Heads × States] if Dim is 1.
	A Vector
	// Bias, [Heads], is added to dt. It may be nil.
	Bias Vector
	// D, [Heads], is the share of x that is added to the output. It may be nil.
	D Vector
}

// Layer returns what a state keeps for the scan: States values of each column.
func (s *Scan) Layer() Layer {
	return Layer{Kind: Recurrent, Rows: s.Heads * s.Dim, Cols: s.States}
}
