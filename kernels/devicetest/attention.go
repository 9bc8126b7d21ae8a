package devicetest

import (
	"math"
	"slices"

	"soberano/kernels"
	"soberano/kernels/quant"
)

// sequence is a state, and a copy in host memory of what was stored in its layer 1: keys
// [position][KVHeads·HeadDim] and values [position][KVHeads·ValueDim].
type sequence struct {
	state kernels.State
	k, v  []float32
}

// shape returns the shape of a state of two layers for attention a.
func shape(a *kernels.Attention, positions int) kernels.StateShape {
	key, value := a.Dims()
	l := kernels.Layer{KVHeads: a.KVHeads, KeyDim: key, ValueDim: value}
	if a.Causal {
		l.Window = max(a.Window, a.Chunk)
	}
	return kernels.StateShape{Layers: []kernels.Layer{l, l}, Cap: positions}
}

func (s *suite) sequence(a *kernels.Attention, positions int) *sequence {
	s.Helper()
	state, err := s.d.NewState(shape(a, positions))
	if err != nil {
		s.Fatalf("NewState: %v", err)
	}
	return &sequence{state: state}
}

// halves returns n random values that float16 represents exactly.
func (s *suite) halves(n int) []float32 {
	x := Gauss(s.r, n)
	for i, v := range x {
		x[i] = quant.F16ToF32(quant.F32ToF16(v))
	}
	return x
}

// add stores n more positions of each sequence, all in one step.
func (s *suite) add(a *kernels.Attention, n []int, all ...*sequence) {
	s.Helper()
	key, value := a.Dims()
	cols, vCols, rows := a.KVHeads*key, a.KVHeads*value, 0
	var spans []kernels.Span
	var k, v []float32
	for i, q := range all {
		spans = append(spans, kernels.Span{State: q.state, Row: rows, N: n[i], Pos: len(q.k) / cols})
		newK, newV := s.halves(n[i]*cols), s.halves(n[i]*vCols)
		q.k, q.v = append(q.k, newK...), append(q.v, newV...)
		k, v = append(k, newK...), append(v, newV...)
		rows += n[i]
	}
	b := &kernels.Batch{Spans: spans}
	if a.Cross {
		b = &kernels.Batch{Cross: spans}
	}
	s.step(b, func(st kernels.Step) []kernels.Tensor {
		kt, vt := view(st, k, rows, cols), tensor(st, v, rows, vCols)
		other, zero := tensor(st, s.halves(rows*cols), rows, cols), tensor(st, make([]float32, rows*vCols), rows, vCols)
		st.Store(other, zero, 0, a) // the other layer has different content
		st.Store(kt, vt, 1, a)
		return nil
	})
	for _, q := range all {
		if q.state.Len() != len(q.k)/cols {
			s.Fatalf("a state of %d positions says that it has %d", len(q.k)/cols, q.state.Len())
		}
	}
}

// attended returns the expected result of attention over the stored sequence, in float64.
func (q *sequence) attended(a *kernels.Attention, x []float32, n, pos, seen int) []float64 {
	return Attended(a, x, q.k, q.v, n, pos, seen)
}

// Attended computes attention in float64: for queries q [n][Heads·HeadDim] at positions pos … over
// keys k [position][KVHeads·HeadDim] and values v [position][KVHeads·ValueDim]. Without
// Causal, each query attends to the first seen positions, or to those of them in the window around it. sinks are the values of
// a.Sinks. Where there are slopes, they are those of slopeOf.
func Attended(a *kernels.Attention, q, k, v []float32, n, pos, seen int, sinks ...float32) []float64 {
	group := a.Heads / a.KVHeads
	dim, value := a.Dims()
	out := make([]float64, n*a.Heads*value)
	for t := range n {
		lo, hi := 0, seen
		if a.Causal {
			hi = pos + t + 1
			if a.Window > 0 {
				lo = max(0, hi-a.Window)
			}
			if a.Chunk > 0 {
				lo = max(lo, (pos+t)/a.Chunk*a.Chunk)
			}
		} else if a.Window > 0 {
			hi = min(seen, pos+t+a.Window/2+1)
			lo = min(hi, max(0, pos+t-a.Window/2))
		}
		for h := range a.Heads {
			weights := optionWeights(a, sinks, q[(t*a.Heads+h)*dim:][:dim], k, h, lo, hi, pos+t)
			o := out[(t*a.Heads+h)*value:][:value]
			for i, w := range weights {
				for d, x := range v[((lo+i)*a.KVHeads+h/group)*value:][:value] {
					o[d] += w * float64(x)
				}
			}
		}
	}
	return out
}

