//go:build (linux || windows) && cgo

package gl

/*
#include <GL/glcorearb.h>
#include <stdlib.h>
#include <string.h>

// The functions of OpenGL that the package uses. One pointer serves all contexts.
#define FUNCTIONS(F) \
	F(GETERROR, GetError) F(GETSTRING, GetString) F(GETSTRINGI, GetStringi) F(GETINTEGERV, GetIntegerv) \
	F(GETINTEGER64V, GetInteger64v) F(GENBUFFERS, GenBuffers) F(DELETEBUFFERS, DeleteBuffers) F(BINDBUFFER, BindBuffer) \
	F(BINDBUFFERBASE, BindBufferBase) F(BUFFERDATA, BufferData) F(BUFFERSUBDATA, BufferSubData) \
	F(GETBUFFERSUBDATA, GetBufferSubData) F(COPYBUFFERSUBDATA, CopyBufferSubData) F(CLEARBUFFERSUBDATA, ClearBufferSubData) \
	F(CREATESHADER, CreateShader) F(SHADERSOURCE, ShaderSource) F(COMPILESHADER, CompileShader) F(GETSHADERIV, GetShaderiv) \
	F(GETSHADERINFOLOG, GetShaderInfoLog) F(DELETESHADER, DeleteShader) F(CREATEPROGRAM, CreateProgram) \
	F(ATTACHSHADER, AttachShader) F(LINKPROGRAM, LinkProgram) F(GETPROGRAMIV, GetProgramiv) \
	F(GETPROGRAMINFOLOG, GetProgramInfoLog) F(DELETEPROGRAM, DeleteProgram) F(USEPROGRAM, UseProgram) \
	F(UNIFORM1IV, Uniform1iv) F(DISPATCHCOMPUTE, DispatchCompute) F(MEMORYBARRIER, MemoryBarrier) F(FLUSH, Flush) \
	F(PROGRAMPARAMETERI, ProgramParameteri) F(GETPROGRAMBINARY, GetProgramBinary) F(PROGRAMBINARY, ProgramBinary)

#define FIELD(TYPE, NAME) PFNGL##TYPE##PROC NAME;
static struct { FUNCTIONS(FIELD) } gl;

#define NAME(TYPE, NAME) "gl" #NAME,
static const char *names[] = {FUNCTIONS(NAME)};
static int functions(void) { return sizeof names / sizeof *names; }
static const char *name(int i) { return names[i]; }
static void set(int i, void *function) { ((void **)&gl)[i] = function; }

static const char *text(GLenum name) { return (const char *)gl.GetString(name); }
static long long number(GLenum name) { GLint64 v = 0; gl.GetInteger64v(name, &v); return v; }

static void integers(GLenum name, GLint *out) { gl.GetIntegerv(name, out); }

// extension reports whether the context has one.
static int extension(const char *name) {
	GLint n = 0;
	gl.GetIntegerv(GL_NUM_EXTENSIONS, &n);
	for (GLint i = 0; i < n; i++)
		if (!strcmp(name, (const char *)gl.GetStringi(GL_EXTENSIONS, i))) return 1;
	return 0;
}

// error returns the first of the errors that were recorded, and forgets all.
static GLenum error(void) {
	GLenum first = gl.GetError();
	for (int i = 0; i < 64 && gl.GetError() != GL_NO_ERROR; i++) {}
	return first;
}

// compile returns a program, or 0 with the driver's words in log.
static GLuint compile(const char *source, char *log, int size) {
	GLuint shader = gl.CreateShader(GL_COMPUTE_SHADER), program;
	GLint ok = 0;
	gl.ShaderSource(shader, 1, &source, NULL);
	gl.CompileShader(shader);
	gl.GetShaderiv(shader, GL_COMPILE_STATUS, &ok);
	if (!ok) {
		gl.GetShaderInfoLog(shader, size, NULL, log);
		gl.DeleteShader(shader);
		return 0;
	}
	program = gl.CreateProgram();
	gl.ProgramParameteri(program, GL_PROGRAM_BINARY_RETRIEVABLE_HINT, GL_TRUE);
	gl.AttachShader(program, shader);
	gl.LinkProgram(program);
	gl.DeleteShader(shader);
	gl.GetProgramiv(program, GL_LINK_STATUS, &ok);
	if (!ok) {
		gl.GetProgramInfoLog(program, size, NULL, log);
		gl.DeleteProgram(program);
		return 0;
	}
	return program;
}

// binarySize returns the size of a program's binary; 0 if the driver has no format for it.
static GLint binarySize(GLuint program) {
	GLint formats = 0, size = 0;
	gl.GetIntegerv(GL_NUM_PROGRAM_BINARY_FORMATS, &formats);
	if (formats > 0) gl.GetProgramiv(program, GL_PROGRAM_BINARY_LENGTH, &size);
	return size;
}

// binary writes a program's binary, of at most size bytes, to out. It returns its size, or 0.
static GLint binary(GLuint program, GLint size, GLenum *format, void *out) {
	GLsizei n = 0;
	error();
	gl.GetProgramBinary(program, size, &n, format, out);
	return error() == GL_NO_ERROR ? n : 0;
}

// program returns the program of a binary, or 0 if the driver refuses it.
static GLuint program(GLenum format, const void *binary, GLint size) {
	GLuint p = gl.CreateProgram();
	GLint ok = 0;
	error();
	gl.ProgramBinary(p, format, binary, size);
	gl.GetProgramiv(p, GL_LINK_STATUS, &ok);
	if (error() == GL_NO_ERROR && ok) return p;
	gl.DeleteProgram(p);
	return 0;
}

// allocate returns a buffer of undefined content, or 0.
static GLuint allocate(long long bytes) {
	GLuint b = 0;
	error();
	gl.GenBuffers(1, &b);
	gl.BindBuffer(GL_SHADER_STORAGE_BUFFER, b);
	gl.BufferData(GL_SHADER_STORAGE_BUFFER, bytes, NULL, GL_DYNAMIC_COPY);
	if (error() != GL_NO_ERROR) {
		gl.DeleteBuffers(1, &b);
		return 0;
	}
	return b;
}

static void release(GLuint b) { gl.DeleteBuffers(1, &b); }

static void upload(GLuint b, long long at, const void *data, long long bytes) {
	gl.BindBuffer(GL_COPY_WRITE_BUFFER, b);
	gl.BufferSubData(GL_COPY_WRITE_BUFFER, at, bytes, data);
}

// command is what the Go type of that name is.
typedef struct {
	GLuint kind, program, more, flush, groups[3], count, buffers[8], params;
	GLint param[32];
} command;

enum { DISPATCH, COPY, CLEAR };

// execute runs the commands of a step: one upload, the commands in their order, one read that waits for all of them.
static GLenum execute(const command *all, int n, GLuint up, const void *data, long long upBytes, GLuint down, void *out, long long downBytes) {
	GLuint bound[8] = {0}, program = 0;
	error();
	if (upBytes > 0) upload(up, 0, data, upBytes);
	for (const command *c = all; c < all + n; c++) {
		switch (c->kind) {
		case DISPATCH:
			if (c->program != program) gl.UseProgram(program = c->program);
			for (GLuint i = 0; i < c->count; i++)
				if (c->buffers[i] != bound[i]) gl.BindBufferBase(GL_SHADER_STORAGE_BUFFER, i, bound[i] = c->buffers[i]);
			gl.Uniform1iv(0, c->params, c->param);
			gl.DispatchCompute(c->groups[0], c->groups[1], c->groups[2]);
			break;
		case COPY:
			gl.BindBuffer(GL_COPY_READ_BUFFER, c->buffers[1]);
			gl.BindBuffer(GL_COPY_WRITE_BUFFER, c->buffers[0]);
			gl.CopyBufferSubData(GL_COPY_READ_BUFFER, GL_COPY_WRITE_BUFFER, 4ll * c->param[1], 4ll * c->param[0], 4ll * c->param[2]);
			break;
		case CLEAR:
			gl.BindBuffer(GL_COPY_WRITE_BUFFER, c->buffers[0]);
			gl.ClearBufferSubData(GL_COPY_WRITE_BUFFER, GL_R32UI, 4ll * c->param[0], 4ll * c->param[2], GL_RED_INTEGER, GL_UNSIGNED_INT, NULL);
			break;
		}
		if (!c->more) gl.MemoryBarrier(GL_SHADER_STORAGE_BARRIER_BIT | GL_BUFFER_UPDATE_BARRIER_BIT);
		if (c->flush) gl.Flush();
	}
	gl.BindBuffer(GL_COPY_READ_BUFFER, down);
	gl.GetBufferSubData(GL_COPY_READ_BUFFER, 0, downBytes, out);
	return error();
}
*/
import "C"

