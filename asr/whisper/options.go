package whisper

import (
	"math"
	"slices"
	"time"

	"soberano/kernels"
)

// Options says how a window is decoded (openai/whisper, whisper/transcribe.py and
// whisper/decoding.py). Zero values mean the default.
type Options struct {
	Language   string           // a code of Codes(), or "": detected
	Sure       float64          // probability of Language, if it was detected; 0: not known
	Likely     string           // a code to use if the detected language is doubtful
	Translate  bool             // into English, if the model can
	Prompt     []int32          // text tokens before the window, the newest last
	Hints      int              // how many tokens at the beginning of Prompt are hints of the user, see confirm
	Vocabulary *Vocabulary      // words to make more likely
	NoTimes    bool             // text without times: the window is one segment
	WordTimes  bool             // Align will be called
	Spoken     time.Duration    // for Align, when speech ended before the window: 0 or less
	Voiced     time.Duration    // end of speech in the window, see allow; 0: not known
	Length     time.Duration    // of the audio in the window; 0: not known
	Speech     []bool           // for each Tick whether speech was detected; nil: not known
	Priority   kernels.Priority // of the steps, where models share workers
	Quick      bool             // one attempt at temperature 0, for text that is replaced soon
	Brief      bool             // detection is sure of the speech, which is a few words at most: see silent

	Beam          int     // hypotheses kept, at most 8; 0 or 1: greedy
	Patience      float64 // a search ends when Patience·Beam hypotheses have; 0: 1
	LengthPenalty float64 // a: hypotheses are ranked by log-probability/((5+n)/6)ᵃ; 0: by its mean
	BestOf        int     // texts sampled at a temperature above 0, of which the best is used; 0: as many as Beam

	Temperatures []float32     // of the attempts; nil: 0, 0.2, … 1
	MaxRatio     float64       // text with a higher compression ratio may be a loop, see examine; 0: 2.4
	MinLogprob   float64       // an attempt with a lower mean log-probability is rejected; 0: -1
	MaxNoSpeech  float64       // a rejected attempt with a higher no-speech probability is silence; 0: 0.6
	MaxInitial   time.Duration // latest start of the first segment; 0: 1 s
	Suppress     []int32       // tokens never sampled, in addition to the file's
}

var temperatures = []float32{0, 0.2, 0.4, 0.6, 0.8, 1}

// doubtful is the probability below which a detected language is doubtful; openai/whisper has no
// such threshold.
const doubtful = 0.6

// certain is the probability below which the language detected in a few words is doubtful, where another
// one is likely.
const certain = 0.9

// least returns the mean log-probability below which an attempt is rejected.
func (o *Options) least() float64 {
	if o.Brief {
		return briefGuess * o.MinLogprob
	}
	return o.MinLogprob
}

// withDefaults returns o with the defaults in place of zeros.
func (o Options) withDefaults() Options {
	set := func(v *float64, to float64) {
		if *v == 0 {
			*v = to
		}
	}
	set(&o.Patience, 1)
	set(&o.MaxRatio, 2.4)
	set(&o.MinLogprob, -1)
	set(&o.MaxNoSpeech, 0.6)
	o.Beam = min(max(o.Beam, 1), maxBeam)
	if o.BestOf <= 0 {
		o.BestOf = o.Beam
	}
	o.BestOf = min(o.BestOf, maxBeam)
	if len(o.Temperatures) == 0 {
		o.Temperatures = temperatures
	}
	if o.MaxInitial == 0 {
		o.MaxInitial = time.Second
	}
	return o
}

// hinted reports whether the user gave hints.
func (o *Options) hinted() bool { return o.Hints > 0 || o.Vocabulary != nil }

// plain returns o without the hints.
func (o *Options) plain() *Options {
	p := *o
	p.Prompt, p.Hints, p.Vocabulary = o.Prompt[min(o.Hints, len(o.Prompt)):], 0, nil
	return &p
}

// rank returns the value by which a hypothesis of n tokens is ranked.
func (o *Options) rank(sum float64, n int) float64 {
	if o.LengthPenalty == 0 {
		return sum / float64(max(1, n))
	}
	return sum / math.Pow(float64(5+n)/6, o.LengthPenalty)
}

// likeliest returns the hypothesis with the highest rank.
func (o *Options) likeliest(all []hypothesis) hypothesis {
	return slices.MaxFunc(all, func(a, b hypothesis) int {
		x, y := o.rank(a.score(), len(a.tokens)), o.rank(b.score(), len(b.tokens))
		switch {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return 0
	})
}
