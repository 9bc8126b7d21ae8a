package kernels

import (
	"errors"
	"fmt"
	"math"

	"soberano/kernels/quant"
)

// Weights is a matrix as it is stored in a file: Rows × Cols values of Type in Data,
// row-major, where each row consists of whole blocks. Bias is nil or has Rows values.
type Weights struct {
	// Name is that of the tensor of the model that has the rows, for devices that report on tensors; "": none has them as they are.
	Name string
	// Row is the number of the first row in that tensor.
	Row int
	// Block is the number of the block of the network to which the matrix belongs, from 1 on, for devices that divide a network; 0: to none.
	Block      int
	Type       quant.Type
	Rows, Cols int
	Data       []byte
	Bias       []float32
	// Experts, if not 0, is the number of experts of a mixture: Data has that many matrices, one after the other, and
	// Bias that many times Rows values.
	Experts int
	// ExpertBytes is the distance between the beginnings of the experts' matrices in Data, if they are not
	// adjacent; 0 stands for the size of a matrix. It lets one tensor have the rows of several parts.
	ExpertBytes int
	// Lookup means that Embed and EmbedPositions are the only operations that use the matrix. The device then keeps
	// no form of its own of the weights, which saves their memory. All parts of a matrix have the same Lookup, and no experts.
	Lookup bool
}

// MaxExperts is the largest number of experts of a matrix.
const MaxExperts = 4096

// CheckParts returns an error if dimensions of the parts of a matrix are inconsistent. Load calls
// it on every device. It reads no values.
func CheckParts(parts []Weights) error {
	if len(parts) == 0 {
		return errors.New("no parts")
	}
	n := parts[0].Experts
	if n < 0 || n > MaxExperts {
		return fmt.Errorf("%d experts; 1 to %d work", n, MaxExperts)
	}
	for i, w := range parts {
		if err := w.check(n, parts[0].Cols); err != nil {
			return fmt.Errorf("part %d: %w", i, err)
		}
		if w.Lookup != parts[0].Lookup {
			return fmt.Errorf("part %d is for lookup only, or part 0 is, but not both", i)
		}
	}
	return nil
}

// check compares w with the number of experts and of columns of the first part.
func (w Weights) check(experts, cols int) error {
	switch {
	case !w.Type.Known():
		return fmt.Errorf("unknown weight format %v", w.Type)
	case w.Rows <= 0 || w.Cols <= 0 || w.Rows > 1<<31 || w.Cols > 1<<31:
		return fmt.Errorf("%d × %d is not a matrix", w.Rows, w.Cols)
	case w.Cols != cols:
		return fmt.Errorf("%d columns where the first part has %d", w.Cols, cols)
	case w.Cols%w.Type.BlockValues() != 0:
		return fmt.Errorf("%d columns are not whole blocks of %v (%d values)", w.Cols, w.Type, w.Type.BlockValues())
	case w.Experts != experts:
		return fmt.Errorf("%d experts where the first part has %d", w.Experts, experts)
	case w.Lookup && experts > 0:
		return errors.New("experts for lookup only")
	}
	n := max(1, experts)
	row := w.Type.RowBytes(w.Cols)
	if len(w.Data)/row/w.Rows < 1 { // a product could overflow
		return fmt.Errorf("%d × %d values of %v need %d bytes a row, there are %d in all", w.Rows, w.Cols, w.Type, row, len(w.Data))
	}
	switch size, each := w.Rows*row, w.expertBytes(); {
	case each < size:
		return fmt.Errorf("experts of %d bytes begin every %d bytes", size, each)
	case (len(w.Data)-size)/each < n-1:
		return fmt.Errorf("%d × %d × %d values of %v need %d bytes a row, there are %d in all", n, w.Rows, w.Cols, w.Type, row, len(w.Data))
	}
	if w.Bias != nil && len(w.Bias) != n*w.Rows {
		return fmt.Errorf("%d biases for %d × %d rows", len(w.Bias), n, w.Rows)
	}
	return nil
}

// Expert returns the weights of expert e of w, which must satisfy CheckParts.
func (w Weights) Expert(e int) Weights {
	size := w.Rows * w.Type.RowBytes(w.Cols)
	w.Data = w.Data[e*w.expertBytes():][:size:size]
	w.Experts, w.ExpertBytes = 0, 0
	if w.Bias != nil {
		w.Bias = w.Bias[e*w.Rows:][:w.Rows]
	}
	return w
}

// expertBytes returns the distance between the matrices of two experts in Data.
func (w Weights) expertBytes() int {
	if w.ExpertBytes == 0 {
		return w.Rows * w.Type.RowBytes(w.Cols)
	}
	return w.ExpertBytes
}

// Matrix is a weight matrix in a Device's own layout, or one such matrix for each expert
// of a mixture. In the latter case Rows and Cols are those of one expert's matrix.
type Matrix interface {
	Rows() int
	Cols() int
	// Bytes returns the memory that the matrix takes in addition to the bytes of the file.
	Bytes() int64
	// Close frees the matrix, which must not be used afterwards. Closing twice is allowed.
	Close() error
}

