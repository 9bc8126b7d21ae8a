package batch

import (
	"testing"

	"pgregory.net/rapid"
	"soberano/engine/nn"
)

// TestPlace compares the positions of rows with those that counting from the beginning gives.
func TestPlace(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var images []Image
		var want []nn.Place
		next := int32(0)
		for range rapid.IntRange(0, 4).Draw(t, "images") {
			for range rapid.IntRange(0, 5).Draw(t, "tokens before it") {
				want = append(want, nn.Place{next, next, next})
				next++
			}
			across, down := rapid.IntRange(1, 6).Draw(t, "columns"), rapid.IntRange(1, 6).Draw(t, "lines")
			m := Image{At: len(want), N: across * down, Across: across}
			if rapid.Bool().Draw(t, "positions as of tokens") {
				m.Across = 0
			}
			images = append(images, m)
			for i := range m.N {
				p := nn.Place{next, next + int32(i/across), next + int32(i%across)}
				if m.Across == 0 {
					p = nn.Place{next + int32(i), next + int32(i), next + int32(i)}
				}
				want = append(want, p)
			}
			if next += int32(max(across, down)); m.Across == 0 {
				next += int32(m.N - max(across, down))
			}
		}
		for range 3 {
			want = append(want, nn.Place{next, next, next})
			next++
		}
		for n, p := range want {
			if got := place(images, n); got != p {
				t.Fatalf("row %d is at %v, expected %v; images %+v", n, got, p, images)
			}
		}
	})
}
