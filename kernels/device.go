// Package kernels is the arithmetic of the house: a Device holds weights and runs
// about twenty fused operations on float32 activations. Model code (engine/arch,
// asr/whisper) is written once against Device and never asks what format a weight
// has, which instructions the CPU knows, or whether a GPU does the work.
//
//	Weights ──Load──▶ Matrix ─┐
//	tokens ──Embed──▶ Tensor ─┴─MatMul──▶ Tensor ──Attend(State)──▶ … ──Read──▶ logits
//
// Calls are eager and in order. Tensors made by New live until the next Begin: a
// step allocates nothing once its buffers have grown. A Device is used by one
// goroutine at a time; inside, it spreads each operation over its own workers.
// Shapes are checked by the code that opens a model, so operations panic on a
// mismatch (a bug, never a file's fault).
package kernels

import "soberano/kernels/quant"

// Tensor is a row-major float32 matrix, Rows × Cols, in a Device's memory; row r
// starts Stride values after row r-1. It may be a view of another one (Slice).
type Tensor struct {
	Rows, Cols, Stride int
	// F32 is the memory of a tensor on the CPU, row 0 first; nil elsewhere.
	F32 []float32
	// Buffer and Offset (in values) are the memory of a tensor elsewhere.
	Buffer any
	Offset int
}

// Slice returns columns from … from+cols of every row, as a view.
func (t Tensor) Slice(from, cols int) Tensor {
	if from < 0 || cols < 0 || from+cols > t.Cols {
		panic("kernels: Slice out of range")
	}
	t.Cols = cols
	t.Offset += from
	if t.F32 != nil {
		t.F32 = t.F32[from:]
	}
	return t
}

// Sub returns rows from … from+rows, as a view.
func (t Tensor) Sub(from, rows int) Tensor {
	if from < 0 || rows < 0 || from+rows > t.Rows {
		panic("kernels: Sub out of range")
	}
	t.Rows = rows
	t.Offset += from * t.Stride
	if t.F32 != nil {
		t.F32 = t.F32[from*t.Stride:]
	}
	return t
}

// Row returns row r of a tensor on the CPU.
func (t Tensor) Row(r int) []float32 { return t.F32[r*t.Stride:][:t.Cols:t.Cols] }

// Weights is a matrix as a file stores it: Rows × Cols values of Type in Data,
// row-major, each row whole blocks. Bias, if any, has Rows values.
type Weights struct {
	Type       quant.Type
	Rows, Cols int
	Data       []byte
	Bias       []float32
}

// Matrix is a weight matrix in a Device's own layout.
type Matrix interface {
	Rows() int
	Cols() int
	// Bytes is the memory that the matrix takes beside the file's own bytes.
	Bytes() int64
}

// Activation is a feed-forward non-linearity.
type Activation int

const (
	SiLU     Activation = iota // x·σ(x)
	GELUTanh                   // tanh approximation of GELU (Gemma)
	GELUErf                    // exact GELU (Whisper)
)

// RoPE describes a rotary position embedding (Su et al. 2021, arXiv:2104.09864).
type RoPE struct {
	HeadDim int
	// Freq is the angle per position of each rotated pair, radians, scaling (llama3,
	// linear, YaRN) included; len(Freq)*2 ≤ HeadDim dimensions turn, the rest stay.
	Freq []float32
	// Scale multiplies the rotated values (YaRN's attention factor; 1 otherwise).
	Scale float32
	// Interleaved: pairs are (2i, 2i+1), as llama's GGUF files have them; otherwise
	// (i, i+len(Freq)), as in Gemma and GPT-NeoX.
	Interleaved bool
}

// Attention describes scaled dot-product attention with grouped key/value heads.
type Attention struct {
	Heads, KVHeads, HeadDim int
	Scale                   float32 // of q·k, usually 1/√HeadDim
	// Causal: position p sees positions 0 … p. Otherwise every row sees the Len
	// first positions of the state (encoders, cross-attention).
	Causal bool
	Len    int
	// Window > 0: with Causal, position p sees p-Window+1 … p only.
	Window int
}

