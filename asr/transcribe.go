package asr

// Files: windows of speech (speech.go), several of them at once.
//
//	audio ─▶ divide ─▶ windows ─┬▶ slot ─▶ segments ─┬▶ in order
//	(its own goroutine)         ├▶ slot ─▶ segments ─┤
//	                            └▶ slot ─▶ segments ─┘
//	                                 └▶ what the model left out: a window of its own
//
// A slot encodes its window, then a step of the decoder takes all slots one token further:
// the decoder's weights are read once for all of them. Between steps the network is free for
// a microphone. Windows that follow each other's text (Params.Follow) have one slot.

import (
	"context"
	"iter"
	"slices"
	"strings"
	"sync"
	"time"

	"soberano/asr/whisper"
	"soberano/kernels/cpu"
)

const (
	mostSlots = 6
	// pipeWait is how long slots that could go on wait for one more window: a file has it by
	// then, and so the same windows meet in each run; a pipe may not.
	pipeWait = 200 * time.Millisecond
)

// stretch is a window on its way.
type stretch struct {
	pieces []piece
	pause  int    // samples without speech before it
	rest   string // what was said in the window before, if this is what it left out
	o      whisper.Options
	slot   *whisper.Slot
	began  bool
	heard  bool
	found  []Segment
	end    time.Duration // of the audio that is done with when it is
}

func (w *stretch) going() bool { return w.began && !w.heard }

// transcription is a call of Transcribe.
type transcription struct {
	m       *Model
	ctx     context.Context
	p       Params
	o       whisper.Options
	known   bool    // the language is
	sure    float64 // probability of the language that was detected
	past    *past   // nil: windows stand apart
	windows chan *stretch
	divided bool // windows has ended
	patient bool // for the next window
	order   []*stretch
	slots   []*whisper.Slot
	most    int // of them
	yield   func(Segment, error) bool
}

// Transcribe hears all of src and gives its segments in order; all are final. Several windows
// are heard at a time, so src is read ahead, in a goroutine that has ended when the loop has.
// The last pair holds the error that ended it: src's, ctx's, ErrLanguage or ErrClosed; what
// was heard before has been given. Audio without speech gives nothing. Memory does not grow
// with src's length.
func (m *Model) Transcribe(ctx context.Context, src Source, p Params) iter.Seq2[Segment, error] {
	return func(yield func(Segment, error) bool) {
		p, err := m.check(p)
		if err != nil {
			yield(Segment{}, err)
			return
		}
		t := &transcription{m: m, p: p, o: m.options(p), known: p.Language != "", most: m.slotsOf(p), patient: true,
			windows: make(chan *stretch, 2), yield: yield}
		if p.Follow {
			t.past = &past{fixed: t.o.Prompt, room: m.promptRoom()}
		}
		var cancel context.CancelFunc
		t.ctx, cancel = context.WithCancel(ctx)
		var reading sync.WaitGroup
		var source error
		reading.Go(func() {
			defer close(t.windows)
			source = divide(t.ctx, newSpeech(src), t.windows)
		})
		err = t.run()
		cancel()
		reading.Wait()
		if err == nil {
			err = source
		}
		if err != nil && err != errLeft {
			yield(Segment{}, err)
		}
	}
}

// slotsOf returns how many windows are heard side by side: as many as take no more memory
// than half the weights do, or 64 MB.
func (m *Model) slotsOf(p Params) int {
	if p.Follow {
		return 1
	}
	one := cpu.StateBytes(m.net.CrossShape(), m.net.AudioContext)
	return int(min(max(1, max(64<<20, m.info.WeightBytes/2)/one), mostSlots))
}

