package whisper

// Windows side by side. A Slot holds one window: its audio, and the texts that are tried on
// it. Its decoding (decode.go, beam.go, sample.go) is sequential code that runs as a coroutine:
// where it needs logits it stops and asks for a step. Step takes what all slots ask for as
// one step of the decoder, which reads its weights once for all of them, and lets each go on.
//
//	slot 0   prefill ─ask─┐          ┌─ choose a token ─ask─┐
//	slot 1   beam    ─ask─┼─▶ step ─▶┼─ choose 5 tokens ─ask─┼─▶ step ─▶ …
//	slot 2   sample  ─ask─┘          └─ done: Result

import (
	"context"
	"errors"
	"iter"
	"time"

	"soberano/kernels"
)

// Slot is a place for a window. It is used by one goroutine at a time, and slots of a Model
// one after the other, or together by Step.
type Slot struct {
	*Model
	cross          kernels.State // keys and values of the window, all decoder layers
	heard          int           // positions in it
	self           kernels.State // of the text: what hypotheses begin with
	logits, scores []float32
	lifted         []lifted // logits that Slot.lift has raised

	asked request
	rows  kernels.Tensor // logits: the answer
	yield func(request) bool
	next  func() (request, bool)
	stop  func()
	r     *Result
	err   error
}

// request is what decoding needs: ids fed to the decoder, rows of spans, and the logits of
// those from first on.
type request struct {
	ids   []int32
	spans []kernels.Span
	first int
}

// errStopped ends decoding that nobody waits for.
var errStopped = errors.New("stopped")

// NewSlot makes a place for a window.
func (m *Model) NewSlot() (*Slot, error) {
	cross, err := m.dev.NewState(m.CrossShape())
	if err != nil {
		return nil, err
	}
	self, err := m.dev.NewState(m.keeps(m.DecLayers, m.TextContext, false))
	if err != nil {
		return nil, err
	}
	return &Slot{Model: m, cross: cross, self: self, logits: make([]float32, m.Vocab), scores: make([]float32, m.Vocab)}, nil
}

// Begin hears mel, [Mels][Frames()] row-major, and begins to decode what is said in it. With
// Quick, mel may have fewer frames, an even number: time is saved, and some accuracy lost.
// The error is ctx's, which also ends decoding, or that of a full memory.
func (s *Slot) Begin(ctx context.Context, mel []float32, o Options) error {
	s.Stop()
	t := time.Now()
	if err := s.encode(ctx, mel, nil); err != nil {
		return err
	}
	encoded := time.Now()
	s.start(func() {
		if s.r, s.err = s.decode(ctx, o); s.err == nil {
			s.r.Encoder, s.r.Decoder = encoded.Sub(t), time.Since(encoded)
		}
	})
	return nil
}

// start runs decode up to its first request.
func (s *Slot) start(decode func()) {
	s.next, s.stop = iter.Pull(func(yield func(request) bool) {
		s.yield = yield
		decode()
	})
	s.resume()
}

// resume lets the slot go on to its next request, or to its end.
func (s *Slot) resume() {
	var more bool
	if s.asked, more = s.next(); !more {
		s.next, s.stop = nil, nil
	}
}

// Busy reports whether a window has begun that is not decoded yet.
func (s *Slot) Busy() bool { return s.next != nil }

// Stop gives up the window.
func (s *Slot) Stop() {
	if s.next != nil {
		s.stop()
		s.next, s.stop = nil, nil
	}
}

// Result is what was heard in the window that was decoded last.
func (s *Slot) Result() (*Result, error) { return s.r, s.err }

// Window hears one window, see Begin, and returns what is said in it.
func (s *Slot) Window(ctx context.Context, mel []float32, o Options) (*Result, error) {
	if err := s.Begin(ctx, mel, o); err != nil {
		return nil, err
	}
	s.finish()
	return s.Result()
}

// finish goes on without other slots.
func (s *Slot) finish() {
	for s.Busy() {
		s.Step([]*Slot{s})
	}
}

// Step takes those of slots that are busy one step further.
func (m *Model) Step(slots []*Slot) {
	var busy []*Slot
	for _, s := range slots {
		if s.Busy() {
			busy = append(busy, s)
		}
	}
	if len(busy) == 0 {
		return
	}
	m.answer(busy)
	m.dev.Each(len(busy), func(i int) { busy[i].resume() })
}

// step asks for a step, see hidden, and returns the logits of the rows from first on, which
// live until the next one.
func (s *Slot) step(ids []int32, spans []kernels.Span, first int) (kernels.Tensor, error) {
	if !s.yield(request{ids, spans, first}) {
		return kernels.Tensor{}, errStopped
	}
	return s.rows, nil
}

// answer runs what slots ask for as one step.
func (m *Model) answer(slots []*Slot) {
	var ids []int32
	var self, cross []kernels.Span
	wanted := 0
	for _, s := range slots {
		if s.heard != slots[0].heard {
			panic("whisper: windows of different lengths in a step")
		}
		// All hypotheses of a window hear the same audio: their rows are one span.
		cross = append(cross, kernels.Span{State: s.cross, Row: len(ids), N: len(s.asked.ids)})
		for _, span := range s.asked.spans {
			span.Row += len(ids)
			self = append(self, span)
		}
		ids = append(ids, s.asked.ids...)
		wanted += len(s.asked.ids) - s.asked.first
	}
	x := m.hidden(ids, self, cross, slots[0].heard, nil)
	y := m.dev.New(wanted, m.State)
	logits := m.dev.New(wanted, m.Vocab)
	at := 0
	for i, s := range slots {
		n := len(s.asked.ids) - s.asked.first
		m.norm(y.Sub(at, n), x.Sub(cross[i].Row+s.asked.first, n))
		s.rows = logits.Sub(at, n)
		at += n
	}
	m.dev.MatMul(logits, y, m.embed)
}
