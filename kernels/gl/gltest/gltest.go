//go:build linux && cgo

// Package gltest opens Mesa's software driver for tests, which needs neither a GPU nor a display.
package gltest

import (
	"os"
	"testing"

	"soberano/kernels"
	"soberano/kernels/gl"
)

// Software returns the software driver, which is closed after the test. Without one the test is skipped, unless SOBERANO_REQUIRE_DESKTOP is set.
func Software(t testing.TB) *gl.GPU {
	t.Helper()
	list, err := gl.List()
	for i, f := range list {
		if !f.Software {
			continue
		}
		g, err := gl.Open(i)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := g.Close(); err != nil {
				t.Error(err)
			}
		})
		return g
	}
	if os.Getenv("SOBERANO_REQUIRE_DESKTOP") != "" {
		t.Fatalf("Mesa's software driver is required (Debian: libgl1-mesa-dri): %v", err)
	}
	t.Skipf("no software driver of OpenGL: %v", err)
	return nil
}

// Device returns a device on g. Whoever is handed it closes it.
func Device(t testing.TB, g *gl.GPU, exact bool) kernels.Device {
	t.Helper()
	dev, err := gl.New(gl.Options{GPU: g, Exact: exact})
	if err != nil {
		t.Fatal(err)
	}
	return dev
}
