package window

import (
	"fmt"
	"os"
	"runtime"

	"github.com/go-gl/glfw/v3.3/glfw"
)

// probe creates a hidden window as Fyne does, and destroys it: without a display or OpenGL, Fyne itself keeps running without
// any window.
func probe() (err error) {
	// glfw only prints that a display can't be opened, and panics in the next call.
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: %v", ErrNoDisplay, r)
		}
	}()
	if runtime.GOOS != "windows" && runtime.GOOS != "darwin" && os.Getenv("DISPLAY") == "" && os.Getenv("WAYLAND_DISPLAY") == "" {
		return fmt.Errorf("%w (neither DISPLAY nor WAYLAND_DISPLAY is set)", ErrNoDisplay)
	}
	if err := glfw.Init(); err != nil {
		return fmt.Errorf("%w: %w", ErrNoDisplay, err)
	}
	glfw.DefaultWindowHints()
	glfw.WindowHint(glfw.Visible, glfw.False)
	glfw.WindowHint(glfw.ContextVersionMajor, 2)
	glfw.WindowHint(glfw.ContextVersionMinor, 0)
	w, err := glfw.CreateWindow(64, 64, "", nil, nil)
	glfw.DefaultWindowHints()
	if err != nil {
		glfw.Terminate()
		return fmt.Errorf("the display can't draw with OpenGL 2.0, which the window needs: %w; install the graphics driver (on Debian: libgl1-mesa-dri)", err)
	}
	w.Destroy()
	return nil
}
