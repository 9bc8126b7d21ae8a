package arch

import (
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strings"

	"soberano/models"
)

// A neutral function reports whether a key with value v changes nothing in the network that r has
// read.
type neutral func(r *reader, v any) bool

// unread returns an error for the first tensor, in the order of the file, that the family has not
// read, or else for the first key under the family's prefix, in alphabetical order, that would
// change the arithmetic and that the family has not read. So a file that was made for another
// network than the family's own is refused instead of giving wrong answers.
//
// Keys that are not in the table further, such as those that tools add, are ignored.
func (r *reader) unread(f family) error {
	for _, t := range r.f.Tensors {
		if !r.used[t.Name] {
			r.unsupported("tensor %s is not part of the network of the family %s", models.Quote(t.Name), f.title)
			return r.err
		}
	}
	for _, full := range slices.Sorted(maps.Keys(r.f.Meta)) {
		key, ours := strings.CutPrefix(full, r.family+".")
		if !ours || r.read[full] {
			continue
		}
		same, known := f.keys[key]
		if !known {
			same, known = further[key]
		}
		if known && !same(r, r.f.Meta[full]) {
			r.unsupported("key %q is %s, which is not supported in the family %s", full, shown(r.f.Meta[full]), f.title)
			return r.err
		}
	}
	return nil
}

// shown returns a value of a key for a message.
func shown(v any) string {
	if s, ok := v.(string); ok {
		return models.Quote(s)
	}
	if rv := reflect.ValueOf(v); rv.Kind() == reflect.Slice {
		return fmt.Sprintf("a list of %d", rv.Len())
	}
	return fmt.Sprint(v)
}

// further holds the keys that change the arithmetic of some family, with the values that change
// nothing in a family that does not read them. The names are those of llama.cpp (src/llama-arch.cpp),
// without the keys that only describe a model (vocab_size, rope.scaling.finetuned, pooling_type, …),
// those that only matter beside another key of this table (the YaRN parameters that llama.cpp ignores
// in most families, the bases and patterns of layers with a window), and the lengths that the shapes
// of the tensors confirm.
var further = func() map[string]neutral {
	m := map[string]neutral{
		"attention.causal":           value(true),
		"attention.scale":            attentionScale,
		"attention.sliding_window":   noWindow,
		"attention.key_length_swa":   headWidth,
		"attention.value_length_swa": headWidth,
		"rope.dimension_count_swa":   like("rope.dimension_count", "attention.key_length", "attention.key_length_mla"),
		"expert_weights_norm":        anything, // r.experts reads it where there are experts
	}
	for _, key := range strings.Fields(`logit_scale residual_scale embedding_scale attention.output_scale attention.value_scale
		expert_group_count expert_group_used_count expert_weights_scale expert_gating_func`) {
		m[key] = value(0.0, 1.0)
	}
	for _, key := range strings.Fields(`nextn_predict_layers leading_dense_block_count decoder_block_count features_length
		embedding_length_per_layer_input attn_res.block_size activation.situ_beta activation.situ_linear_beta
		expert_count expert_used_count expert_shared_count expert_shared_feed_forward_length expert_chunk_feed_forward_length
		expert_latent_length expert_group_scale experts_per_group moe_every_n_layers moe_latent_size interleave_moe_layer_step
		swiglu_clamp_exp swiglu_clamp_shexp use_parallel_residual n_deepstack_layers deepstack_mapping
		attn_logit_softcapping router_logit_softcapping final_logit_softcapping swin_norm rescale_every_n_layers
		time_mix_extra_dim time_decay_extra_dim token_shift_count full_attention_interval num_loops hash_layer_count
		adapters.count hrm.layers_per_stack hrm.h_cycles hrm.l_cycles hrm.prefix_lm hyper_connection.count ple.layers
		attention.max_alibi_bias attention.clamp_kqv attention.q_lora_rank attention.kv_lora_rank attention.kv_lora_rank_swa
		attention.decay_lora_rank attention.iclr_lora_rank attention.value_residual_mix_lora_rank attention.gate_lora_rank
		attention.relative_buckets_count attention.rope_pattern attention.temperature_length attention.temperature_scale
		attention.key_length_mla attention.value_length_mla attention.key_length_mla_swa attention.value_length_mla_swa
		attention.indexer.head_count attention.indexer.top_k attention.output_group_count attention.output_lora_rank
		attention.compress_rope_freq_base attention.compress_ratios attention.shared_kv_layers attention.recurrent_layers
		rope.dimension_sections rope.scaling.alpha shortconv.l_cache
		ssm.conv_kernel ssm.inner_size ssm.state_size ssm.time_step_rank ssm.group_count ssm.dt_b_c_rms
		kda.head_dim kda.safe_gate wkv.head_size`) {
		m[key] = value(0.0, false)
	}
	return m
}()

func anything(*reader, any) bool { return true }

// value returns a function for keys that are neutral at these values, numbers as float64. Of a list,
// every element must be such a value.
func value(neutral ...any) neutral {
	return func(_ *reader, v any) bool {
		rv := reflect.ValueOf(v)
		if rv.Kind() != reflect.Slice {
			return slices.Contains(neutral, number(v))
		}
		for i := range rv.Len() {
			if !slices.Contains(neutral, number(rv.Index(i).Interface())) {
				return false
			}
		}
		return true
	}
}

// number returns numbers as float64 and other values as they are, lists as nil.
func number(v any) any {
	switch v := v.(type) {
	case uint64:
		return float64(v)
	case int64:
		return float64(v)
	case float64, string, bool:
		return v
	}
	return nil
}

// like returns a function for keys that are neutral if they equal one of the other keys.
func like(keys ...string) neutral {
	return func(r *reader, v any) bool {
		for _, key := range keys {
			if other := number(r.f.Meta[r.family+"."+key]); other != nil && other == number(v) {
				return true
			}
		}
		return false
	}
}

// headWidth compares with the width of the heads.
func headWidth(r *reader, v any) bool { return number(v) == float64(r.headDim) }

// attentionScale accepts the factor of q·k that every family uses, or 0 for it.
func attentionScale(r *reader, v any) bool {
	x, ok := number(v).(float64)
	return ok && (x == 0 || math.Abs(x*math.Sqrt(float64(r.headDim))-1) < 1e-4)
}

// noWindow accepts windows of attention that are as long as the context, or 0 for none.
func noWindow(r *reader, v any) bool {
	x, ok := number(v).(float64)
	return ok && (x == 0 || x >= float64(r.context))
}