import (
	"errors"
	"fmt"
	"unsafe"
)

// command is one command of a step; driver.go's C type has the same layout.
type command struct {
	kind, program uint32
	more          uint32 // 1: the next command needs none of the values that this one writes
	flush         uint32 // 1: what has been recorded is given to the driver
	groups        [3]uint32
	count         uint32 // of buffers
	buffers       [8]uint32
	params        uint32 // number of params
	param         [mostParams]int32
}

const mostParams = 32

// The kinds of commands.
const (
	dispatch = iota
	copyWords
	clearWords
)

// context is an OpenGL context. Only the thread on which it is current may use it.
type context struct {
	current
	count *counter // not nil: there is no driver, nothing is allocated or run
}

// current is a context of a window system, which is current on a thread.
type current interface {
	// function returns the address of a function of OpenGL, or nil.
	function(name string) unsafe.Pointer
	// leave makes no context current.
	leave()
	// close destroys the context.
	close()
}

// newContext finds the functions of OpenGL. If it fails, it closes c.
func newContext(c current) (context, error) {
	for i := range C.functions() {
		name := C.GoString(C.name(i))
		f := c.function(name)
		if f == nil {
			c.close()
			return context{}, fmt.Errorf("%w: the driver has no %s", ErrUnavailable, name)
		}
		C.set(i, f)
	}
	return context{current: c}, nil
}

