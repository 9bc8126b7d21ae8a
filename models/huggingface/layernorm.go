package huggingface

import (
	"strings"

	"soberano/kernels/quant"
	"soberano/models"
)

// These families are decoders with LayerNorm.

// prepareStableLM gives the values of older folders of StableLM the usual names.
func prepareStableLM(c *config) {
	c.rename("rope_pct", "partial_rotary_factor", "norm_eps", "layer_norm_eps")
}

// stableLMKeys sets the keys of StableLM. The norms of the heads of q and of k, which StableLM 2 12B has, are tensors of their own in a folder.
func stableLMKeys(c *config) {
	c.partRotary(0.25)
	c.set("attention.layer_norm_epsilon", c.number("layer_norm_eps", 1e-5))
	c.set("use_parallel_residual", c.bool("use_parallel_residual", true))
	for _, keys := range []bool{false, true} {
		heads, width := c.heads(keys)
		folder, to := "q_layernorm", "attn_q_norm"
		if keys {
			folder, to = "k_layernorm", "attn_k_norm"
		}
		for layer := range min(c.int("num_hidden_layers", required), 1<<12) {
			c.headNorms("model.layers."+digits(layer)+".self_attn."+folder+".norms.", "blk."+digits(layer)+"."+to+".weight", heads, width)
		}
	}
}

// headNorms adds a tensor [heads × width] of those whose names begin with prefix, one for each head, if there are any.
func (c *config) headNorms(prefix, to string, heads, width int) {
	if _, ok := c.f.Tensor(prefix + "0.weight"); !ok {
		return
	}
	values := make([]float32, 0, min(heads, 1<<12)*min(width, 1<<12))
	for head := range heads {
		t, ok := c.f.Tensor(prefix + digits(head) + ".weight")
		if !ok || t.Len() != width || !t.Type.Known() {
			c.damaged("tensor %s is missing or has not %d values", models.Quote(prefix+digits(head)+".weight"), width)
			return
		}
		x := make([]float32, width)
		quant.Dequantize(t.Type, x, t.Data)
		values = append(values, x...)
	}
	c.extra = append(c.extra, models.Tensor{Name: to, Type: quant.F32, Shape: []int{heads, width}, Data: bytesOf(values)})
}

// stableLMName returns the name of a tensor of StableLM. The norms of single heads are those of headNorms.
func stableLMName(c *config, tensor string) name {
	if _, module, _, ok := cutLayer(tensor, "model.layers."); ok && (strings.HasPrefix(module, "self_attn.q_layernorm.norms.") || strings.HasPrefix(module, "self_attn.k_layernorm.norms.")) {
		return name{}
	}
	return decoderName(c, tensor)
}

var phiTensors = tensorTable{prefixes: []string{"model."}, layers: "layers.", unused: []string{"self_attn.rotary_emb/inv_freq"},
	others: map[string]string{"embed_tokens": "token_embd", "final_layernorm": "output_norm", "lm_head": "output"}}

var phiModules = map[string]name{
	"input_layernorm": {text: "attn_norm"}, "self_attn.q_proj": {text: "attn_q"}, "self_attn.k_proj": {text: "attn_k"}, "self_attn.v_proj": {text: "attn_v"},
	"self_attn.dense": {text: "attn_output"}, "mlp.fc1": {text: "ffn_up"}, "mlp.fc2": {text: "ffn_down"},
}

// phiKeys sets the keys of Phi-1, 1.5 and 2.
func phiKeys(c *config) {
	partKeys(c)
	c.set("attention.layer_norm_epsilon", c.number("layer_norm_eps", 1e-5))
	c.only(!c.bool("qk_layernorm", false), "qk_layernorm")
}

// prepareNemotron gives the values of older folders of Nemotron-4 and Minitron the usual names.
func prepareNemotron(c *config) {
	c.rename("rope_percent", "partial_rotary_factor", "rope_percentage", "partial_rotary_factor")
}

// nemotronKeys sets the keys of Nemotron-4 and Minitron.
func nemotronKeys(c *config) {
	partKeys(c)
	c.set("attention.layer_norm_epsilon", c.number("norm_eps", 1e-5))
}

