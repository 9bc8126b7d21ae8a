package huggingface

import (
	"slices"
	"strings"

	"soberano/models"
)

// tensorTable names the tensors of families whose folders have other names than those of llama.
type tensorTable struct {
	prefixes []string          // of all names, which some folders leave out
	layers   string            // the beginning of the name of a layer
	others   map[string]string // modules that are in no layer
	skipped  []string          // beginnings of names of tensors that are not used
	unused   []string          // modules of a layer that are not used: masks and frequencies
}

// name returns the name of a tensor; its modules are in the own table of the family.
func (l tensorTable) name(c *config, tensor string) name {
	rest := tensor
	for _, prefix := range l.prefixes {
		if cut, ok := strings.CutPrefix(tensor, prefix); ok {
			rest = cut
			break
		}
	}
	if slices.ContainsFunc(l.skipped, func(prefix string) bool { return strings.HasPrefix(rest, prefix) }) {
		return name{}
	}
	if layer, module, kind, ok := cutLayer(rest, l.layers); ok {
		if slices.Contains(l.unused, module+"/"+kind) {
			return name{}
		}
		if n, known := c.ownName(layer, module, kind); known {
			return n
		}
		if n, known := expertName(module); known && kind == "weight" {
			return n.of(layer, kind)
		}
		return name{text: tensor}
	}
	end := max(strings.LastIndexByte(rest, '.'), 0)
	switch to := l.others[rest[:end]]; {
	case to == "":
		return name{text: tensor}
	case to == "output" && c.tied():
		return name{} // the same as the embeddings
	default:
		return name{text: to + rest[end:]}
	}
}

// tied reports whether the output matrix is the embeddings, as it is in some families unless config.json says otherwise.
func (c *config) tied() bool {
	return c.bool("tie_word_embeddings", slices.Contains([]string{"bloom", "falcon", "gpt2", "mamba", "mpt", "starcoder"}, c.family.architecture))
}

// prepareGPT2 gives the values of GPT-2 the usual names.
func prepareGPT2(c *config) {
	c.rename("n_embd", "hidden_size", "n_layer", "num_hidden_layers", "n_head", "num_attention_heads", "n_positions", "max_position_embeddings", "n_ctx", "max_position_embeddings",
		"n_inner", "intermediate_size", "activation_function", "hidden_act")
	c.otherwise("intermediate_size", 4*c.int("hidden_size", required))
}

var gpt2Tensors = tensorTable{prefixes: []string{"transformer."}, layers: "h.", unused: []string{"attn/bias", "attn/masked_bias"},
	others: map[string]string{"wte": "token_embd", "wpe": "position_embd", "ln_f": "output_norm", "lm_head": "output"}}

var gpt2Modules = map[string]name{
	"ln_1": {text: "attn_norm"}, "ln_2": {text: "ffn_norm"},
	"attn.c_attn": {text: "attn_qkv"}, "attn.c_attn/weight": {make: transposed("attn_qkv")},
	"attn.c_proj": {text: "attn_output"}, "attn.c_proj/weight": {make: transposed("attn_output")},
	"mlp.c_fc": {text: "ffn_up"}, "mlp.c_fc/weight": {make: transposed("ffn_up")},
	"mlp.c_proj": {text: "ffn_down"}, "mlp.c_proj/weight": {make: transposed("ffn_down")},
}

// transposed returns a function that makes a matrix [rows × columns] of one that folders have as [columns × rows].
func transposed(to string) func(*config, models.Tensor, string) []models.Tensor {
	return func(c *config, t models.Tensor, blk string) []models.Tensor {
		t.Name = blk + to + ".weight"
		if len(t.Shape) != 2 || !t.Type.Known() || t.Len() == 0 {
			return []models.Tensor{t} // the file is refused, for its shape
		}
		data, cols, rows := t.Data, t.Shape[0], t.Shape[1]
		size := len(data) / (rows * cols)
		t.Shape = []int{rows, cols}
		t.Part = func(row int) []byte {
			out := make([]byte, 0, cols*size)
			for col := range cols {
				out = append(out, data[(col*rows+row)*size:][:size]...)
			}
			return out
		}
		return []models.Tensor{t}
	}
}

// gpt2Keys sets the keys of GPT-2.
func gpt2Keys(c *config) {
	c.set("attention.layer_norm_epsilon", c.number("layer_norm_epsilon", 1e-5))
	c.only(c.bool("scale_attn_weights", true), "scale_attn_weights")
	c.only(!c.bool("scale_attn_by_inverse_layer_idx", false), "scale_attn_by_inverse_layer_idx")
}