// close destroys the context.
func (c context) close() {
	if c.count == nil {
		c.current.close()
	}
}

// info describes the context.
func (c context) info() Info {
	i := Info{Version: C.GoString(C.text(C.GL_VERSION)), Renderer: C.GoString(C.text(C.GL_RENDERER)), vendor: C.GoString(C.text(C.GL_VENDOR)), Compute: true,
		StorageBytes: int64(C.number(C.GL_MAX_SHADER_STORAGE_BLOCK_SIZE))}
	i.Software = isSoftware(i.Renderer)
	for _, name := range useful {
		if hasExtension(name) {
			i.Extensions = append(i.Extensions, name)
		}
	}
	const features, stages = 0x9534, 0x9533 // GL_KHR_shader_subgroup
	if hasExtension("GL_KHR_shader_subgroup") && C.number(stages)&C.GL_COMPUTE_SHADER_BIT != 0 {
		i.features = int64(C.number(features))
	}
	const dedicatedKiB, availableKiB = 0x9047, 0x9049 // GL_NVX_gpu_memory_info
	const bufferFreeKiB = 0x87FB                      // GL_ATI_meminfo
	switch {
	case hasExtension("GL_NVX_gpu_memory_info"):
		i.MemoryBytes, i.FreeBytes = int64(C.number(dedicatedKiB))<<10, int64(C.number(availableKiB))<<10
	case hasExtension("GL_ATI_meminfo"):
		var free [4]C.GLint
		C.integers(bufferFreeKiB, &free[0])
		i.FreeBytes = int64(free[0]) << 10
		i.MemoryBytes = i.FreeBytes
	}
	return i
}

func hasExtension(name string) bool {
	s := C.CString(name)
	defer C.free(unsafe.Pointer(s))
	return C.extension(s) != 0
}

// compile returns the program of a compute shader.
func (c context) compile(source string) (uint32, error) {
	if c.count != nil {
		return c.count.next(), nil
	}
	s := C.CString(source)
	defer C.free(unsafe.Pointer(s))
	var log [2048]C.char
	id := C.compile(s, &log[0], C.int(len(log)))
	if id == 0 {
		return 0, errors.New(C.GoString(&log[0]))
	}
	return uint32(id), nil
}

// binary returns the driver's form of a program and the number of its format; nil if the driver has none.
func (c context) binary(program uint32) (format uint32, data []byte) {
	size := C.binarySize(C.GLuint(program))
	if size <= 0 {
		return 0, nil
	}
	data = make([]byte, size)
	var f C.GLenum
	n := C.binary(C.GLuint(program), size, &f, unsafe.Pointer(unsafe.SliceData(data)))
	return uint32(f), data[:max(0, n)]
}

// program returns the program of a binary, which is not empty; 0 if the driver refuses it.
func (c context) program(format uint32, data []byte) uint32 {
	return uint32(C.program(C.GLenum(format), unsafe.Pointer(unsafe.SliceData(data)), C.GLint(len(data))))
}

// allocate returns a buffer, or 0 if there is no memory for it.
func (c context) allocate(bytes int) uint32 {
	if c.count != nil {
		return c.count.next()
	}
	return uint32(C.allocate(C.longlong(bytes)))
}

func (c context) release(buffer uint32) {
	if c.count == nil {
		C.release(C.GLuint(buffer))
	}
}

func (c context) error() (number uint32) {
	if c.count != nil {
		return 0
	}
	return uint32(C.error())
}

// upload writes data, which is not empty, to bytes at … of a buffer.
func (c context) upload(buffer uint32, at int, data []byte) {
	if c.count != nil {
		return
	}
	C.upload(C.GLuint(buffer), C.longlong(at), unsafe.Pointer(unsafe.SliceData(data)), C.longlong(len(data)))
}

// execute writes words to the buffer up, runs the commands, and reads the beginning of the buffer down into out. It returns the
// first error of OpenGL, or 0.
func (c context) execute(all []command, up uint32, words []uint32, down uint32, out []uint32) uint32 {
	if c.count != nil {
		out[0] = words[0] // the mark
		return 0
	}
	return uint32(C.execute((*C.command)(unsafe.Pointer(unsafe.SliceData(all))), C.int(len(all)),
		C.GLuint(up), unsafe.Pointer(unsafe.SliceData(words)), C.longlong(4*len(words)),
		C.GLuint(down), unsafe.Pointer(unsafe.SliceData(out)), C.longlong(4*len(out))))
}

// commandBytes is the size of a command in C.
const commandBytes = C.sizeof_command
