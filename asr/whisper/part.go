package whisper

import (
	"encoding/binary"
	"math"

	"soberano/kernels"
	"soberano/models"
)

func putFloat(b []byte, i int, v float32) {
	binary.LittleEndian.PutUint32(b[4*i:], math.Float32bits(v))
}

// part reads named tensors of a file and checks their shapes. The first error stays in err; after
// it nothing is read.
type part struct {
	f   *models.File
	err error
}

func (p *part) need(name string, shape ...int) models.Tensor {
	if p.err != nil {
		return models.Tensor{}
	}
	t, err := p.f.Need(name, shape...)
	p.err = err
	return t
}

// shape returns the shape of a tensor that has rank dimensions; zeros after an error.
func (p *part) shape(name string, rank int) []int {
	t, ok := p.f.Tensor(name)
	if p.err == nil && !ok {
		p.err = models.Unsupported(p.f.Path, "use a Whisper model for speech", "has no tensor %q, so it is not a Whisper model", name)
		if p.f.Format == "ggml" || p.f.Format == "ctranslate2" { // read only if they say that they hold Whisper
			p.err = models.Corrupt(p.f.Path, "is damaged: tensor %q is missing", name)
		}
	}
	if p.err == nil && len(t.Shape) != rank {
		p.err = models.Corrupt(p.f.Path, "is damaged: tensor %q has shape %v, expected %d dimensions", name, t.Shape, rank)
	}
	if p.err != nil {
		return make([]int, rank)
	}
	return t.Shape
}

// count returns how many of the tensors name(0), name(1), … exist.
func (p *part) count(name func(n int) string) int {
	n := 0
	for n <= maxLayers {
		if _, ok := p.f.Tensor(name(n)); !ok {
			break
		}
		n++
	}
	return n
}

// vector returns the values of a tensor of that shape. Vectors may be stored as n × 1, like the
// biases of ggml's convolutions.
func (p *part) vector(name string, shape ...int) []float32 {
	if t, ok := p.f.Tensor(name); ok && len(shape) == 1 && len(t.Shape) == 2 && t.Shape[1] == 1 {
		shape = []int{shape[0], 1}
	}
	t := p.need(name, shape...)
	if p.err != nil {
		return nil
	}
	var v []float32
	v, p.err = floats(p.f.Path, t)
	return v
}

func (p *part) matrix(name string, rows, cols int) kernels.Weights {
	t := p.need(name, rows, cols)
	if p.err != nil {
		return kernels.Weights{}
	}
	var w kernels.Weights
	w, p.err = matrix(p.f.Path, t, nil)
	return w
}

// linear returns a weight and, unless bias is "", its bias.
func (p *part) linear(weight, bias string, rows, cols int) kernels.Weights {
	w := p.matrix(weight, rows, cols)
	if bias != "" {
		w.Bias = p.vector(bias, rows)
	}
	return w
}

func (p *part) convolution(name string, out, in int) kernels.Weights {
	t := p.need(name+".weight", out, in, 3)
	return p.unfold(t, p.vector(name+".bias", out))
}

func (p *part) unfold(t models.Tensor, bias []float32) kernels.Weights {
	if p.err != nil {
		return kernels.Weights{}
	}
	var w kernels.Weights
	w, p.err = convolution(p.f.Path, t, bias)
	return w
}
