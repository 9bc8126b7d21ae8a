//go:build !linux

package library

// FreeMemory is not known on this system.
func FreeMemory() int64 { return 0 }
