package split

import "soberano/kernels"

// tensors is a list of operands.
type tensors = []kernels.Tensor

// Embed records the operation.
func (s *step) Embed(dst kernels.Tensor, w kernels.Matrix, scale float32) {
	m := s.matrix("Embed", w)
	s.add("Embed", op{side: m.side, layer: -1, choice: -1, dsts: tensors{dst}, run: func(e *segment) {
		e.step.Embed(e.t(dst), e.m(m), scale)
	}})
}

// EmbedPositions records the operation.
func (s *step) EmbedPositions(dst kernels.Tensor, w kernels.Matrix) {
	m := s.matrix("EmbedPositions", w)
	s.add("EmbedPositions", op{side: m.side, layer: -1, choice: -1, dsts: tensors{dst}, run: func(e *segment) {
		e.step.EmbedPositions(e.t(dst), e.m(m))
	}})
}

// MatMul records the operation.
func (s *step) MatMul(dst kernels.Tensor, x kernels.Tensor, w kernels.Matrix) {
	m := s.matrix("MatMul", w)
	s.add("MatMul", op{side: m.side, layer: -1, choice: -1, inputs: tensors{x}, dsts: tensors{dst}, run: func(e *segment) {
		e.step.MatMul(e.t(dst), e.t(x), e.m(m))
	}})
}

// MatMulAdd records the operation.
func (s *step) MatMulAdd(dst kernels.Tensor, x kernels.Tensor, w kernels.Matrix) {
	m := s.matrix("MatMulAdd", w)
	s.add("MatMulAdd", op{side: m.side, layer: -1, choice: -1, inputs: tensors{dst, x}, dsts: tensors{dst}, run: func(e *segment) {
		e.step.MatMulAdd(e.t(dst), e.t(x), e.m(m))
	}})
}

// MatMulGated records the operation.
func (s *step) MatMulGated(dst kernels.Tensor, x kernels.Tensor, w kernels.Matrix, f kernels.Activation) {
	m := s.matrix("MatMulGated", w)
	s.add("MatMulGated", op{side: m.side, layer: -1, choice: -1, inputs: tensors{x}, dsts: tensors{dst}, run: func(e *segment) {
		e.step.MatMulGated(e.t(dst), e.t(x), e.m(m), f)
	}})
}

// Gather records the operation.
func (s *step) Gather(dst kernels.Tensor, x kernels.Tensor, c kernels.Choice) {
	number := s.choice("Gather", c)
	s.add("Gather", op{side: Both, layer: -1, choice: number, inputs: tensors{x, s.routes[number].logits}, dsts: tensors{dst}, run: func(e *segment) {
		e.step.Gather(e.t(dst), e.t(x), e.c(number))
	}})
}

// MatMulExperts records the operation.
func (s *step) MatMulExperts(dst kernels.Tensor, x kernels.Tensor, w kernels.Matrix, c kernels.Choice) {
	m := s.matrix("MatMulExperts", w)
	number := s.choice("MatMulExperts", c)
	s.add("MatMulExperts", op{side: m.side, layer: -1, choice: number, experts: true, inputs: tensors{x, s.routes[number].logits}, dsts: tensors{dst}, run: func(e *segment) {
		e.step.MatMulExperts(e.t(dst), e.t(x), e.m(m), e.c(number))
	}})
}

// MatMulGatedExperts records the operation.
func (s *step) MatMulGatedExperts(dst kernels.Tensor, x kernels.Tensor, w kernels.Matrix, c kernels.Choice, f kernels.Activation) {
	m := s.matrix("MatMulGatedExperts", w)
	number := s.choice("MatMulGatedExperts", c)
	s.add("MatMulGatedExperts", op{side: m.side, layer: -1, choice: number, experts: true, inputs: tensors{x, s.routes[number].logits}, dsts: tensors{dst}, run: func(e *segment) {
		e.step.MatMulGatedExperts(e.t(dst), e.t(x), e.m(m), e.c(number), f)
	}})
}

