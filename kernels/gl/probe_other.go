//go:build !linux || !cgo

package gl

import "errors"

// Probe is for Linux builds with cgo so far.
func Probe() (Info, error) {
	return Info{}, errors.New("OpenGL compute: this build can't ask for it")
}
