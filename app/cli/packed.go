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

// verifyPacked checks the repacked weights of the model that verify has found intact.
func (v *verified) verifyPacked(lib *registry.Library) error {
	path := v.Name
	if e, err := called(lib, v.Name); err == nil {
		path = e.Path()
	}
	f, err := registry.Read(path)
	if err != nil {
		return nil // a model that can't be opened has none
	}
	v.Packed, err = checkPacked(f.Identity())
	for _, p := range v.Packed {
		if !p.OK {
			err = errors.Join(err, errors.New(p.damage()))
		}
	}
	if err = errors.Join(err, f.Close()); err != nil {
		v.OK, v.Error = false, errorText(err)
	}
	return err
}

// checkPacked checks the repacked weights of a model, or of all models if it is zero.
func checkPacked(model [32]byte) (list []packedWeights, err error) {
	states, err := cpu.CheckPacked(cpu.Packed{Dir: registry.PackedDir(), Model: model, Map: models.Map})
	for _, s := range states {
		list = append(list, packedWeights{s.Path, s.Bytes, s.Whole})
	}
	return list, err
}
