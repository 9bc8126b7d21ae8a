package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"soberano/engine/arch"
	"soberano/engine/batch"
	"soberano/engine/nn"
	"soberano/engine/token"
	"soberano/kernels"
	"soberano/models"
)

// Encoder is an opened embedding model or reranker. Its methods may be called from several goroutines at the same time; they
// wait for each other.
//
//	texts ─ token ─▶ steps of several texts ─ arch.Encoder ─▶ hidden rows ─ pooling, head ─▶ a vector for each text
type Encoder struct {
	file   *models.File
	dev    kernels.Device
	net    *arch.Encoder
	tok    *token.Tokenizer
	states []kernels.State // for the texts of a step, see chunk
	step   nn.Step
	limit  int // of the tokens of a text, as arch.OpenEncoder was given it
	// replace is Options.Replace until the device has been replaced.
	replace func(cause error) (kernels.Device, error)

	mu   sync.Mutex // guards net and info, which change when the device is replaced
	info Info

	turn    chan struct{} // holds a value while nobody uses the device
	closing sync.Once
	closed  error // the error of Close
}

// TooLongError means that a text has more tokens than the model reads at once.
type TooLongError struct {
	Text   int // number of the text among those that were given, from 1
	Tokens int
	Limit  int
}

func (e *TooLongError) Error() string {
	return fmt.Sprintf("text %d has %s tokens, this model reads at most %s: shorten it", e.Text, models.Grouped(e.Tokens), models.Grouped(e.Limit))
}

// OpenEncoder loads a model file that embeds or ranks texts onto a device. It takes over f and dev, also if it fails, and closes
// them with the model. A text may have at most o.Context tokens; 0 means as many as in training.
func OpenEncoder(f *models.File, dev kernels.Device, o Options) (e *Encoder, err error) {
	e = &Encoder{file: f, dev: dev, limit: o.Context, replace: o.Replace, turn: make(chan struct{}, 1)}
	e.turn <- struct{}{}
	defer func() {
		if err != nil {
			err = errors.Join(err, e.Close())
			e = nil
		}
	}()
	if err = e.read(o.Context); err != nil {
		return e, err
	}
	trained := e.net.Shape().Context
	if o.Context < 0 || o.Context > trained {
		return e, fmt.Errorf("%s: texts of %d tokens: the model was trained with %d; choose 1 to %d", f.Path, o.Context, trained, trained)
	}
	if e.info.Context = o.Context; o.Context == 0 {
		e.info.Context = trained
	}
	return e, e.firstState()
}

// read loads all that the file holds onto the device.
func (e *Encoder) read(limit int) (err error) {
	if e.file, err = readable(e.file, e.dev); err != nil {
		return err
	}
	if e.net, err = arch.OpenEncoder(e.file, e.dev, limit); err != nil {
		return err
	}
	if err = e.dev.Loaded(); err != nil {
		return err
	}
	if e.tok, err = Tokenizer(e.file); err != nil {
		return err
	}
	shape := e.net.Shape()
	if err = shape.State(shape.Context).Check(); err != nil {
		return models.Unsupported(e.file.Path, "", "can't be run by this version: %v", err)
	}
	e.info, err = describe(e.file, e.dev, shape)
	e.info.Warning = e.tok.Note()
	return models.InFile(e.file.Path, err)
}

// firstState makes the state of the first text of a step.
func (e *Encoder) firstState() error {
	s, err := e.dev.NewState(e.net.Shape().State(e.info.Context))
	if err != nil {
		return fmt.Errorf("%s: %w", e.file.Path, err)
	}
	e.states, e.info.CacheBytes = []kernels.State{s}, s.MaxBytes(e.info.Context)
	return nil
}

// Close waits for the methods under way and frees the model.
func (e *Encoder) Close() error {
	e.closing.Do(func() {
		<-e.turn
		e.closed = errors.Join(e.dev.Close(), e.file.Close())
		close(e.turn)
	})
	return e.closed
}

// Info describes the model.
func (e *Encoder) Info() Info {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.info
}

// Ranks reports whether the model scores pairs of texts; otherwise it embeds texts.
func (e *Encoder) Ranks() bool { return e.network().Pooling == models.PoolRank }

