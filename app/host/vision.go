package host

import (
	"errors"
	"os"
	"path/filepath"
	"strings"

	"soberano/engine"
	"soberano/kernels/cpu"
	"soberano/models"
	"soberano/models/registry"
)

// visionPrefix is what the names of files with vision encoders begin with, as programs that make them name them.
const visionPrefix = "mmproj"

// visionFor returns the path of the vision encoder of the language model f: the first file beside it that is one and whose rows fit. It returns ""
// if there is none.
func visionFor(f *models.File) string {
	dir := filepath.Dir(f.Path)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return ""
	}
	for _, e := range entries {
		name := strings.ToLower(e.Name())
		if e.IsDir() || !strings.HasPrefix(name, visionPrefix) || filepath.Ext(name) != ".gguf" {
			continue
		}
		path := filepath.Join(dir, e.Name())
		if fitsVision(path, f) {
			return path
		}
	}
	return ""
}

// fitsVision reports whether the file at path is a vision encoder for the language model f. Files of other models are no error.
func fitsVision(path string, f *models.File) bool {
	v, err := registry.Read(path)
	if err != nil {
		return false
	}
	defer v.Close()
	return engine.CheckVision(v, f) == nil
}

// openVision returns a function that opens the vision encoder beside the language model f; nil if there is none.
func (h *Host) openVision(f *models.File, pool *cpu.Pool) func() (*engine.Vision, error) {
	path := visionFor(f)
	if path == "" {
		return nil
	}
	return func() (*engine.Vision, error) {
		v, err := registry.Read(path)
		if err != nil {
			return nil, err
		}
		dev, err := cpu.New(cpu.Options{Pool: pool, Forget: models.Forget,
			Packed: cpu.Packed{Dir: registry.PackedDir(), Model: v.Identity(), Map: models.Map, Damaged: h.damaged}})
		if err != nil {
			return nil, errors.Join(err, v.Close())
		}
		return engine.OpenVision(v, dev)
	}
}
