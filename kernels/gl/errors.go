package gl

import "errors"

// The errors of this package wrap one of these, so that a caller can run a model on the CPU instead.
var (
	// ErrUnavailable: there is no OpenGL 4.3 with compute shaders, or this build can't use it.
	ErrUnavailable = errors.New("no OpenGL 4.3 compute")
	// ErrOutOfMemory: the GPU's memory, or Options.Memory, is used up.
	ErrOutOfMemory = errors.New("out of GPU memory")
	// ErrUnsupported: the device does not implement this, or a limit of the driver is too low for it.
	ErrUnsupported = errors.New("not supported by the GPU device")
	// ErrLost: the context was lost, or the driver did not run what it was given.
	ErrLost = errors.New("the OpenGL context is lost")
	// ErrDriver: the driver refused a shader or a command.
	ErrDriver = errors.New("the OpenGL driver failed")
	// ErrWrong: the self-check found a wrong result.
	ErrWrong = errors.New("the GPU computes wrong values")
	// errClosed is the error of everything after Close.
	errClosed = errors.New("gl: the device is closed")
)
