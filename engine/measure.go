package engine

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"soberano/engine/batch"
	"soberano/engine/token"
)

// Logits returns the logits that follow the last of tokens, one for each token of the vocabulary.
func (m *Model) Logits(ctx context.Context, tokens []int32) ([]float32, error) {
	var out []float32
	err := m.score(ctx, tokens, len(tokens)-1, func(_ int, logits []float32) { out = slices.Clone(logits) })
	return out, err
}

// score calls each with the logits that follow the tokens at positions from and later.
func (m *Model) score(ctx context.Context, tokens []int32, from int, each func(pos int, logits []float32)) error {
	if len(tokens) == 0 {
		return errors.New("engine: no tokens")
	}
	if err := m.checkTokens(tokens); err != nil {
		return err
	}
	if len(tokens) > m.info.Context {
		return &ContextError{Prompt: len(tokens), Context: m.info.Context}
	}
	return m.queue.Do(ctx, batch.Request{Tokens: tokens, From: from, Fresh: true,
		Each: func(pos int, logits []float32) (int32, bool, error) {
			each(pos, logits)
			return 0, false, nil
		}})
}

// Perplexity measures how well a model predicts a text.
type Perplexity struct {
	PPL    float64 // exponential of the mean negative log-likelihood of a token
	Tokens int     // number of scored tokens
	Chunks int
}

// Perplexity measures the perplexity of text as llama.cpp's tool does. The tokens of the text, with
// the model's beginning token and without parsing special tokens, are divided into windows of ctxLen
// tokens. If the model adds a beginning token, it replaces the first token of each window. The second
// half of each window is scored. chunks limits the number of windows; 0 means all complete ones.
// progress may be nil.
func (m *Model) Perplexity(ctx context.Context, text string, ctxLen, chunks int, progress func(done, total int, ppl float64)) (Perplexity, error) {
	var p Perplexity
	windows, err := m.windows(text, ctxLen, chunks)
	if err != nil {
		return p, err
	}
	nll := 0.0
	for i, w := range windows {
		err := m.scoreWindow(ctx, w, func(logits []float32, next int32) {
			nll -= logProbability(logits, next)
			p.Tokens++
		})
		if err != nil {
			return p, err
		}
		p.Chunks, p.PPL = i+1, math.Exp(nll/float64(p.Tokens))
		if progress != nil {
			progress(i+1, len(windows), p.PPL)
		}
	}
	return p, nil
}

// Predictions are what a model expects in a text, against which others of the same vocabulary are compared.
type Predictions struct {
	Perplexity
	windows []window
	context int
	logits  [][]float32 // of each scored position
}

// Predict scores text like Perplexity and keeps the predictions: four bytes for each scored token and each token of the vocabulary.
func (m *Model) Predict(ctx context.Context, text string, ctxLen, chunks int) (*Predictions, error) {
	windows, err := m.windows(text, ctxLen, chunks)
	if err != nil {
		return nil, err
	}
	p := &Predictions{windows: windows, context: ctxLen}
	nll := 0.0
	for _, w := range windows {
		err := m.scoreWindow(ctx, w, func(logits []float32, next int32) {
			nll -= logProbability(logits, next)
			p.logits = append(p.logits, slices.Clone(logits))
		})
		if err != nil {
			return nil, err
		}
	}
	p.Chunks, p.Tokens = len(windows), len(p.logits)
	p.PPL = math.Exp(nll / float64(p.Tokens))
	return p, nil
}

// Divergence is how far the predictions of a model are from those of another one.
type Divergence struct {
	Perplexity
	KL   float64 // mean Kullback-Leibler divergence of a token's distribution from that of the other model, in nats
	Best float64 // share of the tokens for which both expect the same one
}

// Diverge scores the text of p and compares the predictions with p. The vocabularies must be of the same size.
func (m *Model) Diverge(ctx context.Context, p *Predictions) (Divergence, error) {
	var d Divergence
	if p.context > m.info.Context {
		return d, &ContextError{Prompt: p.context, Context: m.info.Context}
	}
	nll, kl, same := 0.0, 0.0, 0
	var wrong error
	for _, w := range p.windows {
		err := m.scoreWindow(ctx, w, func(logits []float32, next int32) {
			want := p.logits[d.Tokens]
			if len(want) != len(logits) {
				wrong = fmt.Errorf("engine: the vocabularies have %d and %d tokens", len(want), len(logits))
				return
			}
			nll -= logProbability(logits, next)
			kl += relativeEntropy(want, logits)
			if slices.Index(want, slices.Max(want)) == slices.Index(logits, slices.Max(logits)) {
				same++
			}
			d.Tokens++
		})
		if err = errors.Join(err, wrong); err != nil {
			return d, err
		}
		d.Chunks++
	}
	n := float64(d.Tokens)
	d.PPL, d.KL, d.Best = math.Exp(nll/n), kl/n, float64(same)/n
	return d, nil
}

