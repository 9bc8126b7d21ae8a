package whisper

// From audio features to tokens: the prompt, the language, then one attempt after the
// other until one is believable (openai/whisper, whisper/transcribe.py):
//
//	[startofprev, earlier text …] start │ language transcribe │ sampled …
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
	"bytes"
	"compress/zlib"
	"context"
	"math"
	"math/rand/v2"
	"strings"
	"time"

	"soberano/kernels"
)

// Thresholds of openai/whisper, but for the last, which is ours.
const (
	maxRatio   = 2.4
	minLogprob = -1.0
	maxSilence = 0.6
	doubtful   = 0.6 // a detected language that is less probable
)

var temperatures = []float32{0, 0.2, 0.4, 0.6, 0.8, 1}

// Options says how a window is decoded.
type Options struct {
	Language string  // a code of Codes(), or "": detected
	Likely   string  // a code that counts when the detected language is doubtful
	Beam     int     // hypotheses kept, at most 8; 0 or 1: greedy
	Prompt   []int32 // text tokens said before the window, the newest last
	Quick    bool    // one attempt at temperature 0, for text that is replaced soon
}

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
	if err := m.hypotheses(max(1, min(o.Beam, maxBeam))); err != nil {
		return nil, err
	}
	r := &Result{Language: o.Language}
	first, pos := m.prefill(r, o)
	var tried []*attempt
	for _, t := range temperatures {
		a, err := m.attempt(ctx, first, pos, t, o.Beam)
		if err != nil {
			return nil, err
		}
		r.Steps += a.steps
		tried = append(tried, a)
		if a.avg < minLogprob && r.NoSpeech > maxSilence {
			r.Silent, r.AvgLogprob, r.Ratio = true, a.avg, a.ratio
			return r, nil
		}
		if o.Quick || !a.looping() && a.avg >= minLogprob {
			break
		}
	}
	a := m.choose(tried)
	r.Tokens, r.Text, r.AvgLogprob, r.Ratio, r.Temperature = a.tokens, a.text, a.avg, a.ratio, a.temperature
	r.Looped = a.looping()
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
	feed([]int32{lang, m.Transcribe})
	return first, pos
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
func (m *Model) attempt(ctx context.Context, first []float32, pos int, t float32, beam int) (*attempt, error) {
	var a *attempt
	var err error
	if t == 0 && beam > 1 {
		a, err = m.beam(ctx, first, pos, min(beam, maxBeam))
	} else {
		a, err = m.sample(ctx, first, pos, t)
	}
	if err != nil {
		return nil, err
	}
	a.temperature = t
	a.avg = a.sum / float64(len(a.tokens)+1)
	a.text = m.spell(a.tokens)
	a.ratio = ratio(a.text)
	return a, nil
}

// most returns how many tokens may be sampled from position pos on.
func (m *Model) most(pos int) int { return min(m.TextContext/2, m.TextContext-pos) }

// sample decodes by taking the likeliest token, or with a temperature one by its probability.
func (m *Model) sample(ctx context.Context, first []float32, pos int, t float32) (*attempt, error) {
	a := &attempt{}
	logits := m.logits
	copy(logits, first)
	rng := rand.New(rand.NewPCG(1, uint64(t*10)))
	for range m.most(pos) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		next := m.allow(logits, a.tokens)
		id, _ := m.best(next.logits)
		if t > 0 {
			id = m.draw(next.logits, id, t, rng)
		}
		id += int32(next.from)
		a.sum += next.prob(id)
		if id == m.EndOfText {
			return a, nil
		}
		a.tokens = append(a.tokens, id)
		if loops(a.tokens) {
			a.looped = true
			return a, nil
		}
		span := []kernels.Span{{Cache: m.self[0], Row: 0, N: 1, Pos: pos + len(a.tokens) - 1}}
		m.dev.Read(logits, m.step([]int32{id}, span, 0), 0)
		a.steps++
	}
	return a, nil
}

// draw returns the index of a logit by its probability at temperature t; top is the largest.
func (m *Model) draw(logits []float32, top int32, t float32, rng *rand.Rand) int32 {
	sum := 0.0
	scores := m.scores[:len(logits)]
	for i, v := range logits {
		scores[i] = 0
		if x := (v - logits[top]) / t; x > -25 { // the rest adds less than 1e-6 in all
			scores[i] = float32(math.Exp(float64(x)))
			sum += float64(scores[i])
		}
	}
	at := rng.Float64() * sum
	for i, p := range scores {
		if at -= float64(p); at < 0 {
			return int32(i)
		}
	}
	return top
}

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

// ratio returns how much zlib compresses text; 1 for none.
func ratio(text string) float64 {
	if text == "" {
		return 1
	}
	var b bytes.Buffer
	z := zlib.NewWriter(&b)
	z.Write([]byte(text)) // writing to memory does not fail
	z.Close()
	return float64(len(text)) / float64(b.Len())
}

func (a *attempt) looping() bool { return a.looped || a.ratio > maxRatio }

// choose returns the attempt that counts.
func (m *Model) choose(tried []*attempt) *attempt {
	var likely, short *attempt
	for _, a := range tried {
		if !a.looping() && (likely == nil || a.avg > likely.avg) {
			likely = a
		}
		if short == nil || a.ratio < short.ratio {
			short = a
		}
	}
	if likely != nil {
		return likely
	}
	short.tokens = cutLoop(short.tokens)
	short.text = m.spell(short.tokens)
	return short
}

// cutLoop returns tokens up to where a run of 1 to 12 of them is said a third time in a row.
func cutLoop(tokens []int32) []int32 {
	for end := 3; end <= len(tokens); end++ {
		for n := 1; n <= 12 && 3*n <= end; n++ {
			if repeats(tokens[:end], n) >= 3 && end >= 3*n {
				return tokens[:end-2*n]
			}
		}
	}
	return tokens
}
