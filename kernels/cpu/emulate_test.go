//go:build linux && amd64

package cpu

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestARM64UnderEmulation runs the kernels' tests for arm64 in QEMU's emulation: all
// of them on a processor that supports every level, and one on older cores, which must not execute
// instructions that they lack.
func TestARM64UnderEmulation(t *testing.T) {
	const qemu = "qemu-aarch64-static"
	if _, err := exec.LookPath(qemu); err != nil {
		lacking(t, qemu)
	}
	binary := filepath.Join(t.TempDir(), "cpu.test")
	build := exec.Command("go", "test", "-c", "-o", binary, ".")
	build.Env = append(os.Environ(), "GOOS=linux", "GOARCH=arm64", "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go test -c for arm64: %v\n%s", err, out)
	}
	for _, m := range []struct{ cpu, tests, levels string }{
		{"cortex-a53", "TestQuantize|TestChecksum", "generic neon"},
		{"cortex-a76", "TestQuantize", "generic neon dotprod"},
		{"max", "TestChecksum|TestQTile|TestDTile|TestQuantize|TestElem|TestActivationsFar|TestMatMul|TestAttend", "generic neon dotprod i8mm"},
	} {
		t.Run(m.cpu, func(t *testing.T) {
			run := exec.Command(qemu, "-cpu", m.cpu, binary, "-test.short", "-test.v", "-test.run", m.tests)
			run.Env = append(os.Environ(), "SOBERANO_CPU=")
			out, err := run.CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, failures(string(out)))
			}
			var ran []string
			for _, l := range levelNames {
				if strings.Contains(string(out), "--- PASS: TestQuantize/"+l+" ") {
					ran = append(ran, l)
				}
			}
			if got := strings.Join(ran, " "); got != m.levels {
				t.Errorf("ran on %s, want %s", got, m.levels)
			}
		})
	}
}

// failures removes the lines of tests that passed or were skipped.
func failures(out string) string {
	var lines []string
	for line := range strings.Lines(out) {
		if s := strings.TrimSpace(line); !strings.HasPrefix(s, "=== ") && !strings.HasPrefix(s, "--- PASS") && !strings.HasPrefix(s, "--- SKIP") {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "")
}
