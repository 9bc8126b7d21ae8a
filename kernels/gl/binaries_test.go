//go:build linux && cgo

package gl

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// scaledOn runs a step on a new context that keeps its programs in dir. It returns how many programs were read from files.
func scaledOn(t *testing.T, dir string) int {
	t.Helper()
	g := ownGPU(t)
	g.KeepPrograms(dir)
	got, err := compute(deviceOn(t, g, 0), scaled)
	if err != nil || got[0] != 2 || got[3] != 8 {
		t.Fatalf("a step: %v, %v", got, err)
	}
	return g.binaries.read
}

// programFiles returns the files of a folder of programs.
func programFiles(t *testing.T, dir string) []string {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestProgramsAreKept checks that a second context reads the programs that the first has compiled, and that damaged files, those that the
// driver refuses, and those of another driver or source are compiled again.
func TestProgramsAreKept(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "programs")
	if n := scaledOn(t, dir); n != 0 {
		t.Errorf("%d programs were read from a folder that did not exist", n)
	}
	files := programFiles(t, dir)
	if len(files) == 0 {
		t.Skip("the driver has no form of programs that can be kept")
	}
	if n := scaledOn(t, dir); n != len(files) {
		t.Errorf("%d of %d programs were read", n, len(files))
	}
	format, data := readBinary(files[0])
	for what, damage := range map[string]func(path string) error{
		"cut short":   func(path string) error { return os.Truncate(path, 50) },
		"empty":       func(path string) error { return os.Truncate(path, 0) },
		"another bit": func(path string) error { return flipLast(path) },
		"refused":     func(path string) error { return writeBinary(path, format, data[:len(data)/2]) },
		"no format":   func(path string) error { return writeBinary(path, 0xdead, data) },
		"gone":        os.Remove,
	} {
		if err := damage(files[0]); err != nil {
			t.Fatal(err)
		}
		if n := scaledOn(t, dir); n != len(files)-1 {
			t.Errorf("%s: %d of %d programs were read", what, n, len(files))
		}
		if n := scaledOn(t, dir); n != len(files) {
			t.Errorf("%s: the file was not replaced: %d of %d programs were read", what, n, len(files))
		}
	}
	if left := programFiles(t, dir); len(left) != len(files) {
		t.Errorf("the folder has %v", left)
	}
}

// flipLast changes the last byte of a file.
func flipLast(path string) error {
	all, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	all[len(all)-1] ^= 1
	return os.WriteFile(path, all, 0o600)
}

// TestProgramKeys checks that a program's file depends on the driver and on the source, and that a folder that can't be made only
// means that programs are compiled.
func TestProgramKeys(t *testing.T) {
	a, b := binaries{dir: "d", driver: "one"}, binaries{dir: "d", driver: "two"}
	if a.path("x") == b.path("x") || a.path("x") == a.path("y") {
		t.Error("the names of files do not tell programs apart")
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if n := scaledOn(t, file); n != 0 {
		t.Errorf("%d programs were read", n)
	}
}

// TestProgramFolder checks that programs are kept in the user's cache, but not those of software drivers.
func TestProgramFolder(t *testing.T) {
	cache := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", cache)
	if got := programFolder(Info{}); got != filepath.Join(cache, "soberano", "gl") {
		t.Errorf("programs are kept in %q", got)
	}
	if got := programFolder(Info{Software: true}); got != "" {
		t.Errorf("programs of a software driver are kept in %q", got)
	}
}

// TestProgramsOfOldDrivers checks that programs that were not used for long are removed when one is compiled, and no others.
func TestProgramsOfOldDrivers(t *testing.T) {
	dir := t.TempDir()
	now := time.Now()
	for name, age := range map[string]time.Duration{"old.program": keptUnused + time.Hour, "part-1": keptUnused + time.Hour, "other": 2 * keptUnused, "recent.program": keptUnused - time.Hour} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, now.Add(-age), now.Add(-age)); err != nil {
			t.Fatal(err)
		}
	}
	scaledOn(t, dir)
	files := programFiles(t, dir)
	var left, mine []string
	for _, path := range files {
		if name := filepath.Base(path); len(name) < 20 {
			left = append(left, name)
		} else {
			mine = append(mine, path)
		}
	}
	if len(mine) == 0 {
		t.Skip("the driver has no form of programs that can be kept")
	}
	if !slices.Equal(left, []string{"other", "recent.program"}) {
		t.Errorf("left: %v", left)
	}
	before := now.Add(-48 * time.Hour)
	if err := os.Chtimes(mine[0], before, before); err != nil {
		t.Fatal(err)
	}
	scaledOn(t, dir)
	if st, err := os.Stat(mine[0]); err != nil || st.ModTime().Before(now.Add(-time.Hour)) {
		t.Errorf("a program that is used has the time %v, %v", st.ModTime(), err)
	}
}
