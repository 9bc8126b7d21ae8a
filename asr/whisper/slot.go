package whisper

import (
	"context"
	"errors"
	"iter"
	"slices"
	"time"

	"soberano/kernels"
)

// Slot holds one window: its audio, and the hypotheses of its decoding. Its decoding (decode.go,
// beam.go, sample.go) is sequential code that runs as a coroutine: where it needs logits, it yields
// a request. Step runs the requests of several slots as one step of the decoder, which reads its
// weights once for all of them, and resumes each.
//
//	slot 0   prefill ─request─┐          ┌─ choose a token  ─request─┐
//	slot 1   beam    ─request─┼─▶ step ─▶┼─ choose 5 tokens ─request─┼─▶ step ─▶ …
//	slot 2   sample  ─request─┘          └─ done: Result
//
// A slot is used by one goroutine at a time, and the slots of a Model one after the other, or
// together by Step.
type Slot struct {
	*Model
	priority       kernels.Priority
	mel            []float32       // of the window; nil: none was encoded yet
	present        bool            // the window is in cross
	moved          int             // Model.moves at the time when the states were made; see onDevice
	cross          kernels.State   // keys and values of the window's audio, all decoder layers
	positions      int             // encoder positions in cross
	encoding       time.Duration   // spent in the encoder
	levels         []float32       // of the audio, see levels
	self           []kernels.State // of the hypotheses: the first always exists, others are its forks or nil
	logits, scores []float32
	lifted         []lifted // logits that Slot.lift has raised
	located        located  // the text that locate has aligned last

	asked request
	rows  logits // the answer to asked
	lost  error  // why there is no answer
	again func() // begins the decoding under way again
	yield func(request) bool
	next  func() (request, bool)
	stop  func()
	r     *Result
	err   error
}

// request is what decoding asks for: the logits of the rows from first on, after the decoder has
// read ids, which the spans divide in order. Decoding may run on any goroutine, so everything on
// the device is left to the goroutine that owns it: states are named by their index in Slot.self.
// Before the step, the forks are made, and all states but the first that no span uses are closed.
//
// With run, decoding asks instead that the goroutine that owns the device calls it.
type request struct {
	forks []fork
	ids   []int32
	spans []span
	first int
	run   func() error
}

// span is n rows at positions from pos on of the sequence in a state.
type span struct{ state, n, pos int }

// fork replaces a state by the first n positions of another one, or of itself.
type fork struct{ to, from, n int }

// logits are the rows of a step's results from at on, valid until the next step.
type logits struct {
	rows *kernels.Rows
	at   int
}

// row returns row i, which the caller may change.
func (l logits) row(i int) []float32 { return l.rows.Row(l.at + i) }

// errStopped ends decoding after Stop.
var errStopped = errors.New("stopped")

// NewSlot returns a slot without a window. The error is that of the device without memory.
func (m *Model) NewSlot() (*Slot, error) {
	s := &Slot{Model: m, logits: make([]float32, m.Vocab), scores: make([]float32, m.Vocab)}
	return s, s.withWindow(context.Background(), func() error { return nil })
}

// newStates makes the states of a slot.
func (s *Slot) newStates() error {
	cross, err := s.dev.NewState(s.CrossShape())
	if err != nil {
		return err
	}
	self, err := s.dev.NewState(s.stateShape(s.DecLayers, s.TextContext, false))
	if err != nil {
		return errors.Join(err, cross.Close())
	}
	s.cross, s.self, s.moved, s.present, s.located = cross, []kernels.State{self}, s.moves, false, located{}
	return nil
}

// Begin encodes mel and starts decoding it, see Encode and Decode.
func (s *Slot) Begin(ctx context.Context, mel []float32, o Options) error {
	if err := s.Encode(ctx, mel, o.Priority); err != nil {
		return err
	}
	s.Decode(ctx, o)
	return nil
}

// Encode encodes mel, [Mels][Frames()] row-major. With Quick, mel may have fewer frames, an even
// number, which takes less time and costs some accuracy. mel must not be changed while the slot has the window. The error is ctx's, or that of
// the device.
func (s *Slot) Encode(ctx context.Context, mel []float32, p kernels.Priority) error {
	s.Stop()
	s.priority, s.levels, s.mel, s.present = p, levels(mel, s.Mels), mel, false
	return s.withWindow(ctx, func() error { return nil })
}

// Decode starts decoding the window that was encoded; the end of ctx also ends decoding.
func (s *Slot) Decode(ctx context.Context, o Options) {
	s.again = func() { s.Decode(ctx, o) }
	t := time.Now()
	s.start(func() {
		if s.r, s.err = s.decode(ctx, o); s.err == nil {
			s.r.Encoder, s.r.Decoder = s.encoding, time.Since(t)
		}
	})
}

