package asr

import (
	"slices"
	"time"

	"soberano/asr/vad"
)

const (
	chunk    = vad.Chunk               // samples of a piece
	lookback = 20 * SampleRate / chunk // pieces kept outside speech, because speech may have begun in them
)

// piece is a chunk of audio, 32 ms, with its place in the stream.
type piece struct {
	at      int64     // number since the beginning of the audio
	samples []float32 // chunk samples; of the last piece of a file perhaps fewer
	voice   float32   // probability of speech
	level   float64   // in dB, as vad.Detector.Level
	sound   bool      // louder than the noise around it; only with segmentOptions.report
}

// segmentOptions says how a segmenter divides speech into utterances.
type segmentOptions struct {
	vad       vad.Options
	hangover  int64             // latest pieces withheld, because speech may have ended before them
	gap       int64             // pieces without speech that end an utterance; 0: every pause that vad reports
	limit     int               // most pieces of an utterance
	lookahead int               // pieces beyond limit that are waited for before an utterance is cut
	cut       func([]piece) int // how many pieces of a too long utterance make the next one
	report    bool              // look for sound in what is left out
	ahead     int               // chunks that detection looks at before it processes them
}

// fileSegments divides a recording into windows: pauses below 2 s stay in a window, longer ones
// are left out, and 5 s without speech end it. Speech is kept with 0.384 s before and after it,
// twelve whole pieces, so that it begins and ends on pieces. Two pieces of lookahead show whether
// speech continues after a full window.
var fileSegments = segmentOptions{
	vad:      vad.Options{MinClear: shortestWord, MinSilence: filePause, Before: filePadding, After: filePadding},
	hangover: int64(filePause*SampleRate/time.Second/chunk) + 1,
	gap:      5 * SampleRate / chunk,
	limit:    window / chunk, lookahead: 2, cut: cutInPause, report: true,
	ahead: vad.Ahead,
}

const (
	shortestWord = 190 * time.Millisecond // "up" and "eight" may have no more, above the probability of silence
	filePause    = 2 * time.Second
	filePadding  = 12 * chunk * time.Second / SampleRate
)

// liveSegments divides what is spoken into a microphone into utterances: a pause of 0.7 s ends
// one, and half a second from before it is kept. After 28 s without such a pause it is cut where
// the last 6 s are quietest.
var liveSegments = segmentOptions{
	vad:   vad.Options{MinClear: shortestWord, MinSilence: 700 * time.Millisecond, Before: 500 * time.Millisecond, After: 300 * time.Millisecond},
	limit: longest - 1, lookahead: 1, cut: quietest,
}

const (
	longest   = 28 * SampleRate / chunk // pieces of an utterance without a pause
	cutWithin = 6 * SampleRate / chunk  // last pieces of a long utterance among which it is cut
)

// utterance is a stretch of speech to transcribe: a window of a file, or what was spoken between
// two pauses.
type utterance struct {
	pieces []piece
	closed bool // a gap follows; else the utterance was cut, or is the last
}

// segmenter takes speech out of a stream of audio and divides it into utterances. Files and
// microphones differ in their segmentOptions:
//
//	audio     ░░░▓▓▓▓▓░▓▓▓░░░░░░░░▓▓▓▓▓▓▓▓▓░░░░░░░░░░░░░░░░░░░▓▓▓▓
//	file         ├───────────────────┤                       ├───   short gaps stay in a window
//	live         ├────────┤      ├────────┤                  ├───   every pause ends an utterance
//
// What is left out of a file and has sound is recorded in left.
//
// It belongs to one goroutine, or is guarded by its owner.
type segmenter struct {
	o       segmentOptions
	vad     *vad.Segmenter
	looked  [][]float32    // chunks that detection has looked at, see segmentOptions.ahead
	next    int64          // number of the next piece
	pending []piece        // latest pieces outside speech
	speech  []piece        // speech that is not yet returned as an utterance
	active  bool           // speech goes on; its last pieces may turn out to be silence
	left    leftOut        // where there is sound among the pieces that are left out
	read    [chunk]float32 // memory of readChunk
}

func newSegmenter(o segmentOptions) *segmenter {
	return &segmenter{o: o, vad: vad.NewSegmenter(o.vad)}
}

// push adds the next chunk of audio, which may be shorter only at the end, and returns the
// utterances that it completes.
func (s *segmenter) push(samples []float32) []utterance {
	if s.o.ahead == 0 {
		return s.add(s.detect(samples))
	}
	s.vad.Look(samples)
	s.looked = append(s.looked, slices.Clone(samples))
	if len(s.looked) < s.o.ahead {
		return nil
	}
	return s.addLooked()
}

