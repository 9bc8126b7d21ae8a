package whisper

import (
	"context"
	"math"
	"time"

	"soberano/kernels"
	"soberano/models"
)

// head is a head of the decoder's cross attention.
type head struct{ layer, head int }

// alignmentHeads returns the heads whose attention follows the words; if none are known, all heads
// of the upper half of the layers.
func alignmentHeads(f *models.File, d Dims) (out []head, err error) {
	known, err := wordHeads(f, d)
	for _, h := range known {
		out = append(out, head{h[0], h[1]})
	}
	if len(out) > 0 || err != nil {
		return out, err
	}
	for layer := d.DecLayers / 2; layer < d.DecLayers; layer++ {
		for h := range d.Heads {
			out = append(out, head{layer, h})
		}
	}
	return out, nil
}

// Align adds words with their times to the segments of the window that was decoded last, which is
// length long, and adjusts the segments' times to them (openai/whisper, whisper/timing.py). r and
// o are the window's.
//
// The decoder reads the text once more. The weights of some heads of its cross attention are
// largest at the audio from which the next token is predicted:
//
//	start language task notimestamps │ t0 t1 … tn-1 │ endoftext        a row of weights each
//	                 └ predicts t0 ┘   └ t1 … the end ┘                 [rows][frames]
//
// The weights of each head are z-normalised over the rows and smoothed by a median of 7 frames.
// Dynamic time warping (Sakoe and Chiba 1978) finds the cheapest path through their mean:
//
//	     frames of 20 ms ─▶
//	 t0  ▓▓▓░░░░░░░░░░
//	 t1  ░░░▓▓░░░░░░░░      a token begins where the path enters its row
//	end  ░░░░░░▓▓▓▓▓▓▓
func (s *Slot) Align(ctx context.Context, r *Result, o Options, segments []Segment, length time.Duration) error {
	var text []int32
	for _, s := range segments {
		text = append(text, s.Tokens...)
	}
	frames := s.frames(length)
	if frames < 1 || len(text) == 0 || ctx.Err() != nil {
		return ctx.Err()
	}
	var a *alignment
	err := s.withWindow(ctx, func() (err error) {
		a, err = s.align(text, r.Language, o.Translate, true, true, frames, 0)
		return err
	})
	if err != nil {
		return err
	}
	place(s.words(text[:len(a.probs)], a.begins, a.probs, r.Language), segments, o.Spoken)
	return nil
}

// frames returns how many positions of the encoder so much audio takes, at most those of the window.
func (s *Slot) frames(length time.Duration) int { return min(int(length/Tick), s.positions) }

// alignment says where in the audio the tokens of a text are.
type alignment struct {
	begins []int     // [tokens+1], the frame at which each token begins; the last is where the text ends
	probs  []float64 // [tokens], if asked for, the probability of each among the text tokens, without times and prompt
	share  []float64 // [tokens], the share of the alignment heads' attention that is at its frames
	speech []bool    // for each frame whether speech was detected; nil: not known
}

// located is a text of the window and its alignment; empty for none.
type located struct {
	text []int32
	a    *alignment
}

// speechIn returns how many frames of tokens [from, to) are speech; those of which nothing is known are.
func (a *alignment) speechIn(from, to int) int {
	n := 0
	for f := a.begins[from]; f < a.begins[to]; f++ {
		if f >= len(a.speech) || a.speech[f] {
			n++
		}
	}
	return n
}

// held returns the mean share of tokens [from, to).
func (a *alignment) held(from, to int) float64 {
	sum := 0.0
	for _, v := range a.share[from:to] {
		sum += v
	}
	return sum / float64(max(1, to-from))
}