// slopeOf is the slope of a head in tests with slopes.
func slopeOf(head int) float64 { return math.Exp2(-float64(head+1) / 2) }

// slopes returns the slopes of slopeOf.
func (s *suite) slopes(heads int) kernels.Vector {
	s.Helper()
	values := make([]float32, heads)
	for h := range values {
		values[h] = float32(slopeOf(h))
	}
	v, err := s.d.NewVector(values)
	if err != nil {
		s.Fatalf("NewVector: %v", err)
	}
	return v
}

// optionWeights returns the weights of the keys lo … hi-1 for the query of head h at position pos. sinks are the values of
// a.Sinks.
func optionWeights(a *kernels.Attention, sinks, q, k []float32, h, lo, hi, pos int) []float64 {
	b := *a
	if t := a.Temperature; t.Length > 0 {
		b.Scale *= float32(1 + float64(t.Scale)*math.Log(1+math.Floor(float64(pos+t.Offset)/float64(t.Length))))
	}
	scores := scoresOf(&b, q, k, h/(a.Heads/a.KVHeads), lo, hi)
	if a.SoftCap > 0 {
		for i, v := range scores {
			scores[i] = float64(a.SoftCap) * math.Tanh(v/float64(a.SoftCap))
		}
	}
	if a.Slopes != nil {
		for i := range scores {
			scores[i] -= slopeOf(h) * math.Abs(float64(pos-lo-i))
		}
	}
	if a.Sinks != nil {
		scores = append(scores, float64(sinks[h]))
	}
	return softmax(scores)[:hi-lo]
}

// weightsOf returns the softmax of the scores of one query over the keys lo … hi-1 of a head.
func weightsOf(a *kernels.Attention, q, k []float32, head, lo, hi int) []float64 {
	return softmax(scoresOf(a, q, k, head, lo, hi))
}

// scoresOf returns scale·q·k for the keys lo … hi-1 of a head.
func scoresOf(a *kernels.Attention, q, k []float32, head, lo, hi int) []float64 {
	out := make([]float64, hi-lo)
	for i := range out {
		for d, x := range k[((lo+i)*a.KVHeads+head)*a.HeadDim:][:a.HeadDim] {
			out[i] += float64(q[d]) * float64(x)
		}
		out[i] *= float64(a.Scale)
	}
	return out
}

// softmax replaces scores by their softmax.
func softmax(x []float64) []float64 {
	top, sum := math.Inf(-1), 0.0
	for _, v := range x {
		top = max(top, v)
	}
	for i, v := range x {
		x[i] = math.Exp(v - top)
		sum += x[i]
	}
	for i := range x {
		x[i] /= sum
	}
	return x
}

// attention checks Store and Attend with causal, windowed and full attention, in the first and
// in the second list of spans, with grouped heads, several sequences in one step, and contexts
// longer than a page, stored in pieces and all at once.
func (s *suite) attention() {
	for _, dim := range []int{8, 40, 64, 96, 256} {
		for _, heads := range [][2]int{{1, 1}, {6, 2}, {16, 1}} {
			for _, window := range []int{-1, 0, 1, 7, 300} { // -1: not causal
				a := &kernels.Attention{Heads: heads[0], KVHeads: heads[1], HeadDim: dim, Scale: float32(1 / math.Sqrt(float64(dim))),
					Causal: window >= 0, Window: max(window, 0), Cross: dim == 64 && window < 0}
				s.attentionCase(a)
			}
		}
	}
	for i, dim := range []int{1, 7, 20, 33, 100} { // widths that are not multiples of 8
		s.attentionCase(&kernels.Attention{Heads: 6, KVHeads: 2, HeadDim: dim, Scale: float32(1 / math.Sqrt(float64(dim))),
			Causal: i != 1, Window: []int{0, 0, 7, 0, 0}[i]})
	}
	s.attentionCase(&kernels.Attention{Heads: 4, KVHeads: 2, HeadDim: 13, ValueDim: 100, Scale: 0.3, Causal: true})
	for _, dim := range []int{32, 40} {
		a := kernels.Attention{Heads: 6, KVHeads: 2, HeadDim: dim, Scale: 0.2, Slopes: s.slopes(6)}
		s.attentionCase(&a)
		a.Causal = true
		s.attentionCase(&a)
	}
	for _, dim := range []int{40, 64, 77} {
		s.attentionRanges(&kernels.Attention{Heads: 4, KVHeads: 2, HeadDim: dim, Scale: 0.2, Cross: dim == 64})
		s.attentionRanges(&kernels.Attention{Heads: 2, KVHeads: 2, HeadDim: dim, Scale: 0.2, Window: 9})
	}
	for _, window := range []int{1, 2, 7, 65, 600} { // windows on both sides
		s.attentionCase(&kernels.Attention{Heads: 6, KVHeads: 2, HeadDim: 32, Scale: 0.2, Window: window})
	}
	for _, value := range []int{16, 64, 72} { // values with other dimensions than keys
		for _, dim := range []int{40, 96} {
			s.attentionCase(&kernels.Attention{Heads: 6, KVHeads: 2, HeadDim: dim, ValueDim: value, Scale: 0.1, Causal: true})
			s.attentionCase(&kernels.Attention{Heads: 6, KVHeads: 2, HeadDim: dim, ValueDim: value, Scale: 0.1})
		}
	}
}

