package host

import (
	"testing"

	"soberano/kernels"
	"soberano/kernels/cpu"
	"soberano/models"
)

// TestLoadingDeviceIsBatchInvariant checks that the device of a model that is being loaded is batch-invariant if its device is.
func TestLoadingDeviceIsBatchInvariant(t *testing.T) {
	for _, level := range []string{"generic", ""} {
		t.Setenv("SOBERANO_CPU", level)
		d, err := cpu.New(cpu.Options{Threads: 1})
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		want := d.(kernels.BatchInvariant).BatchInvariant()
		if got := newLoadingDevice(t.Context(), d, &models.File{}, nil).BatchInvariant(); got != want {
			t.Errorf("level %q: %v, its device says %v", level, got, want)
		}
	}
	if newLoadingDevice(t.Context(), kernels.Checker{}, &models.File{}, nil).BatchInvariant() {
		t.Error("a device that does not say so is batch-invariant")
	}
}
