//go:build linux && cgo

package remote

import (
	"flag"
	"os"
	"testing"

	"soberano/kernels"
	"soberano/kernels/devicetest"
	"soberano/kernels/gl"
)

var withGPU = flag.Bool("gpu", false, "test the device of a GPU behind a connection too, which takes minutes on a software driver")

// TestGPU checks the operations of a GPU's device behind a connection, on Mesa's software driver.
func TestGPU(t *testing.T) {
	if !*withGPU {
		t.Skip("-gpu runs it; answers over such a device are tested in app/host")
	}
	list, err := gl.List()
	var gpu *gl.GPU
	for i, f := range list {
		if f.Software && gpu == nil {
			gpu, err = gl.Open(i)
		}
	}
	switch {
	case gpu == nil && os.Getenv("SOBERANO_REQUIRE_DESKTOP") != "":
		t.Fatalf("Mesa's software driver is required: %v", err)
	case gpu == nil:
		t.Skipf("no software driver of OpenGL: %v", err)
	}
	defer gpu.Close()
	devicetest.Operations(t, devicetest.Subject{Open: func(t testing.TB) kernels.Device {
		d, err := gl.New(gl.Options{GPU: gpu})
		if err != nil {
			t.Fatal(err)
		}
		return over(t, d, Options{})
	}})
}
