package cpu

import (
	"fmt"
	"io"

	"soberano/kernels/contract"
)

// savedVersion must be incremented with every change of the layout of pages that layerForm does not tell.
const savedVersion = 1

// Layout implements kernels.SavedState.
func (s *state) Layout() string {
	text := fmt.Sprintf("cpu %d, %d positions", savedVersion, page)
	for i, f := range s.plan.layers {
		text += fmt.Sprintf("\n%d %+v", s.plan.Group[i], f)
	}
	return text
}

// Save implements kernels.SavedState.
func (s *state) Save(w io.Writer) error {
	return s.State.Save(w, func(p *shared, group, n int) error {
		_, err := w.Write(s.content(p, group, n))
		return err
	})
}

// Restore implements kernels.SavedState.
func (s *state) Restore(r io.Reader) error {
	return s.State.Restore(r, (*pager)(s), func(p *shared) error {
		_, err := io.ReadFull(r, p.data)
		return err
	})
}

// content returns the memory of a page without what others have left in it: behind its n positions, and in layers that have stored nothing.
func (s *state) content(p *shared, group, n int) []byte {
	if group == contract.Carried {
		return p.data
	}
	out := newShared(p.form)
	for l := range s.plan.layers {
		f := &s.plan.layers[l]
		if s.plan.Group[l] != group || s.At(l) == 0 {
			continue
		}
		f.copyTo(out.data, p.data, n)
		end := (n + 31) &^ 31
		c := keysValues{f, &contract.Group[*shared]{Pages: []*shared{out}}}
		key, value := make([]float32, f.KeyDim), make([]float32, f.ValueDim)
		for at := n; at < end; at++ {
			for h := range f.KVHeads {
				c.put(s.dev.lv, h, at, key, value)
			}
		}
		if n < end {
			c.clearValues(n, end)
		}
	}
	return out.data
}
