//go:build (linux || windows) && cgo

package gl

import "strings"

// variant is a set of ways to compute that the baseline does not have. A driver offers them by extensions; each is used only after it has computed
// right results.
type variant uint

const (
	// subgroups: sums and maxima over a work group are made of those of its subgroups (SUBGROUPS in common.glsl).
	subgroups variant = 1 << iota
	// clusters: neighbours in a subgroup that share a row of weights add their sums up there (CLUSTERS in matvec.glsl).
	clusters
	variantsEnd
)

// String returns the names, as a shader knows them.
func (v variant) String() string {
	var names []string
	for i, name := range []string{"SUBGROUPS", "CLUSTERS"} {
		if v>>i&1 == 1 {
			names = append(names, name)
		}
	}
	return strings.Join(names, " ")
}

// kernelVariants are the variants that kernels have.
var kernelVariants = map[string]variant{"norm": subgroups, "attend": subgroups, "route": subgroups, "matvec": clusters}

// variantExtensions are the extensions of GLSL that a variant needs.
var variantExtensions = map[variant][]string{
	subgroups: {"GL_KHR_shader_subgroup_basic", "GL_KHR_shader_subgroup_arithmetic"},
	clusters:  {"GL_KHR_shader_subgroup_basic", "GL_KHR_shader_subgroup_clustered"},
}

// The features of GL_KHR_shader_subgroup that a driver reports.
const (
	featureArithmetic = 0x04
	featureClustered  = 0x40
)

// subgroupVariants returns the variants that a driver with these features of subgroups offers.
func subgroupVariants(features int64) (v variant) {
	if features&featureArithmetic != 0 {
		v |= subgroups
	}
	if features&featureClustered != 0 {
		v |= clusters
	}
	return v
}

// chooseVariants tries each variant that the driver offers with the kernels that have it, and switches it off if a result is wrong or a shader is not
// compiled. The first device of a GPU does this.
func (g *GPU) chooseVariants() {
	g.chosen.Do(func() {
		for v := variant(1); v < variantsEnd; v <<= 1 {
			if subgroupVariants(g.info.features)&v == 0 {
				continue
			}
			g.variants |= v
			if err := g.check(func(c *checker) { c.variant(v) }); err != nil {
				g.variants &^= v
				g.refused = append(g.refused, err)
			}
		}
	})
}

// Variants returns the names of the variants of kernels in use that not every driver can run, and why others that the driver offers are not used.
// It is known when the GPU has a device.
func (g *GPU) Variants() (used string, refused []error) { return g.variants.String(), g.refused }
