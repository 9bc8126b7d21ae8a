package asr

import (
	"context"
	"io"
	"iter"
	"slices"
	"time"

	"soberano/asr/whisper"
	"soberano/kernels/cpu"
)

const (
	mostSlots = 6 // windows decoded side by side
	// pipeWait is how long slots that could continue wait for one more window. A file provides it
	// in that time, so that the same windows are decoded together in each run; a pipe may not.
	pipeWait = 200 * time.Millisecond
)

// fileWindow is a window of a file and the state of its transcription.
type fileWindow struct {
	pieces    []piece
	pause     int        // samples without speech before it
	said      []saidWord // by the window whose speech was left out and is this one
	o         whisper.Options
	slot      *whisper.Slot
	encoded   bool               // the slot holds the window
	language  string             // in which it is decoded; "": see languageOf
	sure      float64            // probability of the language, if it was detected
	languages map[string]float64 // probabilities, where they were computed
	started   bool
	done      bool
	segments  []Segment
	unheard   []Unheard     // before it and in it
	rest      bool          // it is speech that was left out of another window
	length    time.Duration // of its audio; of windows made of a part of another one 0
	end       time.Duration // how much of the audio is transcribed when this window is
}

func (w *fileWindow) running() bool { return w.started && !w.done }

// transcription is a call of Transcribe. Several windows are transcribed side by side:
//
//	audio ─▶ readWindows ─▶ windows ─┬▶ slot ─▶ segments ─┬▶ in order
//	(its own goroutine)              ├▶ slot ─▶ segments ─┤
//	                                 └▶ slot ─▶ segments ─┘
//	                                      └▶ speech that the model left out: another window
//
// If the language is not given, the windows of the first minute of speech are encoded first; they
// decide it.
//
// A slot encodes its window; then each step of the decoder advances all slots by one token, so
// that the decoder's weights are read once for all of them. Between steps the network is free
// for a microphone. Windows that follow each other's text (Params.Follow) share one slot.
type transcription struct {
	m            *Model
	ctx          context.Context
	p            Params
	o            whisper.Options
	heard        tally    // languages of the first windows
	settled      string   // language of the windows, by those before; "": Params.Language
	languageProb float64  // its probability
	history      *history // nil: windows are independent
	windows      chan *fileWindow
	allRead      bool          // windows is closed
	wait         bool          // for the next window, up to pipeWait
	order        []*fileWindow // read and not delivered
	slots        []*whisper.Slot
	mostSlots    int
	stopped      bool          // by Params.Stop
	cut          bool          // windows were not read or not decoded
	delivered    time.Duration // end of the window that was delivered last
	reported     time.Duration // by Params.Progress
	last         time.Duration // end of the segment that was delivered last
	joined       []float32     // audio of the window that is encoded
	yield        func(Segment, error) bool
}

// Transcribe transcribes src to its end and yields segments in order; all are final. Several
// windows are transcribed at a time, so src is read ahead, in a goroutine that ends with the
// loop. The last pair holds the error that ended the loop: src's, ctx's, ErrLanguage, ErrStopped or
// ErrClosed; the segments before the error have been yielded. Audio without speech yields
// nothing. Memory does not grow with the length of src.
func (m *Model) Transcribe(ctx context.Context, src Source, p Params) iter.Seq2[Segment, error] {
	return func(yield func(Segment, error) bool) {
		p, err := m.check(p)
		if err != nil {
			yield(Segment{}, err)
			return
		}
		t := &transcription{m: m, p: p, o: m.options(p), mostSlots: m.slotsFor(p), wait: true,
			windows: make(chan *fileWindow, 2), yield: yield}
		if p.Follow {
			t.history = &history{fixed: t.o.Prompt, room: m.promptRoom()}
		}
		var cancel context.CancelFunc
		t.ctx, cancel = context.WithCancel(ctx)
		source := t.read(src)
		err = t.run()
		cancel()
		left := <-source
		if err == nil {
			t.unheard(left.unheard)
			err = left.err
		}
		if err != nil && err != errLeft {
			yield(Segment{}, err)
		}
	}
}