// Combine records the operation.
func (s *step) Combine(dst kernels.Tensor, x kernels.Tensor, c kernels.Choice) {
	number := s.choice("Combine", c)
	s.add("Combine", op{side: Both, layer: -1, choice: number, inputs: tensors{dst, x, s.routes[number].logits}, dsts: tensors{dst}, run: func(e *segment) {
		e.step.Combine(e.t(dst), e.t(x), e.c(number))
	}})
}

// Add records the operation.
func (s *step) Add(dst kernels.Tensor, x kernels.Tensor) {
	s.add("Add", op{side: Both, layer: -1, choice: -1, inputs: tensors{dst, x}, dsts: tensors{dst}, run: func(e *segment) {
		e.step.Add(e.t(dst), e.t(x))
	}})
}

// Mul records the operation.
func (s *step) Mul(dst kernels.Tensor, x kernels.Tensor) {
	s.add("Mul", op{side: Both, layer: -1, choice: -1, inputs: tensors{dst, x}, dsts: tensors{dst}, run: func(e *segment) {
		e.step.Mul(e.t(dst), e.t(x))
	}})
}

// Scale records the operation.
func (s *step) Scale(dst kernels.Tensor, x kernels.Tensor, by float32) {
	s.add("Scale", op{side: Both, layer: -1, choice: -1, inputs: tensors{x}, dsts: tensors{dst}, run: func(e *segment) {
		e.step.Scale(e.t(dst), e.t(x), by)
	}})
}

// SoftCap records the operation.
func (s *step) SoftCap(dst kernels.Tensor, x kernels.Tensor, limit float32) {
	s.add("SoftCap", op{side: Both, layer: -1, choice: -1, inputs: tensors{x}, dsts: tensors{dst}, run: func(e *segment) {
		e.step.SoftCap(e.t(dst), e.t(x), limit)
	}})
}

// Mix records the operation.
func (s *step) Mix(dst kernels.Tensor, x kernels.Tensor, weights kernels.Tensor, parts int) {
	s.add("Mix", op{side: Both, layer: -1, choice: -1, inputs: tensors{dst, x, weights}, dsts: tensors{dst}, run: func(e *segment) {
		e.step.Mix(e.t(dst), e.t(x), e.t(weights), parts)
	}})
}

// MatchNorm records the operation.
func (s *step) MatchNorm(dst kernels.Tensor, x kernels.Tensor) {
	s.add("MatchNorm", op{side: Both, layer: -1, choice: -1, inputs: tensors{dst, x}, dsts: tensors{dst}, run: func(e *segment) {
		e.step.MatchNorm(e.t(dst), e.t(x))
	}})
}

// Cutoff records the operation.
func (s *step) Cutoff(dst kernels.Tensor, x kernels.Tensor, k float32) {
	s.add("Cutoff", op{side: Both, layer: -1, choice: -1, inputs: tensors{x}, dsts: tensors{dst}, run: func(e *segment) {
		e.step.Cutoff(e.t(dst), e.t(x), k)
	}})
}

// RMSNorm records the operation.
func (s *step) RMSNorm(dst kernels.Tensor, x kernels.Tensor, weight kernels.Vector, eps float32) {
	weightPart := s.vector("RMSNorm", weight)
	s.add("RMSNorm", op{side: Both, layer: -1, choice: -1, inputs: tensors{x}, dsts: tensors{dst}, run: func(e *segment) {
		e.step.RMSNorm(e.t(dst), e.t(x), e.v(weightPart), eps)
	}})
}

// LayerNorm records the operation.
func (s *step) LayerNorm(dst kernels.Tensor, x kernels.Tensor, gamma kernels.Vector, beta kernels.Vector, eps float32) {
	gammaPart := s.vector("LayerNorm", gamma)
	betaPart := s.vector("LayerNorm", beta)
	s.add("LayerNorm", op{side: Both, layer: -1, choice: -1, inputs: tensors{x}, dsts: tensors{dst}, run: func(e *segment) {
		e.step.LayerNorm(e.t(dst), e.t(x), e.v(gammaPart), e.v(betaPart), eps)
	}})
}

// XIELU records the operation.
func (s *step) XIELU(dst kernels.Tensor, x kernels.Tensor, f kernels.XIELU) {
	s.add("XIELU", op{side: Both, layer: -1, choice: -1, inputs: tensors{x}, dsts: tensors{dst}, run: func(e *segment) {
		e.step.XIELU(e.t(dst), e.t(x), f)
	}})
}

