package engine

import (
	"soberano/kernels"
	"soberano/models"
)

// Check reports whether Open can open f, which stays open. It runs the same code as Open, on a device
// that loads nothing: the matrices of f are not read, so that it takes little time and memory. Open
// can still fail for lack of memory. The error is a *models.FileError of kind models.ErrUnsupported or
// models.ErrCorrupt.
func Check(f *models.File) error {
	m := &Model{file: f, dev: kernels.Checker{}}
	return m.read(0)
}
