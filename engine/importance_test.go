package engine

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"soberano/engine/arch/tiny"
	"soberano/kernels/cpu"
	"soberano/kernels/quant"
	"soberano/kernels/record"
	"soberano/models"
	"soberano/models/convert"
	"soberano/models/defaults"
	"soberano/models/importance"
	"soberano/models/registry"
)

// openRecorded opens the model at path on a device that records.
func openRecorded(t *testing.T, path string, ctxLen int, exact bool) *Model {
	t.Helper()
	f, err := registry.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	dev, err := cpu.New(cpu.Options{Threads: 2, Exact: exact, Forget: models.Forget})
	if err != nil {
		t.Fatal(errors.Join(err, f.Close()))
	}
	m, err := Open(f, record.New(dev), Options{Context: ctxLen})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// measured returns the importance matrix of the model at path, over so many windows of a text.
func measured(t *testing.T, path, text string, ctxLen, chunks int, exact bool) *importance.Matrix {
	t.Helper()
	m := openRecorded(t, path, ctxLen, exact)
	seen := 0
	matrix, err := m.Importance(context.Background(), text, ctxLen, chunks, func(done, total int) { seen += done * 10 * total })
	if err = errors.Join(err, m.Close()); err != nil {
		t.Fatal(err)
	}
	if matrix.ChunkSize != ctxLen || chunks > 0 && (matrix.Chunks != chunks || seen != 10*chunks*chunks*(chunks+1)/2) {
		t.Errorf("%d chunks of %d, progress %d", matrix.Chunks, matrix.ChunkSize, seen)
	}
	return matrix
}

var importanceText = strings.Repeat("It is a truth, universally acknowledged. ", 12)

// TestImportanceDefinition compares the sums of the first matrices of a model with those that are computed here from the embeddings.
func TestImportanceDefinition(t *testing.T) {
	const ctxLen, chunks = 32, 3
	path := tiny.New("llama").Write(t)
	got := measured(t, path, importanceText, ctxLen, chunks, true)
	f, err := registry.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	embed, norm := dequantized(t, f, "token_embd.weight"), dequantized(t, f, "blk.0.attn_norm.weight")
	eps, err := f.Meta.Float("llama.attention.layer_norm_rms_epsilon", 0)
	if err != nil {
		t.Fatal(err)
	}
	tok, err := Tokenizer(f)
	if err != nil {
		t.Fatal(err)
	}
	want := make([]float64, tiny.Dim)
	windows, err := (&Model{tok: tok, info: Info{Context: ctxLen}}).windows(importanceText, ctxLen, chunks)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range slices.Concat(windows...) {
		x := embed[int(id)*tiny.Dim:][:tiny.Dim]
		mean := 0.0
		for _, v := range x {
			mean += float64(v) * float64(v) / tiny.Dim
		}
		for i, v := range x {
			y := float64(v) / math.Sqrt(mean+eps) * float64(norm[i])
			want[i] += y * y
		}
	}
	for _, name := range []string{"attn_q", "attn_k", "attn_v"} {
		e := got.Entries["blk.0."+name+".weight"]
		if len(e.Sums) != tiny.Dim || !slices.Equal(e.Counts, []float32{ctxLen * chunks}) {
			t.Fatalf("%s: %d sums of %v rows", name, len(e.Sums), e.Counts)
		}
		for i, x := range e.Sums {
			if math.Abs(float64(x)-want[i]) > 1e-4*want[i] {
				t.Errorf("%s: column %d is %v, expected %v", name, i, x, want[i])
			}
		}
	}
}

// dequantized returns the values of a tensor.
func dequantized(t *testing.T, f *models.File, name string) []float32 {
	t.Helper()
	x, ok := f.Tensor(name)
	if !ok {
		t.Fatalf("no tensor %s", name)
	}
	out := make([]float32, x.Len())
	quant.Dequantize(x.Type, out, x.Data)
	return out
}

// TestRecordedLogits checks that a model computes the same if its products are recorded, and that other devices are refused.
func TestRecordedLogits(t *testing.T) {
	for _, kind := range []string{"llama", "qwen3moe", "deepseek2"} {
		path := tiny.New(kind).Write(t)
		recorded := openRecorded(t, path, 32, true)
		plain, err := openFile(path, settings{Context: 32, Threads: 2, Exact: true})
		if err != nil {
			t.Fatal(err)
		}
		want, err := plain.Logits(context.Background(), ids(1, 30))
		got, err2 := recorded.Logits(context.Background(), ids(1, 30))
		if err != nil || err2 != nil || !slices.Equal(got, want) {
			t.Errorf("%s: the logits differ, or %v, %v", kind, err, err2)
		}
		if _, err := plain.Importance(context.Background(), importanceText, 32, 1, nil); err == nil {
			t.Errorf("%s: a device that does not record has measured", kind)
		}
		if err := errors.Join(plain.Close(), recorded.Close()); err != nil {
			t.Error(err)
		}
	}
}

// TestImportanceExperts checks that each expert has the sums of the rows that reach it: together they are those of all rows, as often as a
// row has experts.
func TestImportanceExperts(t *testing.T) {
	const ctxLen, chunks = 32, 2
	got := measured(t, tiny.New("qwen3moe").Write(t), importanceText, ctxLen, chunks, true)
	router, gate, down := got.Entries["blk.0.ffn_gate_inp.weight"], got.Entries["blk.0.ffn_gate_exps.weight"], got.Entries["blk.0.ffn_down_exps.weight"]
	if len(router.Sums) != tiny.Dim || len(gate.Sums) != tiny.Experts*tiny.Dim || len(down.Sums) != tiny.Experts*tiny.ExpertFF || !slices.Equal(gate.Counts, down.Counts) {
		t.Fatalf("%d, %d and %d values, counts %v and %v", len(router.Sums), len(gate.Sums), len(down.Sums), gate.Counts, down.Counts)
	}
	rows := float32(0)
	for e, n := range gate.Counts {
		rows += n
		if some := slices.Max(gate.Sums[e*tiny.Dim:][:tiny.Dim]) > 0; some != (n > 0) {
			t.Errorf("expert %d has %v rows and sums: %v", e, n, some)
		}
	}
	if rows != ctxLen*chunks*tiny.Used || len(gate.Counts) != tiny.Experts {
		t.Errorf("counts %v", gate.Counts)
	}
	for i, x := range router.Sums {
		sum := 0.0
		for e := range tiny.Experts {
			sum += float64(gate.Sums[e*tiny.Dim+i])
		}
		if math.Abs(sum-tiny.Used*float64(x)) > 1e-3*sum {
			t.Errorf("column %d: %v over all experts, %v of all rows", i, sum, x)
		}
	}
}

// unmeasured are parts of the names of matrices of layers that are quantized without an importance matrix: those that are applied in another form
// than that of the file, and one that is no factor of a product.
var unmeasured = []string{"attn_kv_b.weight", "channel_mix_lerp_k.weight"}

// TestImportanceKinds checks for every family that each matrix of a layer that a conversion quantizes has been measured, on all rows.
func TestImportanceKinds(t *testing.T) {
	const ctxLen = 16
	kinds := tiny.Kinds()
	if testing.Short() {
		kinds = tiny.Representative()
	}
	for _, kind := range kinds {
		if slices.Contains(tiny.Encoders(), kind) {
			continue
		}
		t.Run(kind, func(t *testing.T) {
			path := tiny.New(kind).Write(t)
			got := measured(t, path, importanceText, ctxLen, 1, true)
			f, err := registry.Read(converted(t, path, "m.gguf", convert.Options{Type: "IQ4_NL", Importance: got}))
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			for _, x := range f.Tensors {
				_, ok := got.Entries[x.Name]
				if !ok && x.Type == quant.IQ4_NL && strings.HasPrefix(x.Name, "blk.") && !slices.ContainsFunc(unmeasured, func(part string) bool { return strings.Contains(x.Name, part) }) {
					t.Errorf("tensor %s %v has not been measured", x.Name, x.Shape)
				}
			}
			for name, e := range got.Entries {
				if n := int(e.Counts[0]); len(e.Counts) == 1 && (n == 0 || n%ctxLen != 0) {
					t.Errorf("%s: %v rows", name, n)
				}
			}
			if n, err := f.Meta.Int("quantize.imatrix.entries_count", 0); err != nil || n == 0 {
				t.Errorf("%d entries, %v", n, err)
			}
		})
	}
}

// TestImportanceErrors checks that a model with a matrix of its own has smaller errors where they matter, by a type of each kind.
func TestImportanceErrors(t *testing.T) {
	s := tiny.New("llama")
	s.Float32()
	path := s.Write(t)
	m := measured(t, path, importanceText, 32, 4, true)
	f, err := registry.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, name := range []string{"Q4_0", "Q5_1", "IQ4_NL", "Q4_K_M", "IQ4_XS"} {
		plain := weightedError(t, f, m, converted(t, path, "m.gguf", convert.Options{Type: name}))
		weighted := weightedError(t, f, m, converted(t, path, "m.gguf", convert.Options{Type: name, Importance: m}))
		t.Logf("%s: %.4g without, %.4g with the matrix", name, plain, weighted)
		if !(weighted < 0.97*plain) {
			t.Errorf("%s: the error is %v with and %v without the matrix", name, weighted, plain)
		}
	}
}

// weightedError returns the sum of the squares of the errors of the matrices of m in the model at path, compared with those in f, times the weights of their columns.
func weightedError(t *testing.T, f *models.File, m *importance.Matrix, path string) (sum float64) {
	t.Helper()
	g, err := registry.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	for name := range m.Entries {
		x, y := dequantized(t, f, name), dequantized(t, g, name)
		tensor, _ := f.Tensor(name)
		w, err := m.Weights(name, 1, tensor.Cols())
		if err != nil {
			t.Fatal(err)
		}
		for i := range x {
			d := float64(x[i] - y[i])
			sum += d * d * float64(w[i%len(w)])
		}
	}
	return sum
}

// TestImportanceOtherModel checks that the matrix of a model with other dimensions, or with other tensors, is refused.
func TestImportanceOtherModel(t *testing.T) {
	path := tiny.New("llama").Write(t)
	m := measured(t, path, importanceText, 16, 1, true)
	f, err := registry.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	out := filepath.Join(t.TempDir(), "m.gguf")
	m.Entries["blk.0.attn_q.weight"] = importance.Entry{Sums: make([]float32, 3), Counts: []float32{1}}
	err = convert.Convert(context.Background(), f, out, convert.Options{Type: "Q8_0", Importance: m})
	if e, ok := errors.AsType[*importance.ShapeError](err); !ok || e.Tensor != "blk.0.attn_q.weight" || e.Have != 3 || e.Needs != tiny.Dim {
		t.Errorf("other dimensions: %v", err)
	}
	other := &importance.Matrix{Entries: map[string]importance.Entry{"blk.9.x.weight": {Sums: []float32{1}, Counts: []float32{1}}}}
	err = convert.Convert(context.Background(), f, out, convert.Options{Type: "Q8_0", Importance: other})
	if !errors.Is(err, models.ErrUnsupported) {
		t.Errorf("other tensors: %v", err)
	}
	if _, err := os.Stat(out); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file is left: %v", err)
	}
}

