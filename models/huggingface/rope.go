package huggingface

import (
	"encoding/binary"
	"math"

	"soberano/kernels/quant"
	"soberano/models"
)

// rope sets the keys of the rotary embedding of a model whose heads have dims rotated dimensions. Older folders have rope_theta
// and rope_scaling, newer ones both in rope_parameters.
func (c *config) rope(dims int) {
	p := c.object("rope_parameters")
	base := c.number("rope_theta", 10000)
	if all, ok := p["full_attention"].(map[string]any); ok { // of each kind of layers
		if local, ok := p["sliding_attention"].(map[string]any); ok {
			c.set("rope.freq_base_swa", c.numberOf(local, "rope_theta", 10000))
		}
		p = all
	}
	if p == nil {
		p = c.object("rope_scaling")
	}
	c.set("rope.freq_base", c.numberOf(p, "rope_theta", base))
	kind, _ := p["rope_type"].(string)
	if kind == "" {
		kind, _ = p["type"].(string)
	}
	switch kind {
	case "", "default", "mrope": // the sections of the latter are keys of their own
	case "linear":
		c.set("rope.scaling.type", "linear")
		c.set("rope.scaling.factor", c.numberOf(p, "factor", required))
	case "yarn":
		c.yarn(p)
	case "llama3":
		c.llama3(p, dims)
	case "longrope", "su":
		c.longRope(p, dims)
	case "dynamic":
		c.hunyuanRope(p, dims)
	default:
		c.fail("the rotary embedding %s is not supported: %w", models.Quote(kind), models.ErrUnsupported)
	}
}

// yarn sets the keys of YaRN (arXiv:2309.00071). The factor of q and k is 1 + ln(factor)/10, unless the folder says another one: then the key has
// their ratio.
func (c *config) yarn(p map[string]any) {
	factor := c.numberOf(p, "factor", required)
	c.set("rope.scaling.type", "yarn")
	c.set("rope.scaling.factor", factor)
	c.set("rope.scaling.original_context_length", c.intOf(p, "original_max_position_embeddings", c.int("max_position_embeddings", required)))
	if c.family.architecture == "mistral3" {
		c.mistralYarn(p)
		return
	}
	for name, def := range map[string]float64{"beta_fast": 32, "beta_slow": 1} {
		if p[name] != nil && c.numberOf(p, name, def) != def {
			c.fail("%s of YaRN is not supported: %w", name, models.ErrUnsupported)
		}
	}
	if c.family.architecture == "deepseek2" {
		all := c.numberOf(p, "mscale_all_dim", 0)
		c.only(c.numberOf(p, "mscale", all) == all && all > 0, "mscale")
		c.set("rope.scaling.yarn_log_multiplier", all/10) // as llama.cpp's converter writes it
		return
	}
	scale := func(m float64) float64 { return 1 + 0.1*m*math.Log(max(factor, 1)) }
	attention := c.numberOf(p, "attention_factor", 0)
	if m, all := c.numberOf(p, "mscale", 0), c.numberOf(p, "mscale_all_dim", 0); attention == 0 && m != 0 && all != 0 {
		attention = scale(m) / scale(all)
	}
	if ratio := attention / scale(1); attention != 0 && math.Abs(ratio-1) > 1e-4 {
		c.set("rope.scaling.attn_factor", ratio)
	}
}

// hunyuanRope sets the keys of the models of Hunyuan, whose rotary embedding has a larger base (NTK-aware scaling) and reaches 256k positions, whatever
// config.json has as its context. In other families, the base grows with the length of texts that are longer than the context in training, which no
// text is here: within it, the embedding is the usual one.
func (c *config) hunyuanRope(p map[string]any, dims int) {
	alpha := c.numberOf(p, "alpha", 0)
	if p["alpha"] == nil {
		return
	}
	if c.family.own["self_attn.query_layernorm"].text == "" || dims < 4 || alpha <= 0 {
		c.fail("the rotary embedding \"dynamic\" is not supported: %w", models.ErrUnsupported)
		return
	}
	base := c.numberOf(p, "rope_theta", c.number("rope_theta", 10000))
	c.set("rope.freq_base", base*math.Pow(alpha, float64(dims)/float64(dims-2)))
	c.set("context_length", 256<<10)
}

