//go:build linux && cgo

package gl

import (
	"errors"
	"testing"

	"soberano/kernels"
	"soberano/kernels/quant"
)

// TestSubgroupFeatures checks which variants features of subgroups allow.
func TestSubgroupFeatures(t *testing.T) {
	for features, want := range map[int64]string{0: "", 0x03: "", 0x07: "SUBGROUPS", 0x41: "CLUSTERS", 0xff: "SUBGROUPS CLUSTERS"} {
		if got := subgroupVariants(features).String(); got != want {
			t.Errorf("features %#x: %q, %q are expected", features, got, want)
		}
	}
}

// TestRefusedVariants checks that a variant that the driver says it has is used or refused, and that the device computes right values in both cases.
// Without the extension the driver does not compile the shaders.
func TestRefusedVariants(t *testing.T) {
	g := ownGPU(t)
	has := g.info.features != 0
	g.info.features = 0xff
	d := deviceOn(t, g, 0)
	used, refused := g.Variants()
	if !has && (used != "" || len(refused) != 2 || !errors.Is(refused[0], ErrDriver)) {
		t.Errorf("without the extension: %q are used; refused: %v", used, refused)
	}
	t.Logf("used: %s; refused: %v", used, refused)
	checkAll(t, g, d)
}

// checkAll checks the kernels that have variants.
func checkAll(t *testing.T, g *GPU, d kernels.Device) {
	t.Helper()
	if err := g.check(func(c *checker) { c.variant(subgroups); c.variant(clusters) }); err != nil {
		t.Error(err)
	}
	if got, err := compute(d, scaled); err != nil || got[3] != 8 {
		t.Errorf("a step: %v, %v", got, err)
	}
}

// TestVariantsOneByOne checks that a variant that computes wrong values is not used, and another one is.
func TestVariantsOneByOne(t *testing.T) {
	g := ownGPU(t)
	plant := func(as, is program) {
		id, err := g.compiled(is) // no variants are chosen yet
		if err != nil {
			t.Fatal(err)
		}
		as.variants = kernelVariants[as.kernel]
		g.programs[as] = id
	}
	plant(program{kernel: "norm", option: opRMSNorm}, program{kernel: "norm", option: opLayerNorm})
	for _, p := range []program{{option: matvecQuads, weight: quant.F32}, {option: matvecQuads, weight: quant.Q8_0}, {option: matvecQuads | matvecGated, weight: quant.Q4_K}} {
		p.kernel, p.blocks = "matvec", true
		plant(p, p)
	}
	g.info.features = 0xff
	d := deviceOn(t, g, 0)
	used, refused := g.Variants()
	if used != "CLUSTERS" || len(refused) != 1 || !errors.Is(refused[0], ErrWrong) {
		t.Errorf("%q are used; refused: %v", used, refused)
	}
	checkAll(t, g, d)
}
