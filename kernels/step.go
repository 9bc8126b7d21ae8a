package kernels

// Priority says whose work goes first where several devices share workers.
type Priority int8

const (
	Recording Priority = iota // transcription of recordings, in the background
	Answer                    // a chat's answer
	Dictation                 // somebody is speaking and waits for text
	Priorities
)

// Batch is the input of a step. It goes to the device once, when the step begins, and
// must not be changed before it ends.
//
// One step, three sequences, a chunk of a long prompt and two single tokens:
//
//	row        0   1   2   3   4   5   6   7
//	Tokens     a   b   c   d   e   f | g | h
//	Positions 96  97  98  99 100 101 | 7 | 31
//	Spans     └── Pos 96, N 6 ──────┘ └ ┘ └ ┘
type Batch struct {
	// Tokens and Positions hold one number a row, of the token and of its place in its
	// sequence; nil in a step whose rows are no tokens.
	Tokens, Positions []int32
	// Spans say which rows belong to which sequence, for self-attention: one span a sequence.
	Spans []Span
	// Cross is a second list, for attention to another sequence (encoder-decoder
	// models); see Attention.Cross.
	Cross []Span
	// Priority of the step where workers are shared.
	Priority Priority
}

// Span says which rows of a step belong to one sequence: rows Row … Row+N of the
// step's tensors hold its positions Pos … Pos+N.
type Span struct {
	State       State
	Row, N, Pos int
	// Len is how many positions of the sequence each row sees in attention that is not
	// causal.
	Len int
}

// Rows is a tensor of a step in host memory, Len rows of Cols values, that Step.Read
// has asked for. It is valid from the end of that step until the device's next Begin;
// its values may be changed by whoever has it.
type Rows struct {
	Len, Cols int
	// Stride is the distance of two rows in Values. The device fills both at the step's
	// end and sets Values to nil when the next one begins.
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
// tensors made in it. Operations run in the order of the calls. dst may be the same
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
	// Const returns a tensor, read only, over the first rows × cols values of v.
	Const(v Vector, rows, cols int) Tensor
	// Write copies rows × cols values from host memory to t.
	Write(t Tensor, src []float32)
	// Read asks for t in host memory, which is there after End. t must not be written to
	// any more.
	Read(t Tensor) *Rows
	// End runs what has not run yet and brings the rows that Read has asked for to host
	// memory. The step and its tensors must not be used afterwards. An error is the
	// device's: it is lost, or has no memory left.
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
	// the parts gate and up, of as many rows: [n × w.Cols] → [n × w.Rows/2]. dst shares no
	// value with x.
	MatMulGated(dst, x Tensor, w Matrix, f Activation)
	// Route chooses r.Used experts for each row of logits, [n × experts]: those with the
	// largest probabilities; of equal ones, those with the lower index. NaN counts as the
	// lowest probability. r is read during the call.
	Route(logits Tensor, r *Routing) Choice
	// Gather copies each row of x, [c.Rows × cols], to the groups of its experts in dst,
	// [c.Rows·c.Used × cols]; see Choice. dst shares no value with x.
	Gather(dst, x Tensor, c Choice)
	// MatMulExperts writes x·wᵀ (+ bias) to dst, where each group of rows is multiplied with
	// the matrix of its expert: [c.Rows·c.Used × w.Cols] → [c.Rows·c.Used × w.Rows]. dst
	// shares no value with x. Matrices of experts that no row goes through are not read.
	MatMulExperts(dst, x Tensor, w Matrix, c Choice)
	// MatMulGatedExperts is MatMulGated by experts, as MatMulExperts is MatMul:
	// [c.Rows·c.Used × w.Cols] → [c.Rows·c.Used × w.Rows/2].
	MatMulGatedExperts(dst, x Tensor, w Matrix, c Choice, f Activation)
	// Combine adds to each row of dst, [c.Rows × cols], the sum of its rows in the groups x,
	// [c.Rows·c.Used × cols], times their weights. dst shares no value with x.
	Combine(dst, x Tensor, c Choice)
	// Add adds x to dst; an x of one row is added to every row.
	Add(dst, x Tensor)
	// Mul multiplies dst with x, value by value; every row with an x of one row.
	Mul(dst, x Tensor)
	// RMSNorm normalises each run of weight.Len() columns: x/√(mean(x²)+eps)·weight.
	RMSNorm(dst, x Tensor, weight Vector, eps float32)
	// LayerNorm normalises each row: (x-mean)/√(var+eps)·gamma+beta.
	LayerNorm(dst, x Tensor, gamma, beta Vector, eps float32)
	// Activate writes f(gate)·up to dst, or f(gate) where up.Rows is 0. dst may be up.
	Activate(dst, gate, up Tensor, f Activation)
	// Rotate turns each head of each row in place by its position in the batch.
	Rotate(x Tensor, r *RoPE)
	// Store puts rows of k, [n × KVHeads·HeadDim], and v, [n × KVHeads·ValueDim], into the state of the batch's
	// spans at layer; a says which spans (Cross) and how many heads.
	Store(k, v Tensor, layer int, a *Attention)
	// Attend writes softmax(scale·q·kᵀ)·v over the stored keys and values of each span to
	// dst, [n × Heads·ValueDim]; Store comes first. Rows of no span stay as they are. dst may be
	// q where values have as many dimensions as keys.
	Attend(dst, q Tensor, layer int, a *Attention)
	// StoreLatent puts rows of x, [n × KeyDim], into the state of the batch's spans at layer, a Latent layer.
	StoreLatent(x Tensor, layer int)
	// AttendLatent is Attend at a Latent layer, after StoreLatent: a has one key/value head, whose keys are the
	// stored rows and whose values are the beginnings of these: [n × Heads·KeyDim] → [n × Heads·ValueDim].
	AttendLatent(dst, q Tensor, layer int, a *Attention)
	// MatMulHeads multiplies each head with a matrix of its own, that of the expert of its number:
	// [n × heads·w.Cols] → [n × heads·w.Rows], for a matrix w of as many experts as there are heads.
	// dst shares no value with x.
	MatMulHeads(dst, x Tensor, w Matrix)
	// ShortConv writes a causal convolution of x, of each column by itself, to dst, both
	// [n × cols]. w holds [width × cols] weights, width 2 or more, the newest row's last: row p
	// of a sequence is Σᵢ w[i]·x[p-width+1+i]. The rows before a span's first one are what the
	// state keeps at layer, a Recurrent layer of width-1 × cols, zeros at the beginning of a
	// sequence; the span's last rows take their place. Rows of no span stay as they are. dst
	// shares no value with x.
	ShortConv(dst, x Tensor, w Vector, layer int)
	// Weights writes softmax(scale·q·kᵀ) of one query head over the first dst.Cols keys of
	// the row's span at layer to dst, [q.Rows × keys]: what Attend, without Causal and with
	// that Span.Len, multiplies the values with. dst shares no value with q.
	Weights(dst, q Tensor, layer, head int, a *Attention)
	// Unfold lays width neighbouring rows of x side by side (im2col of a 1-D
	// convolution, zero padding pad rows on both sides): row r of dst is rows
	// r·stride-pad … +width of x; dst is [⌊(n+2·pad-width)/stride⌋+1 × width·Cols] and
	// shares no value with x.
	Unfold(dst, x Tensor, width, stride, pad int)
}
