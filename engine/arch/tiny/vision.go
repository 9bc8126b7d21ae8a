package tiny

import (
	"fmt"
	"math/rand/v2"

	"soberano/kernels/quant"
	"soberano/models"
)

// The dimensions of the vision encoders that Vision creates. Their rows have Dim values.
const (
	visionDim    = 32
	visionFF     = 48
	VisionLayers = 2
	VisionSide   = 24 // of a tile, in pixels
	visionPatch  = 4
	visionHidden = 80 // of the projectors of Qwen VL
)

// Vision returns the file of a vision encoder with a projector of this name.
func Vision(projector string) *Source {
	s := &Source{Architecture: "clip.vision", pcg: *rand.NewPCG(5, 6), Meta: models.Metadata{
		"general.architecture": "clip", "general.type": "mmproj", "general.name": "Tiny " + projector, "clip.has_vision_encoder": true,
		"clip.projector_type": projector,
	}}
	s.visionKeys(map[string]any{
		"image_size": uint64(VisionSide), "patch_size": uint64(visionPatch), "embedding_length": uint64(visionDim), "feed_forward_length": uint64(visionFF),
		"block_count": uint64(VisionLayers), "projection_dim": uint64(Dim), "attention.head_count": uint64(2), "attention.layer_norm_epsilon": float64(float32(1e-6)),
		"image_mean": []float64{0.5, 0.25, 0.5}, "image_std": []float64{0.5, 0.5, 0.25},
	})
	switch projector {
	case "gemma3":
		s.siglip()
		s.visionKeys(map[string]any{"projector.scale_factor": uint64(3)})
		s.norm("mm.soft_emb_norm.weight", visionDim)
		s.matrix("mm.input_projection.weight", quant.F32, 1, visionDim, Dim)
	case "idefics3":
		s.siglip()
		s.visionKeys(map[string]any{"projector.scale_factor": uint64(2), "preproc_image_size": uint64(2 * VisionSide)})
		s.matrix("mm.model.fc.weight", quant.F32, 1, Dim, 4*visionDim)
	case "gemma4v":
		s.gemma4Vision()
	case "internvl":
		s.internVL()
	case "lfm2":
		s.lfm2Vision()
	case "pixtral":
		s.pixtral()
	case "qwen2vl_merger":
		s.qwen2Vision()
	case "qwen2.5vl_merger":
		s.qwen25Vision()
	case "qwen3vl_merger":
		s.qwen3Vision()
	default:
		panic("tiny: no projector " + projector)
	}
	return s
}

// visionKeys sets keys of the encoder.
func (s *Source) visionKeys(keys map[string]any) {
	for key, v := range keys {
		s.Meta["clip.vision."+key] = v
	}
}

// siglip adds the encoder of SigLIP.
func (s *Source) siglip() {
	s.Meta["clip.use_gelu"] = true
	s.matrix("v.patch_embd.weight", quant.F16, 4, visionDim, 3, visionPatch, visionPatch)
	s.bias("v.patch_embd.bias", visionDim)
	s.matrix("v.position_embd.weight", quant.F32, 3, VisionSide/visionPatch*(VisionSide/visionPatch), visionDim)
	s.layerNormLayers()
}

// layerNormLayers adds the layers of an encoder with LayerNorm, and its last norm.
func (s *Source) layerNormLayers() {
	for i := range VisionLayers {
		blk := fmt.Sprintf("v.blk.%d.", i)
		s.visionAttention(blk)
		s.layerNorm(blk+"ln1", visionDim)
		s.layerNorm(blk+"ln2", visionDim)
		s.visionFeedForward(blk, "ffn_up")
	}
	s.layerNorm("v.post_ln", visionDim)
}

// visionAttention adds the projections of attention of an encoder.
func (s *Source) visionAttention(blk string) {
	for _, name := range []string{"attn_q", "attn_k", "attn_v", "attn_out"} {
		s.visionMatrix(blk+name, 1.5, visionDim, visionDim)
	}
}

// visionFeedForward adds the feed-forward network of an encoder, with matrices of these names before the activation.
func (s *Source) visionFeedForward(blk string, before ...string) {
	for _, name := range before {
		s.visionMatrix(blk+name, 1, visionFF, visionDim)
	}
	s.visionMatrix(blk+"ffn_down", 1, visionDim, visionFF)
}

// visionMatrix adds a matrix and its bias. name is without ".weight".
func (s *Source) visionMatrix(name string, size float64, rows, cols int) {
	s.matrix(name+".weight", quant.F32, size, rows, cols)
	s.bias(name+".bias", rows)
}