// Labels returns the names of a reranker's scores; nil if the file does not name them.
func (e *Encoder) Labels() []string { return e.network().Labels() }

func (e *Encoder) network() *arch.Encoder {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.net
}

// Tokens returns the tokens of a text to embed, with those that the model wants at its beginning and end. Control tokens that
// are spelled in it stay text.
func (e *Encoder) Tokens(text string) []int32 {
	return e.tok.Encode(text, token.Options{AddSpecial: true})
}

// PairTokens returns the tokens of a query and a document to rank. They are in the form that the file gives for it
// (tokenizer.chat_template.rerank, or tokenizer.json), or else each ends as a text to embed does, with a further token between them if the file asks for one.
func (e *Encoder) PairTokens(query, document string) ([]int32, error) {
	form, err := e.file.Meta.String("tokenizer.chat_template.rerank", "")
	if err != nil {
		return nil, models.InFile(e.file.Path, err)
	}
	if form != "" {
		return e.tok.EncodeParts(pairParts(form, query, document), false), nil
	}
	if ids, ok := e.tok.EncodePair(query, document); ok {
		return ids, nil
	}
	pair, second := e.Tokens(query), e.Tokens(document)
	sep, err := e.separator()
	if err != nil {
		return nil, models.InFile(e.file.Path, err)
	}
	if bos, ok := e.tok.BOS(); ok && e.tok.AddsBOS() && len(second) > 0 && second[0] == bos {
		second = second[1:]
	}
	return slices.Concat(pair, sep, second), nil
}

// separator returns the token between a query and a document, besides those that end the query. BERT's vocabulary has none: its
// [SEP] ends a text.
func (e *Encoder) separator() ([]int32, error) {
	model, err := e.file.Meta.String("tokenizer.ggml.model", "")
	if err != nil || model == "bert" {
		return nil, err
	}
	add, err := e.file.Meta.Bool("tokenizer.ggml.add_sep_token", false)
	if err != nil || !add {
		return nil, err
	}
	id, err := e.file.Meta.Int("tokenizer.ggml.seperator_token_id", -1) // llama.cpp spells the key so
	if err != nil || id < 0 || id >= e.info.Vocabulary {
		return nil, err
	}
	return []int32{int32(id)}, nil
}

// pairParts replaces {query} and {document} in the form of a pair by the texts, which spell no control tokens.
func pairParts(form, query, document string) (parts []token.Part) {
	for form != "" {
		at, n, text := len(form), 0, ""
		for name, value := range map[string]string{"{query}": query, "{document}": document} {
			if i := strings.Index(form, name); i >= 0 && i < at {
				at, n, text = i, len(name), value
			}
		}
		parts = append(parts, token.Part{Text: form[:at], Special: true}, token.Part{Text: text})
		form = form[at+n:]
	}
	return parts
}

