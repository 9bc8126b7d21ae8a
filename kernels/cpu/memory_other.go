//go:build !linux

package cpu

// adviseHuge does nothing: these systems choose page sizes by themselves.
func adviseHuge([]byte) {}

const hugePages = false

// Memory is what this computer has and could hand out: known on Linux only, zeros here.
func Memory() (total, available int64) { return 0, 0 }
