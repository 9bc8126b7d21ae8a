package window

import (
	"fyne.io/fyne/v2"
	"github.com/go-gl/glfw/v3.3/glfw"

	"soberano/app/settings"
)

// The size of a window that was never opened before, in Fyne's units.
const usualWidth, usualHeight = 1200, 760

// frame is the space that the frame of a window takes on a screen, in pixels: its title above, its edges at the sides and below.
const frameTop, frameEdge = 32, 4

// native calls f with the window of the display server. Fyne tells nothing of it but its size; f runs only if this build of Fyne
// draws with GLFW.
func native(w fyne.Window, f func(*glfw.Window)) {
	drawn, ok := w.(interface{ RunWithContext(func()) })
	if !ok {
		return
	}
	drawn.RunWithContext(func() {
		if v := glfw.GetCurrentContext(); v != nil {
			f(v)
		}
	})
}

// placeOf returns where the window is. It must be visible.
func placeOf(w fyne.Window) settings.Place {
	size := w.Canvas().Size()
	p := settings.Place{Width: int(size.Width), Height: int(size.Height), Scale: w.Canvas().Scale()}
	native(w, func(v *glfw.Window) {
		p.X, p.Y = v.GetPos()
		p.Maximized = v.GetAttrib(glfw.Maximized) == glfw.True
	})
	return p
}

// area is the usable part of a screen, without panels, in pixels.
type area struct{ x, y, width, height int }

// screens returns the usable parts of all screens, the primary one first.
func screens() (list []area) {
	for _, m := range glfw.GetMonitors() {
		x, y, width, height := m.GetWorkarea()
		list = append(list, area{x, y, width, height})
	}
	return list
}

// setPlace puts a visible window where it was when it was closed, if that is still on a screen, and makes it no larger than the
// screen.
func setPlace(w fyne.Window, p settings.Place) {
	list := screens()
	if len(list) == 0 {
		return
	}
	scale := w.Canvas().Scale()
	screen, there := list[0], false
	for _, a := range list {
		if p.Width > 0 && p.X >= a.x && p.Y >= a.y && p.X < a.x+a.width && p.Y < a.y+a.height {
			screen, there = a, true
			break
		}
	}
	f := fitted(p, screen, scale)
	w.Resize(fyne.NewSize(float32(f.Width), float32(f.Height)))
	native(w, func(v *glfw.Window) {
		if there {
			v.SetPos(f.X, f.Y)
		}
		if p.Maximized {
			v.Maximize()
		}
	})
}

// fitted returns a place of at most the size of a screen, and completely on it.
func fitted(p settings.Place, on area, scale float32) settings.Place {
	if p.Width <= 0 || p.Height <= 0 {
		p.Width, p.Height = usualWidth, usualHeight
	} else if p.Scale > 0 { // the window keeps its size in pixels
		p.Width, p.Height = int(float32(p.Width)*p.Scale/scale), int(float32(p.Height)*p.Scale/scale)
	}
	most := func(pixels int) int { return int(float32(pixels) / scale) }
	p.Width = min(p.Width, most(on.width-2*frameEdge))
	p.Height = min(p.Height, most(on.height-frameTop-frameEdge))
	inside := func(at, from, size, most int) int { return max(from, min(at, from+most-size)) }
	p.X = inside(p.X, on.x+frameEdge, int(float32(p.Width)*scale), on.width-2*frameEdge)
	p.Y = inside(p.Y, on.y+frameTop, int(float32(p.Height)*scale), on.height-frameTop-frameEdge)
	return p
}
