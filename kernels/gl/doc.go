// Package gl implements kernels.Device on graphics processors by compute shaders of OpenGL 4.3, which needs no vendor's kit. It
// opens contexts by EGL, without a display, or with a hidden window; systems other than Linux and Windows, and builds without cgo, have no device.
//
//	gl, errors, none        what the system's OpenGL is, typed errors
//	driver                  the C functions of OpenGL, and the loop that runs a step's commands
//	egl, window             contexts
//	gpu, programs, binaries a context and its thread, compiled shaders, their files
//	variants                which extensions kernels use
//	device, buffer          the device, its memory
//	matrix, vector          weights, in the blocks of their files
//	step, commands, arena   steps: recorded operations, tensors
//	pace                    how much a dispatch does
//	order                   which operations need no barrier between them
//	products, experts       products with weights, mixtures of experts
//	elements, norms, moves  operations on rows
//	attend, weights         attention over keys and values
//	state, pages, recurrent what layers keep of a sequence
//	check, checkmore        the self-check
//	shaders                 GLSL: a file for each kernel, specialised by #define
//
// A step records its operations as commands. End hands them to the context's thread, which uploads the batch in one transfer,
// runs the commands, waits once, and reads the rows that were asked for in one transfer.
package gl
