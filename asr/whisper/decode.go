package whisper

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"time"
)

// Result is the transcription of a window.
type Result struct {
	Tokens      []int32 // text and times, without the end token
	Text        string
	Language    string
	Languages   map[string]float64 // probabilities, if the language was detected
	AvgLogprob  float64            // mean over the tokens and the end
	NoSpeech    float64            // probability, without a prompt
	Ratio       float64            // compression ratio of the text by zlib
	Temperature float32            // of the accepted attempt
	Silent      bool               // nobody speaks: there are no tokens
	Guess       bool               // no attempt was accepted: there are no tokens
	Looped      bool               // the model repeated itself; that part of the text was removed
	Swallowed   bool               // words are left out within the text; shorter windows may have them
	Repeated    string             // the word, without case and marks, that is nearly all of the text and was counted; "": none
	Two         time.Duration      // with Repeated: where the second one has ended
	Steps       int                // of the decoder, all attempts
	Encoder     time.Duration      // spent in the encoder
	Decoder     time.Duration      // spent in the decoder
}

// attempt is one decoding of the window.
type attempt struct {
	tokens  []int32
	sum     float64 // of the log-probabilities of tokens and the end
	looped  bool    // a loop of the model, which was removed; or, before examine, perhaps one
	repeats bool    // the speaker certainly says a sentence or a word again
	fewer   bool    // words that are said again and again are left out
	word    string  // that was counted, as in Result.Repeated
	steps   int

	text        string
	ratio, avg  float64
	temperature float32
}

// decode decodes the window in the cross state (openai/whisper, whisper/transcribe.py): the prompt,
// the language, then attempts at rising temperatures until one is accepted:
//
//	start │                          no-speech probability, language probabilities
//	[startofprev, earlier text …] start language task [notimestamps] │ sampled …
//
//	temperature 0 (greedy or beam) → 0.2 → 0.4 → 0.6 → 0.8 → 1.0 (sampled, fixed seed)
//
// An attempt is rejected if most of it is a loop (see examine) or its mean log-probability is below
// -1. A window is silence if the model's no-speech probability is above 0.6 where that is so, or
// above 0.45 where the mean log-probability is below -0.5; other thresholds hold for a few words of which
// detection is sure (see silent). If all attempts are rejected, what remains
// of one that looped is the result if its tokens are probable enough; else there is none (see choose).
//
// With hints, the window is decoded without them too, see confirm.
func (s *Slot) decode(ctx context.Context, o Options) (*Result, error) {
	o = o.withDefaults()
	s.located = located{}
	r := &Result{Language: o.Language}
	if err := s.introduce(r, o); err != nil {
		return nil, err
	}
	a, err := s.attempts(ctx, r, &o)
	if err != nil {
		return nil, err
	}
	if a != nil && o.hinted() {
		if a, err = s.confirm(ctx, r, a, &o); err != nil {
			return nil, err
		}
	}
	if a != nil {
		if r.Swallowed, err = s.swallows(a, r, &o); err != nil {
			return nil, err
		}
		r.Swallowed = r.Swallowed || a.fewer && !o.Quick
		if r.Repeated = a.word; a.word != "" {
			r.Two = time.Duration(endOfTwo(o.Speech)) * Tick
		}
		r.Tokens, r.Text, r.AvgLogprob, r.Ratio, r.Temperature, r.Looped = a.tokens, a.text, a.avg, a.ratio, a.temperature, a.looped
	}
	return r, nil
}