// addLooked adds the first of the chunks that detection has looked at.
func (s *segmenter) addLooked() []utterance {
	samples := s.looked[0]
	s.looked = s.looked[1:]
	return s.add(s.detect(samples))
}

// detect runs speech detection on the next chunk. Of a chunk with a loud hum the piece has the samples without it: Whisper
// too leaves out speech beside a hum. It is apart from add because it takes most of
// the time and uses no state but vad's.
func (s *segmenter) detect(samples []float32) (piece, []vad.Event) {
	full := make([]float32, chunk)
	n := copy(full, samples)
	events := s.vad.Push(full)
	if rest := s.vad.WithoutHum(); rest != nil {
		copy(full, rest)
	}
	return piece{samples: full[:n], voice: s.vad.Prob(), level: s.vad.Level()}, events
}

// add adds a piece and what detect found with it, and returns the utterances that are complete.
func (s *segmenter) add(p piece, events []vad.Event) []utterance {
	p.at = s.next
	s.next++
	p.sound = s.o.report && s.left.sounds(p.level, p.voice)
	if s.active {
		s.speech = append(s.speech, p)
	} else {
		s.pending = append(s.pending, p)
	}
	s.apply(events)
	return s.complete(false)
}

// flush ends the audio and returns the remaining utterances.
func (s *segmenter) flush() (out []utterance) {
	for len(s.looked) > 0 {
		out = append(out, s.addLooked()...)
	}
	s.apply(s.vad.Flush())
	s.left.leave(s.pending)
	s.left.end()
	s.pending = nil
	return append(out, s.complete(true)...)
}

// apply moves pieces between pending and speech where speech begins and ends.
func (s *segmenter) apply(events []vad.Event) {
	for _, e := range events {
		switch {
		case e.Start:
			n := before(s.pending, e.At/chunk)
			s.left.leave(s.pending[:n])
			s.left.keep(s.next)
			s.speech = append(s.speech, s.pending[n:]...)
			s.pending, s.active = nil, true
		case s.active:
			n := before(s.speech, (e.At+chunk-1)/chunk)
			s.pending, s.active = slices.Clone(s.speech[n:]), false
			s.speech = s.speech[:n]
		}
	}
	if n := len(s.pending) - lookback; n > 0 && !s.active {
		s.left.leave(s.pending[:n])
		s.pending = s.pending[n:]
	}
}

// before returns how many pieces have a number below at.
func before(p []piece, at int64) int {
	n := 0
	for n < len(p) && p[n].at < at {
		n++
	}
	return n
}

// certain returns the pieces of speech that will not turn out to be silence after it.
func (s *segmenter) certain() []piece {
	n := len(s.speech)
	for s.active && n > 0 && s.speech[n-1].at >= s.next-s.o.hangover {
		n--
	}
	return s.speech[:n]
}

// complete takes complete utterances out of the speech; at the end all of them.
func (s *segmenter) complete(end bool) (out []utterance) {
	for {
		ready := s.certain()
		if len(ready) == 0 {
			return out
		}
		n := s.gapIn(ready)
		closed := n < len(ready) || s.ended(ready)
		if !closed && !end && len(ready) < s.o.limit+s.o.lookahead {
			return out
		}
		if n > s.o.limit {
			n, closed = s.o.cut(ready), false
		}
		out = append(out, utterance{slices.Clone(ready[:n]), closed})
		s.speech = s.speech[n:]
	}
}

// gapIn returns how many pieces stand before the first gap.
func (s *segmenter) gapIn(p []piece) int {
	for i := 1; i < len(p); i++ {
		if p[i].at-p[i-1].at > max(1, s.o.gap) {
			return i
		}
	}
	return len(p)
}

// ended reports whether no speech can follow p without a gap: what begins now begins at most
// lookback pieces ago.
func (s *segmenter) ended(p []piece) bool {
	if s.active || s.o.gap == 0 {
		return !s.active
	}
	return s.next-p[len(p)-1].at > lookback+s.o.gap
}

// cutInPause returns how many of the pieces, which stand without a gap and are more than a
// window, make a window: up to the middle of a pause, preferring long and late pauses. A pause of
// 0.64 s counts as much as a whole window; most sentences end with more.
func cutInPause(p []piece) int {
	const enough = 20 // pieces of a pause
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

// quietest returns how many pieces a long utterance has up to the quietest of the last ones.
func quietest(p []piece) int {
	at := len(p) - 1
	for i := at; i >= len(p)-cutWithin; i-- {
		if p[i].voice < p[at].voice {
			at = i
		}
	}
	return at + 1
}