// Clamp records the operation.
func (s *step) Clamp(dst kernels.Tensor, x kernels.Tensor, lo float32, hi float32) {
	s.add("Clamp", op{side: Both, layer: -1, choice: -1, inputs: tensors{x}, dsts: tensors{dst}, run: func(e *segment) {
		e.step.Clamp(e.t(dst), e.t(x), lo, hi)
	}})
}

// Rotate records the operation.
func (s *step) Rotate(x kernels.Tensor, r *kernels.RoPE) {
	rope := *r
	freq := s.vector("Rotate", r.Freq)
	s.add("Rotate", op{side: Both, layer: -1, choice: -1, inputs: tensors{x}, dsts: tensors{x}, run: func(e *segment) {
		e.step.Rotate(e.t(x), e.rope(rope, freq))
	}})
}

// Store records the operation.
func (s *step) Store(k kernels.Tensor, v kernels.Tensor, layer int, a *kernels.Attention) {
	at := s.attention("Store", a)
	s.add("Store", op{side: Both, layer: layer, choice: -1, inputs: tensors{k, v}, run: func(e *segment) {
		e.step.Store(e.t(k), e.t(v), e.layer(layer), at.on(e))
	}})
}

// Attend records the operation.
func (s *step) Attend(dst kernels.Tensor, q kernels.Tensor, layer int, a *kernels.Attention) {
	at := s.attention("Attend", a)
	s.add("Attend", op{side: Both, layer: layer, choice: -1, inputs: tensors{dst, q}, dsts: tensors{dst}, run: func(e *segment) {
		e.step.Attend(e.t(dst), e.t(q), e.layer(layer), at.on(e))
	}})
}

// StoreLatent records the operation.
func (s *step) StoreLatent(x kernels.Tensor, layer int) {
	s.add("StoreLatent", op{side: Both, layer: layer, choice: -1, inputs: tensors{x}, run: func(e *segment) {
		e.step.StoreLatent(e.t(x), e.layer(layer))
	}})
}

// AttendLatent records the operation.
func (s *step) AttendLatent(dst kernels.Tensor, q kernels.Tensor, layer int, a *kernels.Attention) {
	at := s.attention("AttendLatent", a)
	s.add("AttendLatent", op{side: Both, layer: layer, choice: -1, inputs: tensors{dst, q}, dsts: tensors{dst}, run: func(e *segment) {
		e.step.AttendLatent(e.t(dst), e.t(q), e.layer(layer), at.on(e))
	}})
}

// MatMulHeads records the operation.
func (s *step) MatMulHeads(dst kernels.Tensor, x kernels.Tensor, w kernels.Matrix) {
	m := s.matrix("MatMulHeads", w)
	s.add("MatMulHeads", op{side: m.side, layer: -1, choice: -1, inputs: tensors{dst, x}, dsts: tensors{dst}, run: func(e *segment) {
		e.step.MatMulHeads(e.t(dst), e.t(x), e.m(m))
	}})
}

// CopyHeads records the operation.
func (s *step) CopyHeads(dst kernels.Tensor, x kernels.Tensor, heads int, to int, from int, cols int) {
	s.add("CopyHeads", op{side: Both, layer: -1, choice: -1, inputs: tensors{dst, x}, dsts: tensors{dst}, run: func(e *segment) {
		e.step.CopyHeads(e.t(dst), e.t(x), heads, to, from, cols)
	}})
}

// ShortConv records the operation.
func (s *step) ShortConv(dst kernels.Tensor, x kernels.Tensor, w kernels.Vector, layer int) {
	wPart := s.vector("ShortConv", w)
	s.add("ShortConv", op{side: Both, layer: layer, choice: -1, inputs: tensors{dst, x}, dsts: tensors{dst}, run: func(e *segment) {
		e.step.ShortConv(e.t(dst), e.t(x), e.v(wPart), e.layer(layer))
	}})
}

