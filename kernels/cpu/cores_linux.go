package cpu

import (
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// physical counts the cores of the processors in this process's affinity mask. A core is
// identified by its package and core number under /sys.
func physical() int {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return perThreads(runtime.NumCPU())
	}
	seen := map[string]bool{}
	for c := range len(set) * 64 {
		if !set.IsSet(c) {
			continue
		}
		dir := fmt.Sprintf("/sys/devices/system/cpu/cpu%d/topology/", c)
		core, err1 := os.ReadFile(dir + "core_id")
		pack, err2 := os.ReadFile(dir + "physical_package_id")
		if err1 != nil || err2 != nil {
			return perThreads(runtime.NumCPU())
		}
		seen[string(pack)+"/"+string(core)] = true
	}
	return len(seen)
}
