//go:build linux && cgo

package gl

import (
	"os"
	"strconv"
	"sync"
	"testing"

	"soberano/kernels"
	"soberano/kernels/devicetest"
)

// openSoftware opens Mesa's software driver, or the GPU whose number SOBERANO_TEST_GPU has.
func openSoftware() (*GPU, error) {
	if number := os.Getenv("SOBERANO_TEST_GPU"); number != "" {
		n, err := strconv.Atoi(number)
		if err != nil {
			return nil, err
		}
		return Open(n)
	}
	list, err := List()
	if err != nil {
		return nil, err
	}
	for i, f := range list {
		if f.Software {
			return Open(i)
		}
	}
	return nil, ErrUnavailable
}

// software is the context that most tests share, so that its shaders are compiled once.
var software = sync.OnceValues(openSoftware)

// gpu returns the software driver. Where there is none the test is skipped, unless SOBERANO_REQUIRE_DESKTOP says that this
// machine has what tests need.
func gpu(t testing.TB) *GPU {
	t.Helper()
	g, err := software()
	switch {
	case err != nil && os.Getenv("SOBERANO_REQUIRE_DESKTOP") != "":
		t.Fatalf("Mesa's software driver is required (Debian: libgl1-mesa-dri): %v", err)
	case err != nil:
		t.Skipf("no software driver of OpenGL: %v", err)
	}
	return g
}

// newDevice returns a device on the software driver.
func newDevice(t testing.TB, o Options) *device {
	t.Helper()
	o.GPU = gpu(t)
	d, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d.(*device)
}

// TestDevice checks the contract of a Device on the software driver.
func TestDevice(t *testing.T) {
	gpu(t)
	devicetest.Run(t, devicetest.Subject{Open: func(t testing.TB) kernels.Device { return newDevice(t, Options{}) }})
}