// gemma4Vision adds the encoder and the projector of Gemma 4. Its pixels are 0 to 1. Some matrices have limits, of which some are one-sided.
func (s *Source) gemma4Vision() {
	const places = 40
	s.visionKeys(map[string]any{"image_mean": []float64{0, 0, 0}, "image_std": []float64{1, 1, 1}})
	s.matrix("v.patch_embd.weight", quant.F16, 3, visionDim, 3, visionPatch, visionPatch)
	s.matrix("v.position_embd.weight", quant.F32, 2, 2, places, visionDim)
	for i := range VisionLayers {
		blk := fmt.Sprintf("v.blk.%d.", i)
		for _, name := range []string{"attn_q", "attn_k", "attn_v", "attn_out"} {
			s.matrix(blk+name+".weight", quant.F32, 1.5, visionDim, visionDim)
		}
		for _, name := range []string{"ln1", "ln2", "attn_post_norm", "ffn_post_norm"} {
			s.norm(blk+name+".weight", visionDim)
		}
		s.norm(blk+"attn_q_norm.weight", visionDim/2)
		s.norm(blk+"attn_k_norm.weight", visionDim/2)
		s.matrix(blk+"ffn_gate.weight", quant.F32, 1, visionFF, visionDim)
		s.matrix(blk+"ffn_up.weight", quant.F32, 1, visionFF, visionDim)
		s.matrix(blk+"ffn_down.weight", quant.F32, 1, visionDim, visionFF)
		s.Vector(blk+"out_scale.weight", 0.75+0.5*float32(i))
		s.Vector(blk+"attn_q.input_max", 1.5)
		s.Vector(blk+"attn_v.input_min", -1)
		s.Vector(blk+"attn_v.output_max", 1.25)
		s.Vector(blk+"attn_out.input_min", -0.5)
		s.Vector(blk+"attn_out.input_max", 0.75)
		s.Vector(blk+"ffn_gate.output_min", -1)
		s.Vector(blk+"ffn_down.input_max", 0.5)
	}
	s.bias("v.std_bias", visionDim)
	s.norm("v.std_scale", visionDim)
	s.matrix("mm.input_projection.weight", quant.F32, 1, Dim, visionDim)
	s.Vector("mm.input_projection.input_max", 0.5)
	s.Vector("mm.input_projection.output_min", -2)
}

// internVL adds the encoder and the projector of InternVL.
func (s *Source) internVL() {
	s.Meta["clip.use_gelu"] = true
	s.visionKeys(map[string]any{"projector.scale_factor": uint64(2), "preproc_min_tiles": uint64(1), "preproc_max_tiles": uint64(6)})
	s.bias("v.class_embd", visionDim)
	s.matrix("v.patch_embd.weight", quant.F16, 4, visionDim, 3, visionPatch, visionPatch)
	s.bias("v.patch_embd.bias", visionDim)
	s.matrix("v.position_embd.weight", quant.F32, 3, VisionSide/visionPatch*(VisionSide/visionPatch)+1, visionDim)
	for i := range VisionLayers {
		blk := fmt.Sprintf("v.blk.%d.", i)
		s.visionAttention(blk)
		s.layerNorm(blk+"ln1", visionDim)
		s.layerNorm(blk+"ln2", visionDim)
		s.visionFeedForward(blk, "ffn_up")
		s.norm(blk+"ls1.weight", visionDim)
		s.norm(blk+"ls2.weight", visionDim)
	}
	s.layerNorm("mm.model.mlp.0", 4*visionDim)
	s.visionMatrix("mm.model.mlp.1", 1, visionHidden, 4*visionDim)
	s.visionMatrix("mm.model.mlp.3", 1, Dim, visionHidden)
}

// lfm2Vision adds the encoder and the projector of LFM2-VL. Its patches are so large that a tile of 512 pixels has 64 rows.
func (s *Source) lfm2Vision() {
	const patch, side = 32, 6
	s.Meta["clip.use_gelu"] = true
	s.visionKeys(map[string]any{"patch_size": uint64(patch), "projector.scale_factor": uint64(2), "image_size": uint64(256)})
	s.matrix("v.patch_embd.weight", quant.F16, 3, visionDim, 3, patch, patch)
	s.bias("v.patch_embd.bias", visionDim)
	s.matrix("v.position_embd.weight", quant.F32, 3, side*side, visionDim)
	s.layerNormLayers()
	s.layerNorm("mm.input_norm", 4*visionDim)
	s.visionMatrix("mm.1", 1, visionHidden, 4*visionDim)
	s.visionMatrix("mm.2", 1, Dim, visionHidden)
}

// pixtral adds the encoder and the projector of Mistral 3.
func (s *Source) pixtral() {
	s.Meta["clip.use_silu"] = true
	s.visionKeys(map[string]any{"spatial_merge_size": uint64(2)})
	s.matrix("v.patch_embd.weight", quant.F16, 4, visionDim, 3, visionPatch, visionPatch)
	s.norm("v.pre_ln.weight", visionDim)
	for i := range VisionLayers {
		blk := fmt.Sprintf("v.blk.%d.", i)
		for _, name := range []string{"attn_q", "attn_k", "attn_v", "attn_out"} {
			s.matrix(blk+name+".weight", quant.F32, 1.5, visionDim, visionDim)
		}
		s.norm(blk+"ln1.weight", visionDim)
		s.norm(blk+"ln2.weight", visionDim)
		s.matrix(blk+"ffn_gate.weight", quant.F32, 1, visionFF, visionDim)
		s.matrix(blk+"ffn_up.weight", quant.F32, 1, visionFF, visionDim)
		s.matrix(blk+"ffn_down.weight", quant.F32, 1, visionDim, visionFF)
	}
	s.norm("mm.input_norm.weight", visionDim)
	s.matrix("mm.patch_merger.weight", quant.F32, 1, visionDim, 4*visionDim)
	s.visionMatrix("mm.1", 1, visionHidden, visionDim)
	s.visionMatrix("mm.2", 1, Dim, visionHidden)
	s.bias("v.token_embd.img_break", Dim)
}

