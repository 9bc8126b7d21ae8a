package kernels

// Priority determines whose work is done first if several devices share workers.
type Priority int8

const (
	Recording Priority = iota // transcription of recordings, in the background
	Answer                    // a chat's answer
	Dictation                 // a person is speaking and waits for the text
	Priorities
)

// Batch is the input of a step. It is transferred to the device once, when the step begins, and
// must not be changed until the step ends.
//
// Example: one step with three sequences, a chunk of a long prompt and two single tokens:
//
//	row        0   1   2   3   4   5   6   7
//	Tokens     a   b   c   d   e   f | g | h
//	Positions 96  97  98  99 100 101 | 7 | 31
//	Spans     └── Pos 96, N 6 ──────┘ └ ┘ └ ┘
type Batch struct {
	// Tokens and Positions have one number for each row: the token, and its position in the
	// sequence. They are nil if the rows of the step are not tokens.
	Tokens, Positions []int32
	// Axes are the positions of the rows in images, which have several axes: for each axis a list as long as Positions. Rotate
	// uses them for RoPE.Axis. If it is nil, the position of a row on every axis is that in Positions.
	Axes [][]int32
	// Spans assign rows to sequences, for self-attention: one span for each sequence.
	Spans []Span
	// Cross is a second list of spans, for attention to another sequence (encoder-decoder
	// models); see Attention.Cross.
	Cross []Span
	// Priority of the step if workers are shared.
	Priority Priority
}

// Span assigns rows of a step to one sequence: rows Row … Row+N-1 of the
// step's tensors are its positions Pos … Pos+N-1.
type Span struct {
	State       State
	Row, N, Pos int
	// Len is the number of positions of the sequence that each row attends to if attention is not
	// causal. From is the first position that it attends to then; usually 0.
	Len, From int
	// Whole means, with causal attention, that each row also attends to the later rows of the span, as the rows of an
	// image do.
	Whole bool
}

// Rows is the result of Step.Read: a tensor of a step in host memory, Len rows of Cols
// values. It is valid from the end of that step until the device's next Begin.
// Its owner may change the values.
type Rows struct {
	Len, Cols int
	// Stride is the distance between rows in Values. The device sets both at the end of the
	// step, and sets Values to nil when the next one begins.
	Stride int
	Values []float32
}

// Row returns row i. It panics before the step's End and after the device's next Begin.
func (r *Rows) Row(i int) []float32 {
	switch {
	case r.Values == nil:
		panic("kernels: Rows.Row: before the end of the step, or after the next has begun")
	case i < 0 || i >= r.Len:
		panic("kernels: Rows.Row: out of range")
	}
	return r.Values[i*r.Stride:][:r.Cols:r.Cols]
}

