package tiny

import (
	"maps"
	"slices"

	"soberano/kernels/quant"
	"soberano/models"
)

// encoders is the table of the tiny models that make vectors of texts. They are no models of Kinds, since they continue no text.
var encoders = map[string]kind{
	"bert":            bert(models.Metadata{"pooling_type": uint64(models.PoolMean)}, nil),
	"bert-first":      bert(models.Metadata{"pooling_type": uint64(models.PoolFirst)}, nil),
	"bert-rank":       bert(models.Metadata{"pooling_type": uint64(models.PoolRank)}, (*Source).denseHead),
	"bert-labels":     bert(models.Metadata{"pooling_type": uint64(models.PoolRank), "classifier.output_labels": []string{"no", "perhaps", "yes"}}, (*Source).labelHead),
	"eurobert":        euroBert,
	"gemma-embedding": gemmaEmbedding(nil, nil),
	"gemma-embedding-dense": gemmaEmbedding(models.Metadata{"dense_2_feat_in": uint64(Dim), "dense_2_feat_out": uint64(FF), "dense_3_feat_in": uint64(FF), "dense_3_feat_out": uint64(Dim)},
		func(s *Source) {
			s.matrix("dense_2.weight", quant.F32, 1, FF, Dim)
			s.matrix("dense_3.weight", quant.F32, 1, Dim, FF)
		}),
	"jina-bert-v2":       jinaBertV2(nil, (*Source).gatedFeedForward, nil),
	"jina-bert-v2-fused": jinaBertV2(nil, (*Source).fusedGate, nil),
	"jina-bert-v2-norms": jinaBertV2(nil, func(s *Source, blk string) { s.plainFeedForward(blk); s.jinaNorms(blk) }, nil),
	"jina-bert-v2-rank": jinaBertV2(models.Metadata{"pooling_type": uint64(models.PoolRank)}, (*Source).gatedFeedForward, func(s *Source) {
		s.matrix("cls.weight", quant.F32, 1, 1, Dim)
		s.bias("cls.bias", 1)
	}),
	"jina-bert-v3":     postNorm("jina-bert-v3", models.Metadata{"pooling_type": uint64(models.PoolMean)}, (*Source).plainFeedForward),
	"llama-embed":      llamaEmbed,
	"modern-bert":      modernBert(models.Metadata{"pooling_type": uint64(models.PoolFirst)}, nil),
	"modern-bert-silu": modernBert(models.Metadata{"pooling_type": uint64(models.PoolMean), "hidden_activation": "silu", "attention.sliding_window_pattern": []bool{true, false, true, true}}, nil),
	"modern-bert-rank": modernBert(models.Metadata{"pooling_type": uint64(models.PoolRank)}, func(s *Source) {
		s.matrix("cls.weight", quant.F32, 1, Dim, Dim)
		s.norm("cls.norm.weight", Dim)
		s.matrix("cls.output.weight", quant.F32, 1, 1, Dim)
		s.bias("cls.output.bias", 1)
	}),
	"neo-bert":   neoBert,
	"nomic-bert": postNorm("nomic-bert", models.Metadata{"pooling_type": uint64(models.PoolMean)}, (*Source).feedForward),
	"nomic-bert-moe": postNorm("nomic-bert-moe", models.Metadata{"pooling_type": uint64(models.PoolMean), "moe_every_n_layers": uint64(2),
		"expert_count": uint64(Experts), "expert_used_count": uint64(Used)}, (*Source).plainFeedForward),
	"qwen3-embedding": {architecture: "qwen3", layers: 3, keys: models.Metadata{"pooling_type": uint64(models.PoolLast)}, layer: qwen3.layer},
	"qwen3-whole":     {architecture: "qwen3", layers: 3, keys: models.Metadata{"pooling_type": uint64(models.PoolMean), "attention.causal": false}, layer: qwen3.layer},
	"qwen3-rank": {architecture: "qwen3", layers: 3, keys: models.Metadata{"pooling_type": uint64(models.PoolRank), "classifier.output_labels": []string{"yes", "no"}},
		layer: qwen3.layer, last: func(s *Source) {
			s.norm("output_norm.weight", Dim)
			s.matrix("cls.output.weight", quant.F32, 1, 2, Dim)
		}},
}

