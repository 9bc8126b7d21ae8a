package engine

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"soberano/engine/arch/tiny"
	"soberano/engine/batch"
	"soberano/kernels/cpu"
	"soberano/models"
	"soberano/models/defaults"
	"soberano/models/gguf"
	"soberano/models/registry"
)

func openEncoder(t *testing.T, s *tiny.Source, context int) *Encoder {
	t.Helper()
	f, err := gguf.Open(s.Write(t))
	if err != nil {
		t.Fatal(err)
	}
	dev, err := cpu.New(cpu.Options{Exact: true, Threads: 2})
	if err != nil {
		t.Fatal(err)
	}
	e, err := OpenEncoder(f, dev, Options{Context: context})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

// longer returns a model that reads texts of n tokens.
func longer(name string, n int) *tiny.Source {
	s := tiny.New(name)
	s.Meta[s.Architecture+".context_length"] = uint64(n)
	return s
}

func ids(seed, n int) []int32 {
	out := make([]int32, n)
	for i := range out {
		out[i] = int32((seed*31 + i*7 + i*i) % tiny.Vocabulary)
	}
	return out
}

func distance(a, b []float32) float64 {
	sum := 0.0
	for i := range a {
		sum += math.Pow(float64(a[i]-b[i]), 2)
	}
	return math.Sqrt(sum)
}

// TestEncodeTogether checks that the vectors of many texts are those that each has alone, in the same order; texts of a model with causal
// attention are divided among steps.
func TestEncodeTogether(t *testing.T) {
	for _, name := range []string{"eurobert", "nomic-bert-moe", "qwen3-embedding", "qwen3-rank"} {
		e := openEncoder(t, longer(name, 1500), 0)
		var texts [][]int32
		for i, n := range []int{3, 700, 1, 40, 500, 1400, 2, 511, 513, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27} {
			texts = append(texts, ids(i, n))
		}
		all, err := e.Encode(context.Background(), texts...)
		if err != nil {
			t.Fatal(err)
		}
		for i, ids := range texts {
			one, err := e.Encode(context.Background(), ids)
			if err != nil {
				t.Fatal(err)
			}
			if d := distance(all[i], one[0]); !(d < 1e-4) {
				t.Errorf("%s: text %d of %d tokens is %.2g away", name, i, len(ids), d)
			}
		}
		if d := distance(all[0], all[3]); d < 1e-3 {
			t.Errorf("%s: two texts have the same vector", name)
		}
	}
}

// TestMeanOfSteps checks that the mean of a text that is divided among steps is that of all its rows.
func TestMeanOfSteps(t *testing.T) {
	vectors := func(n int, pooling models.Pooling) []float32 {
		s := longer("qwen3-embedding", 2000)
		s.Meta["qwen3.pooling_type"] = uint64(pooling)
		v, err := openEncoder(t, s, 0).Encode(context.Background(), ids(1, n))
		if err != nil {
			t.Fatal(err)
		}
		return v[0]
	}
	const n = 2*batch.Chunk + 3
	mean := make([]float64, tiny.Dim)
	s := longer("qwen3-embedding", 2000)
	e := openEncoder(t, s, 0)
	sum := make([]rowSum, 1)
	for at := 0; at < n; at += 100 { // in other steps
		to := min(at+100, n)
		e.net.Pooling = models.PoolMean
		if err := e.forward([][]int32{ids(1, n)}, at, to-at, sum); err != nil {
			t.Fatal(err)
		}
	}
	if sum[0].n != n {
		t.Fatalf("%d rows were added, expected %d", sum[0].n, n)
	}
	copy(mean, sum[0].sum)
	length := 0.0
	for _, x := range mean {
		length += x * x
	}
	got := vectors(n, models.PoolMean)
	for i, x := range mean {
		if d := math.Abs(float64(got[i]) - x/math.Sqrt(length)); d > 1e-4 {
			t.Fatalf("value %d is %v away", i, d)
		}
	}
	if d := distance(got, vectors(n, models.PoolLast)); d < 1e-3 {
		t.Error("the mean is the last row")
	}
}

// TestEncodeRefuses checks the errors of texts that can't be encoded, and that they name the text.
func TestEncodeRefuses(t *testing.T) {
	e := openEncoder(t, tiny.New("bert"), 0)
	_, err := e.Encode(context.Background(), ids(1, 3), ids(2, tiny.Context+1))
	if tooLong, ok := errors.AsType[*TooLongError](err); !ok || *tooLong != (TooLongError{2, tiny.Context + 1, tiny.Context}) {
		t.Errorf("a text that is too long: %v", err)
	}
	if _, err := e.Encode(context.Background(), ids(2, tiny.Context)); err != nil {
		t.Errorf("the longest text: %v", err)
	}
	for _, c := range []struct {
		text []int32
		want string
	}{{nil, "empty"}, {[]int32{1, tiny.Vocabulary}, "vocabulary"}, {[]int32{-1}, "vocabulary"}} {
		if _, err := e.Encode(context.Background(), c.text); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: %v", c.text, err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := e.Encode(ctx, ids(1, 3)); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
	if short := openEncoder(t, tiny.New("bert"), 10); short.Info().Context != 10 {
		t.Errorf("a context of %d, expected 10", short.Info().Context)
	} else if _, err := short.Encode(context.Background(), ids(1, 11)); err == nil {
		t.Error("a text longer than the chosen context is accepted")
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Encode(context.Background(), ids(1, 3)); !errors.Is(err, ErrClosed) {
		t.Errorf("closed: %v", err)
	}
}

// TestEncodeAtOnce checks that callers that encode at the same time get their own vectors, also while the model is closed.
func TestEncodeAtOnce(t *testing.T) {
	e := openEncoder(t, tiny.New("bert"), 0)
	want := make([][]float32, 8)
	for i := range want {
		v, err := e.Encode(context.Background(), ids(i, 20+i))
		if err != nil {
			t.Fatal(err)
		}
		want[i] = v[0]
	}
	var all sync.WaitGroup
	for i := range want {
		all.Go(func() {
			for range 10 {
				v, err := e.Encode(context.Background(), ids(i, 20+i))
				if err != nil && !errors.Is(err, ErrClosed) || err == nil && !slices.Equal(v[0], want[i]) {
					t.Errorf("text %d: %v", i, err)
				}
			}
		})
	}
	if err := e.Close(); err != nil {
		t.Error(err)
	}
	all.Wait()
}

// TestPairs checks how a query and a document become tokens: with the tokens between them that the tokenizer adds, or in the
// form that the file gives, in which the texts spell no control tokens.
func TestPairs(t *testing.T) {
	s := tiny.New("bert-rank")
	s.Meta["tokenizer.ggml.add_space_prefix"] = false
	b := func(text string) (out []int32) {
		for _, c := range []byte(text) {
			out = append(out, int32(c)+3)
		}
		return out
	}
	e := openEncoder(t, s, 0)
	got, err := e.PairTokens("q", "</s>d")
	if want := slices.Concat([]int32{1}, b("q"), b("</s>d")); err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, %v; expected %v", got, err, want)
	}
	s.Meta["tokenizer.ggml.add_sep_token"], s.Meta["tokenizer.ggml.seperator_token_id"] = true, uint64(260)
	got, err = openEncoder(t, s, 0).PairTokens("q", "d")
	if want := slices.Concat([]int32{1}, b("q"), []int32{260}, b("d")); err != nil || !slices.Equal(got, want) {
		t.Errorf("with a separator: %v, %v; expected %v", got, err, want)
	}
	s.Meta["tokenizer.ggml.add_sep_token"], s.Meta["tokenizer.ggml.add_eos_token"] = false, true
	got, err = openEncoder(t, s, 0).PairTokens("q", "</s>d")
	if want := slices.Concat([]int32{1}, b("q"), []int32{2}, b("</s>d"), []int32{2}); err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, %v; expected %v", got, err, want)
	}
	s.Meta["tokenizer.chat_template.rerank"] = "<s>a{document}</s>{query}b{query}"
	got, err = openEncoder(t, s, 0).PairTokens("</s>", "{query}")
	if want := slices.Concat([]int32{1}, b("a{query}"), []int32{2}, b("</s>b</s>")); err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, %v; expected %v", got, err, want)
	}
}