// attentionOptions checks soft caps, sinks, chunks and the temperature of attention, alone and together, and with heads that
// are stored in different ways.
func (s *suite) attentionOptions() {
	for _, dim := range []int{20, 64, 96} {
		for i, o := range []kernels.Attention{
			{SoftCap: 1.5}, {Chunk: 64}, {Chunk: 300}, {Window: 7, SoftCap: 0.5}, {Temperature: kernels.Temperature{Scale: 0.5, Length: 16, Offset: 1}},
			{}, {Window: 30, SoftCap: 2, Temperature: kernels.Temperature{Scale: 0.1, Length: 100}},
		} {
			o.Heads, o.KVHeads, o.HeadDim, o.Scale, o.Causal = 6, 2, dim, float32(1/math.Sqrt(float64(dim))), true
			var sinks []float32
			if i >= 5 {
				sinks = []float32{-3, 0, 2, 5, 1, -100}
				o.Sinks = s.vector(sinks)
			}
			s.attentionCase(&o, sinks...)
		}
	}
	s.latentOptions()
}

// attentionCase checks Store and Attend. sinks are the values of a.Sinks.
func (s *suite) attentionCase(a *kernels.Attention, sinks ...float32) {
	s.Helper()
	ends := []int{3, 70, 560} // final lengths of the sequences
	if a.HeadDim == 64 {
		ends[2] = 1200
	}
	last := []int{3, 1, 15} // number of last positions that are queried
	var all []*sequence
	for _, n := range ends {
		all = append(all, s.sequence(a, n+5))
	}
	s.add(a, []int{1, 60, ends[2] - 60}, all...)
	s.add(a, []int{2, 10, 60}, all...)
	var spans []kernels.Span
	rows := 1 // the first row belongs to no sequence
	for i, q := range all {
		spans = append(spans, kernels.Span{State: q.state, Row: rows, N: last[i], Pos: ends[i] - last[i], Len: ends[i] - i})
		rows += last[i]
	}
	b := &kernels.Batch{Spans: spans}
	if a.Cross {
		b = &kernels.Batch{Cross: spans}
	}
	key, value := a.Dims()
	cols, out := a.Heads*key, a.Heads*value
	x, before := Gauss(s.r, rows*cols), Gauss(s.r, rows*out)
	got := s.step(b, func(st kernels.Step) []kernels.Tensor {
		q, y := view(st, x, rows, cols), tensor(st, before, rows, out)
		st.Attend(y, q, 1, a)
		if key != value {
			return []kernels.Tensor{y}
		}
		st.Attend(q, q, 1, a) // in place
		return []kernels.Tensor{y, q}
	})
	shown := *a
	shown.Sinks = nil
	what := name("%+v, sinks %v", shown, a.Sinks != nil)
	for c, y := range got {
		if was := [][]float32{before, x}[c]; !slices.Equal(y[:out], was[:out]) {
			s.Errorf("Attend, %s: a row of no sequence was written", what)
		}
		for i, q := range all {
			want := Attended(a, x[spans[i].Row*cols:], q.k, q.v, last[i], spans[i].Pos, spans[i].Len, sinks...)
			s.near(name("Attend, case %d, sequence %d, %s", c, i, what), y[spans[i].Row*out:][:last[i]*out], want, s.s.Attention(a))
		}
	}
	for _, q := range all {
		if err := q.state.Close(); err != nil {
			s.Errorf("State.Close: %v", err)
		}
	}
}

