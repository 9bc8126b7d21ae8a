package cli

import (
	"errors"
	"fmt"

	"soberano/kernels/cpu"
	"soberano/models"
	"soberano/models/registry"
)

// packedWeights is the JSON of a file of repacked weights.
type packedWeights struct {
	Path  string `json:"path"`
	Bytes int64  `json:"bytes"`
	OK    bool   `json:"ok"`
}

// damage says what happens to a damaged file.
func (p packedWeights) damage() string {
	return fmt.Sprintf("the repacked weights in %s are damaged; they are made again from the model when it is next used", models.Printable(p.Path))
}

// packedOf checks the repacked weights of the model at path.
func packedOf(path string) (list []packedWeights, err error) {
	f, err := registry.Read(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return checkPacked(f.Identity())
}

// checkPacked checks the repacked weights of a model, or of all models if it is zero.
func checkPacked(model [32]byte) (list []packedWeights, err error) {
	states, err := cpu.CheckPacked(cpu.Packed{Dir: registry.PackedDir(), Model: model, Map: models.Map})
	for _, s := range states {
		list = append(list, packedWeights{s.Path, s.Bytes, s.Whole})
	}
	return list, err
}
