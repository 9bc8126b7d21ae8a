package cli

import (
	"strings"
	"testing"

	"soberano/models/defaults"
	"soberano/models/registry"
)

// On the command line no note speaks of the window, and those on small models say how a larger one is added there.
func TestNotes(t *testing.T) {
	advised := 0
	for _, m := range defaults.Models {
		note := noteOf(registry.Entry{Note: m.Note})
		if strings.Contains(note, "window") || !strings.HasPrefix(note, strings.TrimSuffix(m.Note, defaults.Advice)) {
			t.Errorf("%s: %s", m.Name, note)
		}
		if strings.Contains(note, "soberano models import FILE") {
			advised++
		}
	}
	if advised != 2 {
		t.Errorf("%d notes say how a larger model is added", advised)
	}
}
