//go:build !linux

package cpu

import "testing"

// guarded returns n bytes; guard pages are tested on Linux.
func guarded(t testing.TB, n int, atStart bool) []byte { return make([]byte, n) }
