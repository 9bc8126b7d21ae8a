//go:build !linux

package cpu

// adviseHuge does nothing: these systems choose page sizes by themselves.
func adviseHuge([]byte) {}

const hugePages = false

func free() int64 { return 0 }

func dropPages([]byte) {}
