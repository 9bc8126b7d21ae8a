package gl

import "testing"

// TestProbe queries the OpenGL of this machine; Mesa's software driver is sufficient.
func TestProbe(t *testing.T) {
	info, err := Probe()
	if err != nil {
		t.Skip(err)
	}
	if info.Version == "" || info.Renderer == "" || info.StorageBytes < 1<<24 {
		t.Errorf("%+v: a 4.3 context has a version, a renderer and storage blocks of at least 16 MiB", info)
	}
	t.Logf("%+v", info)
}
