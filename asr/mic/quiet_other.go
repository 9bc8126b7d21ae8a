//go:build cgo && !linux

package mic

// quiet has nothing to silence outside Linux.
func quiet() {}

// configured is true where PortAudio starts in any case.
func configured() bool { return true }