// attentionRanges checks Attend with spans whose rows attend only to a part of one sequence.
func (s *suite) attentionRanges(a *kernels.Attention) {
	s.Helper()
	q := s.sequence(a, 560)
	s.add(a, []int{560}, q)
	spans := []kernels.Span{
		{State: q.state, N: 3, Len: 40}, {State: q.state, Row: 3, N: 20, Pos: 45, From: 40, Len: 300},
		{State: q.state, Row: 23, N: 100, Pos: 301, From: 301, Len: 560}, {State: q.state, Row: 123, N: 1, Pos: 5, From: 5, Len: 6},
		{State: q.state, Row: 124, N: 13, Pos: 64, From: 64, Len: 128},
	}
	const rows = 137
	cols := a.Heads * a.HeadDim
	x := Gauss(s.r, rows*cols)
	b := &kernels.Batch{Spans: spans}
	if a.Cross {
		b = &kernels.Batch{Cross: spans}
	}
	got := s.step(b, func(st kernels.Step) []kernels.Tensor {
		y := tensor(st, x, rows, cols)
		st.Attend(y, y, 1, a)
		return []kernels.Tensor{y}
	})[0]
	for i, sp := range spans {
		key, value := q.k[sp.From*a.KVHeads*a.HeadDim:], q.v[sp.From*a.KVHeads*a.HeadDim:]
		want := Attended(a, x[sp.Row*cols:], key, value, sp.N, sp.Pos-sp.From, sp.Len-sp.From)
		s.near(name("Attend to positions %d to %d, %d dimensions, window %d, span %d", sp.From, sp.Len, a.HeadDim, a.Window, i), got[sp.Row*cols:][:sp.N*cols], want, s.s.Attention(a))
	}
	if err := q.state.Close(); err != nil {
		s.Errorf("State.Close: %v", err)
	}
}

// attentionWeights checks Weights, over all keys and over some of them.
func (s *suite) attentionWeights() {
	for _, dim := range []int{40, 50, 64, 77} {
		a := &kernels.Attention{Heads: 4, KVHeads: 2, HeadDim: dim, Scale: 0.16, Cross: true}
		q, other := s.sequence(a, 310), s.sequence(a, 310)
		s.add(a, []int{300, 290}, q, other)
		const rows = 7
		x := Gauss(s.r, 2*rows*4*dim)
		b := &kernels.Batch{Cross: []kernels.Span{{State: q.state, N: rows, Len: 300}, {State: other.state, Row: rows, N: rows, Len: 290}}}
		for head := range 4 {
			for _, keys := range []int{1, 63, 290} {
				got := s.step(b, func(st kernels.Step) []kernels.Tensor {
					w := st.New(2*rows, keys)
					st.Weights(w, tensor(st, x, 2*rows, 4*dim), 1, head, a)
					return []kernels.Tensor{w}
				})
				for r := range 2 * rows {
					of := q
					if r >= rows {
						of = other
					}
					want := weightsOf(a, x[(r*4+head)*dim:][:dim], of.k, head/2, 0, keys)
					s.near(name("Weights of head %d, row %d, %d keys", head, r, keys), got[0][r*keys:][:keys], want, 2*s.s.Attention(a)+Float)
				}
			}
		}
	}
}

// states checks that forks are independent, that Truncate goes back, and which calls it refuses.
func (s *suite) states() {
	a := &kernels.Attention{Heads: 2, KVHeads: 2, HeadDim: 64, Scale: 0.125, Causal: true}
	q := s.sequence(a, 700)
	if q.state.Cap() != 700 || q.state.Len() != 0 || !q.state.Truncate(0) || q.state.Truncate(1) || q.state.Truncate(-1) {
		s.Errorf("an empty state: Cap %d, Len %d", q.state.Cap(), q.state.Len())
	}
	s.add(a, []int{400}, q)
	for _, n := range []int{400, 399, 256, 31, 1, 0} {
		state, err := q.state.Fork()
		if err != nil {
			s.Fatalf("Fork: %v", err)
		}
		if state.Len() != 400 || !state.Truncate(n) || state.Len() != n || q.state.Len() != 400 {
			s.Fatalf("a fork that went back to %d has %d positions, the original %d", n, state.Len(), q.state.Len())
		}
		cols := a.KVHeads * a.HeadDim
		f := &sequence{state, slices.Clone(q.k[:n*cols]), slices.Clone(q.v[:n*cols])}
		s.add(a, []int{40}, f)
		s.last(a, "a fork that has gone on", f)
		s.last(a, "the original", q)
		if err := state.Close(); err != nil {
			s.Errorf("State.Close: %v", err)
		}
	}
	if held := q.state.Bytes(); held <= 0 || held > q.state.MaxBytes(400) {
		s.Errorf("a state of 400 positions takes %d bytes, at most %d", held, q.state.MaxBytes(400))
	}
	for what, shape := range map[string]kernels.StateShape{
		"no layers":    {Cap: 5},
		"no positions": {Layers: shape(a, 1).Layers},
		"no heads":     {Layers: []kernels.Layer{{KeyDim: 64, ValueDim: 64}}, Cap: 5},
	} {
		if _, err := s.d.NewState(shape); err == nil {
			s.Errorf("a state with %s was made", what)
		}
	}
}