// prepareBloom gives the values of BLOOM the usual names.
func prepareBloom(c *config) {
	c.rename("n_embed", "hidden_size", "n_layer", "num_hidden_layers", "n_head", "num_attention_heads", "seq_length", "max_position_embeddings")
	c.otherwise("intermediate_size", 4*c.int("hidden_size", required))
	c.otherwise("max_position_embeddings", 2048)
}

var bloomTensors = tensorTable{prefixes: []string{"transformer."}, layers: "h.",
	others: map[string]string{"word_embeddings": "token_embd", "word_embeddings_layernorm": "token_embd_norm", "ln_f": "output_norm", "lm_head": "output"}}

var bloomModules = map[string]name{
	"input_layernorm": {text: "attn_norm"}, "post_attention_layernorm": {text: "ffn_norm"},
	"self_attention.query_key_value/weight": {make: apart("attn_qkv.weight")}, "self_attention.query_key_value/bias": {make: apart("attn_qkv.bias")},
	"self_attention.dense": {text: "attn_output"}, "mlp.dense_h_to_4h": {text: "ffn_up"}, "mlp.dense_4h_to_h": {text: "ffn_down"},
}

// bloomKeys sets the keys of BLOOM.
func bloomKeys(c *config) {
	c.set("attention.layer_norm_epsilon", c.number("layer_norm_epsilon", 1e-5))
	c.only(!c.bool("apply_residual_connection_post_layernorm", false), "apply_residual_connection_post_layernorm")
}

// prepareMPT gives the values of MPT the usual names.
func prepareMPT(c *config) {
	c.rename("d_model", "hidden_size", "n_layers", "num_hidden_layers", "n_heads", "num_attention_heads", "max_seq_len", "max_position_embeddings")
	c.otherwise("intermediate_size", c.int("expansion_ratio", 4)*c.int("hidden_size", required))
	if kv := c.object("attn_config")["kv_n_heads"]; kv != nil {
		c.values["num_key_value_heads"] = kv
	}
}

var mptTensors = tensorTable{prefixes: []string{"transformer."}, layers: "blocks.",
	others: map[string]string{"wte": "token_embd", "wpe": "position_embd", "norm_f": "output_norm", "lm_head": "output"}}

var mptModules = map[string]name{
	"norm_1": {text: "attn_norm"}, "norm_2": {text: "ffn_norm"}, "attn.Wqkv": {text: "attn_qkv"}, "attn.out_proj": {text: "attn_output"},
	"ffn.up_proj": {text: "ffn_up"}, "ffn.down_proj": {text: "ffn_down"},
}

// mptKeys sets the keys of MPT. GELU is that of the GGUF files, an approximation.
func mptKeys(c *config) {
	c.set("attention.layer_norm_epsilon", c.number("layer_norm_epsilon", 1e-5))
	attention := c.object("attn_config")
	if attention["clip_qkv"] != nil {
		c.set("attention.clamp_kqv", c.numberOf(attention, "clip_qkv", 0))
	}
	bias := 0.0
	if attention["alibi"] == true {
		bias = c.numberOf(attention, "alibi_bias_max", 8)
	}
	c.set("attention.max_alibi_bias", bias)
	for _, name := range []string{"qk_ln", "qk_gn", "prefix_lm", "rope"} {
		c.only(attention[name] == nil || attention[name] == false, "attn_config: "+name)
	}
	c.only(attention["softmax_scale"] == nil, "attn_config: softmax_scale")
	c.only(!c.has("logit_scale"), "logit_scale")
}

// prepareBigCode gives the values of StarCoder and SantaCoder the usual names.
func prepareBigCode(c *config) {
	prepareGPT2(c)
	c.otherwise("num_key_value_heads", 1)
	c.only(c.bool("multi_query", true), "multi_query")
}

var bigCodeModules = map[string]name{
	"ln_1": {text: "attn_norm"}, "ln_2": {text: "ffn_norm"}, "attn.c_attn": {text: "attn_qkv"}, "attn.c_proj": {text: "attn_output"},
	"mlp.c_fc": {text: "ffn_up"}, "mlp.c_proj": {text: "ffn_down"},
}
