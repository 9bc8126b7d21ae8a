//go:build !linux

package cpu

// adviseHuge does nothing: these systems choose page sizes by themselves.
func adviseHuge([]byte) {}

// releaseMemory does nothing.
func releaseMemory([]byte) {}

const hugePages = false

// Memory returns the computer's memory and how much of it is available. It is known on Linux only; here both are 0.
func Memory() (total, available int64) { return 0, 0 }
