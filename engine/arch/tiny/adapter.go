package tiny

import (
	"bytes"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"soberano/kernels/quant"
	"soberano/models"
	"soberano/models/safetensors"
)

// Adapter returns a low-rank adapter of all matrices of s by which rows are multiplied, as convert_lora_to_gguf.py of llama.cpp writes it.
func (s *Source) Adapter(rank int, alpha float64, seed uint64) *Source {
	a := &Source{Architecture: s.Architecture, pcg: *rand.NewPCG(seed, 1), Meta: models.Metadata{
		"general.type": "adapter", "general.architecture": s.Architecture, "general.name": "Tiny adapter", "adapter.type": "lora", "adapter.lora.alpha": alpha,
	}}
	for _, t := range s.Tensors {
		if len(t.Shape) == 2 && t.Name != "token_embd.weight" {
			a.matrix(t.Name+".lora_a", quant.F32, 1, rank, t.Shape[1])
			a.matrix(t.Name+".lora_b", quant.F32, 1, t.Shape[0], rank)
		}
	}
	return a
}

// AdapterFolder writes the adapter a of s as the PEFT library does, with more keys of adapter_config.json, and returns the path of the folder.
func (s *Source) AdapterFolder(t testing.TB, a *Source, more map[string]any) string {
	t.Helper()
	var list []models.Tensor
	for i := range a.Tensors {
		low := a.Tensors[i]
		end := map[byte]string{'a': ".lora_A.weight", 'b': ".lora_B.weight"}[low.Name[len(low.Name)-1]]
		named := low
		named.Name = strings.TrimSuffix(low.Name[:len(low.Name)-1], ".lora_")
		if named = s.pytorch(&named); end == ".lora_A.weight" { // its rows are in no order
			named.Data = low.Data
		}
		named.Name = "base_model.model." + strings.TrimSuffix(named.Name, ".weight") + end
		list = append(list, named)
	}
	var b bytes.Buffer
	if err := safetensors.Write(&b, models.Metadata{"format": "pt"}, list); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write(t, filepath.Join(dir, "adapter_model.safetensors"), b.Bytes())
	config := map[string]any{"peft_type": "LORA", "lora_alpha": a.Meta["adapter.lora.alpha"], "r": 4, "bias": "none"}
	maps.Copy(config, more)
	writeJSON(t, filepath.Join(dir, "adapter_config.json"), config)
	return dir
}
