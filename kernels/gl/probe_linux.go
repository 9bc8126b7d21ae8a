//go:build cgo

package gl

/*
#cgo LDFLAGS: -lEGL
#include <EGL/egl.h>
#include <EGL/eglext.h>
#include <string.h>

typedef const unsigned char *(*get_string)(unsigned int);
typedef void (*get_integer)(unsigned int, long long *);

// probe makes a context without any surface (no X, no Wayland, no main thread), asks,
// and takes it down again. It returns NULL, or what failed.
static const char *probe(char *version, char *renderer, int n, long long *storage) {
	PFNEGLGETPLATFORMDISPLAYEXTPROC platform = (PFNEGLGETPLATFORMDISPLAYEXTPROC)eglGetProcAddress("eglGetPlatformDisplayEXT");
	EGLDisplay d = platform ? platform(EGL_PLATFORM_SURFACELESS_MESA, EGL_DEFAULT_DISPLAY, NULL) : EGL_NO_DISPLAY;
	if (d == EGL_NO_DISPLAY) return "EGL has no surfaceless display";
	if (!eglInitialize(d, NULL, NULL)) return "EGL does not start";
	const char *failed = NULL;
	EGLint want[] = {EGL_RENDERABLE_TYPE, EGL_OPENGL_BIT, EGL_SURFACE_TYPE, 0, EGL_NONE};
	EGLint core[] = {EGL_CONTEXT_MAJOR_VERSION, 4, EGL_CONTEXT_MINOR_VERSION, 3,
		EGL_CONTEXT_OPENGL_PROFILE_MASK, EGL_CONTEXT_OPENGL_CORE_PROFILE_BIT, EGL_NONE};
	EGLConfig config;
	EGLint found = 0;
	EGLContext ctx = EGL_NO_CONTEXT;
	if (!eglBindAPI(EGL_OPENGL_API)) failed = "EGL has no desktop OpenGL";
	else if (!eglChooseConfig(d, want, &config, 1, &found) || found < 1) failed = "EGL has no configuration for OpenGL";
	else if ((ctx = eglCreateContext(d, config, EGL_NO_CONTEXT, core)) == EGL_NO_CONTEXT) failed = "there is no OpenGL 4.3 core context";
	else if (!eglMakeCurrent(d, EGL_NO_SURFACE, EGL_NO_SURFACE, ctx)) failed = "the OpenGL context can't be used";
	else {
		get_string string = (get_string)eglGetProcAddress("glGetString");
		get_integer integer = (get_integer)eglGetProcAddress("glGetInteger64v");
		const char *v = string ? (const char *)string(0x1F02) : NULL; // GL_VERSION
		const char *r = string ? (const char *)string(0x1F01) : NULL; // GL_RENDERER
		if (v) strncpy(version, v, n - 1);
		if (r) strncpy(renderer, r, n - 1);
		if (integer) integer(0x90DE, storage); // GL_MAX_SHADER_STORAGE_BLOCK_SIZE
		eglMakeCurrent(d, EGL_NO_SURFACE, EGL_NO_SURFACE, EGL_NO_CONTEXT);
	}
	if (ctx != EGL_NO_CONTEXT) eglDestroyContext(d, ctx);
	eglTerminate(d);
	return failed;
}
*/
import "C"

import (
	"fmt"
	"runtime"
)

// Probe asks the system's OpenGL through surfaceless EGL; it needs no window.
func Probe() (Info, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var version, renderer [256]C.char
	var storage C.longlong
	if why := C.probe(&version[0], &renderer[0], 256, &storage); why != nil {
		return Info{}, fmt.Errorf("OpenGL compute: %s", C.GoString(why))
	}
	return Info{C.GoString(&version[0]), C.GoString(&renderer[0]), true, int64(storage)}, nil
}