// Scan records the operation.
func (s *step) Scan(dst kernels.Tensor, x kernels.Tensor, dt kernels.Tensor, b kernels.Tensor, c kernels.Tensor, layer int, p *kernels.Scan) {
	scan := s.scan("Scan", p)
	s.add("Scan", op{side: Both, layer: layer, choice: -1, inputs: tensors{dst, x, dt, b, c}, dsts: tensors{dst}, run: func(e *segment) {
		e.step.Scan(e.t(dst), e.t(x), e.t(dt), e.t(b), e.t(c), e.layer(layer), scan.on(e))
	}})
}

// DeltaRule records the operation.
func (s *step) DeltaRule(dst kernels.Tensor, q kernels.Tensor, k kernels.Tensor, v kernels.Tensor, decay kernels.Tensor, beta kernels.Tensor, layer int, r *kernels.DeltaRule) {
	rule := *r
	s.add("DeltaRule", op{side: Both, layer: layer, choice: -1, inputs: tensors{dst, q, k, v, decay, beta}, dsts: tensors{dst}, run: func(e *segment) {
		e.step.DeltaRule(e.t(dst), e.t(q), e.t(k), e.t(v), e.t(decay), e.t(beta), e.layer(layer), &rule)
	}})
}

// WKV records the operation.
func (s *step) WKV(dst kernels.Tensor, r kernels.Tensor, decay kernels.Tensor, k kernels.Tensor, v kernels.Tensor, a kernels.Tensor, b kernels.Tensor, layer int, heads int) {
	s.add("WKV", op{side: Both, layer: layer, choice: -1, inputs: tensors{dst, r, decay, k, v, a, b}, dsts: tensors{dst}, run: func(e *segment) {
		e.step.WKV(e.t(dst), e.t(r), e.t(decay), e.t(k), e.t(v), e.t(a), e.t(b), e.layer(layer), heads)
	}})
}

// Weights records the operation.
func (s *step) Weights(dst kernels.Tensor, q kernels.Tensor, layer int, head int, a *kernels.Attention) {
	at := s.attention("Weights", a)
	s.add("Weights", op{side: Both, layer: layer, choice: -1, inputs: tensors{dst, q}, dsts: tensors{dst}, run: func(e *segment) {
		e.step.Weights(e.t(dst), e.t(q), e.layer(layer), head, at.on(e))
	}})
}

// Unfold records the operation.
func (s *step) Unfold(dst kernels.Tensor, x kernels.Tensor, width int, stride int, pad int) {
	s.add("Unfold", op{side: Both, layer: -1, choice: -1, inputs: tensors{x}, dsts: tensors{dst}, run: func(e *segment) {
		e.step.Unfold(e.t(dst), e.t(x), width, stride, pad)
	}})
}

// Activate records the operation.
func (s *step) Activate(dst kernels.Tensor, gate kernels.Tensor, up kernels.Tensor, f kernels.Activation) {
	inputs := tensors{gate}
	if up.Rows > 0 {
		inputs = append(inputs, up)
	}
	s.add("Activate", op{side: Both, layer: -1, choice: -1, inputs: inputs, dsts: tensors{dst}, run: func(e *segment) {
		e.step.Activate(e.t(dst), e.t(gate), e.t(up), f)
	}})
}

// attention is a copy of an operand with its vectors.
type attention struct {
	a             kernels.Attention
	slopes, sinks *vector
}

func (s *step) attention(name string, a *kernels.Attention) attention {
	return attention{*a, s.vector(name, a.Slopes), s.vector(name, a.Sinks)}
}

// on returns the operand for the device of a segment.
func (x attention) on(e *segment) *kernels.Attention {
	x.a.Slopes, x.a.Sinks = e.v(x.slopes), e.v(x.sinks)
	return &x.a
}

// scan is a copy of an operand with its vectors.
type scan struct {
	p          kernels.Scan
	a, bias, d *vector
}

func (s *step) scan(name string, p *kernels.Scan) scan {
	return scan{*p, s.vector(name, p.A), s.vector(name, p.Bias), s.vector(name, p.D)}
}

// on returns the operand for the device of a segment.
func (x scan) on(e *segment) *kernels.Scan {
	x.p.A, x.p.Bias, x.p.D = e.v(x.a), e.v(x.bias), e.v(x.d)
	return &x.p
}
