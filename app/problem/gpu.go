package problem

import (
	"fmt"
	"strings"

	"soberano/app/host"
	"soberano/models"
)

// GPU describes a GPU in a line.
func GPU(g host.GPU) string {
	s := fmt.Sprintf("%d: %s, OpenGL %s", g.Number, models.Printable(g.Renderer), models.Printable(g.Version))
	switch {
	case g.Renderer == "":
		return fmt.Sprintf("%d: %s", g.Number, g.Error)
	case g.Software && !g.Usable():
		return s + ", a software driver, which is not used"
	case g.MemoryBytes > 0:
		s += ", " + models.Size(g.MemoryBytes)
	}
	if g.FreeBytes > 0 {
		s += ", " + models.Size(g.FreeBytes) + " free"
	}
	if g.StorageBytes > 0 {
		s += ", blocks of up to " + models.Size(g.StorageBytes)
	}
	for _, name := range g.Extensions {
		s += ", " + models.Printable(name)
	}
	switch {
	case g.Error != "":
		return s + ", but it is not used: " + g.Error
	case !g.Checked:
		return s + ", not checked yet"
	}
	if s += ", computes correctly"; g.Uses != "" {
		s += " with " + models.Printable(strings.ToLower(g.Uses))
	}
	if g.Speed.GPU > 0 {
		s += fmt.Sprintf(", multiplies with %s of weights a second, the processor with %s", models.Size(int64(g.Speed.GPU)), models.Size(int64(g.Speed.CPU)))
	}
	return s
}

// Trial says what came of trying a model on a GPU.
func Trial(t host.ModelTrial) string {
	there := "there"
	if t.Part != "" {
		there = "with " + t.Part + " there"
	}
	if t.Error != "" {
		return fmt.Sprintf("%s does not run %s: %s", models.Printable(t.Title), there, t.Error)
	}
	does := map[host.TrialKind]string{host.TrialText: "writes %.1f tokens", host.TrialSpeech: "transcribes %.1f seconds of audio", host.TrialVision: "sees %.1f rows of an image"}[t.Kind]
	return fmt.Sprintf("%s "+does+" a second %s, %.1f on the processor", models.Printable(t.Title), t.GPU, there, t.CPU)
}