// Vector is a sequence of float32 values in a Device's memory, created when a model is loaded: the weights of a
// norm, rotary frequencies, a table of positions.
type Vector interface {
	// Len returns the number of values.
	Len() int
	// Bytes returns the memory that the vector takes.
	Bytes() int64
	// Close frees the vector, which must not be used afterwards. Closing twice is allowed.
	Close() error
}

// Activation is a non-linearity.
type Activation int

const (
	SiLU        Activation = iota // x·σ(x)
	GELUTanh                      // tanh approximation of GELU (Gemma)
	GELUErf                       // exact GELU (Whisper)
	ReLU                          // max(x, 0)
	ReLUSquared                   // max(x, 0)² (arXiv:2109.08668)
	Sigmoid                       // σ(x) = 1/(1+exp(-x))
	Softplus                      // ln(1+exp(x))
	// SwiGLU7 is the gated activation of gpt-oss, with limits on both of its inputs: g·σ(1.702·g)·(1 + u), where g is
	// min(x, 7) and u is up, limited to -7 … 7. Without up it is g·σ(1.702·g).
	SwiGLU7
	GELUQuick // x·σ(1.702·x), an approximation of GELU (CLIP)
)

// XIELU is a non-linearity with learned parameters (arXiv:2411.13010): AlphaP·x² + Beta·x for positive x, and
// AlphaN·(exp(min(x, Eps)) - 1 - x) + Beta·x for others.
type XIELU struct{ AlphaP, AlphaN, Beta, Eps float32 }

// RoPE describes a rotary position embedding (Su et al. 2021, arXiv:2104.09864).
type RoPE struct {
	HeadDim int
	// Freq is the angle for each position, in radians, of each rotated pair, including scaling (llama3,
	// linear, YaRN). 2·Freq.Len() dimensions from Offset on are rotated, the others are not changed.
	Freq Vector
	// Offset is the first rotated dimension; Offset + 2·Freq.Len() ≤ HeadDim.
	Offset int
	// Scale multiplies the rotated values (YaRN's attention factor; 1 otherwise).
	Scale float32
	// Interleaved means that the pairs are (2i, 2i+1), as in llama's GGUF files; otherwise they are
	// (i, i+Freq.Len()), as in Gemma and GPT-NeoX.
	Interleaved bool
	// Axis says for each pair which axis of a row's position rotates it, a number of a list in Batch.Axes. nil: all pairs are
	// rotated by Batch.Positions.
	Axis []uint8
}

// Attention describes scaled dot-product attention with grouped key/value heads.
type Attention struct {
	Heads, KVHeads, HeadDim int
	// ValueDim is the number of dimensions of a value; 0 stands for HeadDim, that of queries and keys.
	ValueDim int
	Scale    float32 // of q·k, usually 1/√HeadDim
	// Causal means that position p attends to positions 0 … p. Otherwise every row attends to positions
	// Span.From … Span.Len-1 (encoders, cross-attention).
	Causal bool
	// Window > 0 means, with Causal, that position p attends only to p-Window+1 … p, and without, that it attends only
	// to those of the positions Span.From … Span.Len-1 that are at most Window/2 away.
	Window int
	// Slopes has a value for each head, which is multiplied by the distance between the positions of query and key
	// and subtracted from the score (ALiBi, Press et al. 2021, arXiv:2108.12409). It may be nil, and excludes SoftCap.
	Slopes Vector
	// Chunk > 0 means, with Causal, that position p attends only to the positions of its own chunk: from the last
	// multiple of Chunk to p (Llama 4). A layer of the state with a window of Chunk positions keeps all of them.
	Chunk int
	// SoftCap > 0 limits the scores scale·q·k smoothly, to SoftCap·tanh(score/SoftCap) (Gemma 2, arXiv:2408.00118).
	SoftCap float32
	// Sinks has a value for each of the Heads query heads, which takes part in the softmax like the score of a further key
	// whose value is zero (gpt-oss, arXiv:2508.10925). It may be nil.
	Sinks Vector
	// Temperature multiplies the scores, depending on the position of the query.
	Temperature Temperature
	// Cross selects Batch.Cross instead of Batch.Spans.
	Cross bool
}

// First returns the first position that the query at position p attends to, with Causal.
func (a *Attention) First(p int) int {
	first := 0
	if a.Window > 0 {
		first = max(0, p-a.Window+1)
	}
	if a.Chunk > 0 {
		first = max(first, p-p%a.Chunk)
	}
	return first
}

// Temperature multiplies the scores of the query at position p by 1 + Scale·ln(1 + ⌊(p+Offset)/Length⌋), so that attention
// stays sharp over long contexts (Llama 4, Ministral 3). A Length of 0 means that it does nothing.
type Temperature struct {
	Scale          float32
	Length, Offset int
}

// At returns the factor for the query at position p.
func (t Temperature) At(p int) float32 {
	if t.Length <= 0 {
		return 1
	}
	return float32(1 + float64(t.Scale)*math.Log(1+math.Floor(float64(p+t.Offset)/float64(t.Length))))
}

// Dims returns the numbers of dimensions of a key and of a value.
func (a *Attention) Dims() (key, value int) {
	if a.ValueDim == 0 {
		return a.HeadDim, a.HeadDim
	}
	return a.HeadDim, a.ValueDim
}
