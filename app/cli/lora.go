package cli

import (
	"math"
	"os"
	"strconv"
	"strings"

	"soberano/engine"
)

// loadAdapters loads the adapters of --lora.
func loadAdapters(m *engine.Model, list []string) (uses []engine.AdapterUse, err error) {
	for _, text := range list {
		path, scale := adapterScale(text)
		a, err := m.LoadAdapter(path)
		if err != nil {
			return nil, err
		}
		uses = append(uses, engine.AdapterUse{Adapter: a, Scale: scale})
	}
	return uses, nil
}

// adapterScale divides FILE=SCALE; without a scale it is 1. The name of a file may end like one.
func adapterScale(text string) (path string, scale float32) {
	i := strings.LastIndexByte(text, '=')
	if _, err := os.Stat(text); err == nil || i < 0 {
		return text, 1
	}
	x, err := strconv.ParseFloat(text[i+1:], 32)
	if err != nil || math.IsNaN(x) || math.IsInf(x, 0) {
		return text, 1
	}
	return text[:i], float32(x)
}
