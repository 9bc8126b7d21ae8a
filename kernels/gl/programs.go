//go:build (linux || windows) && cgo

package gl

import (
	"embed"
	"fmt"
	"strings"

	"soberano/kernels/quant"
)

//go:embed shaders/*.glsl
var shaders embed.FS

// program names a compiled shader: a kernel and what specialises it.
type program struct {
	kernel   string     // name of its file, without .glsl
	option   int        // OPTION in the shader
	weight   quant.Type // TYPE in the shader; only where blocks is true
	blocks   bool       // the kernel reads blocks of weights
	variants variant    // of the kernel
}

// local is the number of invocations in a work group of kernels that do not say otherwise.
const local = 64

// source returns the text of a shader: the definitions, what all kernels share, how blocks of the type are
// unpacked, the activations, and the kernel.
func (p program) source() (string, error) {
	var b strings.Builder
	b.WriteString("#version 430\n")
	for v := variant(1); v < variantsEnd; v <<= 1 {
		if p.variants&v == 0 {
			continue
		}
		for _, name := range variantExtensions[v] {
			fmt.Fprintf(&b, "#extension %s : require\n", name)
		}
		fmt.Fprintf(&b, "#define %v 1\n", v)
	}
	fmt.Fprintf(&b, "#define OPTION %d\n#define PARAMS %d\n", p.option, mostParams)
	parts := []string{"common"}
	if p.blocks {
		for _, t := range quant.Types() {
			fmt.Fprintf(&b, "#define %v %d\n", t, t)
		}
		fmt.Fprintf(&b, "#define TYPE %d\n#define BLOCK %d\n#define BYTES %d\n", p.weight, p.weight.BlockValues(), p.weight.BlockBytes())
		parts = append(parts, "blocks")
	}
	if p.kernel == "element" || p.kernel == "matvec" {
		parts = append(parts, "activation")
	}
	for _, name := range append(parts, p.kernel) {
		text, err := shaders.ReadFile("shaders/" + name + ".glsl")
		if err != nil {
			return "", err
		}
		b.Write(text)
	}
	return b.String(), nil
}

// compiled returns the number of p, which is compiled at its first use.
func (g *GPU) compiled(p program) (id uint32, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	p.variants = g.variants & kernelVariants[p.kernel]
	if id := g.programs[p]; id != 0 {
		return id, nil
	}
	text, err := p.source()
	if err != nil {
		return 0, err
	}
	err = g.do(func(c context) error {
		id, err = g.binaries.open(c, text)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("%w: shader %s %d %v: %w", ErrDriver, p.kernel, p.option, p.weight, err)
	}
	g.programs[p] = id
	return id, nil
}
