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
)

// Vision returns the file of a vision encoder with a projector of this name.
func Vision(projector string) *Source {
	s := &Source{Architecture: "clip.vision", pcg: *rand.NewPCG(5, 6), Meta: models.Metadata{
		"general.architecture": "clip", "general.type": "mmproj", "general.name": "Tiny " + projector, "clip.has_vision_encoder": true,
		"clip.projector_type": projector, "clip.use_gelu": true,
	}}
	for key, v := range map[string]any{
		"image_size": uint64(VisionSide), "patch_size": uint64(visionPatch), "embedding_length": uint64(visionDim), "feed_forward_length": uint64(visionFF),
		"block_count": uint64(VisionLayers), "projection_dim": uint64(Dim), "attention.head_count": uint64(2), "attention.layer_norm_epsilon": float64(float32(1e-6)),
		"image_mean": []float64{0.5, 0.25, 0.5}, "image_std": []float64{0.5, 0.5, 0.25},
	} {
		s.Meta["clip.vision."+key] = v
	}
	s.matrix("v.patch_embd.weight", quant.F32, 4, visionDim, 3, visionPatch, visionPatch)
	s.bias("v.patch_embd.bias", visionDim)
	s.matrix("v.position_embd.weight", quant.F32, 3, VisionSide/visionPatch*(VisionSide/visionPatch), visionDim)
	for i := range VisionLayers {
		blk := fmt.Sprintf("v.blk.%d.", i)
		for _, name := range []string{"attn_q", "attn_k", "attn_v", "attn_out"} {
			s.matrix(blk+name+".weight", quant.F32, 1.5, visionDim, visionDim)
			s.bias(blk+name+".bias", visionDim)
		}
		for _, name := range []string{"ln1", "ln2"} {
			s.norm(blk+name+".weight", visionDim)
			s.bias(blk+name+".bias", visionDim)
		}
		s.matrix(blk+"ffn_up.weight", quant.F32, 1, visionFF, visionDim)
		s.bias(blk+"ffn_up.bias", visionFF)
		s.matrix(blk+"ffn_down.weight", quant.F32, 1, visionDim, visionFF)
		s.bias(blk+"ffn_down.bias", visionDim)
	}
	s.norm("v.post_ln.weight", visionDim)
	s.bias("v.post_ln.bias", visionDim)
	switch projector {
	case "gemma3":
		s.Meta["clip.vision.projector.scale_factor"] = uint64(3)
		s.norm("mm.soft_emb_norm.weight", visionDim)
		s.matrix("mm.input_projection.weight", quant.F32, 1, visionDim, Dim)
	case "idefics3":
		s.Meta["clip.vision.projector.scale_factor"], s.Meta["clip.vision.preproc_image_size"] = uint64(2), uint64(2*VisionSide)
		s.matrix("mm.model.fc.weight", quant.F32, 1, Dim, 4*visionDim)
	default:
		panic("tiny: no projector " + projector)
	}
	return s
}

// Tokens adds control tokens to the vocabulary of a model whose output matrix is the embedding.
func (s *Source) Tokens(texts ...string) {
	const control = 3
	s.Meta["tokenizer.ggml.tokens"] = append(s.Meta["tokenizer.ggml.tokens"].([]string), texts...)
	for i, t := range s.Tensors {
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
