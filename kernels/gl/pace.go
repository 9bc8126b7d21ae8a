//go:build (linux || windows) && cgo

package gl

import "time"

// dispatchTime is how long a dispatch should take, and what is done between two points at which the driver can give the card to other programs: a
// frame of a window that waits for it still comes within 50 ms.
const dispatchTime = 10 * time.Millisecond

const (
	// mostWork is the most multiplications with weights, of queries with keys and values, or of recurrences, of a dispatch, and the most between two
	// points at which the driver can give the card to other programs, however fast the card is.
	mostWork = 1 << 31
	// firstWork is that of the first step: 10 ms on a card that does 27 billion operations a second.
	firstWork = 1 << 27
	// leastWork bounds the number of dispatches: only software drivers need more than dispatchTime for so much.
	leastWork = 1 << 22
)

// bound returns the most multiplications of a dispatch at present.
func (d *device) bound() float64 { return min(d.pace, d.gpu.mostWork) }

// paced sets the bound for the next step: what the card did in dispatchTime in a step of so many multiplications, which took so long. In a step that was
// shorter no dispatch was too long. The bound grows slowly, since a step may be slower than the one before. It does not change what is computed: a
// product's values do not depend on its dispatch.
func (d *device) paced(work float64, took time.Duration) {
	next := 2 * d.pace
	if took > dispatchTime {
		next = min(next, work*dispatchTime.Seconds()/took.Seconds())
	}
	d.pace = min(max(next, leastWork), mostWork)
}