// align aligns text, as much of it as the decoder can read, with the first frames of the window. whole
// says that the text ends with the audio; else it may be followed by other text. The decoder's state
// of that number is overwritten.
func (s *Slot) align(text []int32, language string, translate, whole, probs bool, frames, state int) (*alignment, error) {
	ids := []int32{s.Start}
	if lang, ok := s.Specials.Language(language); ok && s.Multilingual {
		ids = append(ids, s.task(lang, Options{Translate: translate})...)
	}
	first := len(ids) // the row that predicts the first token of the text
	ids = append(ids, s.NoTimes)
	text = text[:min(len(text), s.TextContext-len(ids)-1)]
	ids = append(append(ids, text...), s.EndOfText)
	w, err := s.crossWeights(ids, first, frames, state, probs)
	if err != nil {
		return nil, err
	}
	a := &alignment{probs: w.probs}
	if whole {
		a.begins = warp(w.normal[first*frames:][:(len(text)+1)*frames], frames)
	} else {
		enters, end := warpUntil(w.normal[first*frames:][:len(text)*frames], frames, 0)
		a.begins = append(enters, end)
	}
	for i := range text {
		row := w.mean[(first+i)*frames:][:frames]
		a.share = append(a.share, share(row, a.begins[i], a.begins[i+1]))
	}
	return a, nil
}

// around is how many frames beside a token its attention may be: heads look ahead, and the path of
// the alignment is not exact.
const around = 10

// share returns how much of a row's attention is at frames [from, to) and around them.
func share(row []float32, from, to int) float64 {
	sum := 0.0
	for _, v := range row[max(0, from-around):min(len(row), to+around)] {
		sum += float64(v)
	}
	return sum
}

// weighed holds what crossWeights computes.
type weighed struct {
	mean   []float32 // [ids][frames], the mean of the alignment heads' weights
	normal []float32 // [ids][frames], the same, of normalised and smoothed weights
	probs  []float64 // of the text tokens
}

// crossWeights runs the decoder over ids, with its state of that number, and returns the weights of
// the alignment heads, and with probs the probabilities of ids[first+1:] without the end.
func (s *Slot) crossWeights(ids []int32, first, frames, state int, probs bool) (*weighed, error) {
	n := len(ids)
	b := s.emptyBatch(s.priority)
	s.put(s.self[state], ids, 0)
	b.Cross = append(b.Cross, kernels.Span{State: s.cross, N: n, Len: s.positions})
	d, cross := s.dev.Begin(b), s.attention(false, true)
	var heads []*kernels.Rows // [ids][frames] each
	x := s.hidden(d, n, func(layer int, q kernels.Tensor) bool {
		more := probs
		for _, h := range s.aligned {
			more = more || h.layer > layer
			if h.layer == layer {
				w := d.New(n, frames)
				d.Weights(w, q, layer, h.head, cross)
				heads = append(heads, d.Read(w))
			}
		}
		return more
	})
	var last *kernels.Rows
	if probs {
		y := x.Sub(first, n-first)
		s.norm(d, y, y)
		last = d.Read(y)
	}
	if err := d.End(); err != nil {
		return nil, err
	}
	w := &weighed{mean: make([]float32, n*frames), normal: make([]float32, n*frames)}
	for _, h := range heads {
		if err := s.numbers(h); err != nil {
			return nil, err
		}
		s.addHead(w, h, 1/float32(len(s.aligned)))
	}
	if !probs {
		return w, nil
	}
	hidden := make([]float32, 0, (n-first)*s.State)
	for r := range n - first {
		hidden = append(hidden, last.Row(r)...)
	}
	var err error
	w.probs, err = s.probabilities(hidden, ids[first+1:n-1])
	return w, err
}

// probabilities returns the probability of each text[i] by row i of hidden, [rows][State], among
// the text tokens. The logits of a few rows at a time are computed: all would take 40 MB.
func (s *Slot) probabilities(hidden []float32, text []int32) ([]float64, error) {
	const rows = 16
	probs := make([]float64, len(text))
	for i := 0; i < len(text); i += rows {
		n := min(rows, len(text)-i)
		d := s.dev.Begin(s.emptyBatch(s.priority))
		y, out := d.New(n, s.State), d.New(n, s.Vocab)
		d.Write(y, hidden[i*s.State:])
		d.MatMul(out, y, s.embed)
		r := d.Read(out)
		err := d.End()
		if err == nil {
			err = s.numbers(r)
		}
		if err != nil {
			return nil, err
		}
		for k := range n {
			row := r.Row(k)
			probs[i+k] = math.Exp(float64(row[text[i+k]]) - s.pool.LogSumExp(row[:s.EndOfText]))
		}
	}
	return probs, nil
}

