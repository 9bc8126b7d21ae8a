//go:build cgo

package gl

/*
#cgo LDFLAGS: -lEGL
#include <EGL/egl.h>
#include <EGL/eglext.h>
#include <stdlib.h>

// devices writes the EGL devices of the machine to out and returns their number; 0 if EGL can't list them.
static int devices(EGLDeviceEXT *out, int most) {
	PFNEGLQUERYDEVICESEXTPROC query = (PFNEGLQUERYDEVICESEXTPROC)eglGetProcAddress("eglQueryDevicesEXT");
	EGLint n = 0;
	return query && query(most, out, &n) ? n : 0;
}

// display returns an initialized display: that of a device or, with device < 0, the surfaceless one of Mesa.
static const char *display(int device, EGLDisplay *out) {
	PFNEGLGETPLATFORMDISPLAYEXTPROC platform = (PFNEGLGETPLATFORMDISPLAYEXTPROC)eglGetProcAddress("eglGetPlatformDisplayEXT");
	if (!platform) return "EGL has no platforms";
	if (device < 0) {
		*out = platform(EGL_PLATFORM_SURFACELESS_MESA, EGL_DEFAULT_DISPLAY, NULL);
	} else {
		EGLDeviceEXT all[64];
		if (device >= devices(all, 64)) return "EGL has no such device";
		*out = platform(EGL_PLATFORM_DEVICE_EXT, all[device], NULL);
	}
	if (*out == EGL_NO_DISPLAY) return "EGL has no display without a window system";
	return eglInitialize(*out, NULL, NULL) ? NULL : "EGL does not start";
}

// create makes a context without a surface and makes it current. It returns NULL, or what failed.
static const char *create(int device, EGLDisplay *d, EGLContext *ctx) {
	const char *failed = display(device, d);
	if (failed) return failed;
	EGLint want[] = {EGL_RENDERABLE_TYPE, EGL_OPENGL_BIT, EGL_SURFACE_TYPE, 0, EGL_NONE};
	EGLint core[] = {EGL_CONTEXT_MAJOR_VERSION, 4, EGL_CONTEXT_MINOR_VERSION, 3,
		EGL_CONTEXT_OPENGL_PROFILE_MASK, EGL_CONTEXT_OPENGL_CORE_PROFILE_BIT, EGL_NONE};
	EGLConfig config;
	EGLint found = 0;
	if (!eglBindAPI(EGL_OPENGL_API)) return "EGL has no desktop OpenGL";
	if (!eglChooseConfig(*d, want, &config, 1, &found) || found < 1) return "EGL has no configuration for OpenGL";
	if ((*ctx = eglCreateContext(*d, config, EGL_NO_CONTEXT, core)) == EGL_NO_CONTEXT) return "there is no OpenGL 4.3 core context";
	if (!eglMakeCurrent(*d, EGL_NO_SURFACE, EGL_NO_SURFACE, *ctx)) {
		eglDestroyContext(*d, *ctx);
		return "the OpenGL context can't be used";
	}
	return NULL;
}

static void leave(EGLDisplay d) { eglMakeCurrent(d, EGL_NO_SURFACE, EGL_NO_SURFACE, EGL_NO_CONTEXT); }
static void destroy(EGLDisplay d, EGLContext c) { leave(d); eglDestroyContext(d, c); }
*/
import "C"

import (
	"fmt"
	"unsafe"
)

// eglContext is a context of EGL without a surface.
type eglContext struct {
	display C.EGLDisplay
	context C.EGLContext
}

// openEGL makes a context on the device of EGL with that number or, if it is negative, on the one that Mesa chooses. It
// is current on the calling thread.
func openEGL(device int) (current, error) {
	var c eglContext
	if why := C.create(C.int(device), &c.display, &c.context); why != nil {
		return nil, fmt.Errorf("%w: %s", ErrUnavailable, C.GoString(why))
	}
	return &c, nil
}

func (*eglContext) function(name string) unsafe.Pointer {
	s := C.CString(name)
	defer C.free(unsafe.Pointer(s))
	return unsafe.Pointer(C.eglGetProcAddress(s))
}

func (c *eglContext) leave() { C.leave(c.display) }

// close destroys the context. The display, which all contexts of a device share, stays initialized.
func (c *eglContext) close() { C.destroy(c.display, c.context) }

// countDevices returns the number of EGL's devices; 0 if EGL can't list them.
func countDevices() int {
	var all [64]C.EGLDeviceEXT
	return int(C.devices(&all[0], 64))
}