// TestImportancePerplexity checks that a real model of few bits foresees a text better if its importance matrix was used.
func TestImportancePerplexity(t *testing.T) {
	if testing.Short() {
		t.Skip("encoding a real model takes seconds")
	}
	path := defaults.Need(t, "smollm2")
	text, err := os.ReadFile(filepath.Join("testdata", "shakespeare_120k.txt"))
	if err != nil {
		t.Fatal(err)
	}
	half := len(text) / 2 // one half is measured, the other foreseen
	m := measured(t, path, string(text[:half]), 512, 2, false)
	var ppl [2]float64
	for i, o := range []convert.Options{{Type: "Q2_K"}, {Type: "Q2_K", Importance: m}} {
		q, err := openFile(converted(t, path, "m.gguf", o), settings{Threads: 2, Context: 512})
		if err != nil {
			t.Fatal(err)
		}
		p, err := q.Perplexity(context.Background(), string(text[half:]), 512, 2, nil)
		if err = errors.Join(err, q.Close()); err != nil {
			t.Fatal(err)
		}
		ppl[i] = p.PPL
	}
	t.Logf("perplexity %.3f without, %.3f with the matrix", ppl[0], ppl[1])
	if !(ppl[1] < ppl[0]) {
		t.Errorf("the perplexity is %v with and %v without the matrix", ppl[1], ppl[0])
	}
}
