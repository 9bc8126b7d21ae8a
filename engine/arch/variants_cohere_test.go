package arch

import (
	"fmt"

	"soberano/engine/arch/tiny"
	"soberano/models"
)

var commandRCases = kindCases{
	tensors:     []string{"output.weight", "blk.0.ffn_norm.weight", "blk.0.attn_output.bias", "rope_freqs.weight"},
	keys:        models.Metadata{"attention.sliding_window": uint64(16), "expert_count": uint64(8)},
	unsupported: models.Metadata{"attention.head_count": uint64(2)},
	variants: map[string]func(*tiny.Source){"plus": func(s *tiny.Source) { // llama.cpp expects the norms in models of 64 layers
		repeat(s, 1, 3, 64)
		for i := range 64 {
			s.Rows(fmt.Sprintf("blk.%d.attn_q_norm.weight", i), tiny.Heads, aroundOne(tiny.Heads*tiny.HeadDim, i)...)
			s.Rows(fmt.Sprintf("blk.%d.attn_k_norm.weight", i), tiny.KVHeads, aroundOne(tiny.KVHeads*tiny.HeadDim, i+1)...)
		}
	}},
	unused: map[string]string{"plus": "blk."},
}

var cohere2Cases = kindCases{
	tensors:     []string{"output.weight", "blk.0.ffn_norm.weight", "blk.0.attn_output.bias", "rope_freqs.weight"},
	keys:        models.Metadata{"expert_count": uint64(8), "rope.scaling.type": "su"},
	unsupported: models.Metadata{"attention.head_count": uint64(8)},
}
