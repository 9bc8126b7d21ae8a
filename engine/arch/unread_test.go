package arch

import (
	"encoding/binary"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"soberano/engine/arch/tiny"
	"soberano/kernels"
	"soberano/kernels/cpu"
	"soberano/models"
	"soberano/models/gguf"
)

// TestEveryTensorCounts checks for every family that a file with a tensor that its network does not have
// is refused, and that the error names the first of them.
func TestEveryTensorCounts(t *testing.T) {
	for _, kind := range tiny.Kinds() {
		for name, n := range map[string]int{
			"blk.1.attn_q_norm.bias": tiny.HeadDim, "blk.1.attn_sub_norm.weight": tiny.Dim, "blk.0.attn_norm.bias": tiny.Dim,
			"blk.0.ffn_norm.bias": tiny.Dim, "output_norm.bias": tiny.Dim, "output.bias": tiny.Vocabulary, "token_embd.bias": tiny.Vocabulary,
			"blk.0.attn_output.scale": 1, "blk.0.attn_q.input_scale": 1, "blk.0.attn_sinks.weight": tiny.Heads, "blk.9.attn_norm.weight": tiny.Dim,
			"rope_factors_long.weight": tiny.HeadDim / 2, "dense_2.weight": tiny.Dim, "cls.bias": 2, "blk.0.ffn_gate_inp.bias": tiny.Experts,
			"blk.2.ffn_down_exps.scale": tiny.Experts, "position_embd.weight": tiny.Dim, "stray": 1,
		} {
			s := tiny.New(kind)
			if has(s, name) {
				continue
			}
			s.Vector(name, make([]float32, n)...)
			s.Vector("zzz.weight", 1)
			err := checkTiny(s)
			if refused := refusedByName(err, name); refused == slices.Contains(cases[kind].optional, name) {
				t.Errorf("%s with %s: %v", kind, name, err)
			}
		}
		for _, name := range cases[kind].tensors {
			s := tiny.New(kind)
			s.Vector(name, make([]float32, tiny.Dim)...)
			if err := checkTiny(s); !refusedByName(err, name) {
				t.Errorf("%s with %s: %v", kind, name, err)
			}
		}
	}
	s := tiny.New("llama") // a layer too many
	s.Meta["llama.block_count"] = uint64(2)
	if err := checkTiny(s); !errors.Is(err, models.ErrUnsupported) || !strings.Contains(err.Error(), `"blk.2.`) {
		t.Errorf("with a layer too many: %v", err)
	}
}

// TestKeysCount checks for every family that keys that change the arithmetic are refused by name, that values
// which change nothing are not, and that keys which only describe the model are not looked at.
func TestKeysCount(t *testing.T) {
	changes := models.Metadata{
		"attention.causal": false, "attention.scale": 0.5, "logit_scale": 0.25, "residual_scale": 0.22, "embedding_scale": 12.0,
		"attn_logit_softcapping": 50.0, "attention.clamp_kqv": 8.0, "attention.max_alibi_bias": 8.0, "nextn_predict_layers": uint64(1),
		"attention.temperature_length": uint64(8192), "attention.temperature_scale": 0.1, "expert_shared_feed_forward_length": uint64(64), "expert_group_used_count": uint64(2),
		"attention.key_length_swa": uint64(32), "rope.dimension_count_swa": uint64(2), "use_parallel_residual": true,
		"rope.dimension_sections": []int64{4, 2, 2, 0}, "hidden_activation": "tanh", "ssm.conv_kernel": uint64(4), "attention.shared_kv_layers": uint64(1),
		"interleave_moe_layer_step": uint64(2), "attention.q_lora_rank": uint64(16), "full_attention_interval": uint64(4),
	}
	changesNothing := []models.Metadata{
		{"attention.causal": true, "logit_scale": 1.0, "residual_scale": 1.0, "embedding_scale": 0.0, "attn_logit_softcapping": 0.0,
			"nextn_predict_layers": uint64(0), "attention.key_length_swa": uint64(tiny.HeadDim), "rope.dimension_count_swa": uint64(tiny.HeadDim),
			"use_parallel_residual": false, "rope.dimension_sections": []int64{0, 0, 0, 0}, "attention.scale": 1 / math.Sqrt(tiny.HeadDim),
			"expert_group_used_count": uint64(1), "expert_shared_count": uint64(0)},
		{"attention.scale": 0.0, "logit_scale": 0.0, "vocab_size": uint64(tiny.Vocabulary), "rope.scaling.finetuned": true, "tensor_data_layout": "Meta AI original pth",
			"pooling_type": uint64(3), "attention.layer_norm_epsilon": 1e-5, "rope.scaling.yarn_log_multiplier": 0.1, "embedding_length_out": uint64(768),
			"note.of.a.tool": "anything", "decoder_start_token_id": uint64(5)},
	}
	for _, kind := range tiny.Kinds() {
		for key, v := range changes {
			s := tiny.New(kind)
			if has(s, key) {
				continue
			}
			full := s.Architecture + "." + key
			s.Meta[full] = v
			err := checkTiny(s)
			refused := refusedByName(err, full) || key == "attention.causal" && errors.Is(err, models.ErrUnsupported)
			if refused == slices.Contains(cases[kind].optional, key) {
				t.Errorf("%s with %s = %v: %v", kind, key, v, err)
			}
		}
		for _, keys := range changesNothing {
			s := tiny.New(kind)
			for key, v := range keys {
				if !has(s, key) && !slices.Contains(cases[kind].optional, key) {
					s.Meta[s.Architecture+"."+key] = v
				}
			}
			s.Meta["another.logit_scale"], s.Meta["quantize.imatrix.chunks_count"] = 0.25, int64(128)
			if err := checkTiny(s); err != nil {
				t.Errorf("%s: %v", kind, err)
			}
		}
		for key, v := range cases[kind].keys {
			s := tiny.New(kind)
			full := s.Architecture + "." + key
			s.Meta[full] = v
			if err := checkTiny(s); !refusedByName(err, full) {
				t.Errorf("%s with %s = %v: %v", kind, key, v, err)
			}
		}
	}
	s := tiny.New("llama")
	s.Meta["llama.attention.sliding_window"] = uint64(tiny.Context)
	if err := checkTiny(s); err != nil {
		t.Errorf("with a window as long as the context: %v", err)
	}
}

