package huggingface

import (
	"strconv"
	"strings"

	"soberano/models"
)

// name is the name of a tensor in a GGUF file, and what it is.
type name struct {
	text    string // "": the tensor is not used
	rotated rotated
	norm    bool // the weights of a norm
	expert  int  // number of the expert, from 1 on, whose part of the tensor it is; 0: it is all of it
	parts   int  // number of these parts; 0: as many as there are experts
	blk     string
	// make, if not nil, makes the tensors of the layer whose names begin with blk, in another way than by another name.
	make func(c *config, t models.Tensor, blk string) []models.Tensor
}

// rotated says whether the rows of a tensor are those of q or k.
type rotated int

const (
	notRotated rotated = iota
	queries
	keys
)

func digits(n int) string { return strconv.Itoa(n) }

// decoderModules maps the modules of a layer to tensors, without ".weight" or ".bias".
var decoderModules = map[string]name{
	"input_layernorm":          {text: "attn_norm", norm: true},
	"self_attn.q_proj":         {text: "attn_q", rotated: queries},
	"self_attn.k_proj":         {text: "attn_k", rotated: keys},
	"self_attn.v_proj":         {text: "attn_v"},
	"self_attn.o_proj":         {text: "attn_output"},
	"self_attn.q_norm":         {text: "attn_q_norm", norm: true},
	"self_attn.k_norm":         {text: "attn_k_norm", norm: true},
	"post_attention_layernorm": {text: "ffn_norm", norm: true},
	"mlp.gate_proj":            {text: "ffn_gate"},
	"mlp.up_proj":              {text: "ffn_up"},
	"mlp.down_proj":            {text: "ffn_down"},
	// Mixtures of experts.
	"mlp.gate":                       {text: "ffn_gate_inp"},
	"mlp.router":                     {text: "ffn_gate_inp"},
	"block_sparse_moe.gate":          {text: "ffn_gate_inp"},
	"block_sparse_moe.router.layer":  {text: "ffn_gate_inp"},
	"block_sparse_moe.input_linear":  {text: "ffn_gate_up_exps"},
	"block_sparse_moe.output_linear": {text: "ffn_down_exps"},
	"shared_mlp.input_linear":        {make: halves("ffn_gate_shexp", "ffn_up_shexp")},
	"shared_mlp.output_linear":       {text: "ffn_down_shexp"},
	"mlp.shared_expert.gate_proj":    {text: "ffn_gate_shexp"},
	"mlp.shared_expert.up_proj":      {text: "ffn_up_shexp"},
	"mlp.shared_expert.down_proj":    {text: "ffn_down_shexp"},
	"mlp.shared_expert_gate":         {make: squeezed("ffn_gate_inp_shexp")},
	"mlp.shared_experts.gate_proj":   {text: "ffn_gate_shexp"},
	"mlp.shared_experts.up_proj":     {text: "ffn_up_shexp"},
	"mlp.shared_experts.down_proj":   {text: "ffn_down_shexp"},
}

// outputNorms are those modules that differ where the outputs of attention and feed-forward networks are normalised, not their inputs.
var outputNorms = map[string]name{
	"post_attention_layernorm":   {text: "post_attention_norm", norm: true},
	"post_feedforward_layernorm": {text: "post_ffw_norm", norm: true},
}

// glmModules are those modules of glm and glm4 that differ.
var glmModules = map[string]name{
	"post_self_attn_layernorm": {text: "post_attention_norm", norm: true},
	"post_mlp_layernorm":       {text: "post_ffw_norm", norm: true},
	"mlp.gate_up_proj":         {text: "ffn_up"},
}

// postNorms are those modules of seed_oss and gpt-oss that differ.
var postNorms = map[string]name{"post_attention_layernorm": {text: "post_attention_norm", norm: true}}

// starCoder2Modules are those modules of StarCoder2 that differ.
var starCoder2Modules = map[string]name{"mlp.c_fc": {text: "ffn_up"}, "mlp.c_proj": {text: "ffn_down"}}

