package arch

import (
	"encoding/binary"
	"errors"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	"soberano/engine/arch/tiny"
	"soberano/kernels"
	"soberano/kernels/cpu"
	"soberano/kernels/quant"
	"soberano/models"
)

// exactDevice returns a device with float32 arithmetic that is closed with the test.
func exactDevice(t *testing.T) kernels.Device {
	t.Helper()
	dev, err := cpu.New(cpu.Options{Exact: true, Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := dev.Close(); err != nil {
			t.Error(err)
		}
	})
	return dev
}

// visionRows returns the rows that s makes of the tiles of a picture.
func visionRows(t *testing.T, dev kernels.Device, s *tiny.Source) (rows []float32) {
	t.Helper()
	v, err := OpenVision(fileOf(s), dev)
	if err != nil {
		t.Fatal(err)
	}
	look := v.Look()
	for _, p := range look.Parts(picture(150, 90), 0) {
		if p.Tile == nil {
			continue
		}
		of, err := v.Encode(p.Tile)
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, of...)
	}
	return rows
}

// TestVisionTensorsMatter checks for every projector that the rows change with each tensor of its file.
func TestVisionTensorsMatter(t *testing.T) {
	dev := exactDevice(t)
	for name := range projectors {
		s := tiny.Vision(name)
		s.Float32()
		plain := visionRows(t, dev, s)
		for i, tensor := range s.Tensors {
			if projectors[name].rotary == noRotation && strings.HasSuffix(tensor.Name, "attn_k.bias") {
				continue // it adds the same to the scores of all keys
			}
			s.Tensors[i].Data = slices.Clone(tensor.Data)
			change := wave(tensor.Len(), i, 0.5)
			if len(change) == 1 {
				change[0] = -0.25
			}
			for at, x := range change {
				bytes := s.Tensors[i].Data[4*at:]
				x += math.Float32frombits(binary.LittleEndian.Uint32(bytes))
				binary.LittleEndian.PutUint32(bytes, math.Float32bits(x))
			}
			if d := relativeDifference(plain, visionRows(t, dev, s)); !(d > 1e-3) {
				t.Errorf("%s: %s changes the rows by %.2g of their range", name, tensor.Name, d)
			}
			s.Tensors[i] = tensor
		}
	}
}

// TestVisionForms checks that the forms in which files store the same encoder give the same rows.
func TestVisionForms(t *testing.T) {
	dev := exactDevice(t)
	const qwen2, qwen25 = "qwen2vl_merger", "qwen2.5vl_merger"
	for what, c := range map[string]struct {
		projector string
		change    func(*tiny.Source)
	}{
		"q, k and v as one matrix": {qwen25, func(s *tiny.Source) { fuseVision(s, "v.blk.1.") }},
		"names of matrices swapped": {qwen2, func(s *tiny.Source) {
			for i, x := range s.Tensors {
				if up := strings.Replace(x.Name, "ffn_up", "ffn_down", 1); up != x.Name {
					s.Tensors[i].Name = up
				} else {
					s.Tensors[i].Name = strings.Replace(x.Name, "ffn_down", "ffn_up", 1)
				}
			}
		}},
		"no width of the feed-forward networks": {qwen25, func(s *tiny.Source) { s.Meta["clip.vision.feed_forward_length"] = uint64(0) }},
		"the size of windows":                   {qwen25, func(s *tiny.Source) { s.Meta["clip.vision.window_size"] = uint64(112) }},
		"the size of squares":                   {qwen2, func(s *tiny.Source) { s.Meta["clip.vision.spatial_merge_size"] = uint64(2) }},
		"shapes with dimensions of 1": {"internvl", func(s *tiny.Source) {
			for i, x := range s.Tensors {
				switch x.Name {
				case "v.class_embd":
					s.Tensors[i].Shape = append([]int{1, 1}, x.Shape...)
				case "v.position_embd.weight":
					s.Tensors[i].Shape = append([]int{1}, x.Shape...)
				}
			}
		}},
		"zeros as positions":     {qwen2, func(s *tiny.Source) { s.Rows("v.position_embd.weight", 2, 0, 0, 0, 0) }},
		"no list of deep layers": {"qwen3vl_merger", func(s *tiny.Source) { delete(s.Meta, "clip.vision.is_deepstack_layers") }},
		"a projector of vision": {qwen2, func(s *tiny.Source) {
			s.Meta["clip.vision.projector_type"] = s.Meta["clip.projector_type"]
			delete(s.Meta, "clip.projector_type")
		}},
	} {
		s := tiny.Vision(c.projector)
		want := visionRows(t, dev, s)
		c.change(s)
		if got := visionRows(t, dev, s); relativeDifference(want, got) > 1e-5 {
			t.Errorf("%s: other rows", what)
		}
	}
}

