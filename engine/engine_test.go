package engine

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"soberano/engine/arch/tiny"
	"soberano/engine/batch"
	"soberano/engine/sample"
	"soberano/kernels/cpu"
	"soberano/models"
	"soberano/models/registry"
)

// settings are the options with which a test opens a model on the CPU.
type settings struct {
	Context, Threads int
	Exact            bool
	Packed           string // folder for repacked weights
}

func openFile(path string, o settings) (*Model, error) {
	f, err := registry.Read(path)
	if err != nil {
		return nil, err
	}
	dev, err := cpu.New(cpu.Options{Threads: o.Threads, Exact: o.Exact, Forget: models.Forget,
		Packed: cpu.Packed{Dir: o.Packed, Model: f.Identity(), Map: models.Map}})
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return Open(f, dev, Options{Context: o.Context})
}

func openTiny(t *testing.T, s *tiny.Source, o settings) *Model {
	t.Helper()
	o.Threads = 2
	m, err := openFile(s.Write(t), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

// collect runs a request to its end and joins the pieces.
func collect(m *Model, ctx context.Context, r Request) (text string, last Piece, err error) {
	for p, e := range m.Generate(ctx, r) {
		if err = e; err != nil {
			return text, last, err
		}
		text += p.Text
		last = p
	}
	return text, last, nil
}

func TestInfo(t *testing.T) {
	for _, kind := range tiny.Kinds() {
		s := tiny.New(kind)
		i := openTiny(t, s, settings{}).Info()
		if i.Family != s.Architecture || i.Name != s.Meta["general.name"] || i.Context != tiny.Context || i.TrainContext != tiny.Context || i.Vocabulary != tiny.Vocabulary || i.Template {
			t.Errorf("%+v", i)
		}
		if i.Parameters == 0 || i.WeightBytes == 0 || i.CacheBytes == 0 || i.ScratchBytes == 0 || i.Quantizations["Q8_0"] == 0 || i.Quantization == "" || i.Device == "" {
			t.Errorf("%+v", i)
		}
	}
}

func TestOpenErrors(t *testing.T) {
	text := filepath.Join(t.TempDir(), "a.txt")
	if err := os.WriteFile(text, []byte("no model at all, but a text"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := openFile(text, settings{}); !errors.Is(err, models.ErrUnknownFormat) {
		t.Errorf("a text: %v", err)
	}
	if _, err := openFile(text+".missing", settings{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
	path := tiny.New("llama").Write(t)
	for _, o := range []settings{{Context: -1}, {Context: tiny.Context + 1}, {Threads: -1}} {
		if m, err := openFile(path, o); err == nil {
			m.Close()
			t.Errorf("%+v passed", o)
		}
	}
	for key, v := range map[string]any{"tokenizer.ggml.model": "wordpiece", "general.architecture": "bert"} {
		s := tiny.New("llama")
		s.Meta[key] = v
		if m, err := openFile(s.Write(t), settings{}); err == nil {
			m.Close()
			t.Errorf("%s = %v passed", key, v)
		}
	}
}

// TestSeed checks that a seed always gives the same text after the same previous requests. With other sequences in
// a step, or with another part of the prompt cached, sums are rounded in a different order, which can decide
// between two tokens of nearly equal logits; engine/batch tests how small the difference is.
func TestSeed(t *testing.T) {
	a, b := openTiny(t, tiny.New("llama"), settings{Exact: true}), openTiny(t, tiny.New("llama"), settings{Exact: true})
	seen := map[string]bool{}
	rapid.Check(t, func(t *rapid.T) {
		r := Request{
			Prompt: rapid.StringN(1, 30, -1).Draw(t, "prompt"), MaxTokens: rapid.IntRange(1, 20).Draw(t, "most"),
			Sampling: sample.Params{Temperature: 1, TopP: 0.95, Repeat: 1.1, Seed: rapid.Uint64Min(1).Draw(t, "seed")},
		}
		var texts [2]string
		for i, m := range []*Model{a, b} {
			text, last, err := collect(m, context.Background(), r)
			texts[i] = fmt.Sprint(text, last.Reason, last.Usage.Generated, err)
		}
		if texts[0] != texts[1] {
			t.Fatalf("%q and %q", texts[0], texts[1])
		}
		seen[texts[0]] = true
	})
	if len(seen) < 10 {
		t.Errorf("seeds and prompts made only %d texts", len(seen))
	}
}

func TestReasons(t *testing.T) {
	m := openTiny(t, tiny.New("llama"), settings{Context: 64, Exact: true})
	ctx := context.Background()
	whole, last, err := collect(m, ctx, Request{Prompt: "hello", Sampling: sample.Params{Temperature: 1, Seed: 5}})
	if err != nil || last.Reason != ContextFull && last.Reason != Ended {
		t.Fatalf("%v, %v", last, err)
	}
	u := last.Usage
	if u.Prompt == 0 || u.Context != 64 || last.Reason == ContextFull && u.Prompt+u.Generated != 64 {
		t.Errorf("%+v", u)
	}
	_, last, err = collect(m, ctx, Request{Prompt: "hello", MaxTokens: 3, Sampling: sample.Params{Temperature: 1, Seed: 5}})
	if err != nil || last.Reason != Length || last.Usage.Generated != 3 {
		t.Errorf("%+v, %v", last, err)
	}
	// A stop string ends the same answer at its first occurrence.
	stop := regexp.MustCompile(`[A-Za-z']{2}`).FindString(whole)
	if stop == "" {
		t.Fatalf("no letters in %q: another seed", whole)
	}
	text, last, err := collect(m, ctx, Request{Prompt: "hello", Stop: []string{stop}, Sampling: sample.Params{Temperature: 1, Seed: 5}})
	if want, _, _ := strings.Cut(whole, stop); err != nil || last.Reason != Ended || last.Stop != stop || text != want {
		t.Errorf("%q, %+v, %v, expected %q", text, last, err, want)
	}
}

func TestContextError(t *testing.T) {
	m := openTiny(t, tiny.New("llama"), settings{Context: 32})
	for n, want := range map[int]bool{31: false, 32: true, 33: true, 10_000: true} {
		text, last, err := collect(m, context.Background(), Request{Tokens: make([]int32, n)})
		var full *ContextError
		if got := errors.As(err, &full); got != want || got && (full.Prompt != n || full.Context != 32 || !errors.Is(err, ErrContextFull) || text != "") {
			t.Errorf("%d tokens: %v", n, err)
		}
		if !want && (err != nil || last.Usage.Generated != 1 || last.Reason == Length) {
			t.Errorf("%d tokens: %+v, %v", n, last, err)
		}
	}
}

// The error of a prompt that is too long tells whether its last message alone is.
func TestContextErrorAlone(t *testing.T) {
	m := openTiny(t, tiny.New("llama"), settings{Context: 64})
	long := strings.Repeat("word ", 200)
	user := func(text string) Message { return Message{Role: "user", Content: text} }
	for _, c := range []struct {
		name  string
		r     Request
		alone bool
	}{
		{"the only message", Request{Messages: []Message{user(long)}}, true},
		{"the last message", Request{Messages: []Message{user("hi"), {Role: "assistant", Content: "hi"}, user(long)}}, true},
		{"an earlier message", Request{Messages: []Message{user(long), {Role: "assistant", Content: "hi"}, user("hi")}}, false},
		{"a system message", Request{Messages: []Message{{Role: "system", Content: long}, user("hi")}}, true},
		{"a prompt", Request{Prompt: long}, true},
		{"tokens", Request{Tokens: make([]int32, 100)}, false},
	} {
		_, _, err := collect(m, context.Background(), c.r)
		if full, ok := errors.AsType[*ContextError](err); !ok || full.Alone() != c.alone || full.Message > full.Prompt {
			t.Errorf("%s: %+v, %v", c.name, full, err)
		}
	}
}

func TestBadRequests(t *testing.T) {
	m := openTiny(t, tiny.New("llama"), settings{})
	for _, r := range []Request{
		{}, {Prompt: "a", Tokens: []int32{1}}, {Tokens: []int32{-1}}, {Tokens: []int32{tiny.Vocabulary}},
		{Prompt: "a", MaxTokens: -1}, {Prompt: "a", Sampling: sample.Params{Temperature: -1}},
	} {
		if _, _, err := collect(m, context.Background(), r); err == nil {
			t.Errorf("%+v passed", r)
		}
	}
	if _, err := m.Logits(context.Background(), nil); err == nil {
		t.Error("logits of nothing")
	}
	if _, err := m.Perplexity(context.Background(), "short", 32, 0, nil); err == nil {
		t.Error("perplexity of a word")
	}
}

func TestBreakAndCancel(t *testing.T) {
	m := openTiny(t, tiny.New("llama"), settings{Exact: true})
	r := Request{Prompt: "hello", MaxTokens: 200, Sampling: sample.Params{Temperature: 1, Seed: 3}}
	want, _, err := collect(m, context.Background(), r)
	if err != nil {
		t.Fatal(err)
	}
	for range m.Generate(context.Background(), r) {
		break
	}
	ctx, cancel := context.WithCancel(context.Background())
	pieces := 0
	for _, err := range m.Generate(ctx, Request{Prompt: "hello", Sampling: sample.Params{Temperature: 1.5, Seed: 4}}) {
		if err != nil {
			if !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
			break
		}
		if pieces++; pieces == 2 {
			cancel()
		}
	}
	cancel()
	if got, _, err := collect(m, context.Background(), r); err != nil || got != want {
		t.Errorf("after a break and a cancel: %q, %v, expected %q", got, err, want)
	}
	if _, _, err := collect(m, ctx, r); !errors.Is(err, context.Canceled) {
		t.Errorf("with a context that has ended: %v", err)
	}
}

// TestClose checks that Close ends all generations and leaves no goroutine behind.
func TestClose(t *testing.T) {
	before := runtime.NumGoroutine()
	m, err := openFile(tiny.New("gemma3").Write(t), settings{Threads: 2})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	started := make(chan struct{}, 100)
	for i := range 6 {
		wg.Go(func() {
			for j := 0; ; j++ {
				_, _, err := collect(m, context.Background(), Request{Prompt: fmt.Sprint("many", i, j), MaxTokens: 50, Sampling: sample.Params{Temperature: 1}})
				if err != nil {
					if !errors.Is(err, ErrClosed) {
						t.Error(err)
					}
					return
				}
				select {
				case started <- struct{}{}:
				default:
				}
			}
		})
	}
	<-started
	if err := m.Close(); err != nil {
		t.Error(err)
	}
	wg.Wait()
	if err := m.Close(); err != nil {
		t.Error(err)
	}
	for runtime.NumGoroutine() > before {
		runtime.Gosched()
	}
	if _, err := m.Logits(context.Background(), []int32{1}); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

// TestBeginOnce checks that a prompt has the beginning token once, whether the template writes it or not.
func TestBeginOnce(t *testing.T) {
	for _, template := range []string{"{{ bos_token }}{{ messages[0].content }}", "{{ messages[0].content }}"} {
		s := tiny.New("llama")
		s.Meta["tokenizer.chat_template"] = template
		m := openTiny(t, s, settings{})
		if !m.Info().Template {
			t.Error("the template is not seen")
		}
		ids, err := m.PromptTokens(Request{Messages: []Message{{Role: "user", Content: "ab"}}})
		if err != nil || len(ids) < 3 || ids[0] != 1 || ids[1] == 1 {
			t.Errorf("%s: %v, %v", template, ids, err)
		}
	}
}

// TestNoEndInPrompt checks that there is no end token after a prompt, even if the tokenizer adds one.
func TestNoEndInPrompt(t *testing.T) {
	s := tiny.New("llama")
	s.Meta["tokenizer.ggml.add_eos_token"] = true
	m := openTiny(t, s, settings{})
	whole := m.Tokenize("ab", true)
	ids, err := m.PromptTokens(Request{Prompt: "ab"})
	if err != nil || !slices.Equal(ids, whole[:len(whole)-1]) {
		t.Errorf("%v of %v, %v", ids, whole, err)
	}
}

// TestPerplexityDefinition compares the perplexity with one that is computed here from the logits.
func TestPerplexityDefinition(t *testing.T) {
	m := openTiny(t, tiny.New("llama"), settings{Context: 32, Exact: true})
	text := strings.Repeat("It is a truth. ", 12)
	ids := m.Tokenize(text, true)
	nll, n := 0.0, 0
	for c := range 3 {
		w := append([]int32{1}, ids[c*32+1:(c+1)*32]...)
		for pos := 16; pos < 31; pos++ {
			logits, err := m.Logits(context.Background(), w[:pos+1])
			if err != nil {
				t.Fatal(err)
			}
			sum := 0.0
			for _, l := range logits {
				sum += math.Exp(float64(l))
			}
			nll += math.Log(sum) - float64(logits[w[pos+1]])
			n++
		}
	}
	seen := 0
	p, err := m.Perplexity(context.Background(), text, 32, 3, func(done, total int, ppl float64) { seen += done * 10 * total })
	if err != nil || p.Chunks != 3 || p.Tokens != n || seen != 180 {
		t.Fatalf("%+v, %v, progress %d", p, err, seen)
	}
	if want := math.Exp(nll / float64(n)); math.Abs(p.PPL-want) > 1e-3*want {
		t.Errorf("%v, expected %v", p.PPL, want)
	}
}

// TestDiverge checks that a model diverges from itself not at all, and from one with other weights by Σ p·ln(p/q).
func TestDiverge(t *testing.T) {
	m := openTiny(t, tiny.New("llama"), settings{Context: 32, Exact: true})
	text := strings.Repeat("It is a truth. ", 12)
	p, err := m.Predict(t.Context(), text, 32, 2)
	if err != nil {
		t.Fatal(err)
	}
	want, err := m.Perplexity(t.Context(), text, 32, 2, nil)
	if err != nil || p.Perplexity != want {
		t.Errorf("the predictions have %+v, the perplexity is %+v, %v", p.Perplexity, want, err)
	}
	d, err := m.Diverge(t.Context(), p)
	if err != nil || d.Perplexity != want || math.Abs(d.KL) > 1e-9 || d.Best != 1 {
		t.Errorf("from itself: %+v, %v", d, err)
	}
	for _, logits := range p.logits {
		logits[3] += 2
	}
	d, err = m.Diverge(t.Context(), p)
	if err != nil || !(d.KL > 1e-4) || d.Perplexity != want {
		t.Errorf("from changed predictions: %+v, %v", d, err)
	}
	if got, want := relativeEntropy([]float32{0, float32(math.Log(3))}, []float32{5, 5}), 0.25*math.Log(0.5)+0.75*math.Log(1.5); math.Abs(got-want) > 1e-6 {
		t.Errorf("the divergence of ¼, ¾ from ½, ½ is %g, expected %g", got, want)
	}
	p.logits[0] = p.logits[0][1:]
	if _, err := m.Diverge(t.Context(), p); err == nil {
		t.Error("a vocabulary of another size is accepted")
	}
}

func TestBench(t *testing.T) {
	m := openTiny(t, tiny.New("llama"), settings{})
	for range 2 { // in the second round the tokens of the depth are in the cache
		for _, depth := range []int{0, 1, 150} {
			for _, n := range []int{1, 2, 100} {
				p, err := m.BenchPrompt(context.Background(), depth, n)
				g, err2 := m.BenchGenerate(context.Background(), depth, n)
				if err != nil || err2 != nil || p <= 0 || g <= 0 {
					t.Errorf("%d after %d: %v, %v, %v, %v", n, depth, p, g, err, err2)
				}
			}
		}
	}
	for _, c := range [][2]int{{0, -1}, {0, 0}, {0, tiny.Context + 1}, {-1, 1}, {tiny.Context, 1}, {1, tiny.Context}} {
		if _, err := m.BenchPrompt(context.Background(), c[0], c[1]); err == nil {
			t.Errorf("a prompt of %d after %d passed", c[1], c[0])
		}
		if _, err := m.BenchGenerate(context.Background(), c[0], c[1]); err == nil {
			t.Errorf("generating %d after %d passed", c[1], c[0])
		}
	}
}

// TestBenchDepth checks that a benchmark at a depth leaves the tokens of the depth in the cache.
func TestBenchDepth(t *testing.T) {
	m := openTiny(t, tiny.New("llama"), settings{})
	if _, err := m.BenchGenerate(context.Background(), 100, 20); err != nil {
		t.Fatal(err)
	}
	cached := -1
	err := m.queue.Do(context.Background(), batch.Request{Tokens: m.random(120), From: 119, Started: func(n int) { cached = n },
		Each: func(int, []float32) (int32, bool, error) { return 0, false, nil }})
	if err != nil || cached < 100 || cached > 110 {
		t.Errorf("%d tokens of the depth were in the cache, expected 100 (%v)", cached, err)
	}
}

// TestEstimateByType checks that the estimate of the weights exceeds the size of the file, most for 2-bit formats.
func TestEstimateByType(t *testing.T) {
	const file = 1000 << 20
	for name, least := range map[string]float64{"Q4_K_M": 1.1, "Q5_K_M": 1.08, "Q5_0": 1, "Q2_K": 1.5, "Q3_K_S": 1.16, "Q6_K": 1.06, "Q8_0": 1, "F16": 1,
		"IQ1_S": 2.24, "IQ2_XXS": 1.7, "IQ2_XS": 1.73, "IQ3_XXS": 1.47, "IQ3_M": 1.31, "IQ4_NL": 1, "IQ4_XS": 1.06, "TQ1_0": 1.48, "TQ2_0": 1.21, "MXFP4": 1} {
		weights, _, _ := Estimate(registry.Info{Bytes: file, Quantization: name, Layers: 1, Parameters: 1}, 1, "")
		if r := float64(weights) / file; r < least || r > least+0.2 {
			t.Errorf("%s: %.2f times the file", name, r)
		}
	}
}

// TestEstimateLookups checks that embeddings of which only a row is read for each token are not counted as weights, and that
// the token embedding is where it is the output matrix as well.
func TestEstimateLookups(t *testing.T) {
	for kind, table := range map[string]string{"gemma4-e": "per_layer_token_embd.weight", "gpt-oss": "token_embd.weight", "llama": ""} {
		s := tiny.New(kind)
		in, err := registry.Inspect(s.Write(t), nil)
		if err != nil {
			t.Fatal(err)
		}
		want := int64(0)
		for _, x := range s.Tensors {
			if x.Name == table {
				want = int64(len(x.Data))
			}
		}
		all := in
		all.LookedUp = 0
		less, _, _ := Estimate(in, 0, "")
		more, _, _ := Estimate(all, 0, "")
		if in.LookedUp != want || (want > 0) != (table != "") || more-less < want {
			t.Errorf("%s: %d bytes are looked up, expected %d; %d instead of %d bytes of weights", kind, in.LookedUp, want, less, more)
		}
	}
}
