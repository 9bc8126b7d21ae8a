package vad

import "time"

// Options says what a Segmenter takes for speech. A zero field means Offline's value, a negative
// one none.
type Options struct {
	Threshold  float32       // speech begins at this probability
	Release    float32       // silence begins below this one
	MinSpeech  time.Duration // shorter sounds are not speech
	MinClear   time.Duration // nor are those shorter than this, with a mean probability of clearMean or more; at most MinSpeech
	MinSilence time.Duration // shorter gaps do not end speech
	Before     time.Duration // padding before the first chunk of speech
	After      time.Duration // padding after the last chunk; at most MinSilence
}

// Offline returns the options for recordings: gaps below 0.5 s do not end speech.
func Offline() Options {
	return Options{Threshold: 0.5, Release: 0.35, MinSpeech: 250 * time.Millisecond,
		MinSilence: 500 * time.Millisecond, Before: 200 * time.Millisecond, After: 200 * time.Millisecond}
}

// Live returns the options for a microphone: 0.6 s of silence end an utterance, which begins half
// a second before its first speech.
func Live() Options {
	o := Offline()
	o.MinSilence, o.Before, o.After = 600*time.Millisecond, 500*time.Millisecond, 300*time.Millisecond
	return o
}

func (o Options) filled() Options {
	def := Offline()
	if o.Threshold == 0 {
		o.Threshold = def.Threshold
	}
	if o.Release == 0 {
		o.Release = min(def.Release, o.Threshold)
	}
	for _, f := range []struct {
		v *time.Duration
		d time.Duration
	}{{&o.MinSpeech, def.MinSpeech}, {&o.MinSilence, def.MinSilence}, {&o.Before, def.Before}, {&o.After, def.After}} {
		if *f.v == 0 {
			*f.v = f.d
		}
		*f.v = max(*f.v, 0)
	}
	if o.After = min(o.After, o.MinSilence); o.MinClear <= 0 || o.MinClear > o.MinSpeech {
		o.MinClear = o.MinSpeech
	}
	return o
}

// Event is the beginning or the end of speech.
type Event struct {
	Start bool  // else the end
	At    int64 // sample since the beginning of the stream, at Rate
}

// Range is a range of speech: samples [Start, End).
type Range struct{ Start, End int }

// detector is a Detector, or that of a test.
type detector interface {
	Look(chunk []float32)
	Prob(chunk []float32) float32
	Level() float64
	WithoutHum() []float32
	Reset()
}

// Segmenter finds speech in a stream of samples. It belongs to one goroutine. The probabilities of
// chunks of 32 ms pass a hysteresis:
//
//	p   ──────╮ ≥ Threshold: speech begins        < Release: silence begins
//	          │ candidate → (MinSpeech of chunks at or above Release, or MinClear of clear ones) → Start
//	          │ … a gap shorter than MinSilence belongs to the speech …
//	          ╰ MinSilence without reaching Threshold again → End where the silence began
//
// A candidate that ends before that is dropped. Start is moved back by Before, but not before
// the previous End, and End forward by After.
type Segmenter struct {
	opt       Options
	det       detector
	part      []float32 // samples waiting for a whole chunk
	pos       int64     // samples that went through the detector
	prob      float32
	active    bool    // candidate or speech
	confirmed bool    // Start was returned
	begin     int64   // first sample of the candidate
	voiced    int64   // samples of it at or above Release
	likely    float64 // sum of their probabilities
	quiet     int64   // where the silence began, or -1
	lastEnd   int64
}

// NewSegmenter returns a segmenter at the beginning of a stream.
func NewSegmenter(o Options) *Segmenter {
	return &Segmenter{opt: o.filled(), det: NewLeveled(), part: make([]float32, 0, Chunk), quiet: -1}
}

// Look lets the detector know the next Chunk samples that Push will get, see Detector.Look; of the last of a
// stream there may be fewer.
func (s *Segmenter) Look(chunk []float32) { s.det.Look(chunk) }

