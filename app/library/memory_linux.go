package library

import (
	"bufio"
	"fmt"
	"os"
)

// FreeMemory is what programs can still take, in bytes; 0 where the system doesn't say.
func FreeMemory() int64 {
	f, err := os.Open("/proc/meminfo")
	if err != nil {
		return 0 // no /proc here: the line is left out
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		var kb int64
		if n, _ := fmt.Sscanf(s.Text(), "MemAvailable: %d kB", &kb); n == 1 {
			return kb << 10
		}
	}
	return 0
}
