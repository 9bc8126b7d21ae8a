//go:build cgo

package gl

// openEGL fails: Windows has contexts of windows only.
func openEGL(int) (current, error) { return nil, ErrUnavailable }

// countDevices returns 0.
func countDevices() int { return 0 }