// sourceEnd is how a source has ended: what has sound after the last window, and src's error.
type sourceEnd struct {
	unheard []Unheard
	err     error
}

// read sends the windows of src, in a goroutine that ends with t.ctx, and then how src has ended.
func (t *transcription) read(src Source) <-chan sourceEnd {
	ended := make(chan sourceEnd, 1)
	go func() {
		rest, err := readWindows(t.ctx, src, t.windows)
		close(t.windows)
		ended <- sourceEnd{rest, err}
	}()
	return ended
}

// slotsFor returns how many windows are transcribed side by side: as many as take no more memory
// than half the weights, or 64 MB.
func (m *Model) slotsFor(p Params) int {
	if p.Follow {
		return 1
	}
	one := cpu.StateBytes(m.net.CrossShape(), m.net.AudioContext, cpu.Cached8)
	return int(min(max(1, max(64<<20, m.info.WeightBytes/2)/one), mostSlots))
}

// readWindows divides src into windows and sends those in which someone speaks. It returns what has
// sound after the last one.
func readWindows(ctx context.Context, src Source, windows chan<- *fileWindow) ([]Unheard, error) {
	seg, pause := newSegmenter(fileSegments), 0
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		done, err := readChunk(src, seg)
		for _, u := range done {
			w := &fileWindow{pieces: u.pieces, pause: pause, length: duration(len(u.pieces) * chunk)}
			if n := len(u.pieces) * chunk; !voiced(u.pieces, 0, n) { // silence that is left after a cut
				pause += n
				continue
			}
			if pause = chunk * trailingSilence(u.pieces); u.closed {
				pause = samplesOf(filePause) // at least
			}
			w.unheard = seg.left.take(u.pieces[len(u.pieces)-1].at)
			select {
			case windows <- w:
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
		if err == io.EOF {
			return seg.left.take(seg.next), nil
		}
		if err != nil {
			return seg.left.take(seg.next), err
		}
	}
}

// readChunk reads the next chunk of src into seg and returns the utterances that it completes; at
// the end of src all that remain, with src's error.
func readChunk(src Source, seg *segmenter) (done []utterance, err error) {
	samples, n := seg.read[:], 0
	for n < chunk && err == nil {
		var k int
		k, err = src.Read(samples[n:])
		n += k
	}
	if n > 0 {
		done = seg.push(samples[:n])
	}
	if err != nil {
		done = append(done, seg.flush()...)
	}
	return done, err
}

// run transcribes all windows.
func (t *transcription) run() error {
	defer t.close()
	if t.o.Language == "" && t.m.net.Multilingual {
		if err := t.settle(); err != nil {
			return err
		}
		if all := t.heard.likelihoods(); len(all) > 0 {
			t.settled, t.languageProb = all[0].Language, all[0].Prob
		}
	}
	for {
		t.observe()
		w := t.next()
		if t.observe() {
			continue // w may be none that is decoded
		}
		if w == nil && !slices.ContainsFunc(t.order, (*fileWindow).running) {
			return t.ended()
		}
		if err := t.advance(w); err != nil {
			return err
		}
		if err := t.deliver(); err != nil {
			return err
		}
	}
}

// next returns a window to start now, or nil.
func (t *transcription) next() *fileWindow {
	busy := 0
	for _, w := range t.order {
		if w.running() {
			busy++
		}
	}
	if busy >= t.mostSlots {
		return nil
	}
	for _, w := range t.order {
		if !w.started {
			return w
		}
	}
	if t.allRead || len(t.order) >= 2*mostSlots {
		return nil
	}
	var late <-chan time.Time
	switch {
	case busy > 0 && t.wait:
		late = time.After(pipeWait)
	case busy > 0:
		late = time.After(0)
	}
	select {
	case w, more := <-t.windows:
		if t.allRead, t.wait = !more, true; more {
			t.order = append(t.order, w)
			return w
		}
	case <-t.p.Stop:
	case <-t.ctx.Done():
	case <-late:
		t.wait = false
	}
	return nil
}

// advance starts w or, if it is nil, advances all running windows by a step.
func (t *transcription) advance(w *fileWindow) error {
	if err := t.m.acquire(t.ctx); err != nil {
		return err
	}
	defer t.m.release()
	if w != nil {
		return t.start(w, true)
	}
	t.m.net.Step(t.ctx, t.slots)
	for _, w := range slices.Clone(t.order) {
		if w.running() && !w.slot.Busy() {
			if err := t.finish(w); err != nil {
				return err
			}
		}
	}
	return nil
}

// start encodes a window and starts its decoding, with the history as its prompt if follow is set.
func (t *transcription) start(w *fileWindow, follow bool) (err error) {
	if err := t.encode(w); err != nil {
		return err
	}
	w.started, w.o = true, t.o
	w.o.Voiced = duration(voicedLength(w.pieces) * chunk)
	w.o.Length, w.o.Speech, w.o.Brief = duration(len(w.pieces)*chunk), speechTicks(w.pieces, 0, len(w.pieces)*chunk), brief(w.pieces) && !w.rest
	if w.o.Spoken = -duration(w.pause); t.history != nil && follow {
		w.o.Prompt = t.history.prompt()
	}
	if w.language == "" {
		if w.language, w.sure, err = t.languageOf(w); err != nil {
			return err
		}
	}
	w.o.Language, w.o.Sure = w.language, w.languages[w.language]
	w.slot.Decode(t.ctx, w.o)
	t.progress()
	return nil
}

// encode encodes a window in a slot, unless that has been done.
func (t *transcription) encode(w *fileWindow) error {
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
	if w.encoded {
		return nil
	}
	w.encoded = true
	t.joined = appendJoined(t.joined[:0], w.pieces)
	t.m.file.Forget() // the rows of tokens that the decoder has read
	return w.slot.Encode(t.ctx, t.m.mel.Window(t.joined, t.m.net.Frames()), t.o.Priority)
}

// free returns an unused slot, or nil.
func (t *transcription) free() *whisper.Slot {
	for _, s := range t.slots {
		if !slices.ContainsFunc(t.order, func(w *fileWindow) bool { return w.slot == s && !w.done }) {
			return s
		}
	}
	return nil
}

// close stops decoding and gives the slots back to the model.
func (t *transcription) close() {
	for _, s := range t.slots {
		s.Stop()
	}
	if t.m.acquire(context.Background()) == nil { // else the model is closed
		t.m.slots = append(t.m.slots, t.slots...)
		t.m.release()
	}
}

// segment returns a segment of the window p with times of the whole audio; the next window begins
// at sample to.
func (r windowResult) segment(p []piece, to int, seg whisper.Segment) Segment {
	at := func(start, end time.Duration) (time.Duration, time.Duration) {
		a := min(samplesOf(start), to)
		return place(p, a, false), place(p, max(a, min(samplesOf(end), to)), true)
	}
	s := Segment{Text: seg.Text, Language: r.Language, Final: true, AvgLogprob: r.AvgLogprob,
		NoSpeech: r.NoSpeech, Compression: r.Ratio, Temperature: r.Temperature, Looped: r.Looped}
	s.Start, s.End = at(seg.Start, seg.End)
	for _, w := range seg.Words {
		word := Word{Text: w.Text, Prob: w.Prob}
		word.Start, word.End = at(w.Start, w.End)
		s.Words = append(s.Words, word)
	}
	return s
}

// onset returns where the next window starts if the model's times say at sample i. They are about
// a tenth of a second late, so the first word of what follows would be cut: if speech began in
// the 0.3 s before i, the window starts up to four pieces before the speech.
func onset(p []piece, i int) int {
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
