package settings

import (
	"strings"
	"testing"

	"soberano/app/host"
	"soberano/app/ui"
	"soberano/kernels/gl"
)

// TestCards checks that graphics cards are shown with what is known of them, that each choice among them is kept, and that the choices which need a
// card are there only if there is one.
func TestCards(t *testing.T) {
	s := newStage(t, Values{}, ui.Light, nil)
	if s.controls[layersTitle] != nil || s.controls[expertsTitle] != nil {
		t.Error("there is no card, but its layers can be chosen")
	}
	s.gpusListed([]host.GPU{
		{Info: gl.Info{Renderer: "Model X", Version: "4.6", Compute: true, MemoryBytes: 8 << 30, FreeBytes: 6 << 30, StorageBytes: 2 << 30, Extensions: []string{"GL_KHR_shader_subgroup"}}, Checked: true, Uses: "SUBGROUPS CLUSTERS", Speed: host.GPUSpeed{GPU: 300e9, CPU: 20e9}, Models: []host.ModelTrial{{Title: "Qwen", GPU: 40.5, CPU: 10}}},
		{Info: gl.Info{Renderer: "Model Y", Version: "4.5", Compute: true}, Number: 1},
		{Info: gl.Info{Renderer: "Model Z", Version: "4.5", Compute: true}, Number: 2, Error: "a product is wrong"},
	}, nil)
	words := strings.ReplaceAll(s.gpuWords(), "\n", " ")
	for _, want := range []string{"runs here: AVX2, 4 threads.", "Model X, OpenGL 4.6, 8.6 GB, 6.4 GB free, blocks of up to 2.1 GB, GL_KHR_shader_subgroup, computes correctly with subgroups clusters, multiplies with 300.0 GB of weights a second, the processor with 20.0 GB.", "Qwen writes 40.5 tokens a second there, 10.0 on the processor.", "Model Y, OpenGL 4.5, not checked yet.", "but it is not used: a product is wrong."} {
		if !strings.Contains(words, want) {
			t.Errorf("%q is not in %q", want, words)
		}
	}
	s.Scroll(1e3)
	s.Scroll(-0.9)
	s.Shot("cards")
	choose := func(title, words string) host.GPUUse {
		t.Helper()
		c := s.controls[title].(*ui.Choice)
		c.SetSelected(words)
		if c.Selected != words {
			t.Fatalf("%s: there is no %q among %q", title, words, c.Options)
		}
		return s.heard[len(s.heard)-1].GPUUse()
	}
	for _, c := range []struct {
		title, words string
		want         host.GPUUse
	}{
		{gpuTitle, "Model Y", host.GPUUse{Device: "1"}},
		{layersTitle, "24", host.GPUUse{Choice: "24", Device: "1"}},
		{expertsTitle, "On the processor", host.GPUUse{Choice: "24", Device: "1", CPUExperts: true}},
		{gpuTitle, "Automatic", host.GPUUse{Choice: "24", CPUExperts: true}},
		{gpuTitle, "Off", host.GPUUse{Choice: host.GPUOff, CPUExperts: true}},
		{gpuTitle, "Model X", host.GPUUse{Device: "0", CPUExperts: true}},
	} {
		if got := choose(c.title, c.words); got != c.want {
			t.Errorf("%s %s: %+v, expected %+v", c.title, c.words, got, c.want)
		}
		if off := s.controls[layersTitle] == nil; off != (c.want.Choice == host.GPUOff) {
			t.Errorf("after %s %s the layers can be chosen: %v", c.title, c.words, !off)
		}
	}
}
