//go:build linux

package cpu

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// vexBytes matches a VPDPBUSD that is written as the bytes of its VEX form; see vpdpbusd in gen.
var vexBytes = regexp.MustCompile(`(BYTE \$0x[0-9a-f]{2};? ?){5}// (VPDPBUSD Y)`)

// TestAVXVNNIAsEVEX runs the tests of the integer tiles at level avxvnni where the CPU has AVX-512 only: of a program in which VPDPBUSD has its EVEX form,
// as Go's assembler encodes it, and the level requires AVX-512 instead. That the bytes of the VEX form are those of the instruction is for TestInstructionBytes.
func TestAVXVNNIAsEVEX(t *testing.T) {
	if supports(avxvnni) {
		t.Skip("the tests of the level itself run on this machine")
	}
	if !supports(avx512) {
		t.Skip("this machine has neither form of VPDPBUSD: avxvnni is not tested")
	}
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("no Go toolchain here: avxvnni is not tested")
	}
	dir := t.TempDir()
	replace := map[string]string{}
	edit := func(name string, change func(string) string) {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		text := change(string(b))
		if text == string(b) {
			t.Fatalf("%s: nothing to replace", name)
		}
		from, err := filepath.Abs(name)
		if err != nil {
			t.Fatal(err)
		}
		replace[from] = filepath.Join(dir, name)
		if err := os.WriteFile(replace[from], []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	edit("qtile_amd64.s", func(s string) string { return vexBytes.ReplaceAllString(s, "$2") })
	edit("level_amd64.go", func(s string) string {
		return strings.Replace(s, "cpuid.AVXVNNI", "cpuid.AVX512VNNI, cpuid.AVX512VL", 1)
	})
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	list := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(list, overlay, 0o600); err != nil {
		t.Fatal(err)
	}
	run := exec.Command("go", "test", "-vet=off", "-overlay", list, "-v", "-run", "^(TestQTile|TestQTileLong|TestQTileSpecial|TestFewRowsProducts)$/^avxvnni$", ".")
	run.Env = append(os.Environ(), "SOBERANO_CPU=", "CGO_ENABLED=0")
	out, err := run.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, failures(string(out)))
	}
	if n := strings.Count(string(out), "/avxvnni ("); n != 4 {
		t.Errorf("%d tests ran at the level, want 4\n%s", n, failures(string(out)))
	}
}
