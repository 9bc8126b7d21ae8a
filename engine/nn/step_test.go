package nn

import (
	"slices"
	"testing"
)

// TestPut checks the positions of rows with one and with several axes, whatever was put first, and that a step that is used again has none.
func TestPut(t *testing.T) {
	var s Step
	for range 2 {
		s.Append(nil, []int32{1, 2, 3}, 5)
		s.Put(1, Place{4, 4, 4})
		if want := []int32{5, 4, 7}; s.Axes != nil || !slices.Equal(s.Positions, want) {
			t.Fatalf("positions %v, axes %v; expected %v on all axes", s.Positions, s.Axes, want)
		}
		s.Put(2, Place{6, 8, 9})
		s.Append(nil, []int32{1, 2}, 30)
		s.Put(4, Place{20, 20, 20})
		for a, want := range [][]int32{{5, 4, 6, 30, 20}, {5, 4, 8, 30, 20}, {5, 4, 9, 30, 20}} {
			if !slices.Equal(s.Axes[a], want) || a == 0 && !slices.Equal(s.Positions, want) {
				t.Fatalf("axis %d: %v, expected %v; positions %v", a, s.Axes[a], want, s.Positions)
			}
		}
		s.Reset()
	}
}