// mistralYarn sets the keys of YaRN that only mistral3 reads, and the growth of the scores of attention with the position.
func (c *config) mistralYarn(p map[string]any) {
	c.set("rope.scaling.yarn_beta_fast", c.numberOf(p, "beta_fast", 32))
	c.set("rope.scaling.yarn_beta_slow", c.numberOf(p, "beta_slow", 1))
	c.set("rope.scaling.yarn_log_multiplier", c.numberOf(p, "mscale_all_dim", 0))
	c.only(c.numberOf(p, "mscale", 1) == 1, "mscale")
	c.set("attention.temperature_scale", c.numberOf(p, "llama_4_scaling_beta", 0))
}

// object returns an object in config.json, nil if there is none.
func (c *config) object(name string) map[string]any {
	switch v := c.values[name].(type) {
	case nil:
		return nil
	case map[string]any:
		return v
	default:
		c.fail("%s is no object: %w", name, models.ErrCorrupt)
		return nil
	}
}

// llama3 adds the divisors of the rotary frequencies of Llama 3.1: 1 for pairs that make high turns or more within the original
// context, factor for those that make fewer than low, and smooth in between.
func (c *config) llama3(p map[string]any, dims int) {
	factor, low, high := c.numberOf(p, "factor", required), c.numberOf(p, "low_freq_factor", 1), c.numberOf(p, "high_freq_factor", 4)
	context := c.numberOf(p, "original_max_position_embeddings", 8192)
	base := c.numberOf(p, "rope_theta", c.number("rope_theta", 10000))
	if c.err != nil || !(low > 0 && high >= low && factor > 0 && context > 0 && base > 0) || dims > 1<<16 {
		c.fail("the numbers of rope_scaling contradict each other: %w", models.ErrCorrupt)
		return
	}
	divisors := make([]float32, dims/2)
	for i := range divisors {
		turns := context * math.Pow(base, -2*float64(i)/float64(dims)) / (2 * math.Pi)
		switch {
		case turns >= high:
			divisors[i] = 1
		case turns < low:
			divisors[i] = float32(factor)
		default:
			smooth := (turns - low) / (high - low)
			divisors[i] = float32(1 / ((1-smooth)/factor + smooth))
		}
	}
	c.vector("rope_freqs.weight", divisors)
}

// longFactors are the lists of LongRoPE in config.json, by the tensors that they become.
var longFactors = map[string]string{"rope_factors_long.weight": "long_factor", "rope_factors_short.weight": "short_factor"}

// longRope adds the two lists of divisors of LongRoPE, and the factor by which it multiplies q and k.
func (c *config) longRope(p map[string]any, dims int) {
	context := c.number("max_position_embeddings", required)
	original := c.numberOf(p, "original_max_position_embeddings", c.number("original_max_position_embeddings", context))
	c.set("rope.scaling.type", "longrope")
	c.set("rope.scaling.original_context_length", int(original))
	factor := 1.0
	if context > original && original > 1 {
		factor = math.Sqrt(1 + math.Log(context/original)/math.Log(original))
	}
	c.set("rope.scaling.attn_factor", factor)
	for name, key := range longFactors {
		list, _ := p[key].([]any)
		if len(list) != dims/2 {
			c.fail("%s has %d numbers, expected %d: %w", key, len(list), dims/2, models.ErrCorrupt)
			return
		}
		values := make([]float32, len(list))
		for i, v := range list {
			values[i] = float32(c.numberOf(map[string]any{key: v}, key, required))
		}
		c.vector(name, values)
	}
}

// vector adds a tensor that is not in the folder.
func (c *config) vector(name string, values []float32) {
	c.extra = append(c.extra, models.Tensor{Name: name, Type: quant.F32, Shape: []int{len(values)}, Data: bytesOf(values)})
}

// bytesOf returns values as they are stored in a file.
func bytesOf(values []float32) []byte {
	data := make([]byte, 0, 4*len(values))
	for _, x := range values {
		data = binary.LittleEndian.AppendUint32(data, math.Float32bits(x))
	}
	return data
}
