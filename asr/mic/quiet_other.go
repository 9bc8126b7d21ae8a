//go:build cgo && !linux

package mic

// quiet does nothing: only the Linux libraries write messages.
func quiet() {}

// configured reports true: PortAudio can always be started.
func configured() bool { return true }
