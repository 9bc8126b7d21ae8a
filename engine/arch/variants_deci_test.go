package arch

import (
	"strings"

	"soberano/engine/arch/tiny"
	"soberano/models"
)

var deciCases = kindCases{
	tensors: []string{"blk.2.attn_norm.weight", "blk.1.attn_q.weight", "blk.0.attn_q_norm.weight", "blk.0.ffn_gate_inp.weight"},
	keys:    models.Metadata{"attention.sliding_window": uint64(16), "expert_count": uint64(8), "rope.dimension_count": uint64(8)},
	variants: map[string]func(*tiny.Source){"idle": func(s *tiny.Source) { // attention in a layer without a feed-forward network
		for _, t := range tiny.New("deci").Tensors {
			if rest, ok := strings.CutPrefix(t.Name, "blk.0.attn"); ok {
				t.Name = "blk.3.attn" + rest
				s.Tensors = append(s.Tensors, t)
			}
		}
		s.Meta["deci.attention.head_count"] = []uint64{tiny.Heads, tiny.Heads, 0, tiny.Heads, tiny.Heads}
		s.Meta["deci.attention.head_count_kv"] = []uint64{tiny.KVHeads, 0, 0, tiny.KVHeads, 1}
	}},
	unused: map[string]string{"idle": "blk.3."},
}