// fuseVision stores the projections to q, k and v of a layer, and their biases, as one.
func fuseVision(s *tiny.Source, blk string) {
	for _, suffix := range []string{".weight", ".bias"} {
		var one models.Tensor
		for _, letter := range []string{"q", "k", "v"} {
			i := slices.IndexFunc(s.Tensors, func(x models.Tensor) bool { return x.Name == blk+"attn_"+letter+suffix })
			x := s.Tensors[i]
			one.Shape = append([]int{x.Shape[0]}, x.Shape[1:]...)
			one.Data = append(one.Data, x.Data...)
			s.Tensors = slices.Delete(s.Tensors, i, i+1)
		}
		one.Name, one.Type = blk+"attn_qkv"+suffix, quant.F32
		one.Shape[0] *= 3
		s.Tensors = append(s.Tensors, one)
	}
}

// TestVisionCounts checks for every projector that tensors and keys that its network does not have are refused by name.
func TestVisionCounts(t *testing.T) {
	for name, p := range projectors {
		for _, tensor := range []string{"v.blk.0.attn_sinks", "v.blk.9.ln1.weight", "mm.4.weight", "a.conv1d.weight",
			"v.blk.0.ffn_up.scale", "v.deepstack.7.fc1.weight", "v.deepstack.1.norm.weight"} {
			s := tiny.Vision(name)
			s.Vector(tensor, 1, 2)
			if _, err := OpenVision(fileOf(s), kernels.Checker{}); !refusedByName(err, tensor) {
				t.Errorf("%s with %s: %v", name, tensor, err)
			}
		}
		for _, tensor := range []string{"v.position_embd.weight", "v.patch_embd.weight.1", "v.class_embd"} {
			s := tiny.Vision(name)
			if slices.ContainsFunc(s.Tensors, func(x models.Tensor) bool { return x.Name == tensor }) {
				continue
			}
			s.Vector(tensor, 1, 2)
			if _, err := OpenVision(fileOf(s), kernels.Checker{}); !refusedByName(err, tensor) {
				t.Errorf("%s with %s: %v", name, tensor, err)
			}
		}
		for key, v := range map[string]any{"n_wa_pattern": uint64(4), "window_size": uint64(56), "feature_layer": []int64{1}, "attention.head_count_kv": uint64(1),
			"wa_layer_indexes": []int64{1}, "is_deepstack_layers": []bool{true, true, true}} {
			s := tiny.Vision(name)
			full := "clip.vision." + key
			if s.Meta[full] != nil && key != "is_deepstack_layers" {
				continue
			}
			s.Meta[full] = v
			if _, err := OpenVision(fileOf(s), kernels.Checker{}); err == nil || !strings.Contains(err.Error(), full) {
				t.Errorf("%s (%+v) with %s: %v", name, p, key, err)
			}
		}
	}
	s := tiny.Vision("gemma3")
	s.Meta["clip.projector_type"] = "tomorrow"
	if _, err := OpenVision(fileOf(s), kernels.Checker{}); !errors.Is(err, models.ErrUnsupported) || !strings.Contains(err.Error(), "tomorrow") || !strings.Contains(err.Error(), "qwen2.5vl_merger") {
		t.Errorf("another projector: %v", err)
	}
}

