package whisper

import (
	"context"
	"math"
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
	NoSpeech    float64            // probability
	Ratio       float64            // compression ratio of the text by zlib
	Temperature float32            // of the accepted attempt
	Silent      bool               // nobody speaks: there are no tokens
	Looped      bool               // every attempt was a loop; the text was cut
	Steps       int                // of the decoder, all attempts
	Encoder     time.Duration      // spent in the encoder
	Decoder     time.Duration      // spent in the decoder
}

// attempt is one decoding of the window.
type attempt struct {
	tokens []int32
	sum    float64 // of the log-probabilities of tokens and the end
	looped bool
	steps  int

	text        string
	ratio, avg  float64
	temperature float32
}

// decode decodes the window in the cross state (openai/whisper, whisper/transcribe.py): the prompt,
// the language, then attempts at rising temperatures until one is accepted:
//
//	[startofprev, earlier text …] start │ language task [notimestamps] │ sampled …
//	                              └ no-speech probability, language probabilities
//
//	temperature 0 (greedy or beam) → 0.2 → 0.4 → 0.6 → 0.8 → 1.0 (sampled, fixed seed)
//
// An attempt is rejected if its text is a loop (a compression ratio above 2.4, or the same tokens
// again and again) or its mean log-probability is below -1. If that is so and the model's no-speech
// probability is above 0.6, the window is silence. If all six are rejected, the likeliest that is
// not a loop is the result; if all are loops, the one with the lowest compression ratio, cut where
// it repeats itself.
func (s *Slot) decode(ctx context.Context, o Options) (*Result, error) {
	o = o.withDefaults()
	r := &Result{Language: o.Language}
	first, pos, err := s.prefill(r, o)
	if err != nil {
		return nil, err
	}
	var tried []*attempt
	for _, t := range o.Temperatures {
		a, err := s.attempt(ctx, first, pos, t, &o)
		if err != nil {
			return nil, err
		}
		r.Steps += a.steps
		tried = append(tried, a)
		if a.avg < o.MinLogprob && r.NoSpeech > o.MaxNoSpeech {
			r.Silent, r.AvgLogprob, r.Ratio = true, a.avg, a.ratio
			return r, nil
		}
		if o.Quick || !a.looped && a.avg >= o.MinLogprob {
			break
		}
	}
	a := s.choose(tried)
	r.Tokens, r.Text, r.AvgLogprob, r.Ratio, r.Temperature = a.tokens, a.text, a.avg, a.ratio, a.temperature
	r.Looped = a.looped
	return r, nil
}

// prefill runs the decoder over the tokens before the sampled ones and returns the logits of the
// first sampled token and its position. It sets r's language and no-speech probability.
func (s *Slot) prefill(r *Result, o Options) (first []float32, pos int, err error) {
	var ids []int32
	if n := len(o.Prompt); n > 0 {
		ids = append(ids, s.StartPrevious)
		ids = append(ids, o.Prompt[max(0, n-(s.TextContext/2-1)):]...)
	}
	ids = append(ids, s.Start)
	first = make([]float32, s.Vocab)
	feed := func(ids []int32) error {
		out, err := s.step(request{forks: []fork{{0, 0, pos}}, ids: ids, spans: []span{{0, len(ids), pos}}, first: len(ids) - 1})
		if err != nil {
			return err
		}
		copy(first, out.row(0))
		pos += len(ids)
		r.Steps++
		return nil
	}
	if err := feed(ids); err != nil {
		return nil, 0, err
	}
	r.NoSpeech = math.Exp(float64(first[s.NoSpeech]) - s.pool.LogSumExp(first))
	if ids = s.taskOf(r, first, o); len(ids) > 0 {
		err = feed(ids)
	}
	return first, pos, err
}

// taskOf returns the tokens that select language and task. It sets r's language, which it detects
// by the logits after the start token if none is given.
func (s *Slot) taskOf(r *Result, first []float32, o Options) []int32 {
	if !s.Multilingual {
		r.Language = "en"
		return s.task(0, o)
	}
	lang, ok := s.Specials.Language(r.Language)
	if !ok {
		lang, r.Languages = s.detect(first)
		r.Language = s.Codes()[lang-s.Languages]
		if likely, ok := s.Specials.Language(o.Likely); ok && r.Languages[r.Language] < doubtful {
			lang, r.Language = likely, o.Likely
		}
	}
	return s.task(lang, o)
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

// Detect returns the probability of each of Codes() for the speech in mel.
func (s *Slot) Detect(ctx context.Context, mel []float32) (map[string]float64, error) {
	if !s.Multilingual {
		return map[string]float64{"en": 1}, nil
	}
	s.Stop()
	if err := s.encode(ctx, mel, s.priority, nil); err != nil {
		return nil, err
	}
	s.asked = request{forks: []fork{{}}, ids: []int32{s.Start}, spans: []span{{n: 1}}}
	if s.answer([]*Slot{s}); s.lost != nil {
		return nil, s.lost
	}
	_, probs := s.detect(s.rows.row(0))
	return probs, nil
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
func (s *Slot) attempt(ctx context.Context, first []float32, pos int, t float32, o *Options) (*attempt, error) {
	width, search := o.Beam, s.beam
	if t > 0 || width == 1 {
		search = s.sample
		if t > 0 {
			width = o.BestOf
		}
	}
	a, err := search(ctx, first, pos, width, t, o)
	if err != nil {
		return nil, err
	}
	a.temperature = t
	a.avg = a.sum / float64(len(a.tokens)+1)
	a.text = s.spell(a.tokens)
	a.ratio = ratio(a.text)
	a.looped = a.looped || a.ratio > o.MaxRatio
	return a, nil
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

// choose returns the attempt that is the result when the last one was accepted or all were rejected.
func (m *Model) choose(tried []*attempt) *attempt {
	var likely, short *attempt
	for _, a := range tried {
		if !a.looped && (likely == nil || a.avg > likely.avg) {
			likely = a
		}
		if short == nil || a.ratio < short.ratio {
			short = a
		}
	}
	if likely != nil {
		return likely
	}
	short.tokens = cutLoop(short.tokens, m.TimesBegin)
	short.text = m.spell(short.tokens)
	return short
}
