//go:build !linux || !cgo

package gl

import "fmt"

// Examine fails: only Linux builds with cgo have a device.
func Examine() ([]Found, error) {
	return nil, fmt.Errorf("%w: this build can't use it", ErrUnavailable)
}
