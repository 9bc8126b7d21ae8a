package integrity

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"soberano/kernels/quant"
	"soberano/models"
	"soberano/models/gguf"
)

// file writes and opens a file with tensors.
func file(t testing.TB, tensors ...models.Tensor) *models.File {
	t.Helper()
	var b bytes.Buffer
	if err := gguf.Write(&b, nil, tensors); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "m.gguf")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := gguf.Peek(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func tensor(name string, typ quant.Type, fill byte, shape ...int) models.Tensor {
	n, _ := models.Bytes(typ, shape)
	return models.Tensor{Name: name, Type: typ, Shape: shape, Data: bytes.Repeat([]byte{fill}, int(n))}
}

// The first damaged value is named whichever chunk has it, and all values are read once.
func TestPlace(t *testing.T) {
	for _, typ := range []quant.Type{quant.F32, quant.BF16, quant.Q4_K, quant.Q8_0} {
		w := tensor("blk.0.w.weight", typ, 0x3e, 9, 256<<10)
		blocks := len(w.Data) / typ.BlockBytes()
		for _, n := range []int{0, 1, blocks / 2, blocks - 1} {
			c := w
			c.Data = bytes.Clone(w.Data)
			for i := range min(4, typ.BlockBytes()) { // all bits of a float16 or a number
				c.Data[n*typ.BlockBytes()+i] = 0xff
			}
			read := make(chan int, 1<<16)
			f := file(t, c)
			err := Check(t.Context(), f, func(n int) { read <- n })
			close(read)
			total := 0
			for k := range read {
				total += k
			}
			want := fmt.Sprintf("number %s;", models.Grouped(n+1))
			if typ.BlockValues() > 1 {
				want = fmt.Sprintf("in block %s of type %v", models.Grouped(n+1), typ)
			}
			if err == nil || !strings.Contains(err.Error(), want) || total != len(w.Data) {
				t.Errorf("%v: %v, %d of %d bytes read; expected %s", typ, err, total, len(w.Data), want)
			}
		}
	}
}

// Tensors that may be zero are intact; of many damaged ones some are named.
func TestZeros(t *testing.T) {
	f := file(t, tensor("blk.0.attn_q.bias", quant.F32, 0, 4, 64), tensor("rope_freqs.weight", quant.F32, 0, 64), tensor("a.weight", quant.MXFP4, 0x70, 1, 64))
	if err := Check(t.Context(), f, nil); err != nil {
		t.Error(err)
	}
	var list []models.Tensor
	for i := range 20 {
		list = append(list, tensor(fmt.Sprintf("blk.%d.w", i), quant.Q4_0, 0, 2, 64))
	}
	err := Check(t.Context(), file(t, list...), nil)
	if err == nil || strings.Count(err.Error(), "\n") != most || !strings.Contains(err.Error(), "12 more tensors") {
		t.Error(err)
	}
}

// A check that is cancelled returns the error of its context.
func TestCancel(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Check(ctx, file(t, tensor("w", quant.F32, 0, 2, 64)), nil); err != context.Canceled {
		t.Error(err)
	}
}