// introduce sets r's language and, where the prompt or the detection of the language needs a step of
// its own, its no-speech probability: the prompt changes both.
func (s *Slot) introduce(r *Result, o Options) error {
	if !s.Multilingual {
		r.Language = "en"
	}
	_, known := s.Specials.Language(r.Language)
	if known && len(o.Prompt) == 0 {
		return nil
	}
	out, err := s.step(request{forks: []fork{{}}, ids: []int32{s.Start}, spans: []span{{n: 1}}})
	if err != nil {
		return err
	}
	r.Steps++
	row := out.row(0)
	r.NoSpeech = s.silence(row)
	if known {
		return nil
	}
	var lang int32
	lang, r.Languages = s.detect(row)
	r.Language = s.Codes()[lang-s.Languages]
	limit := doubtful
	if o.Brief {
		limit = certain
	}
	if _, ok := s.Specials.Language(o.Likely); ok && r.Languages[r.Language] < limit {
		r.Language = o.Likely
	}
	return nil
}

// silence returns the no-speech probability by the logits after the start token.
func (m *Model) silence(logits []float32) float64 {
	return math.Exp(float64(logits[m.NoSpeech]) - m.pool.LogSumExp(logits))
}

// attempts makes attempts until one is accepted and returns it, or what remains of the best one;
// nil for none.
func (s *Slot) attempts(ctx context.Context, r *Result, o *Options) (*attempt, error) {
	first, pos, err := s.prefill(r, o)
	if err != nil {
		return nil, err
	}
	var tried []*attempt
	for _, t := range o.Temperatures {
		a, err := s.attempt(ctx, first, pos, t, r, o)
		if err != nil {
			return nil, err
		}
		r.Steps += a.steps
		tried = append(tried, a)
		r.AvgLogprob, r.Ratio = a.avg, a.ratio
		if silent, err := s.silent(a, r, o); err != nil || silent {
			r.Silent = silent
			return nil, err
		}
		if o.Quick || !a.looped && a.avg >= o.least() {
			return a, nil
		}
	}
	a := choose(tried, r, o)
	r.Guess = a == nil
	return a, nil
}

const (
	// nearSilence is the part of the no-speech threshold from which on text has to be more probable.
	nearSilence = 0.75
	// nearBoth is the sum of the parts of both thresholds above which text in a doubtful language is
	// a guess.
	nearBoth = 1.4
	// nearGuess is the part of the log-probability threshold below which a text is doubtful.
	nearGuess = 0.8
	// briefGuess and briefSilence are the parts of both thresholds beyond which the text of a few words of
	// clear speech is rejected. The model is unsure of most of them: of 144 synthetic ones the wrong side
	// of the thresholds themselves has a third, with the right text. What it writes for coughs, hums and
	// barks that detection takes for speech has a no-speech probability of 0.7 and more.
	briefGuess   = 1.25
	briefSilence = 1.1
	// improbable is the probability of a language of some seconds of speech below which doubtful text in it is
	// a guess.
	improbable = 0.4
	// longToken is how much detected speech is too much for a token, and longTokens the share of the
	// text's time in such tokens from which on it is not spoken. What the model writes for tones,
	// noise and music has tokens of 2 s and more.
	longToken  = 1200 * time.Millisecond
	longTokens = 0.5
)

// silent reports whether nobody speaks in the window, or not in its language: the text is improbable where the model's
// no-speech probability is high; or one of both is doubtful, and the alignment gives the text times
// that no speech has. (Translations are not in the order of the speech.) Where detection is sure of a few words
// (Options.Brief), it is believed more than the model.
func (s *Slot) silent(a *attempt, r *Result, o *Options) (bool, error) {
	switch {
	case len(a.tokens) == 0:
		return r.NoSpeech > o.MaxNoSpeech, nil
	case a.repeats: // the no-speech probability is high for real repetitions too
		return a.avg < o.MinLogprob/2 && doubtfulLanguage(r, o), nil
	case o.Brief:
		return a.avg < o.least() || a.avg < o.MinLogprob/2 && r.NoSpeech > briefSilence*o.MaxNoSpeech, nil
	case a.avg < o.MinLogprob && r.NoSpeech > o.MaxNoSpeech, a.avg < o.MinLogprob/2 && r.NoSpeech > nearSilence*o.MaxNoSpeech:
		return true, nil
	case a.avg/o.MinLogprob+r.NoSpeech/o.MaxNoSpeech > nearBoth && doubtfulLanguage(r, o):
		return true, nil
	case a.avg < nearGuess*o.MinLogprob && improbableLanguage(r, o):
		return true, nil
	case o.Quick || o.Translate || o.Length == 0 || !doubtfulText(a, r, o):
		return false, nil
	}
	text, _ := s.textOf(a.tokens)
	l, err := s.locate(text, r, o, false)
	if err != nil || l == nil {
		return false, err
	}
	return !l.spoken(), nil
}

