package cpu

import (
	"path/filepath"
	"strings"
)

// UnusedPacked returns the paths of the files of repacked weights in dir that belong to none of the models.
func UnusedPacked(dir string, models [][32]byte) (paths []string) {
	if dir == "" {
		return nil
	}
	for _, path := range filesIn(dir, packedExt) {
		used := false
		for _, m := range models {
			used = used || strings.HasPrefix(filepath.Base(path), packedPrefix(m))
		}
		if !used {
			paths = append(paths, path)
		}
	}
	return paths
}