// frames adds the embedding of patches of two frames, of side × side pixels.
func (s *Source) frames(side int) {
	s.visionKeys(map[string]any{"patch_size": uint64(side)})
	s.matrix("v.patch_embd.weight", quant.F16, 3, visionDim, 3, side, side)
	s.matrix("v.patch_embd.weight.1", quant.F16, 3, visionDim, 3, side, side)
}

// squareMerger adds the projector of Qwen VL.
func (s *Source) squareMerger() {
	s.visionMatrix("mm.0", 1, visionHidden, 4*visionDim)
	s.visionMatrix("mm.2", 1, Dim, visionHidden)
}

// qwen2Vision adds the encoder and the projector of Qwen 2 VL. As in its files, the width of the feed-forward networks is wrong.
func (s *Source) qwen2Vision() {
	s.visionKeys(map[string]any{"feed_forward_length": uint64(Dim)})
	s.frames(visionPatch)
	s.layerNormLayers()
	s.squareMerger()
}

// qwen25Vision adds the encoder and the projector of Qwen 2.5 VL: its windows have 4 × 4 squares of patches.
func (s *Source) qwen25Vision() {
	s.Meta["clip.use_silu"] = true
	s.visionKeys(map[string]any{"n_wa_pattern": uint64(2), "image_size": uint64(560), "block_count": uint64(3)})
	s.frames(14)
	for i := range 3 {
		blk := fmt.Sprintf("v.blk.%d.", i)
		s.visionAttention(blk)
		s.norm(blk+"ln1.weight", visionDim)
		s.norm(blk+"ln2.weight", visionDim)
		s.visionFeedForward(blk, "ffn_gate", "ffn_up")
	}
	s.norm("v.post_ln.weight", visionDim)
	s.squareMerger()
}

// qwen3Vision adds the encoder and the projector of Qwen 3 VL, with further parts for two of its three layers.
func (s *Source) qwen3Vision() {
	const side = 5 // of the learned positions
	s.Meta["clip.use_gelu"] = true
	s.visionKeys(map[string]any{
		"image_size": uint64(side * visionPatch), "block_count": uint64(3), "is_deepstack_layers": []bool{true, false, true}, "spatial_merge_size": uint64(2),
	})
	s.frames(visionPatch)
	s.bias("v.patch_embd.bias", visionDim)
	s.matrix("v.position_embd.weight", quant.F32, 3, side*side, visionDim)
	for i := range 3 {
		blk := fmt.Sprintf("v.blk.%d.", i)
		s.visionMatrix(blk+"attn_qkv", 1.5, 3*visionDim, visionDim)
		s.visionMatrix(blk+"attn_out", 1.5, visionDim, visionDim)
		s.layerNorm(blk+"ln1", visionDim)
		s.layerNorm(blk+"ln2", visionDim)
		s.visionFeedForward(blk, "ffn_up")
	}
	s.layerNorm("v.post_ln", visionDim)
	s.squareMerger()
	for _, i := range []int{0, 2} {
		name := fmt.Sprintf("v.deepstack.%d.", i)
		s.layerNorm(name+"norm", 4*visionDim)
		s.visionMatrix(name+"fc1", 1, visionHidden, 4*visionDim)
		s.visionMatrix(name+"fc2", 1, Dim, visionHidden)
	}
}

// Tokens adds control tokens to the vocabulary of a model whose output matrix is the embedding.
func (s *Source) Tokens(texts ...string) {
	const control = 3
	s.Meta["tokenizer.ggml.tokens"] = append(s.Meta["tokenizer.ggml.tokens"].([]string), texts...)
	for i, t := range s.Tensors {
		if t.Name == "per_layer_token_embd.weight" {
			rows := len(t.Data) / t.Rows() // of no use but for their number
			s.Tensors[i].Data, s.Tensors[i].Shape = append(t.Data, t.Data[:len(texts)*rows]...), []int{t.Rows() + len(texts), t.Cols()}
		}
		if t.Name == "token_embd.weight" {
			more := make([]float32, len(texts)*t.Cols())
			for j := range more {
				more[j] = float32(0.125 * s.random())
			}
			s.Tensors[i].Data, s.Tensors[i].Shape = append(t.Data, floats(more)...), []int{t.Rows() + len(texts), t.Cols()}
		}
	}
	for range texts {
		s.Meta["tokenizer.ggml.token_type"] = append(s.Meta["tokenizer.ggml.token_type"].([]int64), control)
		s.Meta["tokenizer.ggml.scores"] = append(s.Meta["tokenizer.ggml.scores"].([]float64), 0)
	}
}
