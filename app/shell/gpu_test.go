package shell

import (
	"errors"
	"strings"
	"testing"

	"soberano/app/host"
)

// A GPU that fails is told of on the page that is shown, in words that a person understands.
func TestGPUFailed(t *testing.T) {
	s := newStage(t, "", smol)
	s.ready()
	s.gpuFailed(&host.GPUError{Name: "RTX 9", Fault: host.GPUCrashed, Err: errors.New("gone")})
	s.q.until(t, "the card", func() bool {
		return strings.Contains(s.words(), "The graphics card is switched off.") && strings.Contains(strings.ReplaceAll(s.words(), "\n", " "), "nothing is lost")
	})
}
