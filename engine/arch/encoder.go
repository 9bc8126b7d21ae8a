package arch

import (
	"math"

	"soberano/kernels"
	"soberano/models"
)

// Encoder is a network that makes one vector of each text: an embedding, or the scores of a reranker.
//
//	tokens ─ network ─▶ hidden rows [n × Width] ─ pooling ─▶ [Width] ─ head ─▶ embedding or scores
//
// Its Forward returns the hidden rows of step.Out, as the last norm of the network leaves them, instead of logits.
type Encoder struct {
	Model
	Pooling models.Pooling // never PoolNone
	// Whole says that attention is not causal, so that every span of a step must be a whole text. Otherwise a text may
	// be divided among steps, as that of a chat model.
	Whole bool
	Width int // values of a hidden row
	head  head
}

// OpenEncoder loads the weights of f, which is to embed or rank texts, onto dev; see Open. Every family of decoders does so
// too: its hidden rows are those from which it would compute logits.
func OpenEncoder(f *models.File, dev kernels.Device, limit int) (*Encoder, error) {
	checker, checks := dev.(kernels.Checker)
	m, err := openEncoder(f, checker, limit)
	if checks || err != nil {
		return m, err
	}
	return openEncoder(f, dev, limit)
}

func openEncoder(f *models.File, dev kernels.Device, limit int) (*Encoder, error) {
	name, family, err := familyOf(f)
	if err != nil {
		return nil, err
	}
	r := newReader(f, dev, name, limit)
	r.hidden = true
	e := &Encoder{}
	_, e.Whole = encoders[name]
	if e.Model, err = family.open(r); err != nil {
		return nil, err
	}
	if m, ok := e.Model.(*decoder); ok && m.layers[0].at != nil {
		e.Whole = !m.layers[0].at.Causal
	}
	if err = e.readPooling(r); err == nil {
		err = r.unread(family)
	}
	if err != nil {
		return nil, err
	}
	return e, nil
}

// readPooling reads how a text becomes a vector. An encoder whose file does not say it takes the mean, as the files of
// sentence-transformers do.
func (e *Encoder) readPooling(r *reader) error {
	e.Width = r.int("embedding_length", required, 1, maxWidth)
	pooling, err := r.f.Meta.Pooling(r.family)
	r.fail(err)
	if e.Pooling = pooling; pooling == models.PoolNone {
		e.Pooling = models.PoolMean
	}
	e.head = r.head(e.Width, pooling == models.PoolRank)
	return r.err
}

// Rows returns which rows of a text of n tokens its vector is made of: from … to-1.
func (e *Encoder) Rows(n int) (from, to int) {
	switch {
	case e.Pooling == models.PoolMean, e.Pooling == models.PoolRank && e.head.mean:
		return 0, n
	case e.Pooling == models.PoolFirst, e.Pooling == models.PoolRank && e.Whole:
		return 0, 1
	}
	return n - 1, n
}

// Labels returns the names of the scores of a reranker, in their order; nil if the file does not name them.
func (e *Encoder) Labels() []string { return e.head.labels }

// Scores returns the number of scores of a reranker.
func (e *Encoder) Scores() int { return e.head.outputs(e.Width) }

// Vector returns the embedding, of length 1, or the scores that belong to the mean of the rows of a text, [Width], which it
// may overwrite.
func (e *Encoder) Vector(mean []float32) []float32 {
	v := e.head.apply(mean)
	if e.Pooling != models.PoolRank {
		normalise(v)
	}
	return v
}

// normalise divides v by its Euclidean length. A vector of zeros stays as it is.
func normalise(v []float32) {
	sum := 0.0
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	if sum == 0 {
		return
	}
	scale := 1 / math.Sqrt(sum)
	for i, x := range v {
		v[i] = float32(float64(x) * scale)
	}
}
