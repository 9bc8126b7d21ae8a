package window

import (
	"testing"

	"soberano/app/settings"
)

// A window is no larger than the screen at any scale, and completely on it.
func TestFitted(t *testing.T) {
	screen := area{0, 0, 1280, 800}
	for _, c := range []struct {
		p     settings.Place
		on    area
		scale float32
		want  settings.Place
	}{
		{settings.Place{}, screen, 1, settings.Place{X: 4, Y: 32, Width: 1200, Height: 760}},
		{settings.Place{}, screen, 2, settings.Place{X: 4, Y: 32, Width: 636, Height: 382}},
		{settings.Place{X: 300, Y: 200, Width: 700, Height: 500}, screen, 1, settings.Place{X: 300, Y: 200, Width: 700, Height: 500}},
		{settings.Place{X: 900, Y: 700, Width: 700, Height: 500}, screen, 1, settings.Place{X: 576, Y: 296, Width: 700, Height: 500}},
		{settings.Place{X: 1500, Y: 100, Width: 4000, Height: 300}, area{1280, 40, 1920, 1000}, 1.5, settings.Place{X: 1285, Y: 100, Width: 1274, Height: 300}},
		{settings.Place{X: 100, Y: 100, Width: 400, Height: 300, Scale: 2}, screen, 1, settings.Place{X: 100, Y: 100, Width: 800, Height: 600, Scale: 2}},
		{settings.Place{X: 100, Y: 100, Width: 400, Height: 300, Scale: 1}, screen, 1, settings.Place{X: 100, Y: 100, Width: 400, Height: 300, Scale: 1}},
	} {
		if got := fitted(c.p, c.on, c.scale); got != c.want {
			t.Errorf("%+v on %+v at %v: %+v, want %+v", c.p, c.on, c.scale, got, c.want)
		}
	}
}
