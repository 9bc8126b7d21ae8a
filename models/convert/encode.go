package convert

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"runtime"
	"sync"
	"sync/atomic"

	"soberano/kernels/quant"
	"soberano/models"
)

// encoder makes the bytes of the tensors of a model while they are written.
type encoder struct {
	ctx     context.Context
	options Options
	plan    []quant.Type // by tensor
	weights [][]float32  // by tensor, how much its columns matter; see importance.Matrix.Weights
	dst     *destination

	done, total int64
}

// pieceValues is the number of values that a goroutine encodes at a time.
const pieceValues = 1 << 16

// sources returns the tensors of m in the types of the plan.
func (e *encoder) sources(m *model) []models.Source {
	list := make([]models.Source, len(m.tensors))
	for i, t := range m.tensors {
		to := e.plan[i]
		n, _ := models.Bytes(to, t.Shape)
		e.total += int64(n)
		list[i] = models.Source{Name: t.Name, Type: to, Shape: t.Shape, Copy: func(w io.Writer) error { return e.copy(w, t, to, e.weights[i], int64(n)) }}
	}
	return list
}

// identity stands for all that determines the bytes of the tensors of f.
func (e *encoder) identity(f *models.File) string {
	h := sha256.New()
	fmt.Fprintln(h, f.Identity(), e.plan, e.options.Shard)
	for _, w := range e.weights {
		fmt.Fprintln(h, w)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// copy writes the size bytes of t as type to: those that an earlier call has written, or new ones, which it records.
func (e *encoder) copy(w io.Writer, t models.Tensor, to quant.Type, weights []float32, size int64) error {
	if e.dst.journal == nil {
		return e.encode(w, t, to, weights)
	}
	if ok, err := e.dst.reuse(e.ctx, w, t.Name, size); ok || err != nil {
		e.written(int(size))
		return err
	}
	at, sum := e.dst.out.at, sha256.New()
	if err := e.encode(io.MultiWriter(w, sum), t, to, weights); err != nil {
		return err
	}
	return e.dst.record(t.Name, at, sum.Sum(nil))
}

// encode writes the bytes of t, whose columns matter as weights says, as type to.
func (e *encoder) encode(w io.Writer, t models.Tensor, to quant.Type, weights []float32) error {
	if t.Part == nil {
		return e.rows(w, t, t.Data, to, t.Rows(), weights)
	}
	if len(t.Shape) == 1 { // a vector whose values are in another order
		var data []byte
		for i := range t.Shape[0] {
			data = append(data, t.Part(i)...)
		}
		return e.rows(w, t, data, to, 1, nil)
	}
	rows := t.Rows() / t.Shape[0]
	for i := range t.Shape[0] {
		part := weights
		if len(weights) == t.Shape[0]*t.Cols() { // each expert has its own
			part = weights[i*t.Cols():][:t.Cols()]
		}
		if err := e.rows(w, t, t.Part(i), to, rows, part); err != nil {
			return err
		}
	}
	return nil
}

// rows writes so many rows of t, whose bytes are data, in pieces that several goroutines encode.
func (e *encoder) rows(w io.Writer, t models.Tensor, data []byte, to quant.Type, rows int, weights []float32) error {
	cols := t.Cols()
	from, size := t.Type.RowBytes(cols), to.RowBytes(cols)
	step := max(1, pieceValues/cols)
	threads := e.options.Threads
	if threads <= 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	pieces := make([][]byte, threads)
	values := make([][]float32, threads)
	var broken atomic.Bool // a value is infinite or not a number
	for at := 0; at < rows; at += step * threads {
		if err := e.ctx.Err(); err != nil {
			return err
		}
		var wait sync.WaitGroup
		for i := range pieces {
			first := min(at+i*step, rows)
			n := min(step, rows-first)
			src := data[first*from:][:n*from]
			if pieces[i] = src; t.Type == to || n == 0 {
				continue
			}
			wait.Go(func() {
				if values[i] == nil {
					values[i] = make([]float32, step*cols)
				}
				x := values[i][:n*cols]
				quant.Dequantize(t.Type, x, src)
				if to.BlockValues() > 1 && !finite(x) {
					broken.Store(true)
					return
				}
				out := make([]byte, n*size)
				for row := range n {
					quant.Encode(to, out[row*size:][:size], x[row*cols:][:cols], weightsOf(weights, cols, first+row, rows))
				}
				pieces[i] = out
			})
		}
		wait.Wait()
		if broken.Load() {
			return fmt.Errorf("tensor %s has values that are infinite or not numbers, which a block can't hold: %w", models.Quote(t.Name), models.ErrCorrupt)
		}
		for _, b := range pieces {
			if _, err := w.Write(b); err != nil {
				return err
			}
			e.written(len(b))
		}
		models.Forget(data[at*from : min(at+step*threads, rows)*from])
	}
	return nil
}

// finite reports whether no value is infinite or NaN.
func finite(x []float32) bool {
	sum := float32(0)
	for _, v := range x {
		sum += v * 0
	}
	return sum == 0
}

// weightsOf returns how much each column of a row matters: weights has as many values as there are columns, or that for each expert of a stack.
func weightsOf(weights []float32, cols, row, rows int) []float32 {
	if len(weights) <= cols {
		return weights
	}
	expert := row / (rows / (len(weights) / cols))
	return weights[expert*cols:][:cols]
}

func (e *encoder) written(n int) {
	if e.done += int64(n); e.options.Progress != nil {
		e.options.Progress(e.done, e.total)
	}
}