// Encode returns a vector for each of the texts, which are given as tokens: an embedding of length 1, or the scores of a reranker.
// The error is ctx.Err(), ErrClosed, a *TooLongError, or what is wrong with a text; then nothing was computed.
func (e *Encoder) Encode(ctx context.Context, texts ...[]int32) ([][]float32, error) {
	for i, ids := range texts {
		if err := e.check(i, ids); err != nil {
			return nil, err
		}
	}
	select {
	case _, open := <-e.turn:
		if !open {
			return nil, ErrClosed
		}
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { e.turn <- struct{}{} }()
	out := make([][]float32, 0, len(texts))
	for len(texts) > 0 {
		n := e.together(texts)
		vectors, err := e.run(ctx, texts[:n])
		if err != nil && e.replace != nil && ctx.Err() == nil {
			if err = e.replaceDevice(err); err == nil {
				continue
			}
		}
		if err != nil {
			return nil, err
		}
		out, texts = append(out, vectors...), texts[n:]
	}
	return out, nil
}

// replaceDevice loads the model onto another device after the one in use has failed with cause. If it can't, it returns both errors.
func (e *Encoder) replaceDevice(cause error) error {
	open := e.replace
	e.replace = nil
	var net *arch.Encoder
	dev, err := replaced(open, cause, func(dev kernels.Device) (err error) {
		net, err = arch.OpenEncoder(e.file, dev, e.limit)
		return err
	})
	if err != nil {
		return errors.Join(cause, err)
	}
	_ = e.dev.Close() // it has failed
	e.mu.Lock()
	defer e.mu.Unlock()
	e.dev, e.net, e.states = dev, net, nil
	e.info.Device, e.info.WeightBytes = dev.Name(), net.Shape().Bytes
	return nil
}

func (e *Encoder) check(i int, ids []int32) error {
	switch {
	case len(ids) == 0:
		return fmt.Errorf("text %d is empty: it has no tokens", i+1)
	case len(ids) > e.info.Context:
		return &TooLongError{Text: i + 1, Tokens: len(ids), Limit: e.info.Context}
	}
	for at, id := range ids {
		if id < 0 || int(id) >= e.info.Vocabulary {
			return fmt.Errorf("token %d of text %d is %d, the vocabulary has %s", at+1, i+1, id, models.Grouped(e.info.Vocabulary))
		}
	}
	return nil
}

// mostTexts is the largest number of texts in a step.
const mostTexts = 16

// together returns how many of the first texts go into the same steps: as many as have batch.Chunk tokens together, at least one.
func (e *Encoder) together(texts [][]int32) int {
	rows := 0
	for n, ids := range texts {
		if rows += len(ids); n == mostTexts || n > 0 && rows > batch.Chunk {
			return n
		}
	}
	return len(texts)
}

// run returns the vectors of texts, which go into the same steps: one step, or several of batch.Chunk tokens for a long text of a
// model with causal attention.
func (e *Encoder) run(ctx context.Context, texts [][]int32) ([][]float32, error) {
	for len(e.states) < len(texts) {
		s, err := e.dev.NewState(e.net.Shape().State(e.info.Context))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", e.file.Path, err)
		}
		e.states = append(e.states, s)
	}
	defer func() {
		for _, s := range e.states {
			s.Truncate(0)
		}
	}()
	sums := make([]rowSum, len(texts))
	for done := 0; done == 0 || done < len(texts[0]); {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		n := len(texts[0]) - done
		if !e.net.Whole && len(texts) == 1 {
			n = min(n, batch.Chunk)
		}
		if err := e.forward(texts, done, n, sums); err != nil {
			return nil, fmt.Errorf("%s: %w", e.file.Path, err)
		}
		done += n
	}
	out := make([][]float32, len(texts))
	for i := range out {
		out[i] = e.net.Vector(sums[i].mean())
		if e.replace != nil && slices.ContainsFunc(out[i], func(x float32) bool { return x != x }) {
			return nil, kernels.ErrNotANumber
		}
	}
	return out, nil
}

// forward runs a step with texts, of a single one only n tokens from position pos on, and adds the rows that make up the vectors
// to sums.
func (e *Encoder) forward(texts [][]int32, pos, n int, sums []rowSum) error {
	s := &e.step
	s.Reset()
	var owner []int // the text of each row of s.Out
	for i, ids := range texts {
		from, to := e.net.Rows(len(ids))
		if len(texts) == 1 {
			ids = ids[pos : pos+n]
		}
		row := s.Append(e.states[i], ids, pos)
		for p := max(from, pos); p < min(to, pos+len(ids)); p++ {
			s.Out, owner = append(s.Out, row+p-pos), append(owner, i)
		}
	}
	rows, err := e.net.Forward(s)
	if err != nil {
		return err
	}
	for i, text := range owner {
		sums[text].add(rows.Row(i))
	}
	return nil
}

// rowSum is the sum of n rows.
type rowSum struct {
	sum []float64
	n   int
}

func (r *rowSum) add(row []float32) {
	if r.sum == nil {
		r.sum = make([]float64, len(row))
	}
	for i, x := range row {
		r.sum[i] += float64(x)
	}
	r.n++
}

func (r *rowSum) mean() []float32 {
	out := make([]float32, len(r.sum))
	for i, x := range r.sum {
		out[i] = float32(x / float64(r.n))
	}
	return out
}