// TestEncoderCheck checks that Check opens encoders as such.
func TestEncoderCheck(t *testing.T) {
	for _, name := range tiny.Encoders() {
		s := tiny.New(name)
		file := func() *models.File {
			return &models.File{Format: "gguf", Path: "x.gguf", Meta: s.Meta, Tensors: s.Tensors}
		}
		if _, err := Check(file()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		s.Vector("stray", 1)
		if _, err := Check(file()); !errors.Is(err, models.ErrUnsupported) {
			t.Errorf("%s with a stray tensor: %v", name, err)
		}
	}
}

// TestMiniLM checks tokens and embeddings of all-MiniLM-L6-v2 against those of sentence-transformers' network, exactly and as they are computed
// usually, and that the order of similarities is that of the texts' meanings.
func TestMiniLM(t *testing.T) {
	folder := defaults.Need(t, "all-minilm-l6-v2")
	data, err := os.ReadFile("testdata/minilm.json")
	if err != nil {
		t.Fatal(err)
	}
	var refs []struct {
		Text      string
		IDs       []int32
		Embedding []float32
	}
	if err := json.Unmarshal(data, &refs); err != nil {
		t.Fatal(err)
	}
	for _, exact := range []bool{true, false} {
		f, err := registry.Read(folder)
		if err != nil {
			t.Fatal(err)
		}
		dev, err := cpu.New(cpu.Options{Exact: exact, Threads: 2, Floats: cpu.Keep})
		if err != nil {
			t.Fatal(err)
		}
		e, err := OpenEncoder(f, dev, Options{})
		if err != nil {
			t.Fatal(err)
		}
		var texts [][]int32
		for _, ref := range refs {
			ids := e.Tokens(ref.Text)
			if !slices.Equal(ids, ref.IDs) {
				t.Errorf("%.30q: tokens %v, expected %v", ref.Text, ids, ref.IDs)
			}
			texts = append(texts, ids)
		}
		got, err := e.Encode(context.Background(), texts...)
		if err != nil {
			t.Fatal(err)
		}
		worst := 0.0
		for i, ref := range refs {
			worst = max(worst, 1-cosine(got[i], ref.Embedding))
		}
		if limit := map[bool]float64{true: 1e-5, false: 1e-3}[exact]; !(worst < limit) {
			t.Errorf("exact %v: the cosine is %.2g less than 1", exact, worst)
		}
		t.Logf("exact %v: the cosine is at most %.2g less than 1", exact, worst)
		if near, far := cosine(got[2], got[3]), cosine(got[2], got[4]); near < far+0.3 {
			t.Errorf("the similarities of two texts about a cat, and of one of them with one about a train, are %.2f and %.2f", near, far)
		}
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	}
}

func cosine(a, b []float32) float64 {
	ab, aa, bb := 0.0, 0.0, 0.0
	for i := range a {
		x, y := float64(a[i]), float64(b[i])
		ab, aa, bb = ab+x*y, aa+x*x, bb+y*y
	}
	return ab / math.Sqrt(aa*bb)
}

// TestEncoderCheckIsOpen checks over damaged encoders that the library says "runs" exactly if the model can be opened for what the
// library says that it is for, with the same reason where the file can be read.
func TestEncoderCheckIsOpen(t *testing.T) {
	kinds := []string{"bert-labels", "nomic-bert-moe", "modern-bert", "gemma-embedding-dense", "qwen3-rank"}
	if testing.Short() {
		kinds = kinds[:1]
	}
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			ran := 0
			all := append(damages(tiny.New(kind)), extras(tiny.New(kind).Architecture)...)
			for _, d := range all {
				s := tiny.New(kind)
				d.do(s)
				path := s.Write(t)
				i, inspected := registry.Inspect(path, Check)
				opened := openAs(i.Kind, path)
				if opened == nil {
					ran++
				}
				switch runs := inspected == nil && i.Runs; {
				case runs != (opened == nil):
					t.Errorf("%s: Inspect says %v, %q, %v; opening says %v", d.name, i.Runs, i.Reason, inspected, opened)
				case opened != nil && inspected == nil:
					e, ok := errors.AsType[*models.FileError](opened)
					if !ok || !strings.Contains(i.Reason, e.Reason) {
						t.Errorf("%s: the reason is %q, opening says %v", d.name, i.Reason, opened)
					}
				}
			}
			if ran == 0 || ran == len(all) {
				t.Errorf("%d of %d models ran", ran, len(all))
			}
		})
	}
}

// openAs opens a model of a kind and closes it.
func openAs(kind registry.Kind, path string) error {
	if kind == registry.Chat || kind == "" {
		m, err := openFile(path, settings{Threads: 1})
		if err != nil {
			return err
		}
		return m.Close()
	}
	e, err := openEncoderFile(path)
	if err != nil {
		return err
	}
	return e.Close()
}
