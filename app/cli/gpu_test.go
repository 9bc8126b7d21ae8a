package cli

import (
	"encoding/json"
	"strings"
	"testing"

	"soberano/app/host"
	"soberano/engine/arch/tiny"
)

// TestGPUFlag checks which values --gpu and --gpu-device take, that a GPU that is not there is told of, and that bench names the device that it measures.
func TestGPUFlag(t *testing.T) {
	t.Setenv("SOBERANO_HOME", t.TempDir())
	model := tiny.New("llama").Write(t)
	if _, notes, code := run(t, nil, "logits", "-m", model, "--gpu", "on", "-p", "abc"); code != 2 || !strings.Contains(notes, "neither auto nor off") {
		t.Errorf("--gpu on: %d, %s", code, notes)
	}
	if _, notes, code := run(t, nil, "logits", "-m", model, "--gpu-device", "63", "-p", "abc"); code != 1 || !strings.Contains(notes, "graphics card") && !strings.Contains(notes, "OpenGL") {
		t.Errorf("--gpu-device 63: %d, %s", code, notes)
	} else if build := strings.Contains(notes, "This build of the program has no support for graphics cards."); build == host.GPUBuilt {
		t.Errorf("--gpu-device 63 in a build for GPUs: %v, %s", host.GPUBuilt, notes)
	}
	out, notes, code := run(t, nil, "bench", "-m", model, "--gpu", "off", "-p", "4", "-n", "4", "-r", "1", "--json")
	var b chatBench
	if err := json.Unmarshal([]byte(out), &b); err != nil || code != 0 || b.Device == "" || strings.Contains(b.Device, "OpenGL") {
		t.Errorf("--gpu off: %d, %v, %+v, %s", code, err, b, notes)
	}
}
