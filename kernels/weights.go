package kernels

import "soberano/kernels/quant"

// Weights is a matrix as a file stores it: Rows × Cols values of Type in Data,
// row-major, each row whole blocks. Bias, if any, has Rows values.
type Weights struct {
	Type       quant.Type
	Rows, Cols int
	Data       []byte
	Bias       []float32
	// Experts, if not 0, is how many such matrices Data holds, one after the other, and how
	// many times Rows values Bias has: one for each expert of a mixture.
	Experts int
}

// Matrix is a weight matrix in a Device's own layout, or one such matrix for each expert
// of a mixture, where Rows and Cols are those of one expert's.
type Matrix interface {
	Rows() int
	Cols() int
	// Bytes is the memory that the matrix takes beside the file's own bytes.
	Bytes() int64
	// Close frees the matrix, which must not be used afterwards. Closing twice is allowed.
	Close() error
}

// Vector is float32 values in a Device's memory, made when a model is loaded: a norm's
// weights, rotary frequencies, a table of positions.
type Vector interface {
	// Len is the number of values.
	Len() int
	// Bytes is the memory that the vector takes.
	Bytes() int64
	// Close frees the vector, which must not be used afterwards. Closing twice is allowed.
	Close() error
}

// Activation is a feed-forward non-linearity.
type Activation int

const (
	SiLU     Activation = iota // x·σ(x)
	GELUTanh                   // tanh approximation of GELU (Gemma)
	GELUErf                    // exact GELU (Whisper)
	ReLU                       // max(x, 0)
)

// RoPE describes a rotary position embedding (Su et al. 2021, arXiv:2104.09864).
type RoPE struct {
	HeadDim int
	// Freq is the angle per position of each rotated pair, radians, scaling (llama3,
	// linear, YaRN) included; 2·Freq.Len() ≤ HeadDim dimensions turn, the rest stay.
	Freq Vector
	// Scale multiplies the rotated values (YaRN's attention factor; 1 otherwise).
	Scale float32
	// Interleaved: pairs are (2i, 2i+1), as llama's GGUF files have them; otherwise
	// (i, i+Freq.Len()), as in Gemma and GPT-NeoX.
	Interleaved bool
}

// Attention describes scaled dot-product attention with grouped key/value heads.
type Attention struct {
	Heads, KVHeads, HeadDim int
	// ValueDim is how many dimensions a value has; 0: HeadDim, as queries and keys.
	ValueDim int
	Scale    float32 // of q·k, usually 1/√HeadDim
	// Causal: position p sees positions 0 … p. Otherwise every row sees the first
	// Span.Len positions (encoders, cross-attention).
	Causal bool
	// Window > 0: with Causal, position p sees p-Window+1 … p only.
	Window int
	// Cross chooses Batch.Cross instead of Batch.Spans.
	Cross bool
}

// Dims returns how many dimensions a key and a value have.
func (a *Attention) Dims() (key, value int) {
	if a.ValueDim == 0 {
		return a.HeadDim, a.HeadDim
	}
	return a.HeadDim, a.ValueDim
}
