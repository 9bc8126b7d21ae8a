package contract

import (
	"slices"

	"soberano/kernels"
)

// Positions is the number of positions in a page.
const Positions = 256

// MaxStateBytes is an upper bound of the size of a state; a larger one is a mistake.
const MaxStateBytes = 1 << 43

// Carried stands for the group of the recurrent layers, whose values are one page.
const Carried = -1

// Plan is what all states of one shape have in common. Layers of keys and values (latent ones too) with the same window form a group, whose
// pages have memory of each of them.
type Plan struct {
	Shape   kernels.StateShape
	Group   []int // of each layer; Carried for recurrent ones
	Windows []int // of each group
	// PageBytes is the size of a page of each group, CarriedBytes that of the values of the recurrent layers. The device sets them.
	PageBytes    []int64
	CarriedBytes int64
	HasCarried   bool // there are recurrent layers
}

// NewPlan returns the plan of a shape that Check has accepted.
func NewPlan(s kernels.StateShape) Plan {
	p := Plan{Shape: kernels.StateShape{Layers: slices.Clone(s.Layers), Cap: s.Cap}}
	for _, l := range s.Layers {
		g := Carried
		if l.Kind == kernels.Recurrent {
			p.HasCarried = true
		} else if g = slices.Index(p.Windows, l.Window); g < 0 {
			g = len(p.Windows)
			p.Windows = append(p.Windows, l.Window)
		}
		p.Group = append(p.Group, g)
	}
	p.PageBytes = make([]int64, len(p.Windows))
	return p
}

// MaxBytes returns the memory of a full state that is filled in steps of at most step positions.
func (p *Plan) MaxBytes(step int) int64 {
	sum := p.CarriedBytes
	for g, bytes := range p.PageBytes {
		n := pagesOf(p.Shape.Cap)
		if w := p.Windows[g]; w > 0 {
			// The window of a step's first row may begin at any position of a page.
			n = min(n, pagesOf(w-1+max(1, step)+Positions-1))
		}
		sum += int64(n) * bytes
	}
	return sum
}

// pagesOf returns how many pages that many positions take.
func pagesOf(n int) int { return (n + Positions - 1) / Positions }