// Push takes samples (16 kHz, mono, any number) and returns the events that they complete, in
// order. A Start comes after MinSpeech of speech and refers to a sample that is earlier by that and
// Before; an End comes MinSilence after the last speech.
func (s *Segmenter) Push(samples []float32) []Event {
	var events []Event
	for len(samples) > 0 {
		n := min(Chunk-len(s.part), len(samples))
		s.part = append(s.part, samples[:n]...)
		samples = samples[n:]
		if len(s.part) == Chunk {
			events = s.chunk(events)
		}
	}
	return events
}

// Flush processes the samples that are left, ends speech at the last sample, and resets the
// segmenter: the next sample is number 0.
func (s *Segmenter) Flush() []Event {
	end := s.pos + int64(len(s.part))
	var events []Event
	if len(s.part) > 0 {
		events = s.chunk(events)
	}
	if s.confirmed {
		at := end
		if s.quiet >= 0 {
			at = min(end, s.quiet+samplesOf(s.opt.After))
		}
		events = append(events, Event{At: at})
	}
	s.det.Reset()
	*s = Segmenter{opt: s.opt, det: s.det, part: s.part[:0], quiet: -1}
	return events
}

// Prob returns the probability of the last whole chunk.
func (s *Segmenter) Prob() float32 { return s.prob }

// Level returns the level of the last whole chunk in dB, see Detector.Level.
func (s *Segmenter) Level() float64 { return s.det.Level() }

// WithoutHum returns the samples of the last whole chunk without a loud hum, see Detector.WithoutHum.
func (s *Segmenter) WithoutHum() []float32 { return s.det.WithoutHum() }

// Speaking reports whether speech has begun and not ended.
func (s *Segmenter) Speaking() bool { return s.confirmed }

// chunk passes s.part through the detector and the hysteresis.
func (s *Segmenter) chunk(events []Event) []Event {
	p := s.det.Prob(s.part)
	from := s.pos
	s.pos += int64(len(s.part))
	s.part, s.prob = s.part[:0], p
	if p >= s.opt.Threshold {
		if !s.active {
			s.active, s.begin, s.voiced, s.likely = true, from, 0, 0
		}
		s.quiet = -1
	}
	if !s.active {
		return events
	}
	if p >= s.opt.Release {
		s.voiced += s.pos - from
		s.likely += float64(p) * float64(s.pos-from)
		if !s.confirmed && s.spoken() {
			s.confirmed = true
			events = append(events, Event{Start: true, At: max(s.begin-samplesOf(s.opt.Before), s.lastEnd)})
		}
		return events
	}
	if s.quiet < 0 {
		s.quiet = from
	}
	if s.pos-s.quiet < samplesOf(s.opt.MinSilence) {
		return events
	}
	if s.confirmed {
		s.lastEnd = s.quiet + samplesOf(s.opt.After)
		events = append(events, Event{At: s.lastEnd})
	}
	s.active, s.confirmed, s.quiet = false, false, -1
	return events
}

// clearMean is the mean probability of speech from which on MinClear holds. Of synthetic words it is 0.85 and more.
const clearMean = 0.8

// spoken reports whether the candidate is long enough to be speech.
func (s *Segmenter) spoken() bool {
	return s.voiced >= samplesOf(s.opt.MinSpeech) || s.voiced >= samplesOf(s.opt.MinClear) && s.likely >= clearMean*float64(s.voiced)
}

func samplesOf(d time.Duration) int64 { return int64(d) * Rate / int64(time.Second) }

// Speech returns the ranges of speech in a whole recording (16 kHz, mono), in order and without
// overlap, or nil if there is none.
func Speech(samples []float32, o Options) []Range {
	s := NewSegmenter(o)
	var found []Range
	for _, e := range s.whole(samples) {
		if e.Start {
			found = append(found, Range{Start: int(e.At), End: len(samples)})
		} else {
			found[len(found)-1].End = int(e.At)
		}
	}
	return found
}

// whole returns the events of a whole recording.
func (s *Segmenter) whole(samples []float32) (events []Event) {
	ahead := 0 // samples looked at
	for at := 0; at < len(samples); at += Chunk {
		for ; ahead < min(at+Ahead*Chunk, len(samples)); ahead += Chunk {
			s.Look(samples[ahead:min(ahead+Chunk, len(samples))])
		}
		events = append(events, s.Push(samples[at:min(at+Chunk, len(samples))])...)
	}
	return append(events, s.Flush()...)
}