// Encoders returns the names of the models that make vectors of texts, sorted.
func Encoders() []string { return slices.Sorted(maps.Keys(encoders)) }

// LayerNorm is the key of what LayerNorm adds to the variance.
const layerNormKey = "attention.layer_norm_epsilon"

// bert returns the kind of a model of bert. more adds the tensors of its head.
func bert(keys models.Metadata, more func(*Source)) kind {
	k := postNorm("bert", keys, (*Source).plainFeedForward)
	first := k.first
	k.first = func(s *Source) {
		first(s)
		s.matrix("position_embd.weight", quant.F32, 1, Context, Dim)
	}
	k.last = func(s *Source) {
		if more != nil {
			more(s)
		}
	}
	return k
}

// postNorm returns the kind of a model of BERT's kin.
func postNorm(architecture string, keys models.Metadata, feedForward func(s *Source, blk string)) kind {
	all := models.Metadata{layerNormKey: float64(float32(1e-12)), "attention.layer_norm_rms_epsilon": nil, "attention.head_count_kv": nil, "attention.causal": false}
	maps.Copy(all, keys)
	return kind{architecture: architecture, layers: 3, keys: all,
		first: func(s *Source) {
			s.Meta["tokenizer.ggml.token_type_count"] = uint64(2)
			s.matrix("token_types.weight", quant.F32, 1, 2, Dim)
			s.layerNorm("token_embd_norm", Dim)
		},
		layer: func(s *Source, i int, blk string) {
			s.wholeAttention(blk)
			s.layerNorm(blk+"attn_output_norm", Dim)
			if architecture == "nomic-bert-moe" && i%2 == 1 {
				s.matrix(blk+"ffn_gate_inp.weight", quant.F32, 1, Experts, Dim)
				s.matrix(blk+"ffn_up_exps.weight", quant.Q8_0, 1, Experts, FF, Dim)
				s.matrix(blk+"ffn_down_exps.weight", quant.F32, 1, Experts, Dim, FF)
			} else {
				feedForward(s, blk)
			}
			s.layerNorm(blk+"layer_output_norm", Dim)
		},
		last: func(*Source) {},
	}
}

// jinaBertV2 returns the kind of a model of jina-bert-v2. head adds the tensors of its head.
func jinaBertV2(keys models.Metadata, feedForward func(s *Source, blk string), head func(*Source)) kind {
	all := models.Metadata{"pooling_type": uint64(models.PoolMean)}
	maps.Copy(all, keys)
	k := postNorm("jina-bert-v2", all, feedForward)
	if head != nil {
		k.last = head
	}
	return k
}

// jinaNorms adds the norms that some models of jina-bert-v2 have.
func (s *Source) jinaNorms(blk string) {
	s.layerNorm(blk+"attn_q_norm", Heads*HeadDim)
	s.layerNorm(blk+"attn_k_norm", Heads*HeadDim)
	s.layerNorm(blk+"attn_norm_2", Dim)
}

// wholeAttention adds the projections of attention with as many key/value heads as heads, with biases.
func (s *Source) wholeAttention(blk string) {
	for _, name := range []string{"attn_q", "attn_k", "attn_v"} {
		s.matrix(blk+name+".weight", quant.Q8_0, 2, Heads*HeadDim, Dim)
		s.bias(blk+name+".bias", Heads*HeadDim)
	}
	s.matrix(blk+"attn_output.weight", quant.Q8_0, 1, Dim, Heads*HeadDim)
	s.bias(blk+"attn_output.bias", Dim)
}

// plainFeedForward adds a feed-forward network without a gate.
func (s *Source) plainFeedForward(blk string) {
	s.matrix(blk+"ffn_up.weight", quant.Q8_0, 1, FF, Dim)
	s.bias(blk+"ffn_up.bias", FF)
	s.matrix(blk+"ffn_down.weight", quant.F32, 1, Dim, FF)
	s.bias(blk+"ffn_down.bias", Dim)
}

// gatedFeedForward adds a feed-forward network with a gate and biases.
func (s *Source) gatedFeedForward(blk string) {
	s.matrix(blk+"ffn_gate.weight", quant.Q8_0, 1, FF, Dim)
	s.plainFeedForward(blk)
}

