// Package gl is the room of the OpenGL compute backend. So far it answers one
// question, for `soberano doctor`: which OpenGL is there, and could it compute? The
// device itself comes with an issue of its own.
package gl

// Info is what the system's OpenGL says of itself.
type Info struct {
	Version  string `json:"version"`  // GL_VERSION
	Renderer string `json:"renderer"` // GL_RENDERER
	// Compute is true from OpenGL 4.3 on: compute shaders and storage buffers.
	Compute bool `json:"compute"`
	// StorageBytes is the largest storage block (GL_MAX_SHADER_STORAGE_BLOCK_SIZE).
	StorageBytes int64 `json:"storage_bytes"`
}
