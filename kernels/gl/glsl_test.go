//go:build linux && cgo

package gl

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestGLSL checks with the reference compiler of Khronos that the programs of the self-check, with all variants and with none, are valid: each driver
// accepts more than the language has. Where there is no glslangValidator (Debian: glslang-tools) it is skipped.
func TestGLSL(t *testing.T) {
	compiler, err := exec.LookPath("glslangValidator")
	if err != nil {
		t.Skip(err)
	}
	g := gpu(t)
	if err := Check(g); err != nil {
		t.Fatal(err)
	}
	var files []string
	dir := t.TempDir()
	for p := range g.programs {
		for _, v := range []variant{0, kernelVariants[p.kernel]} {
			p.variants = v
			text, err := p.source()
			if err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(dir, fmt.Sprintf("%s-%d-%v-%v.comp", p.kernel, p.option, p.weight, v))
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			files = append(files, path)
		}
	}
	if out, err := exec.Command(compiler, files...).CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}
