package engine

import (
	"soberano/kernels"
	"soberano/models"
)

// Check reports whether Open can open f, which stays open. It runs the same code as Open, on a device
// that loads nothing: the matrices of f are not read, so that it takes little time and memory. Open
// can still fail for lack of memory. The error is a *models.FileError of kind models.ErrUnsupported or
// models.ErrCorrupt. If there is none, warning is that of Info.
func Check(f *models.File) (warning string, err error) {
	m := &Model{file: f, dev: kernels.Checker{}}
	if err := m.read(0); err != nil {
		return "", err
	}
	return m.info.Warning, nil
}
