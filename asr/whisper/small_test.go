package whisper

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"soberano/kernels/cpu"
	"soberano/kernels/quant"
	"soberano/models"
)

// small returns a model file of one layer with random weights.
func small(weight func() float32) *models.File {
	rng := rand.New(rand.NewPCG(1, 1))
	if weight == nil {
		weight = func() float32 { return float32(rng.NormFloat64() * 0.05) }
	}
	const state, ffn = 64, 96
	f := &models.File{Format: "ctranslate2", Path: "small", Aux: map[string][]byte{"config.json": []byte(`{"suppress_ids":[1,50257],"suppress_ids_begin":[220]}`)}}
	add := func(name string, shape ...int) {
		n := 1
		for _, d := range shape {
			n *= d
		}
		data := make([]byte, 4*n)
		for i := range n {
			putFloat(data, i, weight())
		}
		f.Tensors = append(f.Tensors, models.Tensor{Name: name, Type: quant.F32, Shape: shape, Data: data})
	}
	linear := func(name string, rows, cols int) {
		add(name+"/weight", rows, cols)
		add(name+"/bias", rows)
	}
	norm := func(name string) { add(name+"/gamma", state); add(name+"/beta", state) }
	add("encoder/conv1/weight", state, 80, 3)
	add("encoder/conv1/bias", state)
	add("encoder/conv2/weight", state, state, 3)
	add("encoder/conv2/bias", state)
	add("encoder/position_encodings/encodings", 1500, state)
	add("decoder/position_encodings/encodings", 32, state)
	add("decoder/embeddings/weight", 51864, state)
	for _, half := range []string{"encoder", "decoder"} {
		l := half + "/layer_0/"
		norm(l + "self_attention/layer_norm")
		linear(l+"self_attention/linear_0", 3*state, state)
		linear(l+"self_attention/linear_1", state, state)
		norm(l + "ffn/layer_norm")
		linear(l+"ffn/linear_0", ffn, state)
		linear(l+"ffn/linear_1", state, ffn)
		norm(half + "/layer_norm")
	}
	norm("decoder/layer_0/attention/layer_norm")
	linear("decoder/layer_0/attention/linear_0", state, state)
	linear("decoder/layer_0/attention/linear_1", 2*state, state)
	linear("decoder/layer_0/attention/linear_2", state, state)
	return f
}

func newSmall(f *models.File) (*Model, error) {
	return onCPU(f, cpu.Options{Threads: 1, Exact: true}, spelling{})
}

// onCPU opens a model on a device of its own; end closes both.
func onCPU(f *models.File, o cpu.Options, text Tokenizer) (*Model, error) {
	pool, err := cpu.NewPool(o.Threads)
	if err != nil {
		return nil, err
	}
	o.Pool = pool
	dev, err := cpu.New(o)
	if err != nil {
		return nil, errors.Join(err, pool.Close())
	}
	m, err := New(dev, pool, f, text)
	if err != nil {
		return nil, errors.Join(err, dev.Close(), pool.Close())
	}
	return m, nil
}

func (m *Model) end() error { return errors.Join(m.dev.Close(), m.pool.Close()) }

// TestNonsense: random weights and NaN weights do not cause a panic.
func TestNonsense(t *testing.T) {
	nan := float32(math.NaN())
	for name, f := range map[string]*models.File{"random": small(nil), "NaN": small(func() float32 { return nan })} {
		m, err := newSmall(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, beam := range []int{1, 3} {
			r, err := newSlot(t, m).Window(context.Background(), make([]float32, 80*3000), Options{Beam: beam, Prompt: []int32{5, 6, 7}})
			if err != nil {
				t.Fatal(err)
			}
			if len(r.Tokens) > 32 || r.Language != "en" {
				t.Errorf("%s, beam %d: %d tokens, language %q", name, beam, len(r.Tokens), r.Language)
			}
			m.Segments(r, 30e9)
		}
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if _, err := newSlot(t, m).Window(ctx, make([]float32, 80*3000), Options{}); !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled: %v", err)
		}
		m.end()
	}
}

// TestDamage: a tensor that is missing, truncated or of another shape is an error.
func TestDamage(t *testing.T) {
	whole := small(nil)
	fails := func(what string, f *models.File) {
		t.Helper()
		m, err := newSmall(f)
		if err == nil {
			m.end()
		}
		if !errors.Is(err, models.ErrCorrupt) && !errors.Is(err, models.ErrUnsupported) {
			t.Errorf("%s: %v", what, err)
		}
	}
	with := func(i int, change func(*models.Tensor)) *models.File {
		f := &models.File{Format: whole.Format, Path: whole.Path, Aux: whole.Aux, Tensors: slices.Clone(whole.Tensors)}
		change(&f.Tensors[i])
		return f
	}
	for i, x := range whole.Tensors {
		fails(x.Name+" is missing", with(i, func(x *models.Tensor) { x.Name = "other" }))
		fails(x.Name+" is short", with(i, func(x *models.Tensor) { x.Data = x.Data[:len(x.Data)-4] }))
		fails(x.Name+" has no type", with(i, func(x *models.Tensor) { x.Type = 99 }))
		fails(x.Name+" has another rank", with(i, func(x *models.Tensor) { x.Shape = append([]int{1, 1}, x.Shape...) }))
		fails(x.Name+" has no shape", with(i, func(x *models.Tensor) { x.Shape = nil }))
		fails(x.Name+" has another size", with(i, func(x *models.Tensor) {
			x.Shape = slices.Clone(x.Shape)
			x.Shape[len(x.Shape)-1] += 32
		}))
	}
	for _, config := range []string{`{"suppress_ids":[51864]}`, `{"suppress_ids_begin":[-1]}`, `{`, `{"suppress_ids":"x"}`} {
		f := small(nil)
		f.Aux["config.json"] = []byte(config)
		fails(config, f)
	}
	f := small(nil)
	f.Format = "gguf"
	fails("another format", f)
}
