package engine

import (
	"soberano/kernels"
	"soberano/models"
)

// Check reports whether f, which stays open, can be opened by Open, or by OpenEncoder if its purpose is to make vectors of texts. It
// runs the same code, on a device that loads nothing: the matrices of f are not read, so that it takes little time and memory. Opening
// can still fail for lack of memory. The error is a *models.FileError of kind models.ErrUnsupported or
// models.ErrCorrupt. If there is none, warning is that of Info.
func Check(f *models.File) (warning string, err error) {
	if IsVision(f) {
		return "", models.Unsupported(f.Path, "put it into the folder of that model's file, under a name that begins with mmproj", "is no language model but the vision encoder of one")
	}
	f, err = readable(f, kernels.Checker{})
	if err != nil {
		return "", err
	}
	switch purpose, err := f.Meta.Purpose(); {
	case err != nil:
		return "", models.InFile(f.Path, err)
	case purpose != models.Continues:
		e := &Encoder{file: f, dev: kernels.Checker{}}
		if err := e.read(0); err != nil {
			return "", err
		}
		return e.info.Warning, nil
	}
	m := &Model{file: f, dev: kernels.Checker{}}
	if err := m.read(0); err != nil {
		return "", err
	}
	return m.info.Warning, nil
}
