package window

import (
	"fyne.io/fyne/v2"
	"github.com/go-gl/glfw/v3.3/glfw"

	"soberano/app/ui"
)

// tellRepeats tells ui of each key of a visible window whether it repeats, before Fyne handles the key. Fyne's events don't say it.
func tellRepeats(w fyne.Window) {
	native(w, func(v *glfw.Window) {
		handle := v.SetKeyCallback(nil)
		v.SetKeyCallback(func(v *glfw.Window, key glfw.Key, code int, action glfw.Action, mods glfw.ModifierKey) {
			ui.SetRepeats(action == glfw.Repeat)
			if handle != nil {
				handle(v, key, code, action, mods)
			}
		})
	})
}
