package lora

import (
	"encoding/json"
	"math"
	"strings"

	"soberano/models"
	"soberano/models/huggingface"
)

// settings are what adapter_config.json of PEFT says of an adapter.
type settings struct {
	Type         string         `json:"peft_type"`
	Alpha        float64        `json:"lora_alpha"`
	RankStable   bool           `json:"use_rslora"` // the scale is alpha/√rank (arXiv:2312.03732)
	DoRA         bool           `json:"use_dora"`
	Transposed   bool           `json:"fan_in_fan_out"`
	AlphaPattern map[string]any `json:"alpha_pattern"`
}

// readPEFT reads a folder of PEFT.
func (a *adapter) readPEFT(base models.Metadata) error {
	text, ok := a.f.Aux["adapter_config.json"]
	if !ok {
		return models.Unsupported(a.f.Path, "download all files of the adapter's folder", "has no adapter_config.json beside it, which says what its weights are")
	}
	var s settings
	if err := json.Unmarshal(text, &s); err != nil {
		return models.Corrupt(a.f.Path, "is damaged: adapter_config.json: %v", err)
	}
	without := func(what string) error {
		return models.Unsupported(a.f.Path, "merge it into the model", "holds an adapter %s, which does not run here", what)
	}
	switch {
	case s.Type != "LORA":
		return without("of the type " + models.Quote(s.Type))
	case s.DoRA:
		return without("with magnitudes of its own (DoRA)")
	case s.Transposed:
		return without("of transposed matrices (fan_in_fan_out)")
	case len(s.AlphaPattern) > 0:
		return without("whose scale differs between modules (alpha_pattern)")
	}
	a.scale = func(rank int) float64 {
		if s.RankStable {
			return s.Alpha / math.Sqrt(float64(rank))
		}
		return s.Alpha / float64(rank)
	}
	for _, t := range a.f.Tensors {
		module, b, ok := cutModule(t.Name)
		if !ok {
			return a.unknown(t.Name)
		}
		moved, err := huggingface.AdapterTensor(base, module, t, b)
		if err != nil {
			return models.InFile(a.f.Path, err)
		}
		if b {
			a.b[moved.Name] = moved
		} else {
			a.a[moved.Name] = moved
		}
	}
	return nil
}

// cutModule returns the module whose matrix a tensor changes, and whether it is matrix B: base_model.model.lm_head.lora_B.weight is B of lm_head. The name of the adapter may
// be between: lora_B.default.weight.
func cutModule(tensor string) (module string, b, ok bool) {
	rest, ok := strings.CutPrefix(tensor, "base_model.model.")
	if !ok || !strings.HasSuffix(rest, ".weight") {
		return "", false, false
	}
	for _, mark := range []string{".lora_A.", ".lora_B."} {
		if module, _, found := strings.Cut(rest, mark); found {
			return module, mark == ".lora_B.", true
		}
	}
	return "", false, false
}
