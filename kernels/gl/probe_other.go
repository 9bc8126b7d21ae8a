//go:build !linux || !cgo

package gl

import "errors"

// Probe is implemented for Linux builds with cgo only.
func Probe() (Info, error) {
	return Info{}, errors.New("OpenGL compute: this build can't ask for it")
}
