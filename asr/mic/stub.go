//go:build !cgo

package mic

import "fmt"

// Devices returns ErrBuild: PortAudio is reached through cgo.
func Devices() ([]Device, error) { return nil, ErrBuild }

// Open returns ErrBuild.
func Open(name string) (*Stream, error) { return nil, ErrBuild }

// Play returns ErrNoSpeaker, likewise.
func Play(src Samples) (*Speaker, error) {
	return nil, fmt.Errorf("mic: this program was built without sound; use the build with the window (make build): %w", ErrNoSpeaker)
}
