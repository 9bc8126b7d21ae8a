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
		for i := range 64 {
			for _, t := range tiny.New("command-r").Tensors {
				var rest string
				if _, err := fmt.Sscanf(t.Name, "blk.1.%s", &rest); err == nil && i >= 3 {
					t.Name = fmt.Sprintf("blk.%d.%s", i, rest)
					s.Tensors = append(s.Tensors, t)
				}
			}
			s.Rows(fmt.Sprintf("blk.%d.attn_q_norm.weight", i), tiny.Heads, aroundOne(tiny.Heads*tiny.HeadDim, i)...)
			s.Rows(fmt.Sprintf("blk.%d.attn_k_norm.weight", i), tiny.KVHeads, aroundOne(tiny.KVHeads*tiny.HeadDim, i+1)...)
		}
		s.Meta["command-r.block_count"] = uint64(64)
	}},
	unused: map[string]string{"plus": "blk."},
}
