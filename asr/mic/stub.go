//go:build !cgo

package mic

// Devices returns ErrBuild: PortAudio is reached through cgo.
func Devices() ([]Device, error) { return nil, ErrBuild }

// Open returns ErrBuild.
func Open(name string) (*Stream, error) { return nil, ErrBuild }