// Step is a forward pass in progress on a Device, from Begin to End. It owns the
// tensors created in it. Operations run in the order of the calls. dst may be the same
// tensor as x, or share no value with it, unless an operation says otherwise.
//
// Operations panic, with a message that names the operation, on misuse: after End or
// after the device was closed; with a tensor of another step, a closed matrix, vector or
// state or one of another device; with shapes that do not fit; with a dst that shares
// values with an input where that is not allowed, or is read only, or has been asked
// for by Read.
type Step interface {
	// New returns a tensor of undefined content.
	New(rows, cols int) Tensor
	// Const returns a read-only tensor over the first rows × cols values of v.
	Const(v Vector, rows, cols int) Tensor
	// Write copies rows × cols values from host memory to t.
	Write(t Tensor, src []float32)
	// Read requests t in host memory, where it is available after End. t must not be written to
	// afterwards.
	Read(t Tensor) *Rows
	// End runs the operations that have not run yet and transfers the rows requested by Read to host
	// memory. The step and its tensors must not be used afterwards. An error means
	// that the device is lost or out of memory.
	End() error

	// Embed writes scale × row Tokens[i] of w to row i of dst, which has a row for each
	// token of the batch.
	Embed(dst Tensor, w Matrix, scale float32)
	// EmbedPositions writes row Positions[i] of w to row i of dst.
	EmbedPositions(dst Tensor, w Matrix)
	// MatMul writes x·wᵀ (+ bias) to dst: [n × w.Cols] → [n × w.Rows]. dst shares no
	// value with x.
	MatMul(dst, x Tensor, w Matrix)
	// MatMulAdd adds x·wᵀ (+ bias) to dst, which shares no value with x.
	MatMulAdd(dst, x Tensor, w Matrix)
	// MatMulGated writes f(x·gateᵀ) · x·upᵀ (+ their biases) to dst, where w was loaded from
	// the parts gate and up, which have the same number of rows: [n × w.Cols] → [n × w.Rows/2]. dst shares no
	// value with x.
	MatMulGated(dst, x Tensor, w Matrix, f Activation)
	// Route chooses r.Used experts for each row of logits, [n × experts]: those with the
	// largest probabilities and, among equal ones, those with the lowest indexes. NaN counts as the
	// lowest probability. r is read during the call.
	Route(logits Tensor, r *Routing) Choice
	// Gather copies each row of x, [c.Rows × cols], to the groups of its experts in dst,
	// [c.Rows·c.Used × cols]; see Choice. With Routing.Input it multiplies the copies by their weights. dst
	// shares no value with x.
	Gather(dst, x Tensor, c Choice)
	// MatMulExperts writes x·wᵀ (+ bias) to dst, where each group of rows is multiplied by
	// the matrix of its expert: [c.Rows·c.Used × w.Cols] → [c.Rows·c.Used × w.Rows]. dst
	// shares no value with x. Matrices of experts without rows are not read.
	MatMulExperts(dst, x Tensor, w Matrix, c Choice)
	// MatMulGatedExperts is MatMulGated by experts, as MatMulExperts is MatMul:
	// [c.Rows·c.Used × w.Cols] → [c.Rows·c.Used × w.Rows/2].
	MatMulGatedExperts(dst, x Tensor, w Matrix, c Choice, f Activation)
	// Combine adds to each row of dst, [c.Rows × cols], the sum of the row's copies in the groups x,
	// [c.Rows·c.Used × cols], multiplied by their weights unless Gather has done so. dst shares no value with x.
	Combine(dst, x Tensor, c Choice)
	// Add adds x to dst. If x has one row, it is added to every row.
	Add(dst, x Tensor)
	// Mul multiplies dst by x, value by value. If x has one row, every row is multiplied by it; if it has one column, every
	// column.
	Mul(dst, x Tensor)
	// Scale writes s·x to dst.
	Scale(dst, x Tensor, s float32)
	// SoftCap writes limit·tanh(x/limit) to dst, which limits the values smoothly (Gemma 2, arXiv:2408.00118). With a limit
	// of 1 it is the hyperbolic tangent.
	SoftCap(dst, x Tensor, limit float32)
	// Mix adds weighted sums of vectors, with weights for each row, to dst. A row of x consists of parts vectors of equal width, and a
	// row of dst of vectors of the same width: to vector i of dst it adds Σⱼ w[i·parts+j]·xⱼ, where w is the row of weights,
	// [n × vectors of dst · parts]. dst shares no value with x or weights.
	Mix(dst, x, weights Tensor, parts int)
	// MatchNorm multiplies each row of dst by a number that gives it the Euclidean norm of the same row of x.
	// A row of zeros stays as it is.
	MatchNorm(dst, x Tensor)
	// Cutoff writes max(x - (mean + k·deviation), 0) to dst, with the mean and the standard deviation of each row of x, whose
	// variance is Σ(x-mean)²/(columns-1): only the values that exceed most of their row remain (Gemma 3n).
	Cutoff(dst, x Tensor, k float32)
	// RMSNorm normalises each run of weight.Len() columns: x/√(mean(x²)+eps)·weight.
	RMSNorm(dst, x Tensor, weight Vector, eps float32)
	// LayerNorm normalises each run of gamma.Len() columns: (x-mean)/√(var+eps)·gamma+beta.
	LayerNorm(dst, x Tensor, gamma, beta Vector, eps float32)
	// Activate writes f(gate)·up to dst, or f(gate) if up.Rows is 0. dst may be up.
	Activate(dst, gate, up Tensor, f Activation)
	// XIELU writes f(x) to dst.
	XIELU(dst, x Tensor, f XIELU)
	// Clamp writes x, limited to lo … hi, to dst.
	Clamp(dst, x Tensor, lo, hi float32)
	// Rotate applies r to each head of each row in place, at the row's position in the batch.
	Rotate(x Tensor, r *RoPE)
	// Store writes the rows of k, [n × KVHeads·HeadDim], and v, [n × KVHeads·ValueDim], to the states of the batch's
	// spans at layer. a selects the list of spans (Cross) and has the number of heads.
	Store(k, v Tensor, layer int, a *Attention)
	// Attend writes softmax(scale·q·kᵀ)·v over the stored keys and values of each span to
	// dst, [n × Heads·ValueDim]. Store must come before. Rows that belong to no span are not changed. dst may be
	// q if values have as many dimensions as keys.
	Attend(dst, q Tensor, layer int, a *Attention)
	// StoreLatent writes the rows of x, [n × KeyDim], to the states of the batch's spans at layer, a Latent layer.
	StoreLatent(x Tensor, layer int)
	// AttendLatent is Attend for a Latent layer, after StoreLatent. a has one key/value head, whose keys are the
	// stored rows and whose values are their first ValueDim columns: [n × Heads·KeyDim] → [n × Heads·ValueDim].
	AttendLatent(dst, q Tensor, layer int, a *Attention)
	// MatMulHeads multiplies each head by a matrix of its own, the expert of w with the number of the head:
	// [n × heads·w.Cols] → [n × heads·w.Rows]. w has as many experts as there are heads.
	// Heads of x and dst may be wider: the first w.Cols columns of each head of x are
	// multiplied, and the first w.Rows columns of each head of dst are written. dst shares no value with x.
	MatMulHeads(dst, x Tensor, w Matrix)
	// CopyHeads copies columns from … from+cols-1 of each head of x to columns to … to+cols-1 of the same head of dst. The
	// columns of x, and those of dst, belong to the heads in equal parts. dst shares no value with x.
	CopyHeads(dst, x Tensor, heads, to, from, cols int)
	// ShortConv writes a causal convolution of x along the sequence, separately for each column, to dst, both
	// [n × cols]. w has [width × cols] weights, width 2 or more, with those of the newest row last: row p
	// of a sequence is Σᵢ w[i]·x[p-width+1+i]. The rows before the first row of a span are those that the
	// state keeps at layer, a Recurrent layer of width-1 × cols (zeros at the beginning of a
	// sequence); the last rows of the span replace them. Rows that belong to no span are not changed. dst
	// shares no value with x.
	ShortConv(dst, x Tensor, w Vector, layer int)
	// Scan runs selective state spaces over the rows of each span. For each column x of head h, with the states s, which are those
	// that the state keeps at layer, of p.Layer():
	//
	//	δ = softplus(dt_h + bias_h), s = exp(δ·A_h)·s + δ·x·b, y = s·c + D_h·x
	//
	// dst and x are [n × Heads·Dim], dt is [n × Heads], b and c are [n × Groups·States]. Rows that belong to no span are not
	// changed. dst shares no value with the others.
	Scan(dst, x, dt, b, c Tensor, layer int, p *Scan)
	// DeltaRule runs the gated delta rule over the rows of each span (arXiv:2412.06464; with a decay for each dimension
	// of a key, arXiv:2510.26692). The state keeps a matrix S, [KeyDim × ValueDim], for each head at layer, a
	// Recurrent layer as r.Layer describes it. A row with query q, key k, value v, decay g and step size β computes
	//
	//	S ← diag(exp(g))·S
	//	S ← S + k·(β·(v - Sᵀ·k))ᵀ
	//	dst = Sᵀ·q
	//
	// q and k are [n × KeyHeads·KeyDim], v and dst [n × Heads·ValueDim], beta is [n × Heads]. decay is [n × Heads], or
	// [n × Heads·KeyDim] with one value for each dimension of a key. Rows that belong to no span are not
	// changed. dst shares no value with the other tensors.
	DeltaRule(dst, q, k, v, decay, beta Tensor, layer int, r *DeltaRule)

	// WKV runs the recurrence of RWKV-7 (arXiv:2503.14456) over the rows of each span, all [n × heads·dim]. For each head, with the
	// matrix S, [dim × dim], that the state keeps at layer, a Recurrent layer of heads·dim × dim values:
	//
	//	S = diag(exp(decay))·S + b·(aᵀ·S) + k·vᵀ, y = rᵀ·S
	//
	// where aᵀ·S is that of the S before. Rows that belong to no span are not changed. dst shares no value with the others.
	WKV(dst, r, decay, k, v, a, b Tensor, layer, heads int)
	// Weights writes the attention weights softmax(scale·q·kᵀ) of one query head over the first dst.Cols keys of
	// the row's span at layer to dst, [q.Rows × keys]. These are the factors of the values in Attend without Causal, with
	// Span.Len = dst.Cols. a has neither SoftCap, Sinks, Slopes nor Temperature. dst shares no value with q.
	Weights(dst, q Tensor, layer, head int, a *Attention)
	// Unfold concatenates width neighbouring rows of x to each row of dst (im2col of a 1-D
	// convolution, with pad rows of zeros on both sides): row r of dst consists of rows
	// r·stride-pad … r·stride-pad+width-1 of x. dst is [⌊(n+2·pad-width)/stride⌋+1 × width·Cols] and
	// shares no value with x.
	Unfold(dst, x Tensor, width, stride, pad int)
}