// relativeEntropy returns Σ p·ln(p/q) with p = softmax(a) and q = softmax(b).
func relativeEntropy(a, b []float32) float64 {
	topA, topB := slices.Max(a), slices.Max(b)
	sumA, sumB, mixed := 0.0, 0.0, 0.0
	for i, x := range a {
		p := math.Exp(float64(x - topA))
		sumA += p
		sumB += math.Exp(float64(b[i] - topB))
		mixed += p * (float64(x-topA) - float64(b[i]-topB))
	}
	return mixed/sumA - math.Log(sumA) + math.Log(sumB)
}

// window is a section of a text that is scored. Its first token may be the beginning token instead of
// the text's.
type window []int32

func (m *Model) windows(text string, ctxLen, chunks int) ([]window, error) {
	if ctxLen < 4 || ctxLen > m.info.Context {
		return nil, fmt.Errorf("engine: windows of %d tokens: the model is open with a context of %d, the least is 4", ctxLen, m.info.Context)
	}
	ids := m.tok.Encode(text, token.Options{AddSpecial: true})
	if len(ids) < 2*ctxLen {
		return nil, fmt.Errorf("engine: the text has %d tokens; a measurement over windows of %d needs at least %d", len(ids), ctxLen, 2*ctxLen)
	}
	bos, adds := m.tok.BOS()
	adds = adds && m.tok.AddsBOS()
	var out []window
	for w := range slices.Chunk(ids, ctxLen) {
		if len(w) < ctxLen || chunks > 0 && len(out) == chunks {
			break
		}
		if adds {
			w = slices.Clone(w)
			w[0] = bos
		}
		out = append(out, w)
	}
	return out, nil
}

// scoreWindow calls each for the scored half, with the logits and the token that follows.
func (m *Model) scoreWindow(ctx context.Context, w window, each func(logits []float32, next int32)) error {
	last := len(w) - 1 // no token follows the last one
	return m.score(ctx, w[:last], len(w)/2, func(pos int, logits []float32) { each(logits, w[pos+1]) })
}

// logProbability returns the natural logarithm of softmax(logits) at id.
func logProbability(logits []float32, id int32) float64 {
	top := slices.Max(logits)
	sum := 0.0
	for _, l := range logits {
		sum += math.Exp(float64(l - top))
	}
	return float64(logits[id]-top) - math.Log(sum)
}

// BenchPrompt measures the seconds that a prompt of n random tokens takes, with depth tokens already
// in the cache, as llama-bench does with -d.
func (m *Model) BenchPrompt(ctx context.Context, depth, n int) (float64, error) {
	return m.bench(ctx, depth, n, n)
}

// BenchGenerate measures the seconds that n steps of one token each take, with depth tokens already in
// the cache. The tokens are random; nothing is sampled.
func (m *Model) BenchGenerate(ctx context.Context, depth, n int) (float64, error) {
	return m.bench(ctx, depth, n, 1)
}

// bench measures n tokens that follow depth others: the first ones in one step, the rest one by one.
// The depth tokens stay in the cache, where the next call finds them; the others do not.
func (m *Model) bench(ctx context.Context, depth, n, first int) (float64, error) {
	if depth < 0 || n < 1 || n > m.info.Context-depth {
		return 0, fmt.Errorf("engine: %d tokens after %d do not fit in a context of %d", n, depth, m.info.Context)
	}
	ids := m.random(depth + n)
	if depth > 0 {
		if err := m.fillCache(ctx, ids[:depth]); err != nil {
			return 0, err
		}
	}
	start := time.Now()
	from := depth + first - 1
	err := m.queue.Do(ctx, batch.Request{Tokens: ids[:from+1], From: from, Fresh: depth == 0, Discard: true,
		Started: func(int) { start = time.Now() },
		Each: func(pos int, _ []float32) (int32, bool, error) {
			if pos == len(ids)-1 {
				return 0, false, nil
			}
			return ids[pos+1], true, nil
		}})
	return time.Since(start).Seconds(), err
}

// fillCache puts ids into the cache.
func (m *Model) fillCache(ctx context.Context, ids []int32) error {
	return m.queue.Do(ctx, batch.Request{Tokens: ids, From: len(ids) - 1,
		Each: func(int, []float32) (int32, bool, error) { return 0, false, nil }})
}

// random returns n random tokens, the same for each call. The time does not depend on them.
func (m *Model) random(n int) []int32 {
	r := rand.New(rand.NewPCG(1, 2))
	ids := make([]int32, max(0, n))
	for i := range ids {
		ids[i] = r.Int32N(int32(m.shape.Vocabulary))
	}
	return ids
}