// TestEveryTensorMatters checks for every kind of model that the logits change with each of its tensors.
func TestEveryTensorMatters(t *testing.T) {
	logits := func(s *tiny.Source) []float32 {
		dev, err := cpu.New(cpu.Options{Exact: true, Threads: 1})
		if err != nil {
			t.Fatal(err)
		}
		defer dev.Close() // and with it the weights, of which there would be gigabytes
		m, err := Open(fileOf(s), dev, 0)
		if err != nil {
			t.Fatal(err)
		}
		c, err := dev.NewState(m.Shape().State(16))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		return slices.Concat(rows(t, m, c, []int32{1, 50, 60, 70, 80, 90, 100, 110, 120, 130, 140, 150}, 0)...)
	}
	for _, name := range smallNames() {
		s := small(name)
		kind, _ := find(name)
		unused := strings.Fields(cases[kind].unused[strings.TrimPrefix(name, kind+"-")])
		s.Float32()
		plain := logits(s)
		for i, tensor := range s.Tensors {
			if starts(tensor.Name, unused) {
				continue
			}
			s.Tensors[i].Data = slices.Clone(tensor.Data)
			for at, x := range wave(tensor.Len(), i, 0.5) {
				bytes := s.Tensors[i].Data[4*at:]
				x += math.Float32frombits(binary.LittleEndian.Uint32(bytes))
				binary.LittleEndian.PutUint32(bytes, math.Float32bits(x))
			}
			if d := relativeDifference(plain, logits(s)); !(d > 1e-3) {
				t.Errorf("%s: %s changes the logits by %.2g of the range", name, tensor.Name, d)
			}
			s.Tensors[i] = tensor
		}
	}
}

// loads is a device that counts the matrices that it is asked to load.
type loads struct {
	kernels.Device
	n int
}

func (d *loads) Load(parts ...kernels.Weights) (kernels.Matrix, error) {
	d.n++
	return d.Device.Load(parts...)
}

// TestCheckedFirst checks that a file at fault is refused before any of its weights are loaded.
func TestCheckedFirst(t *testing.T) {
	for _, stray := range []bool{false, true} {
		s := tiny.New("llama")
		if stray {
			s.Vector("stray", 1)
		}
		f, err := gguf.Open(s.Write(t))
		if err != nil {
			t.Fatal(err)
		}
		dev := &loads{Device: kernels.Checker{}}
		if _, err := Open(f, dev, 0); (err != nil) != stray || (dev.n == 0) != stray {
			t.Errorf("%d matrices were loaded; %v", dev.n, err)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
}
