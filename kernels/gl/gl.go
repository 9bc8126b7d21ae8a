// Package gl reports the version of the system's OpenGL and whether it has compute shaders, for `soberano
// doctor`. It has no kernels.Device yet.
package gl

// Info is what the system's OpenGL reports about itself.
type Info struct {
	Version  string `json:"version"`  // GL_VERSION
	Renderer string `json:"renderer"` // GL_RENDERER
	// Compute is true from OpenGL 4.3 on, which has compute shaders and storage buffers.
	Compute bool `json:"compute"`
	// StorageBytes is the largest storage block (GL_MAX_SHADER_STORAGE_BLOCK_SIZE).
	StorageBytes int64 `json:"storage_bytes"`
}