// start runs decode up to its first request.
func (s *Slot) start(decode func()) {
	s.next, s.stop = iter.Pull(func(yield func(request) bool) {
		s.yield = yield
		decode()
	})
	s.resume()
}

// resume runs decoding up to its next request, or to its end.
func (s *Slot) resume() {
	var more bool
	if s.asked, more = s.next(); !more {
		s.next, s.stop = nil, nil
	}
}

// Busy reports whether decoding has started and not ended.
func (s *Slot) Busy() bool { return s.next != nil }

// Stop ends decoding.
func (s *Slot) Stop() {
	if s.next != nil {
		s.stop()
		s.next, s.stop = nil, nil
	}
}

// Result returns the result of the window that was decoded last.
func (s *Slot) Result() (*Result, error) { return s.r, s.err }

// Window encodes and decodes one window, see Begin.
func (s *Slot) Window(ctx context.Context, mel []float32, o Options) (*Result, error) {
	if err := s.Begin(ctx, mel, o); err != nil {
		return nil, err
	}
	s.finish(ctx)
	return s.Result()
}

// finish decodes to the end without other slots.
func (s *Slot) finish(ctx context.Context) {
	for s.Busy() {
		s.Step(ctx, []*Slot{s})
	}
}

// Step advances those of slots that are busy by one step of the decoder. If the device fails and is replaced, their decoding begins
// again. ctx ends the encoding of windows that this may take.
func (m *Model) Step(ctx context.Context, slots []*Slot) {
	var busy []*Slot
	for _, s := range slots {
		if s.Busy() {
			busy = append(busy, s)
		}
	}
	if len(busy) == 0 {
		return
	}
	if err := m.answer(ctx, busy); err != nil && ctx.Err() == nil {
		if err = m.recovered(err); err == nil {
			for _, s := range busy {
				s.Stop()
				s.again()
			}
			return
		}
		for _, s := range busy {
			if s.lost != nil {
				s.lost = err
			}
		}
	}
	m.pool.Each(m.batch.Priority, len(busy), func(i int) { busy[i].resume() })
	for _, s := range busy {
		if !s.Busy() {
			s.err = errors.Join(s.err, s.drop(nil))
		}
	}
}

// step yields a request and returns its logits, valid until the next step.
func (s *Slot) step(r request) (logits, error) {
	if !s.yield(r) {
		return logits{}, errStopped
	}
	return s.rows, s.lost
}

// answer runs the requests of slots, as one step where they ask for logits. The error is one of theirs.
func (m *Model) answer(ctx context.Context, slots []*Slot) (failed error) {
	var together []*Slot
	for _, s := range slots {
		err := s.onDevice(ctx)
		if err == nil && s.asked.run == nil {
			together = append(together, s)
			continue
		}
		if err == nil {
			err = s.asked.run()
		}
		if s.rows, s.lost = (logits{}), err; err != nil {
			failed = err
		}
	}
	if len(together) == 0 {
		return failed
	}
	err := m.run(together)
	for _, s := range together {
		if s.lost = err; err != nil {
			s.rows, failed = logits{}, err
		}
	}
	return failed
}

// run runs the requests of slots as one step; their rows are the results.
func (m *Model) run(slots []*Slot) error {
	priority := kernels.Recording
	for _, s := range slots {
		priority = max(priority, s.priority)
	}
	b, wanted := m.emptyBatch(priority), 0
	for _, s := range slots {
		if err := s.prepare(); err != nil {
			return err
		}
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
	if err := d.End(); err != nil {
		return err
	}
	return m.numbers(rows)
}

// prepare makes the forks of the slot's request and adds the request to the batch.
func (s *Slot) prepare() error {
	// All hypotheses of a window attend to the same audio: their rows are one span.
	b, ids := &s.batch, s.asked.ids
	b.Cross = append(b.Cross, kernels.Span{State: s.cross, Row: len(b.Tokens), N: len(ids), Len: s.positions})
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

// fork makes a fork.
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
		panic("whisper: a hypothesis is truncated beyond its length")
	}
	return nil
}

// drop closes all states but the first that no span uses.
func (s *Slot) drop(used []span) (err error) {
	for i := 1; i < len(s.self); i++ {
		if s.self[i] != nil && !slices.ContainsFunc(used, func(sp span) bool { return sp.state == i }) {
			err = errors.Join(err, s.closeState(i))
		}
	}
	return err
}

// closeState closes the state of a number, if there is one.
func (s *Slot) closeState(i int) (err error) {
	if i < len(s.self) && s.self[i] != nil {
		err = s.self[i].Close()
		s.self[i] = nil
	}
	return err
}