// doubtfulText reports whether one of the figures of a, together with another, is doubtful.
func doubtfulText(a *attempt, r *Result, o *Options) bool {
	return r.NoSpeech >= nearSilence*o.MaxNoSpeech || a.avg < o.MinLogprob/2 && r.NoSpeech >= o.MaxNoSpeech/2 || a.avg < nearGuess*o.MinLogprob ||
		doubtfulLanguage(r, o)
}

// doubtfulLanguage reports whether the language was detected and is doubtful.
func doubtfulLanguage(r *Result, o *Options) bool {
	return r.Languages != nil && r.Languages[r.Language] < doubtful || o.Sure > 0 && o.Sure < doubtful
}

// improbableLanguage reports whether the language was detected and is improbable although someone speaks for
// long enough to recognise it.
func improbableLanguage(r *Result, o *Options) bool {
	prob := o.Sure
	if r.Languages != nil {
		prob = r.Languages[r.Language]
	}
	return prob > 0 && prob < improbable && time.Duration(count(o.Speech))*Tick >= leastSpeech
}

// spoken reports whether the text may be speech: most of its time is in tokens that are no longer than
// words.
func (a *alignment) spoken() bool {
	all, long := 0, 0
	for i := range a.share {
		n := a.speechIn(i, i+1)
		all += n
		if time.Duration(n)*Tick >= longToken {
			long += n
		}
	}
	return float64(long) < longTokens*float64(all)
}

// locate aligns text with the window during decoding, with the probabilities of its tokens if they are
// needed; it returns nil where there is nothing to align. Several checks may need the same text: its
// alignment is kept.
func (s *Slot) locate(text []int32, r *Result, o *Options, probs bool) (a *alignment, err error) {
	frames := s.positions
	if o.Length > 0 {
		frames = s.frames(o.Length)
	}
	if len(text) == 0 || frames < 1 {
		return nil, nil
	}
	if l := s.located; l.a != nil && slices.Equal(l.text, text) && (l.a.probs != nil || !probs) {
		return l.a, nil
	}
	const state = maxBeam // the states below hold hypotheses and the prompt
	_, err = s.step(request{run: func() error {
		err := s.fork(fork{state, 0, 0})
		if err == nil {
			a, err = s.align(text, r.Language, o.Translate, false, probs, frames, state)
		}
		if err == nil {
			a.speech, s.located = o.Speech, located{text, a}
		}
		return errors.Join(err, s.closeState(state)) // other slots use its memory next
	}})
	r.Steps++
	return a, err
}

// prefill runs the decoder over the tokens before the sampled ones and returns the logits of the
// first sampled token and its position. It sets r's no-speech probability unless introduce has.
func (s *Slot) prefill(r *Result, o *Options) (first []float32, pos int, err error) {
	var ids []int32
	if n := len(o.Prompt); n > 0 {
		ids = append(ids, s.StartPrevious)
		ids = append(ids, o.Prompt[max(0, n-(s.TextContext/2-1)):]...)
	}
	start := len(ids)
	lang, _ := s.Specials.Language(r.Language)
	ids = append(append(ids, s.Start), s.task(lang, *o)...)
	out, err := s.step(request{forks: []fork{{}}, ids: ids, spans: []span{{0, len(ids), 0}}, first: start})
	if err != nil {
		return nil, 0, err
	}
	r.Steps++
	if start == 0 {
		r.NoSpeech = s.silence(out.row(0))
	}
	return append(first, out.row(len(ids)-1-start)...), len(ids), nil
}

