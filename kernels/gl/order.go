//go:build (linux || windows) && cgo

package gl

import "soberano/kernels"

// order finds commands between which no barrier is needed: the present group is commands of which none reads or writes what another one writes.
type order struct {
	accesses []access
	first    int  // number of commands when the operation that is being recorded began
	end      int  // number of commands when the last operation of the group was recorded
	joins    bool // the operation that is being recorded belongs to the group
}

// access is a tensor that a command of the present group reads or writes.
type access struct {
	t     kernels.Tensor
	write bool
}

// follow begins an operation that writes dst and reads the others. If it needs nothing of the present group, there is no barrier
// before it, otherwise it begins a new group. followed must be called when its commands have been recorded. Operations that call neither
// have barriers on both sides.
func (s *step) follow(dst kernels.Tensor, reads ...kernels.Tensor) {
	o := &s.order
	o.first = len(s.commands)
	o.joins = o.first > 0 && len(o.accesses) > 0 && o.end == o.first && !o.conflicts(dst, true)
	for i := 0; o.joins && i < len(reads); i++ {
		o.joins = !o.conflicts(reads[i], false)
	}
	if !o.joins {
		o.accesses = o.accesses[:0]
	}
	o.accesses = append(o.accesses, access{dst, true})
	for _, t := range reads {
		o.accesses = append(o.accesses, access{t, false})
	}
}

// followed ends an operation.
func (s *step) followed() {
	o := &s.order
	if o.end = len(s.commands); o.joins && o.end > o.first {
		s.commands[o.first-1].more = 1
	}
}

// together records that the commands from number first on need no barriers between them.
func (s *step) together(first int) {
	for i := first; i+1 < len(s.commands); i++ {
		s.commands[i].more = 1
	}
}

// conflicts reports whether the access to t needs what a command of the group writes, or writes what one needs.
func (o *order) conflicts(t kernels.Tensor, write bool) bool {
	for i := range o.accesses {
		a := &o.accesses[i]
		if (write || a.write) && t.Buffer != nil && t.Buffer == a.t.Buffer && t.Overlaps(a.t, a.t.Offset-t.Offset) {
			return true
		}
	}
	return false
}