// Device runs operations. Every dst may be the same tensor as x unless it says otherwise.
type Device interface {
	// Name is for people: "AVX-512, 2 threads".
	Name() string
	// Close frees the device, its matrices and states, and ends its workers.
	Close() error

	// Load stacks the parts by rows (they share Cols, not Type) into one Matrix:
	// a query, key and value projection becomes one product. Data is read during the
	// call and, for Embed, later: it must stay valid until Close.
	Load(parts ...Weights) (Matrix, error)
	// NewState makes an empty state. It fails if the shape is impossible or a layer of a form
	// that the device does not have.
	NewState(s StateShape) (State, error)

	// Begin starts a step: tensors made before it are gone.
	Begin()
	// New returns a tensor of undefined content that lives until the next Begin.
	New(rows, cols int) Tensor
	// Write copies rows × cols values from host memory to t. Read copies row r of t to dst.
	Write(t Tensor, src []float32)
	Read(dst []float32, t Tensor, r int)

	// Embed writes scale × row ids[i] of w to row i of dst.
	Embed(dst Tensor, w Matrix, ids []int32, scale float32)
	// MatMul writes x·wᵀ (+ bias) to dst: [n × w.Cols] · → [n × w.Rows]. dst is not x.
	MatMul(dst, x Tensor, w Matrix)
	// MatMulAdd adds x·wᵀ (+ bias) to dst. dst is not x.
	MatMulAdd(dst, x Tensor, w Matrix)
	// MatMulGated writes f(x·gateᵀ) · x·upᵀ (+ their biases) to dst, where w was loaded from
	// the parts gate and up, of as many rows: [n × w.Cols] → [n × w.Rows/2]. dst is not x.
	MatMulGated(dst, x Tensor, w Matrix, f Activation)
	// Add adds x to dst; an x of one row is added to every row.
	Add(dst, x Tensor)
	// RMSNorm normalises each run of len(weight) columns: x/√(mean(x²)+eps)·weight.
	RMSNorm(dst, x Tensor, weight []float32, eps float32)
	// LayerNorm normalises each row: (x-mean)/√(var+eps)·gamma+beta.
	LayerNorm(dst, x Tensor, gamma, beta []float32, eps float32)
	// Activate writes f(gate)·up to dst, or f(gate) where up.Rows is 0.
	Activate(dst, gate, up Tensor, f Activation)
	// Rotate turns each head of each row in place by its position.
	Rotate(x Tensor, pos []int32, r *RoPE)
	// Store puts rows of k and v, [n × KVHeads·HeadDim], into the states of spans at layer.
	Store(k, v Tensor, spans []Span, layer int)
	// Attend writes softmax(scale·q·kᵀ)·v over the keys and values that the state of each
	// span holds to dst, [n × Heads·HeadDim]; Store comes first. dst may be q.
	Attend(dst, q Tensor, spans []Span, layer int, a *Attention)
	// Weights writes softmax(scale·q·kᵀ) of one query head over the first a.Len keys of from
	// at layer to dst, [q.Rows × a.Len]: what Attend, without Causal, multiplies the values with.
	Weights(dst, q Tensor, from State, layer, head int, a *Attention)
	// Unfold lays width neighbouring rows of x side by side (im2col of a 1-D
	// convolution, zero padding pad rows on both sides): row r of dst is rows
	// r·stride-pad … +width of x; dst is [⌊(n+2·pad-width)/stride⌋+1 × width·Cols].
	Unfold(dst, x Tensor, width, stride, pad int)

	// Each runs do(0) … do(n-1) on the device's workers, side by side, and waits: for what is
	// made of the results of a step. Of the device do may use NewState, a State that no other
	// one uses, Read, LogSumExp and Largest.
	Each(n int, do func(i int))
	// LogSumExp returns log Σ exp(x) of values in host memory, as Read gives them: the
	// logarithm of what turns logits into probabilities. Without any, or with nothing
	// but -∞, it is -∞.
	LogSumExp(x []float32) float64
	// Largest writes the indexes of the largest of values in host memory to dst, the
	// largest first, and returns how many; -∞ and what is no number are left out.
	Largest(dst []int32, x []float32) int
}
