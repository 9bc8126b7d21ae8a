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
	"slices"
	"time"

	"soberano/kernels"
)

// Slot is a place for a window. It is used by one goroutine at a time, and slots of a Model
// one after the other, or together by Step.
type Slot struct {
	*Model
	priority       kernels.Priority
	cross          kernels.State   // keys and values of the window, all decoder layers
	heard          int             // positions in it
	self           []kernels.State // of hypotheses: the first is always there, others are its forks or nil
	logits, scores []float32
	lifted         []lifted // logits that Slot.lift has raised

	asked request
	rows  logits // the answer
	lost  error  // why there is none
	yield func(request) bool
	next  func() (request, bool)
	stop  func()
	r     *Result
	err   error
}

// request is what decoding needs: ids fed to the decoder, by spans of them one after the
// other, and the logits of the rows from first on. Decoding runs on any goroutine, so it
// leaves all that is to be done on the device to the goroutine that owns it: states are
// named by their index in Slot.self. Before the step, forks are made, and states but the
// first that no span uses are closed.
type request struct {
	forks []fork
	ids   []int32
	spans []span
	first int
}

// span is n rows at positions pos … of the sequence in a state.
type span struct{ state, n, pos int }

// fork makes one state the first n positions of another one, or of itself.
type fork struct{ to, from, n int }

// logits are rows of a step's results from at on. They live until the next step.
type logits struct {
	rows *kernels.Rows
	at   int
}

// row returns row i, which may be changed.
func (l logits) row(i int) []float32 { return l.rows.Row(l.at + i) }

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
		return nil, errors.Join(err, cross.Close())
	}
	return &Slot{Model: m, cross: cross, self: []kernels.State{self}, logits: make([]float32, m.Vocab), scores: make([]float32, m.Vocab)}, nil
}

// Begin hears mel, [Mels][Frames()] row-major, and begins to decode what is said in it. With
// Quick, mel may have fewer frames, an even number: time is saved, and some accuracy lost.
// The error is ctx's, which also ends decoding, or that of a full memory.
func (s *Slot) Begin(ctx context.Context, mel []float32, o Options) error {
	s.Stop()
	t := time.Now()
	s.priority = o.Priority
	if err := s.encode(ctx, mel, o.Priority, nil); err != nil {
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
	m.pool.Each(m.batch.Priority, len(busy), func(i int) { busy[i].resume() })
	for _, s := range busy {
		if !s.Busy() {
			s.err = errors.Join(s.err, s.drop(nil))
		}
	}
}

// step asks for a step, see hidden, and returns the logits of the rows from first on, which
// live until the next one.
func (s *Slot) step(r request) (logits, error) {
	if !s.yield(r) {
		return logits{}, errStopped
	}
	return s.rows, s.lost
}

// answer runs what slots ask for as one step.
func (m *Model) answer(slots []*Slot) {
	err := m.run(slots)
	for _, s := range slots {
		if s.lost = err; err != nil {
			s.rows = logits{}
		}
	}
}

func (m *Model) run(slots []*Slot) error {
	b, wanted := m.emptyBatch(0), 0
	for _, s := range slots {
		if err := s.prepare(); err != nil {
			return err
		}
		b.Priority = max(b.Priority, s.priority)
		wanted += len(s.asked.ids) - s.asked.first
	}
	d := m.dev.Begin(b)
	x := m.hidden(d, len(b.Tokens), nil)
	y, out := d.New(wanted, m.State), d.New(wanted, m.Vocab)
	at := 0
	for i, s := range slots {
		n := len(s.asked.ids) - s.asked.first
		m.norm(d, y.Sub(at, n), x.Sub(b.Cross[i].Row+s.asked.first, n))
		s.rows.at = at
		at += n
	}
	d.MatMul(out, y, m.embed)
	rows := d.Read(out)
	for _, s := range slots {
		s.rows.rows = rows
	}
	return d.End()
}

// prepare puts what the slot asks for into the batch.
func (s *Slot) prepare() error {
	// All hypotheses of a window hear the same audio: their rows are one span.
	b, ids := &s.batch, s.asked.ids
	b.Cross = append(b.Cross, kernels.Span{State: s.cross, Row: len(b.Tokens), N: len(ids), Len: s.heard})
	for _, f := range s.asked.forks {
		if err := s.fork(f); err != nil {
			return err
		}
	}
	for _, sp := range s.asked.spans {
		s.put(s.self[sp.state], ids[:sp.n], sp.pos)
		ids = ids[sp.n:]
	}
	return s.drop(s.asked.spans)
}

// fork does so.
func (s *Slot) fork(f fork) error {
	for len(s.self) <= f.to {
		s.self = append(s.self, nil)
	}
	if f.to != f.from {
		st, err := s.self[f.from].Fork()
		if err != nil {
			return err
		}
		if old := s.self[f.to]; old != nil {
			err = old.Close()
		}
		if s.self[f.to] = st; err != nil {
			return err
		}
	}
	if !s.self[f.to].Truncate(f.n) {
		panic("whisper: a hypothesis goes back to where it has not been")
	}
	return nil
}

// drop closes the states but the first that no span uses.
func (s *Slot) drop(used []span) (err error) {
	for i := 1; i < len(s.self); i++ {
		if s.self[i] != nil && !slices.ContainsFunc(used, func(sp span) bool { return sp.state == i }) {
			err = errors.Join(err, s.self[i].Close())
			s.self[i] = nil
		}
	}
	return err
}
