package gl

import "strings"

// Info is what the system's OpenGL reports about itself.
type Info struct {
	Version  string `json:"version"`  // GL_VERSION
	Renderer string `json:"renderer"` // GL_RENDERER
	vendor   string // GL_VENDOR
	// Compute is true from OpenGL 4.3 on, which has compute shaders and storage buffers.
	Compute bool `json:"compute"`
	// StorageBytes is the largest storage block (GL_MAX_SHADER_STORAGE_BLOCK_SIZE).
	StorageBytes int64 `json:"storage_bytes"`
	// MemoryBytes is the memory of the GPU; 0 if the driver does not report it. A driver that reports only what is free (GL_ATI_meminfo) has that here.
	MemoryBytes int64 `json:"memory_bytes,omitempty"`
	// FreeBytes is what no program had taken of it when the GPU was opened; 0 if the driver does not report it.
	FreeBytes int64 `json:"free_bytes,omitempty"`
	// Extensions are those of the driver among the ones that faster kernels could use.
	Extensions []string `json:"extensions,omitempty"`
	// Software says that the processor does the work of the GPU. Such a driver serves tests only.
	Software bool  `json:"software"`
	features int64 // of subgroups; see subgroupVariants
}

// useful are the extensions of Info.Extensions: sums over the invocations that run together, and arithmetic with float16.
var useful = []string{"GL_KHR_shader_subgroup", "GL_ARB_shader_ballot", "GL_NV_shader_thread_group", "GL_NV_gpu_shader5", "GL_AMD_gpu_shader_half_float"}

// softwareRenderers are parts of the names of renderers that run on the processor.
var softwareRenderers = []string{"llvmpipe", "softpipe", "swrast", "swiftshader", "software", "basic render", "gdi generic"}

// isSoftware reports whether the renderer of that name runs on the processor.
func isSoftware(renderer string) bool {
	renderer = strings.ToLower(renderer)
	for _, name := range softwareRenderers {
		if strings.Contains(renderer, name) {
			return true
		}
	}
	return false
}

// Found is one GPU of the machine: what it is, and why it can't be used if that is so.
type Found struct {
	Info
	Error error
}
