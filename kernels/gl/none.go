//go:build !linux || !cgo

package gl

import "fmt"

// List fails: only Linux builds with cgo have a device.
func List() ([]Found, error) {
	return nil, fmt.Errorf("%w: this build can't use it", ErrUnavailable)
}
