package asr

// Files: speech is taken out of the audio and put together to windows.
//
//	audio    ░░░▓▓▓▓▓░▓▓▓░░░░░░░░▓▓▓▓▓▓▓▓▓░░░░░░░░░░░░░░░░░░░▓▓▓▓
//	chunks      ├────────┤      ├────────┤                  ├───   0.4 s around speech;
//	            gaps below 2 s stay, longer ones go, and 5 s also end a window
//	window      ├──────────────────┤  ≤ 30 s; the next starts where the last complete
//	                         ├────…      segment of this one ended
//
// The audio goes in chunks of 32 ms that remember where they came from.

import (
	"context"
	"errors"
	"io"
	"iter"
	"slices"
	"time"

	"soberano/asr/vad"
	"soberano/asr/whisper"
)

const (
	chunk    = vad.Chunk
	margin   = 12 * chunk * time.Second / SampleRate // 0.384 s around speech
	longGap  = 5 * SampleRate / chunk                // chunks without speech that end a window
	lookback = 20 * SampleRate / chunk               // chunks kept in case speech began in them
)

// Speech as vad finds it here begins and ends on whole chunks: margin is twelve of them.
var fileSpeech = vad.Options{MinSilence: 2 * time.Second, Before: margin, After: margin}

// piece is a chunk of audio.
type piece struct {
	at      int64     // number since the beginning of the audio
	samples []float32 // of the last one perhaps less than a chunk
	voice   float32   // probability of speech
}

// speech takes the chunks of speech out of a source. It belongs to one goroutine.
type speech struct {
	src      Source
	seg      *vad.Segmenter
	raw      []piece // heard, but not known to be speech or passed by
	next     int64   // number of the next chunk
	lag      int64   // chunks within which speech may turn out to have ended
	speaking bool
	ready    []piece // speech
	err      error   // io.EOF at the end
}

func newSpeech(src Source) *speech {
	lag := int64(fileSpeech.MinSilence * SampleRate / time.Second / chunk)
	return &speech{src: src, seg: vad.NewSegmenter(fileSpeech), lag: lag + 1}
}

// fill reads until want chunks of speech are ready, or a gap or the end follows them.
func (s *speech) fill(ctx context.Context, want int) error {
	for s.err == nil && len(s.ready) < want && !s.passed() {
		if err := ctx.Err(); err != nil {
			return err
		}
		s.read()
	}
	if s.err != nil && s.err != io.EOF {
		return s.err
	}
	return nil
}

// passed reports whether a long gap has followed what is ready.
func (s *speech) passed() bool {
	if len(s.ready) == 0 {
		return false
	}
	return gapAt(s.ready) < len(s.ready) || !s.speaking && s.next-s.ready[len(s.ready)-1].at > lookback+longGap
}

// gapAt returns how many pieces stand before the first long gap.
func gapAt(p []piece) int {
	for i := 1; i < len(p); i++ {
		if p[i].at-p[i-1].at > longGap {
			return i
		}
	}
	return len(p)
}

// read takes one chunk from the source.
func (s *speech) read() {
	p := piece{at: s.next, samples: make([]float32, chunk)}
	n := 0
	for n < chunk && s.err == nil {
		var k int
		k, s.err = s.src.Read(p.samples[n:])
		n += k
	}
	if n == 0 {
		s.events(s.seg.Flush())
		return
	}
	events := s.seg.Push(p.samples)
	p.voice, p.samples = s.seg.Prob(), p.samples[:n]
	s.raw = append(s.raw, p)
	s.next++
	s.events(events)
	if s.err != nil {
		s.events(s.seg.Flush())
	}
}

// events moves chunks that are speech for certain from raw to ready.
func (s *speech) events(events []vad.Event) {
	for _, e := range events {
		at := (e.At + chunk - 1) / chunk
		if e.Start {
			s.speaking = true
			s.pass(at, false)
		} else {
			s.pass(at, true)
			s.speaking = false
		}
	}
	if s.speaking {
		s.pass(s.next-s.lag, true)
	} else {
		s.pass(s.next-lookback, false)
	}
}

// pass takes the chunks before number end out of raw, to ready if they are speech.
func (s *speech) pass(end int64, isSpeech bool) {
	n := 0
	for n < len(s.raw) && s.raw[n].at < end {
		n++
	}
	if isSpeech {
		s.ready = append(s.ready, s.raw[:n]...)
	}
	s.raw = append(s.raw[:0], s.raw[n:]...)
}

