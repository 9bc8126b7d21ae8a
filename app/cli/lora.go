package cli

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"soberano/app/api"
	"soberano/engine"
	"soberano/models"
)

// loadAdapters loads the adapters of --lora.
func loadAdapters(m *engine.Model, list []string) (uses []engine.AdapterUse, err error) {
	for _, text := range list {
		path, scale := adapterScale(text)
		a, err := m.LoadAdapter(path, nil)
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

// namedAdapters returns the adapters of serve's --lora, NAME=PATH.
func namedAdapters(list []string) (out []api.Adapter, err error) {
	for _, text := range list {
		name, path, ok := strings.Cut(text, "=")
		if !ok || name == "" || path == "" {
			return nil, usagef("--lora is a name and a path, as in support=adapter.gguf")
		}
		if slices.ContainsFunc(out, func(a api.Adapter) bool { return a.Name == name }) {
			return nil, usagef("--lora: there are two adapters %s", models.Quote(name))
		}
		if path, err = filepath.Abs(path); err == nil {
			_, err = os.Stat(path)
		}
		if err != nil {
			return nil, err
		}
		out = append(out, api.Adapter{Name: name, Path: path})
	}
	return out, nil
}
