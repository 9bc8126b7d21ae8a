//go:build !linux

package cpu

// anonymous returns n bytes of memory; see anonymous_linux.go.
func anonymous(n int) ([]byte, func(), error) { return alignedBytes(n), func() {}, nil }
