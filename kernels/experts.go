package kernels

// Routing describes how a mixture of experts chooses the feed-forward networks (experts) for each
// row from the logits of a router (Shazeer et al. 2017, arXiv:1701.06538).
type Routing struct {
	// Used is the number of experts for each row.
	Used int
	// Sigmoid computes the probability of each expert from its own logit alone. Otherwise
	// the probabilities are the softmax of the logits of all experts.
	Sigmoid bool
	// AfterChoice chooses the experts by their logits, and computes the probabilities of
	// the chosen ones only, by a softmax over these alone (gpt-oss) or by Sigmoid (Llama 4).
	AfterChoice bool
	// Bias has a value for each expert that is added to its probability (its logit with AfterChoice) for the
	// choice, but not for the weights (DeepSeek-V3, arXiv:2412.19437, section
	// 2.1.2). It may be nil.
	Bias Vector
	// Groups > 1 divides the experts into that many groups of neighbours, each of two or more experts. The
	// experts of a row are then chosen from UsedGroups of the groups: those whose two best experts have the largest sums
	// (DeepSeek-V3). UsedGroups groups have at least Used experts.
	Groups, UsedGroups int
	// Normalize divides the weights of a row's experts by their sum.
	Normalize bool
	// Scale multiplies the weights; 1 leaves them as they are.
	Scale float32
	// Factors has a value for each expert, by which its weights are multiplied in the end (Gemma 4). It may be nil.
	Factors Vector
	// Input multiplies the rows that enter the experts by the weights (Llama 4). Otherwise
	// the weights multiply the results of the experts.
	Input bool
}

// Choice says which experts process each row of a tensor, and with which weights. It
// is in the device's memory and belongs to the step whose Route created it.
//
// Gather arranges the rows in groups, one for each expert, so that all rows of an expert
// are one product with its matrix. Groups are in the order of the experts, and the rows of a
// group in the order of the rows that they are copies of. Example with three rows and two of four
// experts for each:
//
//	row            0      1      2
//	experts       1 3    0 3    3 1
//	groups        row 1 │ row 0, row 2 │ row 0, row 1, row 2
//	              └ 0 ─┘└───── 1 ─────┘└──────── 3 ────────┘
type Choice struct {
	Rows, Used int    // the groups have Rows·Used rows in total
	Index      int    // number of the choice in its step
	Step       uint64 // identifies the step, see NextStep
}
