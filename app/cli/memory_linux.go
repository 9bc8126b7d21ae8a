package cli

import (
	"bufio"
	"fmt"
	"os"
)

// systemMemory reads total and available memory, in bytes, from /proc/meminfo.
func systemMemory() (total, available int64) {
	f, err := os.Open("/proc/meminfo")
	if err != nil {
		return 0, 0 // no /proc here: the report leaves the line out
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		var key string
		var kb int64
		if n, _ := fmt.Sscan(s.Text(), &key, &kb); n < 2 {
			continue
		}
		switch key {
		case "MemTotal:":
			total = kb << 10
		case "MemAvailable:":
			available = kb << 10
		}
	}
	return total, available
}
