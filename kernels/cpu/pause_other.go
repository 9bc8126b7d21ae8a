//go:build !amd64

package cpu

import "runtime"

// pause yields to other goroutines.
func pause() { runtime.Gosched() }