var neoxTensors = tensorTable{prefixes: []string{"gpt_neox."}, layers: "layers.", unused: []string{"attention/bias", "attention/masked_bias", "attention.rotary_emb/inv_freq"},
	others: map[string]string{"embed_in": "token_embd", "final_layer_norm": "output_norm", "embed_out": "output"}}

var neoxModules = map[string]name{
	"input_layernorm": {text: "attn_norm"}, "post_attention_layernorm": {text: "ffn_norm"},
	"attention.query_key_value/weight": {make: apart("attn_qkv.weight")}, "attention.query_key_value/bias": {make: apart("attn_qkv.bias")},
	"attention.dense":   {text: "attn_output"},
	"mlp.dense_h_to_4h": {text: "ffn_up"}, "mlp.dense_4h_to_h": {text: "ffn_down"},
}

// neoxKeys sets the keys of GPT-NeoX.
func neoxKeys(c *config) {
	_, width := c.heads(false)
	share := c.number("rotary_pct", c.numberOf(c.object("rope_parameters"), "partial_rotary_factor", 0.25))
	dims := int(share * float64(width))
	c.set("rope.dimension_count", dims)
	c.rope(dims)
	c.set("rope.freq_base", c.numberOf(c.object("rope_parameters"), "rope_theta", c.number("rope_theta", c.number("rotary_emb_base", 10000))))
	c.set("attention.layer_norm_epsilon", c.number("layer_norm_eps", 1e-5))
	c.set("use_parallel_residual", c.bool("use_parallel_residual", true))
}

// prepareFalcon gives the values of Falcon the usual names.
func prepareFalcon(c *config) {
	c.rename("n_layer", "num_hidden_layers", "n_head", "num_attention_heads", "n_head_kv", "num_kv_heads", "ffn_hidden_size", "intermediate_size", "activation", "hidden_act")
	c.otherwise("intermediate_size", 4*c.int("hidden_size", required))
	c.otherwise("max_position_embeddings", 2048)
}

var falconTensors = tensorTable{prefixes: []string{"transformer."}, layers: "h.", unused: []string{"self_attention.rotary_emb/inv_freq"},
	others: map[string]string{"word_embeddings": "token_embd", "ln_f": "output_norm", "lm_head": "output"}}

var falconModules = map[string]name{
	"input_layernorm": {text: "attn_norm"}, "ln_mlp": {text: "attn_norm"}, "ln_attn": {text: "attn_norm_2"},
	"self_attention.query_key_value/weight": {make: apart("attn_qkv.weight")}, "self_attention.dense": {text: "attn_output"},
	"mlp.dense_h_to_4h": {text: "ffn_up"}, "mlp.dense_4h_to_h": {text: "ffn_down"},
}

// falconKeys sets the keys of Falcon.
func falconKeys(c *config) {
	ropeKeys(c)
	c.set("attention.head_count_kv", c.fusedHeads())
	c.set("attention.layer_norm_epsilon", c.number("layer_norm_epsilon", 1e-5))
	for name, want := range map[string]bool{"alibi": false, "bias": false, "parallel_attn": true} {
		c.only(c.bool(name, want) == want, name)
	}
}

// fusedHeads returns the number of heads of keys of a model whose q, k and v are one tensor.
func (c *config) fusedHeads() int {
	switch heads := c.int("num_attention_heads", required); {
	case c.family.architecture != "falcon":
		return heads
	case c.bool("new_decoder_architecture", false):
		return c.int("num_kv_heads", heads)
	case c.bool("multi_query", true):
		return 1
	default:
		return heads
	}
}

// apart returns a function that puts the rows of q, of k and of v together. In folders, each head of keys has its queries, its key and its value:
//
//	q0 q1 k0 v0 │ q2 q3 k1 v1  ─▶  q0 q1 q2 q3 │ k0 k1 │ v0 v1
func apart(to string) func(*config, models.Tensor, string) []models.Tensor {
	return func(c *config, t models.Tensor, blk string) []models.Tensor {
		heads, width := c.heads(false)
		kv := c.fusedHeads()
		t.Name = blk + to
		if kv <= 0 || heads%kv != 0 || width <= 0 {
			return []models.Tensor{t} // the file is refused, for its numbers
		}
		share := heads / kv
		return []models.Tensor{c.reordered(t, (heads+2*kv)*width, func(row int) int {
			head, at := row/width, row%width
			switch {
			case head < heads:
				head += head / share * 2
			case head < heads+kv:
				head = (head-heads)*(share+2) + share
			default:
				head = (head-heads-kv)*(share+2) + share + 1
			}
			return head*width + at
		})}
	}
}
