//go:build (linux || windows) && cgo

package gl

import (
	"fmt"
	"os"
	"runtime"
	"unsafe"

	"github.com/go-gl/glfw/v3.3/glfw"
)

// GLFW wants to be called on the main thread, which the main goroutine has from now on.
func init() { runtime.LockOSThread() }

// windowContext is the context of a hidden window. GLFW makes and destroys windows on the main thread only; their contexts can be current on
// any other.
type windowContext struct{ window *glfw.Window }

// newWindow makes a hidden window with a context. It must be called on the main thread, and so must destroy.
func newWindow() (w *windowContext, err error) {
	defer func() {
		if v := recover(); v != nil { // so GLFW reports that it could not be initialized
			w, err = nil, fmt.Errorf("%w: there is no window system: %v", ErrUnavailable, v)
		}
	}()
	if runtime.GOOS == "linux" && os.Getenv("DISPLAY") == "" && os.Getenv("WAYLAND_DISPLAY") == "" {
		return nil, fmt.Errorf("%w: there is no display", ErrUnavailable)
	}
	if err := glfw.Init(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	glfw.DefaultWindowHints()
	glfw.WindowHint(glfw.Visible, glfw.False)
	glfw.WindowHint(glfw.ContextVersionMajor, 4)
	glfw.WindowHint(glfw.ContextVersionMinor, 3)
	glfw.WindowHint(glfw.OpenGLProfile, glfw.OpenGLCoreProfile)
	window, err := glfw.CreateWindow(16, 16, "Soberano", nil, nil)
	glfw.DefaultWindowHints() // they hold for the windows of the whole process
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return &windowContext{window}, nil
}

// open makes the context current on the calling thread.
func (w *windowContext) open() (current, error) {
	w.window.MakeContextCurrent()
	return w, nil
}

func (*windowContext) function(name string) unsafe.Pointer { return glfw.GetProcAddress(name) }
func (*windowContext) leave()                              { glfw.DetachCurrentContext() }
func (w *windowContext) close()                            { w.leave() }

// destroy destroys the window, whose context is current nowhere.
func (w *windowContext) destroy() { w.window.Destroy() }
