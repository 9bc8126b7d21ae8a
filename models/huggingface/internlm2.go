package huggingface

import "soberano/models"

var internLM2Tensors = tensorTable{prefixes: []string{"model."}, layers: "layers.", unused: []string{"attention.rotary_emb/inv_freq"},
	others: map[string]string{"tok_embeddings": "token_embd", "norm": "output_norm", "output": "output"}}

var internLM2Modules = map[string]name{
	"attention_norm": {text: "attn_norm"}, "ffn_norm": {text: "ffn_norm"}, "attention.wqkv/weight": {make: groupedHeads}, "attention.wo": {text: "attn_output"},
	"feed_forward.w1": {text: "ffn_gate"}, "feed_forward.w3": {text: "ffn_up"}, "feed_forward.w2": {text: "ffn_down"},
}

// groupedHeads makes q, k and v of a tensor in which each head of keys has its queries, its key and its value. The values of a rotated pair become
// neighbours.
//
//	q0 q1 k0 v0 │ q2 q3 k1 v1  ─▶  q0 q1 q2 q3, k0 k1, v0 v1
func groupedHeads(c *config, t models.Tensor, blk string) (list []models.Tensor) {
	heads, width := c.heads(false)
	kv, _ := c.heads(true)
	rows := (heads + 2*kv) * width
	if width <= 0 || width%2 != 0 || width > 1<<16 || heads > 1<<16 || heads%kv != 0 || len(t.Shape) != 2 || t.Shape[0] != rows {
		c.damaged("tensor %s has not %d rows", models.Quote(t.Name), rows)
		return nil
	}
	share, size := heads/kv, len(t.Data)/rows
	for i, name := range []string{"attn_q", "attn_k", "attn_v"} {
		n := kv * width
		if i == 0 {
			n = heads * width
		}
		list = append(list, models.Tensor{Name: blk + name + ".weight", Type: t.Type, Shape: []int{n, t.Shape[1]}, Data: t.Data[:n*size], Part: func(row int) []byte {
			head, at := row/width, row%width
			if i < 2 {
				at = neighbour(at, width)
			}
			if i == 0 {
				head += head / share * 2
			} else {
				head = head*(share+2) + share + i - 1
			}
			return t.Data[(head*width+at)*size:][:size]
		}})
	}
	return list
}