// addHead adds share of the weights of a head, [rows][frames], to w.mean and, normalised over the rows
// and smoothed by the median of seven frames, to w.normal. It changes h.
func (m *Model) addHead(w *weighed, h *kernels.Rows, share float32) {
	m.pool.Each(m.batch.Priority, (h.Cols+normalFrames-1)/normalFrames, func(i int) {
		normalise(h, w.mean, share, i*normalFrames, min((i+1)*normalFrames, h.Cols))
	})
	m.pool.Each(m.batch.Priority, h.Len, func(r int) {
		m.addMedians(w.normal[r*h.Cols:][:h.Cols], h.Row(r), share)
	})
}

// normalFrames is the most frames that normalise takes.
const normalFrames = 256

// normalise adds share of frames [from, to) of w to sum [rows][frames], then gives each of these frames a
// mean of 0 and a deviation of 1 over the rows of w.
func normalise(w *kernels.Rows, sum []float32, share float32, from, to int) {
	var means, squares [normalFrames]float64
	mean, square := means[:to-from], squares[:to-from]
	for r := range w.Len {
		row, sum := w.Row(r)[from:to], sum[r*w.Cols+from:][:to-from]
		for f, v := range row {
			sum[f] += share * v
			v := float64(v)
			mean[f], square[f] = mean[f]+v, square[f]+v*v
		}
	}
	n := float64(w.Len)
	for f := range mean {
		mean[f] /= n
		if deviation := math.Sqrt(max(0, square[f]/n-mean[f]*mean[f])); deviation > 0 {
			square[f] = 1 / deviation
		} else {
			square[f] = 0
		}
	}
	for r := range w.Len {
		row := w.Row(r)[from:to]
		for f, v := range row {
			row[f] = float32((float64(v) - mean[f]) * square[f])
		}
	}
}

// addMedians adds share times the median of each seven neighbours of row to sum; the row is
// reflected at its ends.
func (m *Model) addMedians(sum, row []float32, share float32) {
	const half = 3
	n := len(row)
	if n <= half {
		for i, v := range row {
			sum[i] += share * v
		}
		return
	}
	ends := func(from, to int) {
		var near [4 * half]float32
		for i := range to - from + 2*half {
			j := from - half + i
			if j < 0 {
				j = -j
			} else if j >= n {
				j = 2*(n-1) - j
			}
			near[i] = row[j]
		}
		m.pool.AddMedians(sum[from:to], near[:to-from+2*half], share)
	}
	inner := max(half, n-half)
	ends(0, half)
	if inner > half {
		m.pool.AddMedians(sum[half:inner], row, share)
	}
	ends(inner, n)
}

// warp returns, for each row of w [rows][frames], the frame at which the path of the largest sum,
// from the first row and frame to the last, enters it (dynamic time warping).
func warp(w []float32, frames int) []int {
	enters, _ := warpUntil(w, frames, frames)
	return enters
}

// warpUntil is warp for a path that ends at the frame before end or, if that is 0, where its sum is
// largest. It returns the frame after the path's last.
func warpUntil(w []float32, frames, end int) (enters []int, to int) {
	rows := len(w) / frames
	const diagonal, down, right = 0, 1, 2
	from := make([]byte, (rows+1)*(frames+1))
	before, cost := make([]float32, frames+1), make([]float32, frames+1)
	inf := float32(math.Inf(1))
	for j := 1; j <= frames; j++ {
		before[j], from[j] = inf, right
	}
	for i := 1; i <= rows; i++ {
		cost[0], from[i*(frames+1)] = inf, down
		for j := 1; j <= frames; j++ {
			least, way := before[j-1], byte(diagonal)
			switch d, r := before[j], cost[j-1]; {
			case least < d && least < r:
			case d < least && d < r:
				least, way = d, down
			default:
				least, way = r, right
			}
			cost[j] = least - w[(i-1)*frames+j-1]
			from[i*(frames+1)+j] = way
		}
		before, cost = cost, before
	}
	if to = end; to == 0 {
		to = 1
		for j := range before[1:] { // of the last row
			if before[j+1] < before[to] {
				to = j + 1
			}
		}
	}
	out := make([]int, rows)
	for i, j := rows, to; i > 0 && j > 0; {
		out[i-1] = j - 1
		switch from[i*(frames+1)+j] {
		case diagonal:
			i, j = i-1, j-1
		case down:
			i--
		default:
			j--
		}
	}
	return out, to
}
