package importance

import (
	"bytes"
	"errors"
	"maps"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"soberano/kernels/quant"
	"soberano/models"
	"soberano/models/gguf"
)

var sample = &Matrix{Datasets: []string{"a.txt", "b.txt"}, Chunks: 3, ChunkSize: 512, Entries: map[string]Entry{
	"blk.0.attn_q.weight":        {[]float32{2, 0, 8, 6}, []float32{2}},
	"blk.0.ffn_down_exps.weight": {[]float32{1, 2, 0, 0, 9, 3}, []float32{1, 0, 3}},
	"blk.0.ffn_up.weight":        {[]float32{0, 0}, []float32{4}},
}}

// write writes a file and returns its path.
func write(t *testing.T, b []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "m.gguf")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestRoundTrip checks that a file that was written is read as it was, and that its keys and tensors have the names and shapes that llama.cpp reads.
func TestRoundTrip(t *testing.T) {
	var b bytes.Buffer
	if err := sample.Write(&b); err != nil {
		t.Fatal(err)
	}
	path := write(t, b.Bytes())
	m, err := Open(path)
	if err != nil || !reflect.DeepEqual(m, sample) {
		t.Errorf("%+v, %v", m, err)
	}
	f, err := gguf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	keys := slices.Sorted(maps.Keys(f.Meta))
	if !slices.Equal(keys, []string{"general.type", "imatrix.chunk_count", "imatrix.chunk_size", "imatrix.datasets"}) {
		t.Errorf("keys %q", keys)
	}
	for name, shape := range map[string][]int{
		"blk.0.attn_q.weight.in_sum2": {1, 4}, "blk.0.attn_q.weight.counts": {1, 1},
		"blk.0.ffn_down_exps.weight.in_sum2": {3, 2}, "blk.0.ffn_down_exps.weight.counts": {3, 1},
	} {
		if x, ok := f.Tensor(name); !ok || x.Type != quant.F32 || !slices.Equal(x.Shape, shape) {
			t.Errorf("%s: %v of shape %v, expected %v", name, x.Type, x.Shape, shape)
		}
	}
}

// TestWeights checks the weights of columns: means, with a least value above zero, and the same for all columns where nothing was measured.
func TestWeights(t *testing.T) {
	for _, c := range []struct {
		name          string
		experts, cols int
		want          []float32
	}{
		{"blk.0.attn_q.weight", 1, 4, []float32{1, 2e-6, 4, 3}},
		{"blk.0.attn_q.weight", 2, 4, []float32{1, 2e-6, 4, 3}},
		{"blk.0.ffn_down_exps.weight", 3, 2, []float32{1, 2, 1, 1, 3, 1}},
		{"blk.0.ffn_up.weight", 1, 2, []float32{1, 1}},
		{"another", 1, 2, nil},
	} {
		got, err := sample.Weights(c.name, c.experts, c.cols)
		same := func(a, b float32) bool { return math.Abs(float64(a-b)) <= 1e-6*float64(b) }
		if err != nil || !slices.EqualFunc(got, c.want, same) {
			t.Errorf("%s: %v, %v, expected %v", c.name, got, err, c.want)
		}
	}
	_, err := sample.Weights("blk.0.attn_q.weight", 1, 3)
	if e, ok := errors.AsType[*ShapeError](err); !ok || e.Have != 4 || e.Needs != 3 {
		t.Error(err)
	}
}

// TestRefused checks that files with missing or impossible values are errors.
func TestRefused(t *testing.T) {
	good := models.Metadata{"general.type": "imatrix"}
	sums, n := tensor("a.in_sum2", []float32{1, 2, 3}, 1, 3), tensor("a.counts", []float32{1}, 1, 1)
	half := models.Tensor{Name: "a.counts", Type: quant.F16, Shape: []int{1, 1}, Data: make([]byte, 2)}
	for name, c := range map[string]struct {
		meta    models.Metadata
		tensors []models.Tensor
		want    error
	}{
		"a model":           {models.Metadata{"general.architecture": "llama"}, []models.Tensor{sums, n}, models.ErrUnsupported},
		"nothing":           {good, nil, models.ErrCorrupt},
		"no counts":         {good, []models.Tensor{sums}, models.ErrCorrupt},
		"no division":       {good, []models.Tensor{sums, tensor("a.counts", []float32{1, 1}, 2, 1)}, models.ErrCorrupt},
		"negative":          {good, []models.Tensor{tensor("a.in_sum2", []float32{1, -2, 3}, 1, 3), n}, models.ErrCorrupt},
		"infinite":          {good, []models.Tensor{tensor("a.in_sum2", []float32{1, float32(math.Inf(1)), 3}, 1, 3), n}, models.ErrCorrupt},
		"not a number":      {good, []models.Tensor{sums, tensor("a.counts", []float32{float32(math.NaN())}, 1, 1)}, models.ErrCorrupt},
		"counts as float16": {good, []models.Tensor{sums, half}, models.ErrCorrupt},
	} {
		var b bytes.Buffer
		if err := gguf.Write(&b, c.meta, c.tensors); err != nil {
			t.Fatal(name, err)
		}
		_, err := Open(write(t, b.Bytes()))
		if _, ok := errors.AsType[*models.FileError](err); !ok || !errors.Is(err, c.want) {
			t.Errorf("%s: %v, expected %v", name, err, c.want)
		}
	}
	if _, err := Open(write(t, []byte("a text"))); err == nil {
		t.Error("a text was read")
	}
}