// Transcribe hears all of src and gives its segments in order, each once its window is
// decoded; all are final. The last pair holds the error that ended it: src's, ctx's,
// ErrLanguage or ErrClosed; what was heard before has been given. Audio without speech
// gives nothing. Memory does not grow with src's length.
func (m *Model) Transcribe(ctx context.Context, src Source, p Params) iter.Seq2[Segment, error] {
	return func(yield func(Segment, error) bool) {
		p, err := m.check(p)
		if err != nil {
			yield(Segment{}, err)
			return
		}
		s := newSpeech(src)
		o := m.options(p)
		before := &past{fixed: o.Prompt, none: p.Apart, room: m.promptRoom()}
		skip := 0 // samples of the first ready chunk that are done with
		for {
			// More than a window: it shows whether speech goes on behind it.
			err := s.fill(ctx, window/chunk+2)
			if len(s.ready) == 0 || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
				if err != nil {
					yield(Segment{}, err)
				}
				return
			}
			more, e := m.turnWindow(ctx, s, &skip, &o, before, yield)
			if e != nil {
				yield(Segment{}, e)
			}
			if !more || e != nil {
				return
			}
		}
	}
}

// turnWindow decodes the next window of what is ready, gives its segments and drops what
// is done with. It reports false when no more is wanted.
func (m *Model) turnWindow(ctx context.Context, s *speech, skip *int, o *whisper.Options, before *past, yield func(Segment, error) bool) (bool, error) {
	whole := gapAt(s.ready)
	samples := join(s.ready[:whole])[*skip:]
	last := len(samples) <= window
	samples = samples[:min(len(samples), window)]
	h, err := m.hearAfter(ctx, samples, *o, before)
	if err != nil {
		return false, err
	}
	if o.Language == "" && !h.Silent {
		o.Language, before.sure = h.Language, h.Languages[h.Language]
	}
	// At least a second passes with each window, whatever the model says.
	next := *skip + min(max(h.until(s.ready, *skip), SampleRate), len(samples))
	if begun := onset(s.ready, next); begun-*skip >= SampleRate && !(last && next == *skip+len(samples)) {
		next = begun
	}
	h.segments = slices.DeleteFunc(h.segments, func(seg whisper.Segment) bool {
		return !voiced(s.ready, *skip+samplesOf(seg.Start)-SampleRate/2, *skip+samplesOf(seg.End)+SampleRate/2)
	})
	before.add(h)
	before.spoken += next - *skip
	for _, seg := range h.segments {
		before.spoken = max(0, next-*skip-samplesOf(seg.End))
		out := h.placed(s.ready, *skip, next, seg)
		out.Sure = before.sure
		if !yield(out, nil) {
			return false, nil
		}
	}
	*skip = next
	if drop := *skip / chunk; last && (drop >= whole || !voiced(s.ready[:whole], *skip, whole*chunk)) {
		s.ready, *skip = s.ready[whole:], 0
		before.spoken += samplesOf(fileSpeech.MinSilence) // at least
	} else {
		s.ready, *skip = s.ready[drop:], *skip-drop*chunk
	}
	return true, nil
}

// placed returns a segment of the window at sample from of the joined pieces, with times
// of the whole audio; to is where the next window begins.
func (h heard) placed(p []piece, from, to int, seg whisper.Segment) Segment {
	at := func(start, end time.Duration) (time.Duration, time.Duration) {
		a := from + samplesOf(start)
		return place(p, a, false), place(p, max(a, min(from+samplesOf(end), to)), true)
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

// join returns the samples of pieces side by side.
func join(p []piece) []float32 {
	out := make([]float32, 0, len(p)*chunk)
	for _, x := range p {
		out = append(out, x.samples...)
	}
	return out
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

// voiced reports whether a tenth of a second of samples [from, to) of the joined pieces
// is probably speech.
func voiced(p []piece, from, to int) bool { return voices(p, from, to) >= 3 }

// voices counts the chunks of samples [from, to) that are probably speech.
func voices(p []piece, from, to int) int {
	n := 0
	for i := max(0, from/chunk); i < min(len(p), (to+chunk-1)/chunk); i++ {
		if p[i].voice >= 0.5 {
			n++
		}
	}
	return n
}

// place returns when sample i of the joined pieces was heard; an end belongs to the
// chunk before it.
func place(p []piece, i int, end bool) time.Duration {
	k := i / chunk
	if end && i%chunk == 0 {
		k--
	}
	k = min(max(k, 0), len(p)-1)
	return duration(int(p[k].at)*chunk + min(max(i-k*chunk, 0), len(p[k].samples)))
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
