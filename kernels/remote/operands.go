package remote

import "soberano/kernels"

// rope writes an operand.
func (s *step) rope(o opcode, r *kernels.RoPE) {
	w := &s.d.steps
	w.int(r.HeadDim)
	s.vector(o, r.Freq, false)
	w.int(r.Offset)
	w.float(r.Scale)
	w.bool(r.Interleaved)
	w.bool(r.Axis != nil)
	w.text(string(r.Axis))
}

// scan writes an operand.
func (s *step) scan(o opcode, p *kernels.Scan) {
	for _, n := range []int{p.Heads, p.Dim, p.States, p.Groups} {
		s.d.steps.int(n)
	}
	s.vector(o, p.A, false)
	s.vector(o, p.Bias, true)
	s.vector(o, p.D, true)
}

// deltaRule writes an operand.
func (s *step) deltaRule(r *kernels.DeltaRule) {
	w := &s.d.steps
	for _, n := range []int{r.Heads, r.KeyHeads, r.KeyDim, r.ValueDim} {
		w.int(n)
	}
	w.bool(r.Cyclic)
}

// Route records the operation, and numbers its choice as the other process does.
func (s *step) Route(logits kernels.Tensor, r *kernels.Routing) kernels.Choice {
	w := s.op(opRoute)
	s.tensor(opRoute, logits)
	for _, n := range []int{r.Used, r.Groups, r.UsedGroups} {
		w.int(n)
	}
	for _, v := range []bool{r.Sigmoid, r.AfterChoice, r.Normalize, r.Input} {
		w.bool(v)
	}
	w.float(r.Scale)
	s.vector(opRoute, r.Bias, true)
	s.vector(opRoute, r.Factors, true)
	s.done()
	s.choices++
	return kernels.Choice{Rows: logits.Rows, Used: r.Used, Index: s.choices - 1, Step: s.id}
}

// tensor reads an operand: a view of a tensor of the step.
func (s *served) tensor() kernels.Tensor {
	i := s.int()
	if i < 0 {
		return kernels.Tensor{}
	}
	if i >= len(s.tensors) {
		panic(errMalformed)
	}
	t, own := s.tensors[i], s.bool()
	stride := t.Cols // in the process that sends it
	if !own {
		stride = s.int()
	}
	offset, rows, cols := s.int(), s.int(), s.int()
	if !own && rows > 0 && (offset < 0 || rows < 0 || cols < 0 || offset > t.Cols || (rows-1)*stride+cols > t.Cols-offset) {
		panic(errMalformed)
	}
	return t.Like(offset, rows, cols, stride)
}

func (s *served) matrix() kernels.Matrix { return s.matrices[s.int()] }

func (s *served) vector() kernels.Vector {
	if n := s.int(); n != 0 {
		return s.vectors[n]
	}
	return nil
}

func (s *served) choice() kernels.Choice {
	if i := s.int(); i >= 0 && i < len(s.choices) {
		return s.choices[i]
	}
	panic(errMalformed)
}

func (s *served) attention() *kernels.Attention {
	a := &kernels.Attention{Heads: s.int(), KVHeads: s.int(), HeadDim: s.int(), ValueDim: s.int(), Window: s.int(), Chunk: s.int()}
	a.Temperature = kernels.Temperature{Length: s.int(), Offset: s.int()}
	a.Scale, a.SoftCap, a.Temperature.Scale = s.float(), s.float(), s.float()
	a.Causal, a.Cross = s.bool(), s.bool()
	a.Slopes, a.Sinks = s.vector(), s.vector()
	return a
}

func (s *served) xielu() kernels.XIELU {
	return kernels.XIELU{AlphaP: s.float(), AlphaN: s.float(), Beta: s.float(), Eps: s.float()}
}

func (s *served) rope() *kernels.RoPE {
	r := &kernels.RoPE{HeadDim: s.int(), Freq: s.vector(), Offset: s.int(), Scale: s.float(), Interleaved: s.bool()}
	axis := s.bool()
	if text := s.text(); axis {
		r.Axis = []uint8(text)
	}
	return r
}

func (s *served) scan() *kernels.Scan {
	return &kernels.Scan{Heads: s.int(), Dim: s.int(), States: s.int(), Groups: s.int(), A: s.vector(), Bias: s.vector(), D: s.vector()}
}

func (s *served) deltaRule() *kernels.DeltaRule {
	return &kernels.DeltaRule{Heads: s.int(), KeyHeads: s.int(), KeyDim: s.int(), ValueDim: s.int(), Cyclic: s.bool()}
}

func (s *served) route() {
	t := s.tensor()
	r := kernels.Routing{Used: s.int(), Groups: s.int(), UsedGroups: s.int(), Sigmoid: s.bool(), AfterChoice: s.bool(), Normalize: s.bool(), Input: s.bool(),
		Scale: s.float(), Bias: s.vector(), Factors: s.vector()}
	s.choices = append(s.choices, s.step.Route(t, &r))
}