// last checks attention of the last position of q.
func (s *suite) last(a *kernels.Attention, what string, q *sequence) {
	s.Helper()
	cols := a.Heads * a.HeadDim
	x, pos := Gauss(s.r, cols), len(q.k)/cols-1
	got := s.step(&kernels.Batch{Spans: []kernels.Span{{State: q.state, N: 1, Pos: pos}}}, func(st kernels.Step) []kernels.Tensor {
		y := tensor(st, x, 1, cols)
		st.Attend(y, y, 1, a)
		return []kernels.Tensor{y}
	})
	s.near(what, got[0], q.attended(a, x, 1, pos, 0), s.s.Attention(a))
}

// forgotten checks that truncated values, or values that another state has left in the same
// memory, have no influence, even if they are not finite.
func (s *suite) forgotten() {
	for _, dim := range []int{40, 50, 64, 77} {
		a := &kernels.Attention{Heads: 2, KVHeads: 2, HeadDim: dim, Scale: 0.125, Causal: true}
		for _, n := range []int{99, 100} {
			q := s.sequence(a, 700)
			s.add(a, []int{n}, q)
			s.spoil(a, q.state, n, 20)
			if !q.state.Truncate(n) {
				s.Fatalf("a state does not go back from %d to %d positions", n+20, n)
			}
			s.add(a, []int{1}, q)
			s.last(a, name("after a return to %d", n), q)

			left := s.sequence(a, 700)
			s.spoil(a, left.state, 0, 256)
			if err := left.state.Close(); err != nil {
				s.Errorf("State.Close: %v", err)
			}
			state, err := q.state.Fork()
			if err != nil {
				s.Fatalf("Fork: %v", err)
			}
			f := &sequence{state, slices.Clone(q.k), slices.Clone(q.v)}
			s.add(a, []int{1}, f)
			s.last(a, name("a fork of %d in used memory", n+1), f)
		}
	}
}

// spoil stores n positions of NaN values.
func (s *suite) spoil(a *kernels.Attention, state kernels.State, pos, n int) {
	s.Helper()
	cols := a.KVHeads * a.HeadDim
	bad := slices.Repeat([]float32{float32(math.NaN())}, n*cols)
	s.step(&kernels.Batch{Spans: []kernels.Span{{State: state, N: n, Pos: pos}}}, func(st kernels.Step) []kernels.Tensor {
		x := tensor(st, bad, n, cols)
		st.Store(x, x, 0, a)
		st.Store(x, x, 1, a)
		return nil
	})
}

// emptySpans checks that a span without rows changes nothing.
func (s *suite) emptySpans() {
	for _, causal := range []bool{true, false} {
		a := &kernels.Attention{Heads: 2, KVHeads: 2, HeadDim: 64, Scale: 0.125, Causal: causal}
		q := s.sequence(a, 300)
		s.add(a, []int{270}, q)
		x := Gauss(s.r, 2*128)
		got := s.step(&kernels.Batch{Spans: []kernels.Span{{State: q.state, Row: 1, Pos: 270}}}, func(st kernels.Step) []kernels.Tensor {
			y := tensor(st, x, 2, 128)
			st.Store(y, y, 1, a)
			st.Attend(y, y, 1, a)
			return []kernels.Tensor{y}
		})
		if !slices.Equal(got[0], x) || q.state.Len() != 270 {
			s.Errorf("causal %v: a span without rows has written something, or changed the length to %d", causal, q.state.Len())
		}
	}
}
