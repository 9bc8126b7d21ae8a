package remote

import "soberano/kernels"

// run runs the operations of a request. The last may be End.
func (s *served) run() error {
	for len(s.b) > 0 {
		switch o := opcode(s.byte()); o {
		case opBegin:
			s.begin()
		case opNew:
			s.tensors = append(s.tensors, s.step.New(s.int(), s.int()))
		case opConst:
			s.tensors = append(s.tensors, s.step.Const(s.vector(), s.int(), s.int()))
		case opWrite:
			t := s.tensor()
			s.step.Write(t, s.floats())
		case opRead:
			s.rows = append(s.rows, s.step.Read(s.tensor()))
		case opRoute:
			s.route()
		case opEnd:
			return s.end()
		default:
			if o >= opCount {
				panic(errMalformed)
			}
			operations[o](s)
		}
	}
	return nil
}

func (s *served) begin() {
	b := &kernels.Batch{Tokens: s.numbers(), Positions: s.numbers()}
	for range s.int() {
		b.Axes = append(b.Axes, s.numbers())
	}
	if axes := s.bool(); axes && b.Axes == nil {
		b.Axes = [][]int32{}
	}
	b.Spans, b.Cross = s.spans(), s.spans()
	b.Priority = kernels.Priority(s.int())
	s.tensors, s.choices, s.rows = s.tensors[:0], s.choices[:0], s.rows[:0]
	s.step = s.dev.Begin(b)
}

// spans reads a list of spans.
func (s *served) spans() (list []kernels.Span) {
	for range s.int() {
		var sp kernels.Span
		if n := s.int(); n != 0 {
			sp.State = s.states[n]
		}
		sp.Row, sp.N, sp.Pos, sp.Len, sp.From, sp.Whole = s.int(), s.int(), s.int(), s.int(), s.int(), s.bool()
		list = append(list, sp)
	}
	return list
}

// end ends the step and writes its rows.
func (s *served) end() error {
	if err := s.step.End(); err != nil {
		return err
	}
	for _, r := range s.rows {
		for i := range r.Len {
			s.out.raw(r.Row(i))
		}
	}
	return nil
}

// operations runs an operation of each kind on the real step. Its operands are read in their order.
var operations = [opCount]func(s *served){
	opEmbed:          func(s *served) { s.step.Embed(s.tensor(), s.matrix(), s.float()) },
	opEmbedPositions: func(s *served) { s.step.EmbedPositions(s.tensor(), s.matrix()) },
	opMatMul:         func(s *served) { s.step.MatMul(s.tensor(), s.tensor(), s.matrix()) },
	opMatMulAdd:      func(s *served) { s.step.MatMulAdd(s.tensor(), s.tensor(), s.matrix()) },
	opMatMulGated:    func(s *served) { s.step.MatMulGated(s.tensor(), s.tensor(), s.matrix(), kernels.Activation(s.int())) },
	opGather:         func(s *served) { s.step.Gather(s.tensor(), s.tensor(), s.choice()) },
	opMatMulExperts:  func(s *served) { s.step.MatMulExperts(s.tensor(), s.tensor(), s.matrix(), s.choice()) },
	opMatMulGatedExperts: func(s *served) {
		s.step.MatMulGatedExperts(s.tensor(), s.tensor(), s.matrix(), s.choice(), kernels.Activation(s.int()))
	},
	opCombine:      func(s *served) { s.step.Combine(s.tensor(), s.tensor(), s.choice()) },
	opAdd:          func(s *served) { s.step.Add(s.tensor(), s.tensor()) },
	opMul:          func(s *served) { s.step.Mul(s.tensor(), s.tensor()) },
	opScale:        func(s *served) { s.step.Scale(s.tensor(), s.tensor(), s.float()) },
	opSoftCap:      func(s *served) { s.step.SoftCap(s.tensor(), s.tensor(), s.float()) },
	opMix:          func(s *served) { s.step.Mix(s.tensor(), s.tensor(), s.tensor(), s.int()) },
	opMatchNorm:    func(s *served) { s.step.MatchNorm(s.tensor(), s.tensor()) },
	opCutoff:       func(s *served) { s.step.Cutoff(s.tensor(), s.tensor(), s.float()) },
	opRMSNorm:      func(s *served) { s.step.RMSNorm(s.tensor(), s.tensor(), s.vector(), s.float()) },
	opLayerNorm:    func(s *served) { s.step.LayerNorm(s.tensor(), s.tensor(), s.vector(), s.vector(), s.float()) },
	opActivate:     func(s *served) { s.step.Activate(s.tensor(), s.tensor(), s.tensor(), kernels.Activation(s.int())) },
	opXIELU:        func(s *served) { s.step.XIELU(s.tensor(), s.tensor(), s.xielu()) },
	opClamp:        func(s *served) { s.step.Clamp(s.tensor(), s.tensor(), s.float(), s.float()) },
	opRotate:       func(s *served) { s.step.Rotate(s.tensor(), s.rope()) },
	opStore:        func(s *served) { s.step.Store(s.tensor(), s.tensor(), s.int(), s.attention()) },
	opAttend:       func(s *served) { s.step.Attend(s.tensor(), s.tensor(), s.int(), s.attention()) },
	opStoreLatent:  func(s *served) { s.step.StoreLatent(s.tensor(), s.int()) },
	opAttendLatent: func(s *served) { s.step.AttendLatent(s.tensor(), s.tensor(), s.int(), s.attention()) },
	opMatMulHeads:  func(s *served) { s.step.MatMulHeads(s.tensor(), s.tensor(), s.matrix()) },
	opCopyHeads:    func(s *served) { s.step.CopyHeads(s.tensor(), s.tensor(), s.int(), s.int(), s.int(), s.int()) },
	opShortConv:    func(s *served) { s.step.ShortConv(s.tensor(), s.tensor(), s.vector(), s.int()) },
	opScan: func(s *served) {
		s.step.Scan(s.tensor(), s.tensor(), s.tensor(), s.tensor(), s.tensor(), s.int(), s.scan())
	},
	opDeltaRule: func(s *served) {
		s.step.DeltaRule(s.tensor(), s.tensor(), s.tensor(), s.tensor(), s.tensor(), s.tensor(), s.int(), s.deltaRule())
	},
	opWKV: func(s *served) {
		s.step.WKV(s.tensor(), s.tensor(), s.tensor(), s.tensor(), s.tensor(), s.tensor(), s.tensor(), s.int(), s.int())
	},
	opWeights: func(s *served) { s.step.Weights(s.tensor(), s.tensor(), s.int(), s.int(), s.attention()) },
	opUnfold:  func(s *served) { s.step.Unfold(s.tensor(), s.tensor(), s.int(), s.int(), s.int()) },
}
