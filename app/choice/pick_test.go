package choice

import (
	"testing"

	"soberano/models/registry"
)

func TestPick(t *testing.T) {
	entry := func(name string, kind registry.Kind, included bool, megabytes int64) registry.Entry {
		return registry.Entry{Name: name, Included: included, Info: registry.Info{Kind: kind, Bytes: megabytes << 20}}
	}
	all := []registry.Entry{entry("mine", registry.Chat, false, 4000), entry("speech", registry.Speech, true, 100), entry("broken", registry.Chat, true, 900),
		entry("small", registry.Chat, true, 100), entry("large", registry.Chat, true, 500), entry("medium", registry.Chat, true, 300)}
	usable := func(e registry.Entry) bool { return e.Name != "broken" }
	const ample = 8 << 30
	for _, c := range []struct {
		chosen string
		free   int64
		want   string
	}{
		{"", ample, "large"}, {"", 0, "large"}, {"", 1, "small"}, {"", 550 << 20, "medium"}, {"", 250 << 20, "small"},
		{"mine", 1, "mine"}, {"broken", ample, "large"}, {"removed", ample, "large"}, {"speech", ample, "large"}, {"small", ample, "small"},
	} {
		for range 2 { // in both orders
			if got, ok := Pick(all, registry.Chat, c.chosen, c.free, usable); !ok || got.Name != c.want {
				t.Errorf("chosen %q, %d MB free: %q, expected %q", c.chosen, c.free>>20, got.Name, c.want)
			}
			all[3], all[5] = all[5], all[3]
		}
	}
	if got, ok := Pick(all[:1], registry.Chat, "", 1, usable); !ok || got.Name != "mine" {
		t.Errorf("without included models: %q", got.Name)
	}
	added := []registry.Entry{entry("a-base", registry.Chat, false, 300), entry("instruct", registry.Chat, false, 500), entry("tiny", registry.Chat, false, 100)}
	added[1].Template, added[2].Template = true, true
	for free, want := range map[int64]string{ample: "instruct", 0: "instruct", 250 << 20: "tiny"} {
		if got, ok := Pick(added, registry.Chat, "removed", free, usable); !ok || got.Name != want {
			t.Errorf("of models without a template and with one, %d MB free: %q, expected %q", free>>20, got.Name, want)
		}
	}
	if _, ok := Pick(all, registry.Speech, "", ample, func(registry.Entry) bool { return false }); ok {
		t.Error("a model that can't be used was picked")
	}
}
