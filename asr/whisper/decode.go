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

	"soberano/kernels"
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

// Window hears mel, [Mels][Frames()] row-major, and returns what is said in it. With Quick,
// mel may have fewer frames, an even number: time is saved, and some accuracy lost.
// The error is ctx's, or that of a full memory.
func (m *Model) Window(ctx context.Context, mel []float32, o Options) (*Result, error) {
	t0 := time.Now()
	if err := m.encode(ctx, mel, nil); err != nil {
		return nil, err
	}
	t1 := time.Now()
	r, err := m.decode(ctx, o)
	if err != nil {
		return nil, err
	}
	r.Encoder, r.Decoder = t1.Sub(t0), time.Since(t1)
	return r, nil
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

// decode decodes the window in the cross cache.
func (m *Model) decode(ctx context.Context, o Options) (*Result, error) {
	if err := m.hypotheses(1); err != nil {
		return nil, err
	}
	o = o.whole()
	r := &Result{Language: o.Language}
	first, pos := m.prefill(r, o)
	var tried []*attempt
	for _, t := range o.Temperatures {
		a, err := m.attempt(ctx, first, pos, t, &o)
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
	a := m.choose(tried)
	r.Tokens, r.Text, r.AvgLogprob, r.Ratio, r.Temperature = a.tokens, a.text, a.avg, a.ratio, a.temperature
	r.Looped = a.looped
	return r, nil
}

// prefill feeds what comes before the sampled tokens and returns the logits of the first
// of them and its position. It fills r's language and no-speech probability.
func (m *Model) prefill(r *Result, o Options) (first []float32, pos int) {
	var ids []int32
	if n := len(o.Prompt); n > 0 {
		ids = append(ids, m.StartPrevious)
		ids = append(ids, o.Prompt[max(0, n-(m.TextContext/2-1)):]...)
	}
	ids = append(ids, m.Start)
	first = make([]float32, m.Vocab)
	feed := func(ids []int32) {
		span := []kernels.Span{{Cache: m.self[0], Row: 0, N: len(ids), Pos: pos}}
		m.dev.Read(first, m.step(ids, span, len(ids)-1), 0)
		pos += len(ids)
		r.Steps++
	}
	feed(ids)
	r.NoSpeech = math.Exp(float64(first[m.NoSpeech]) - m.dev.LogSumExp(first))
	if !m.Multilingual {
		r.Language = "en"
		if o.NoTimes {
			feed([]int32{m.NoTimes})
		}
		return first, pos
	}
	lang, ok := m.Specials.Language(r.Language)
	if !ok {
		lang, r.Languages = m.detect(first)
		r.Language = m.Codes()[lang-m.Languages]
		if likely, ok := m.Specials.Language(o.Likely); ok && r.Languages[r.Language] < doubtful {
			lang, r.Language = likely, o.Likely
		}
	}
	feed(m.task(lang, o))
	return first, pos
}

// task returns the tokens that say what to do with speech in lang.
func (m *Model) task(lang int32, o Options) []int32 {
	ids := []int32{lang, m.Transcribe}
	if o.Translate {
		ids[1] = m.Translate
	}
	if o.NoTimes {
		ids = append(ids, m.NoTimes)
	}
	return ids
}

// Detect returns the probability of each of Codes() for the speech in mel.
func (m *Model) Detect(ctx context.Context, mel []float32) (map[string]float64, error) {
	if !m.Multilingual {
		return map[string]float64{"en": 1}, nil
	}
	if err := m.encode(ctx, mel, nil); err != nil {
		return nil, err
	}
	if err := m.hypotheses(1); err != nil {
		return nil, err
	}
	m.dev.Read(m.logits, m.step([]int32{m.Start}, []kernels.Span{{Cache: m.self[0], N: 1}}, 0), 0)
	_, probs := m.detect(m.logits)
	return probs, nil
}

// detect returns the likeliest language token and the probability of each code.
func (m *Model) detect(logits []float32) (int32, map[string]float64) {
	l := logits[m.Languages:][:m.LanguageCount]
	all := m.dev.LogSumExp(l)
	probs := make(map[string]float64, len(l))
	for i, code := range m.Codes() {
		probs[code] = math.Exp(float64(l[i]) - all)
	}
	top, _ := m.best(l)
	return m.Languages + top, probs
}

// attempt decodes once.
func (m *Model) attempt(ctx context.Context, first []float32, pos int, t float32, o *Options) (*attempt, error) {
	width, search := o.Beam, m.beam
	if t > 0 || width == 1 {
		search = m.sample
		if t > 0 {
			width = o.BestOf
		}
	}
	if err := m.hypotheses(width); err != nil {
		return nil, err
	}
	a, err := search(ctx, first, pos, width, t, o)
	if err != nil {
		return nil, err
	}
	a.temperature = t
	a.avg = a.sum / float64(len(a.tokens)+1)
	a.text = m.spell(a.tokens)
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
