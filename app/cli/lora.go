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
	"soberano/models/registry"
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

// meantBy returns a model that a request with this name, or with it as a tag, might mean.
func meantBy(entries []registry.Entry, name string) (registry.Entry, bool) {
	for _, e := range entries {
		tags := func(a registry.Alias) bool { return strings.HasSuffix(a.Name, ":"+strings.ToLower(name)) }
		if _, err := registry.Named([]registry.Entry{e}, name); err == nil || slices.ContainsFunc(e.Aliases, tags) {
			return e, true
		}
	}
	return registry.Entry{}, false
}

// namedAdapters returns the adapters of serve's --lora, NAME=PATH, beside the models that requests can name.
func namedAdapters(list []string, entries []registry.Entry) (out []api.Adapter, err error) {
	for _, text := range list {
		name, path, ok := strings.Cut(text, "=")
		if !ok || name == "" || path == "" {
			return nil, usagef("--lora is a name and a path, as in support=adapter.gguf")
		}
		if strings.Contains(name, ":") || strings.Trim(name, "0123456789") == "" {
			return nil, usagef("--lora: the name %s has a colon or is a number; requests could not tell what it names", models.Quote(name))
		}
		if entry, taken := meantBy(entries, name); taken {
			return nil, usagef("--lora: %s also names the model %s; choose another name", models.Quote(name), models.Quote(entry.Name))
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