// fusedGate adds a feed-forward network whose gate and up are one matrix.
func (s *Source) fusedGate(blk string) {
	s.matrix(blk+"ffn_up.weight", quant.Q8_0, 1, 2*FF, Dim)
	s.bias(blk+"ffn_up.bias", 2*FF)
	s.matrix(blk+"ffn_down.weight", quant.F32, 1, Dim, FF)
	s.bias(blk+"ffn_down.bias", Dim)
}

// denseHead adds a head with one score.
func (s *Source) denseHead() {
	s.matrix("cls.weight", quant.F32, 1, Dim, Dim)
	s.bias("cls.bias", Dim)
	s.matrix("cls.output.weight", quant.F32, 1, 1, Dim)
	s.bias("cls.output.bias", 1)
}

// labelHead adds a head with three scores.
func (s *Source) labelHead() {
	s.matrix("cls.output.weight", quant.F32, 1, 3, Dim)
	s.bias("cls.output.bias", 3)
}

// modernBert returns the kind of a model of modern-bert. head adds the tensors of its head.
func modernBert(keys models.Metadata, head func(*Source)) kind {
	all := models.Metadata{layerNormKey: float64(float32(1e-5)), "attention.layer_norm_rms_epsilon": nil, "attention.head_count_kv": nil, "attention.causal": false,
		"attention.sliding_window": uint64(Window), "rope.freq_base": 160000.0, "rope.scaling.type": "none"}
	maps.Copy(all, keys)
	return kind{architecture: "modern-bert", layers: 4, keys: all,
		first: func(s *Source) { s.norm("token_embd_norm.weight", Dim) },
		layer: func(s *Source, i int, blk string) {
			if i > 0 {
				s.norm(blk+"attn_norm.weight", Dim)
			}
			s.matrix(blk+"attn_qkv.weight", quant.Q8_0, 2, 3*Dim, Dim)
			s.matrix(blk+"attn_output.weight", quant.Q8_0, 1, Dim, Dim)
			s.norm(blk+"ffn_norm.weight", Dim)
			s.matrix(blk+"ffn_up.weight", quant.Q8_0, 1, 2*FF, Dim)
			s.matrix(blk+"ffn_down.weight", quant.F32, 1, Dim, FF)
		},
		last: func(s *Source) {
			s.norm("output_norm.weight", Dim)
			if head != nil {
				head(s)
			}
		},
	}
}

var euroBert = kind{architecture: "eurobert", layers: 3, layer: (*Source).plainLayer,
	keys: models.Metadata{"attention.causal": false, "pooling_type": uint64(models.PoolMean), "rope.scaling.type": "none"}}

var llamaEmbed = kind{architecture: "llama-embed", layers: 3, layer: (*Source).plainLayer,
	keys: models.Metadata{"attention.causal": false, "pooling_type": uint64(models.PoolMean)}}

var neoBert = kind{architecture: "neo-bert", layers: 3,
	keys: models.Metadata{"attention.causal": false, "pooling_type": uint64(models.PoolFirst), "rope.scaling.type": "none"},
	layer: func(s *Source, _ int, blk string) {
		s.norm(blk+"attn_norm.weight", Dim)
		s.matrix(blk+"attn_qkv.weight", quant.Q8_0, 2, (Heads+2*KVHeads)*HeadDim, Dim)
		s.matrix(blk+"attn_output.weight", quant.Q8_0, 1, Dim, Heads*HeadDim)
		s.norm(blk+"ffn_norm.weight", Dim)
		s.matrix(blk+"ffn_up.weight", quant.Q8_0, 1, 2*FF, Dim)
		s.matrix(blk+"ffn_down.weight", quant.F32, 1, Dim, FF)
	},
	last: func(s *Source) { s.norm("enc.output_norm.weight", Dim) },
}

// gemmaEmbedding returns the kind of a model of gemma-embedding. more adds tensors after the network.
func gemmaEmbedding(keys models.Metadata, more func(*Source)) kind {
	all := models.Metadata{"attention.sliding_window": uint64(Window), "pooling_type": uint64(models.PoolMean), "rope.freq_base": 1e6}
	maps.Copy(all, keys)
	return kind{architecture: "gemma-embedding", layers: 7, keys: all, layer: gemma3.layer, last: func(s *Source) {
		s.norm("output_norm.weight", Dim)
		if more != nil {
			more(s)
		}
	}}
}
