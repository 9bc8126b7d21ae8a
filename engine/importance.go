package engine

import (
	"context"
	"errors"
	"strings"

	"soberano/kernels/record"
	"soberano/models/importance"
)

// Importance measures the importance matrix of the model on a text, as llama.cpp's tool does: for the matrices of all layers the squares of
// their inputs, over the windows of Perplexity, of which all tokens count. The model is open on a *record.Device, and the
// measurement includes what it has processed before. progress may be nil.
func (m *Model) Importance(ctx context.Context, text string, ctxLen, chunks int, progress func(done, total int)) (*importance.Matrix, error) {
	dev, ok := m.dev.(*record.Device)
	if !ok {
		return nil, errors.New("engine: the model's device does not record the inputs of products")
	}
	windows, err := m.windows(text, ctxLen, chunks)
	if err != nil {
		return nil, err
	}
	for i, w := range windows {
		// The last layer computes no rows but those whose logits are wanted.
		if err := m.score(ctx, w, 0, func(int, []float32) {}); err != nil {
			return nil, err
		}
		if progress != nil {
			progress(i+1, len(windows))
		}
	}
	recorded, err := dev.Recorded()
	if err != nil {
		return nil, err
	}
	return &importance.Matrix{Chunks: len(windows), ChunkSize: ctxLen, Entries: entries(recorded)}, nil
}

// entries returns the entries of the matrices of layers.
func entries(recorded map[string]record.Sums) map[string]importance.Entry {
	out := map[string]importance.Entry{}
	for name, s := range recorded {
		if !strings.HasPrefix(name, "blk.") {
			continue
		}
		e := importance.Entry{Sums: make([]float32, len(s.Squares)), Counts: make([]float32, len(s.Rows))}
		for i, x := range s.Squares {
			e.Sums[i] = float32(x)
		}
		for i, n := range s.Rows {
			e.Counts[i] = float32(n)
		}
		out[name] = e
	}
	return out
}