// divide sends the windows of s.
func divide(ctx context.Context, s *speech, windows chan<- *stretch) error {
	pause := 0
	for {
		// More than a window: it shows whether speech goes on behind it.
		err := s.fill(ctx, window/chunk+2)
		if len(s.ready) == 0 || ctx.Err() != nil {
			return err
		}
		n := gapAt(s.ready)
		gap := n < len(s.ready) || s.passed()
		if n*chunk > window {
			n, gap = cut(s.ready), false
		}
		w := &stretch{pieces: slices.Clone(s.ready[:n]), pause: pause}
		s.ready = s.ready[n:]
		if !voiced(w.pieces, 0, n*chunk) { // what a cut has left over
			pause += n * chunk
			continue
		}
		if pause = chunk * pausing(w.pieces); gap {
			pause = samplesOf(fileSpeech.MinSilence) // at least
		}
		select {
		case windows <- w:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// run hears all windows.
func (t *transcription) run() error {
	defer t.leave()
	for {
		w := t.next()
		if w == nil && !slices.ContainsFunc(t.order, (*stretch).going) {
			return t.ctx.Err()
		}
		if err := t.advance(w); err != nil {
			return err
		}
		if err := t.deliver(); err != nil {
			return err
		}
	}
}

// next returns a window to begin with now, or nil.
func (t *transcription) next() *stretch {
	busy := 0
	for _, w := range t.order {
		if w.going() {
			busy++
		}
	}
	if busy >= t.most || busy > 0 && !t.known {
		return nil
	}
	for _, w := range t.order {
		if !w.began {
			return w
		}
	}
	if t.divided || len(t.order) >= 2*mostSlots {
		return nil
	}
	var late <-chan time.Time
	switch {
	case busy > 0 && t.patient:
		late = time.After(pipeWait)
	case busy > 0:
		late = time.After(0)
	}
	select {
	case w, more := <-t.windows:
		if t.divided, t.patient = !more, true; more {
			t.order = append(t.order, w)
			return w
		}
	case <-t.ctx.Done():
	case <-late:
		t.patient = false
	}
	return nil
}

// advance begins with w or, if it is nil, takes all windows that have begun a step further.
func (t *transcription) advance(w *stretch) error {
	if err := t.m.take(t.ctx); err != nil {
		return err
	}
	defer t.m.give()
	if w != nil {
		return t.begin(w, true)
	}
	t.m.net.Step(t.slots)
	for _, w := range slices.Clone(t.order) {
		if w.going() && !w.slot.Busy() {
			if err := t.finish(w); err != nil {
				return err
			}
		}
	}
	return nil
}

// begin hears a window; follow says whether what was said before leads the way.
func (t *transcription) begin(w *stretch, follow bool) error {
	if w.slot == nil {
		w.slot = t.free()
	}
	if w.slot == nil {
		s, err := t.m.slot()
		if err != nil {
			return err
		}
		w.slot, t.slots = s, append(t.slots, s)
	}
	w.began, w.o = true, t.o
	w.o.Voiced = duration(lastVoice(w.pieces) * chunk)
	if w.o.Spoken = -duration(w.pause); t.past != nil && follow {
		w.o.Prompt = t.past.prompt()
	}
	return w.slot.Begin(t.ctx, t.m.mel.Frames(join(w.pieces), t.m.net.Frames()), w.o)
}

// lastVoice returns after how many of the pieces nobody speaks any more.
func lastVoice(p []piece) int {
	n := len(p)
	for n > 0 && p[n-1].voice < 0.5 {
		n--
	}
	return n
}

// free returns a slot that nothing uses, or nil.
func (t *transcription) free() *whisper.Slot {
	for _, s := range t.slots {
		if !slices.ContainsFunc(t.order, func(w *stretch) bool { return w.slot == s && !w.heard }) {
			return s
		}
	}
	return nil
}

// finish makes segments of a window that is decoded. What the model has left out becomes a
// window behind it.
func (t *transcription) finish(w *stretch) error {
	samples := len(w.pieces)*chunk - chunk + len(w.pieces[len(w.pieces)-1].samples)
	h, err := t.m.heardIn(t.ctx, w.slot, samples, w.o)
	if err != nil {
		return err
	}
	if t.past != nil && t.past.strayed(h) {
		t.past.said = nil
		return t.begin(w, false)
	}
	w.heard = true
	if !t.known && !h.Silent {
		t.o.Language, t.known, t.sure = h.Language, true, h.Languages[h.Language]
	}
	// At least a second passes with each window, whatever the model says.
	next := min(max(h.until(w.pieces, 0), SampleRate), samples)
	if begun := onset(w.pieces, next); next < samples && begun >= SampleRate {
		next = begun
	}
	h.segments = slices.DeleteFunc(h.segments, func(s whisper.Segment) bool {
		return !voiced(w.pieces, samplesOf(s.Start)-SampleRate/2, samplesOf(s.End)+SampleRate/2)
	})
	if t.past != nil {
		t.past.add(h)
	}
	again := left(w.pieces, next)
	if again {
		next -= next % chunk
	}
	pause := w.pause + next
	for _, s := range h.segments {
		pause = max(0, next-samplesOf(s.End))
		out := h.placed(w.pieces, next, s)
		out.Sure = t.sure
		w.found = append(w.found, out)
	}
	said := sentences(w.found)
	if w.rest != "" && echoes(said, w.rest) {
		w.found, said = nil, w.rest // the model had written its last time too early
	}
	if again {
		rest := &stretch{pieces: w.pieces[next/chunk:], pause: pause, rest: said}
		t.order = slices.Insert(t.order, slices.Index(t.order, w)+1, rest)
		w.pieces = w.pieces[:next/chunk]
	}
	w.end = place(w.pieces, len(w.pieces)*chunk, true)
	w.pieces = nil
	return nil
}

// sentences is the text of segments.
func sentences(all []Segment) string {
	var texts []string
	for _, s := range all {
		texts = append(texts, s.Text)
	}
	return strings.Join(texts, " ")
}

// echoes reports whether text is what before ends with.
func echoes(text, before string) bool {
	a, b := strings.Fields(text), strings.Fields(before)
	return len(a) <= len(b) && slices.EqualFunc(a, b[len(b)-len(a):], func(x, y string) bool { return bare(x) == bare(y) })
}

// deliver gives what is heard and has nothing before it that is not.
func (t *transcription) deliver() error {
	for len(t.order) > 0 && t.order[0].heard {
		for _, s := range t.order[0].found {
			if !t.yield(s, nil) {
				return errLeft
			}
		}
		if t.p.Progress != nil {
			t.p.Progress(t.order[0].end)
		}
		t.order = t.order[1:]
	}
	return nil
}

// leave gives the slots back.
func (t *transcription) leave() {
	for _, s := range t.slots {
		s.Stop()
	}
	if t.m.take(context.Background()) == nil { // else it is closed
		t.m.slots = append(t.m.slots, t.slots...)
		t.m.give()
	}
}

// placed returns a segment of the window of pieces, with times of the whole audio; to is
// where the next window begins.
func (h heard) placed(p []piece, to int, seg whisper.Segment) Segment {
	at := func(start, end time.Duration) (time.Duration, time.Duration) {
		a := min(samplesOf(start), to)
		return place(p, a, false), place(p, max(a, min(samplesOf(end), to)), true)
	}
	s := Segment{Text: seg.Text, Language: h.Language, Final: true, AvgLogprob: h.AvgLogprob,
		NoSpeech: h.NoSpeech, Compression: h.Ratio, Temperature: h.Temperature, Looped: h.Looped}
	s.Start, s.End = at(seg.Start, seg.End)
	for _, w := range seg.Words {
		word := Word{Text: w.Text, Prob: w.Prob}
		word.Start, word.End = at(w.Start, w.End)
		s.Words = append(s.Words, word)
	}
	return s
}

// until returns how much of the window at sample from of the joined pieces is done with. The
// model may say all of it and leave out what is spoken at the end; where speech is
// detected more than half a second behind the last segment, that is heard again.
func (h heard) until(p []piece, from int) int {
	if h.end > 0 && voiced(p, from+h.end+SampleRate/2, from+h.done) {
		return h.end
	}
	return h.done
}

// onset returns where the next window starts if the model says at sample i. Its times run
// about a tenth of a second late, into the first word of what follows, which would be lost:
// if speech began in the 0.3 s before i, it is up to four chunks before that.
func onset(p []piece, i int) int {
	const quiet = 0.35
	at := min(i/chunk, len(p)-1)
	for k := at; k > max(0, at-10); k-- {
		if p[k].voice >= quiet {
			continue
		}
		if k == at {
			return i
		}
		for from := k; k > 0 && from-k < 3 && p[k-1].voice < quiet; {
			k--
		}
		return k * chunk
	}
	return i
}