// task returns the tokens that select a language and the task.
func (m *Model) task(lang int32, o Options) (ids []int32) {
	if m.Multilingual {
		what := m.Transcribe
		if o.Translate {
			what = m.Translate
		}
		ids = append(ids, lang, what)
	}
	if o.NoTimes {
		ids = append(ids, m.NoTimes)
	}
	return ids
}

// Detect returns the probability of each of Codes() for the window that Encode was called with.
func (s *Slot) Detect(ctx context.Context) (map[string]float64, error) {
	if !s.Multilingual {
		return map[string]float64{"en": 1}, nil
	}
	err := s.withWindow(ctx, func() error {
		s.asked = request{forks: []fork{{}}, ids: []int32{s.Start}, spans: []span{{n: 1}}}
		return s.answer(ctx, []*Slot{s})
	})
	if err != nil {
		return nil, err
	}
	_, probs := s.detect(s.rows.row(0))
	return probs, nil
}

// Logits returns the logits after the start token and after each of text, which follows it, for the window that Encode was called with.
func (s *Slot) Logits(ctx context.Context, text []int32) (out [][]float32, err error) {
	ids := append([]int32{s.Start}, text[:min(len(text), s.TextContext-1)]...)
	err = s.withWindow(ctx, func() error {
		s.asked = request{forks: []fork{{}}, ids: ids, spans: []span{{n: len(ids)}}}
		return s.answer(ctx, []*Slot{s})
	})
	for i := 0; err == nil && i < len(ids); i++ {
		out = append(out, slices.Clone(s.rows.row(i)))
	}
	return out, err
}

// detect returns the likeliest language token and the probability of each language code.
func (m *Model) detect(logits []float32) (int32, map[string]float64) {
	l := logits[m.Languages:][:m.LanguageCount]
	all := m.pool.LogSumExp(l)
	probs := make(map[string]float64, len(l))
	for i, code := range m.Codes() {
		probs[code] = math.Exp(float64(l[i]) - all)
	}
	top, _ := m.best(l)
	return m.Languages + top, probs
}

// attempt decodes the window once, at temperature t.
func (s *Slot) attempt(ctx context.Context, first []float32, pos int, t float32, r *Result, o *Options) (*attempt, error) {
	width, search := o.Beam, s.beam
	if t > 0 || width == 1 {
		search = s.sample
		if t > 0 {
			width = o.BestOf
		}
	}
	a, err := search(ctx, first, pos, width, t, r, o)
	if err != nil {
		return nil, err
	}
	a.temperature = t
	a.avg = a.sum / float64(len(a.tokens)+1)
	a.text = s.spell(a.tokens)
	a.ratio = ratio(a.text)
	return a, s.examine(a, r, o)
}

// most returns how many tokens may be sampled from position pos on.
func (m *Model) most(pos int) int { return min(m.TextContext/2, m.TextContext-pos) }

// spell returns the text of tokens, without the times.
func (m *Model) spell(tokens []int32) string {
	var text []int32
	for _, id := range tokens {
		if id < m.EndOfText {
			text = append(text, id)
		}
	}
	return strings.TrimSpace(strings.ToValidUTF8(string(m.text.Decode(text)), "\uFFFD"))
}

// choose returns what remains of the attempts if all were rejected: the likeliest of those of which a
// loop was removed and the rest is probable enough; nil for none. A translation is improbable where the
// speech is clear too, so the likeliest one that is not a loop is used unless there may be silence.
func choose(tried []*attempt, r *Result, o *Options) (best *attempt) {
	clear := o.Translate && r.NoSpeech < nearSilence*o.MaxNoSpeech
	for _, a := range tried {
		rest := a.looped && a.text != "" && a.avg >= o.least()
		if (rest || clear && !a.looped) && (best == nil || a.avg > best.avg) {
			best = a
		}
	}
	return best
}
