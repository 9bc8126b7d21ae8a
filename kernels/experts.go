package kernels

// Routing says how a mixture of experts chooses the feed-forward networks that each row
// goes through, from the logits of a router (Shazeer et al. 2017, arXiv:1701.06538).
type Routing struct {
	// Used is how many experts a row goes through.
	Used int
	// Sigmoid makes the probability of each expert from its own logit alone; otherwise
	// softmax makes them from the logits of all experts.
	Sigmoid bool
	// Bias holds a value for each expert that is added to its probability when experts are
	// chosen, and does not count in their weights (DeepSeek-V3, arXiv:2412.19437, section
	// 2.1.2). It may be nil.
	Bias Vector
	// Normalize divides the weights of a row's experts by their sum.
	Normalize bool
	// Scale multiplies the weights; 1 leaves them as they are.
	Scale float32
}

// Choice says which experts the rows of a tensor go through, and with which weights. It
// is in the device's memory and belongs to the step whose Route made it.
//
// Rows that go through experts lie in groups, one group an expert, so that each expert's
// rows are one product with its matrix. Experts come in their order, and the rows of a
// group in the order of the rows that they were copied from. Three rows, two of four
// experts each:
//
//	row            0      1      2
//	experts       1 3    0 3    3 1
//	groups        row 1 │ row 0, row 2 │ row 0, row 1, row 2
//	              └ 0 ─┘└───── 1 ─────┘└──────── 3 ────────┘
type Choice struct {
	Rows, Used int    // the groups hold Rows·Used rows
	Index      int    // of the choice in its step
	Step       uint64 // identifies the step, see NextStep
}