// lfm2Modules are those modules of LFM2 that differ.
var lfm2Modules = map[string]name{
	"operator_norm":         {text: "attn_norm", norm: true},
	"ffn_norm":              {text: "ffn_norm", norm: true},
	"self_attn.out_proj":    {text: "attn_output"},
	"self_attn.q_layernorm": {text: "attn_q_norm", norm: true},
	"self_attn.k_layernorm": {text: "attn_k_norm", norm: true},
	"feed_forward.w1":       {text: "ffn_gate"},
	"feed_forward.w3":       {text: "ffn_up"},
	"feed_forward.w2":       {text: "ffn_down"},
	"conv.conv":             {make: squeezed("shortconv.conv")},
	"conv.in_proj":          {text: "shortconv.in_proj"},
	"conv.out_proj":         {text: "shortconv.out_proj"},
}

// gemmaModules are those modules of gemma2 and gemma3 that differ.
var gemmaModules = map[string]name{
	"post_attention_layernorm":   {text: "post_attention_norm", norm: true},
	"pre_feedforward_layernorm":  {text: "ffn_norm", norm: true},
	"post_feedforward_layernorm": {text: "post_ffw_norm", norm: true},
}

// phi3Modules are those modules of phi3 that differ.
var phi3Modules = map[string]name{
	"self_attn.qkv_proj": {text: "attn_qkv"},
	"mlp.gate_up_proj":   {text: "ffn_up"},
}

// decoderName returns the name of a tensor of a decoder, whose family says in own where its modules differ from others. An unknown tensor keeps
// its name, so that the file is refused for it.
func decoderName(c *config, tensor string) name {
	rest := tensor
	for _, prefix := range []string{"model.language_model.", "language_model.model.", "language_model.", "model.text_model.", "model."} {
		if cut, ok := strings.CutPrefix(tensor, prefix); ok {
			rest = cut
			break
		}
	}
	switch rest {
	case "embed_tokens.weight":
		return name{text: "token_embd.weight"}
	case "norm.weight", "norm.bias":
		return name{text: "output_" + rest, norm: true}
	case "embedding_norm.weight": // of LFM2
		return name{text: "token_embd_norm.weight", norm: true}
	case "lm_head.weight":
		if strings.HasPrefix(c.family.architecture, "gemma") || c.bool("tie_word_embeddings", false) {
			return name{} // the same as the embeddings
		}
		return name{text: "output.weight"}
	}
	for _, prefix := range []string{"vision_tower.", "multi_modal_projector.", "model.vision_tower.", "model.multi_modal_projector.", "visual.", "model.visual.", "vision_model.", "model.vision_model.", "model.connector."} {
		if strings.HasPrefix(tensor, prefix) {
			return name{} // of a model that also sees images
		}
	}
	layer, module, kind, ok := cutLayer(rest, "layers.")
	switch n, known := c.ownName(layer, module, kind); {
	case !ok:
		return name{text: tensor}
	case module == "self_attn.rotary_emb" || c.drafts(layer):
		return name{}
	case known:
		return n
	}
	if n, known := decoderModules[module]; known {
		return n.of(layer, kind)
	}
	if n, known := expertName(module); known && kind == "weight" {
		return n.of(layer, kind)
	}
	return name{text: tensor}
}

// ownName returns the name of a tensor whose module is in the own table of the family. Behind a slash stands the end of a name that has no
// ".weight" or ".bias", or of which only this end differs; the name in the table is then the whole one.
func (c *config) ownName(layer, module, kind string) (name, bool) {
	if n, known := c.family.own[module+"/"+kind]; known {
		n.blk = "blk." + layer + "."
		n.text = n.blk + n.text
		return n, true
	}
	n, known := c.family.own[module]
	return n.of(layer, kind), known
}

// drafts reports whether a layer only drafts tokens: such layers are behind the others.
func (c *config) drafts(layer string) bool {
	n, _ := strconv.Atoi(layer)
	layers := c.int("num_hidden_layers", 0)
	return n >= layers && n < layers+c.int("num_nextn_predict_layers", 0)
}

// cutLayer divides the name of a tensor of a layer: layers.3.mlp.up_proj.weight is layer 3, module mlp.up_proj, kind weight.
func cutLayer(tensor, prefix string) (layer, module, kind string, ok bool) {
	rest, ok := strings.CutPrefix(tensor, prefix)
	if !ok {
		return "", "", "", false
	}
	layer, rest, ok = strings.Cut(rest, ".")
	end := strings.LastIndexByte(rest, '.')
	if n, err := strconv.Atoi(layer); !ok || end < 0 || err != nil || digits(n) != layer {
		return "", "", "", false
	}
	return layer, rest[:end], rest[end+1:], true
}

