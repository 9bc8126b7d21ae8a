package asr

// Speech taken out of audio, and cut to windows.
//
//	audio    ░░░▓▓▓▓▓░▓▓▓░░░░░░░░▓▓▓▓▓▓▓▓▓░░░░░░░░░░░░░░░░░░░▓▓▓▓
//	chunks      ├────────┤      ├────────┤                  ├───   0.4 s around speech;
//	            gaps below 2 s stay, longer ones go, and 5 s also end a window
//	windows     ├───────────────────┤                       ├───   ≤ 30 s, cut in a pause
//
// The audio goes in chunks of 32 ms that remember where they came from.

import (
	"context"
	"io"
	"time"

	"soberano/asr/vad"
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

// cut returns how many of the pieces, which stand without a long gap and are more than fit,
// make a window: up to the middle of a pause, a long and a late one if there is a choice. A
// pause of 0.64 s counts as much as a whole window; most sentences end with more.
func cut(p []piece) int {
	const enough = 20 // chunks of a pause
	n := window / chunk
	best, at := 0.0, 0
	for i := n / 3; i < n; i++ {
		from := i
		for i < n && p[i].voice < quiet {
			i++
		}
		if i == from {
			continue
		}
		middle := (from + i + 1) / 2
		if worth := min(1, float64(i-from)/enough) + float64(middle)/float64(n); worth > best {
			best, at = worth, middle
		}
	}
	if at == 0 {
		return quietest(p[:n])
	}
	return at
}

// join returns the samples of pieces side by side.
func join(p []piece) []float32 {
	out := make([]float32, 0, len(p)*chunk)
	for _, x := range p {
		out = append(out, x.samples...)
	}
	return out
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
