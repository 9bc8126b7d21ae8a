package whisper

// From audio features to tokens: the prompt, the language, then one attempt after the
// other until one is believable (openai/whisper, whisper/transcribe.py):
//
//	[startofprev, earlier text …] start │ language task [notimestamps] │ sampled …
//	                              └ no-speech probability, language probabilities
//
//	temperature 0 (greedy or beam) → 0.2 → 0.4 → 0.6 → 0.8 → 1.0 (sampled, fixed seed)
//
// An attempt fails when its text compresses more than 2.4 times or runs in circles (a
// loop), or its mean log-probability is below -1 (a guess). A guess on audio of which the
// model itself says that nobody speaks (no-speech above 0.6) is silence. When all six
// fail, the likeliest that does not loop counts; if all loop, the one that compresses
// least counts up to where it first repeats itself.

import (
	"context"
	"math"
	"strings"
	"time"
)

// Result is what was heard in a window.
type Result struct {
	Tokens      []int32 // text and times, without the end
	Text        string
	Language    string
	Languages   map[string]float64 // probabilities, where the language was detected
	AvgLogprob  float64            // mean over the tokens and the end
	NoSpeech    float64            // probability
	Ratio       float64            // how much zlib compresses the text
	Temperature float32            // of the attempt that counts
	Silent      bool               // nobody speaks: there are no tokens
	Looped      bool               // every attempt ran in circles; the text was cut
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

// decode decodes the window in the cross state.
func (s *Slot) decode(ctx context.Context, o Options) (*Result, error) {
	o = o.whole()
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

// prefill feeds what comes before the sampled tokens and returns the logits of the first
// of them and its position. It fills r's language and no-speech probability.
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

// taskOf returns the tokens that say what to do with the speech in the slot. It fills r's language, which
// may have to be detected by the logits after the start.
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

// task returns the tokens that say what to do with speech in lang.
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

// detect returns the likeliest language token and the probability of each code.
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

// attempt decodes once.
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

// spell returns the text of tokens without the times.
func (m *Model) spell(tokens []int32) string {
	var text []int32
	for _, id := range tokens {
		if id < m.EndOfText {
			text = append(text, id)
		}
	}
	return strings.TrimSpace(strings.ToValidUTF8(string(m.text.Decode(text)), "\uFFFD"))
}

// choose returns the attempt that counts.
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