// of returns the name of the tensor of a layer.
func (n name) of(layer, kind string) name {
	n.blk = "blk." + layer + "."
	n.text = n.blk + n.text + "." + kind
	return n
}

// bertModules maps the modules of a layer of BERT to tensors.
var bertModules = map[string]string{
	"attention.self.query": "attn_q", "attention.self.key": "attn_k", "attention.self.value": "attn_v",
	"attention.output.dense": "attn_output", "attention.output.LayerNorm": "attn_output_norm",
	"intermediate.dense": "ffn_up", "output.dense": "ffn_down", "output.LayerNorm": "layer_output_norm",
}

// bertTensors maps the other tensors of BERT.
var bertTensors = map[string]string{
	"embeddings.word_embeddings": "token_embd", "embeddings.position_embeddings": "position_embd", "embeddings.token_type_embeddings": "token_types",
	"embeddings.LayerNorm": "token_embd_norm",
}

// modernBertModules are the modules of a layer of ModernBERT.
var modernBertModules = map[string]string{"attn_norm": "attn_norm", "attn.Wqkv": "attn_qkv", "attn.Wo": "attn_output", "mlp_norm": "ffn_norm", "mlp.Wi": "ffn_up", "mlp.Wo": "ffn_down"}

// modernBertTensors are the other tensors of ModernBERT.
var modernBertTensors = map[string]string{"embeddings.tok_embeddings.weight": "token_embd.weight", "embeddings.norm.weight": "token_embd_norm.weight", "final_norm.weight": "output_norm.weight"}

// modernBertHead are the tensors of a model that ranks; in others, the head and the decoder predict words.
var modernBertHead = map[string]string{"head.dense.weight": "cls.weight", "head.norm.weight": "cls.norm.weight", "classifier.weight": "cls.output.weight", "classifier.bias": "cls.output.bias"}

func modernBertName(c *config, tensor string) name {
	rest := strings.TrimPrefix(tensor, "model.")
	if layer, module, kind, ok := cutLayer(rest, "layers."); ok && modernBertModules[module] != "" {
		return name{text: modernBertModules[module]}.of(layer, kind)
	}
	if to := modernBertTensors[rest]; to != "" {
		return name{text: to}
	}
	switch head := strings.HasPrefix(rest, "head.") || strings.HasPrefix(rest, "decoder."); {
	case c.ranks && modernBertHead[rest] != "":
		return name{text: modernBertHead[rest]}
	case head && !c.ranks:
		return name{}
	}
	return name{text: tensor}
}

// bertName returns the name of a tensor of BERT and RoBERTa. A model that ranks has a head; in others the pooler is a remainder
// of training, as are the heads that predict words and sentences.
func bertName(c *config, tensor string) name {
	rest := strings.TrimPrefix(strings.TrimPrefix(tensor, "bert."), "roberta.")
	rest = strings.NewReplacer(".gamma", ".weight", ".beta", ".bias").Replace(rest)
	if rest == "embeddings.position_ids" || strings.HasPrefix(rest, "cls.predictions") || strings.HasPrefix(rest, "cls.seq_relationship") || strings.HasPrefix(rest, "lm_head.") {
		return name{}
	}
	if layer, module, kind, ok := cutLayer(rest, "encoder.layer."); ok {
		if to, known := bertModules[module]; known {
			return name{text: to}.of(layer, kind)
		}
		return name{text: tensor}
	}
	end := strings.LastIndexByte(rest, '.')
	if end < 0 {
		return name{text: tensor}
	}
	module, kind := rest[:end], rest[end:]
	switch to, known := bertTensors[module]; {
	case known:
		return name{text: to + kind}
	case module == "pooler.dense" && c.ranks:
		return name{text: "cls" + kind}
	case module == "pooler.dense":
		return name{}
	case module == "classifier.dense" && c.ranks: // of RoBERTa
		return name{text: "cls" + kind}
	case (module == "classifier" || module == "classifier.out_proj") && c.ranks:
		return name{text: "cls.output" + kind}
	}
	return name{text: tensor}
}
