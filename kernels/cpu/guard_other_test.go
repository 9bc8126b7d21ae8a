//go:build !linux

package cpu

import "testing"

// guarded returns n bytes. Guard pages are used on Linux only.
func guarded(t testing.TB, n int, atStart bool) []byte { return make([]byte, n) }