// TestVisionWhole checks for which models the rows of an image see each other: those of Gemma 3, and the large ones of Gemma 4.
func TestVisionWhole(t *testing.T) {
	for _, c := range []struct {
		projector string
		dim       int
		whole     bool
	}{{"gemma3", tiny.Dim, true}, {"gemma4v", tiny.Dim, true}, {"gemma4v", 1536, false}, {"gemma4v", 2560, false}, {"qwen3vl_merger", tiny.Dim, false}} {
		s := tiny.Vision(c.projector)
		if c.dim != tiny.Dim {
			s.Meta["clip.vision.projection_dim"] = uint64(c.dim)
			s.Tensors = slices.DeleteFunc(s.Tensors, func(x models.Tensor) bool { return x.Name == "mm.input_projection.weight" })
			s.Matrix("mm.input_projection.weight", c.dim, 32)
		}
		v, err := OpenVision(fileOf(s), kernels.Checker{})
		if err != nil || v.Look().Whole != c.whole {
			t.Errorf("%s with rows of %d: %v", c.projector, c.dim, err)
		}
	}
}

// TestVisionBesideSounds checks that an encoder of sounds in the same file makes no difference.
func TestVisionBesideSounds(t *testing.T) {
	s := tiny.Vision("gemma4v")
	s.Meta["clip.has_audio_encoder"], s.Meta["clip.audio.projector_type"] = true, "gemma4a"
	s.Meta["clip.vision.projector_type"] = s.Meta["clip.projector_type"]
	delete(s.Meta, "clip.projector_type")
	s.Vector("a.blk.0.ln1.weight", 1, 2)
	s.Vector("mm.a.input_projection.weight", 1, 2)
	if dev := exactDevice(t); !slices.Equal(visionRows(t, dev, s), visionRows(t, dev, tiny.Vision("gemma4v"))) {
		t.Error("other rows")
	}
}

// TestVisionDamaged checks over changes of every key and tensor of encoders that they are refused with a *models.FileError, or run.
func TestVisionDamaged(t *testing.T) {
	dev := exactDevice(t)
	for name := range projectors {
		ran, refused := 0, 0
		try := func(what string, change func(*tiny.Source)) {
			t.Helper()
			s := tiny.Vision(name)
			change(s)
			f := fileOf(s)
			if _, err := OpenVision(f, kernels.Checker{}); err != nil {
				if _, ok := errors.AsType[*models.FileError](err); !ok {
					t.Errorf("%s, %s: %v", name, what, err)
				}
				refused++
				return
			}
			v, err := OpenVision(f, dev)
			if err != nil {
				t.Fatalf("%s, %s: %v", name, what, err)
			}
			look := v.Look()
			for _, p := range look.Parts(picture(9, 20), 0) {
				if p.Tile == nil || p.Tile.Width*p.Tile.Height > 1<<18 {
					continue
				}
				rows, err := v.Encode(p.Tile)
				if n, _ := look.Rows(p.Tile); err != nil || len(rows) != n*look.Dim {
					t.Errorf("%s, %s: %d values, %v", name, what, len(rows), err)
				}
			}
			ran++
		}
		plain := tiny.Vision(name)
		for _, key := range slices.Sorted(maps.Keys(plain.Meta)) {
			try(key+" removed", func(s *tiny.Source) { delete(s.Meta, key) })
			for _, v := range []any{"word", uint64(0), uint64(3), uint64(7), uint64(1 << 41), int64(-1), 0.5, 1e9, true, false, []uint64{1}, []string{"a"}, []float64{1, 2}, []float64{1, 0, 1}, []bool{true}} {
				try(key+" changed", func(s *tiny.Source) { s.Meta[key] = v })
			}
		}
		for i, tensor := range plain.Tensors {
			try(tensor.Name+" removed", func(s *tiny.Source) { s.Tensors = slices.Delete(s.Tensors, i, i+1) })
			try(tensor.Name+" without its first row", func(s *tiny.Source) {
				x := &s.Tensors[i]
				x.Shape = slices.Clone(x.Shape)
				x.Data = x.Data[len(x.Data)/x.Shape[0]:]
				x.Shape[0]--
			})
			try(tensor.Name+" with another shape", func(s *tiny.Source) {
				s.Tensors[i].Shape = append([]int{1}, s.Tensors[i].Shape...)
			})
			try(tensor.Name+" cut off", func(s *tiny.Source) { s.Tensors[i].Data = s.Tensors[i].Data[:len(s.Tensors[i].Data)/2] })
		}
		if ran == 0 || refused == 0 {
			t.Errorf("%s: %d ran, %d were refused", name, ran, refused)
		}
	}
}
