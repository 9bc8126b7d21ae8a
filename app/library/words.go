package library

import (
	"fmt"
	"strings"

	"soberano/app/ui"
	"soberano/engine"
	"soberano/models"
	"soberano/models/registry"
)

// describe returns one line, with what most people look for first: "4.0 billion parameters · 4,096 of up to 32,768 tokens of context ·
// Apache-2.0 · qwen3 · Q4_K_M". context is the number of tokens of the settings, see used.
func describe(i registry.Info, context int) string {
	var list []string
	add := func(s string) {
		if s != "" {
			list = append(list, s)
		}
	}
	add(map[registry.Kind]string{registry.Speech: "speech to text", registry.Embedding: "embeddings of texts", registry.Reranker: "ranking of documents"}[i.Kind])
	switch {
	case i.Parameters >= 1e9:
		add(fmt.Sprintf("%.1f billion parameters", float64(i.Parameters)/1e9))
	case i.Parameters > 0 && i.Parameters < 1e6:
		add(models.Grouped(i.Parameters) + " parameters")
	case i.Parameters > 0:
		add(fmt.Sprintf("%.0f million parameters", float64(i.Parameters)/1e6))
	}
	if i.EnglishOnly() {
		add("English only")
	}
	switch n := used(i, context); {
	case i.Context <= 0:
	case i.Kind == registry.Chat && n < i.Context:
		add(fmt.Sprintf("%s of up to %s tokens of context", models.Grouped(n), models.Grouped(i.Context)))
	default:
		add(models.Grouped(i.Context) + " tokens of context")
	}
	if i.Licence != "" {
		add(i.Licence)
	} else {
		add("licence not stated")
	}
	add(i.Family)
	add(i.Quantization)
	return strings.Join(list, " · ")
}

// Memory is the memory that a model will need, in bytes.
type Memory struct {
	Weights, Conversation, Scratch int64
	Tokens                         int
	Free                           int64 // 0: unknown on this system
}

// used returns how many tokens of context a model gets with the context length of the settings (0: the engine's default).
func used(i registry.Info, context int) int {
	if context <= 0 {
		context = engine.DefaultContext
	}
	if i.Context > 0 {
		return min(context, i.Context)
	}
	return context
}

// estimate returns the memory needed for the context length and the type of keys and values of the settings.
func estimate(i registry.Info, context int, kv engine.KV, free int64) Memory {
	tokens := used(i, context)
	m := Memory{Tokens: tokens, Free: free}
	m.Weights, m.Conversation, m.Scratch = engine.Estimate(i, tokens, kv)
	return m
}

// Sum returns the total.
func (m Memory) Sum() int64 { return m.Weights + m.Conversation + m.Scratch }

// Short says whether the sum fits.
func (m Memory) Short() string {
	s := "Needs about " + models.Size(m.Sum()) + " of memory"
	switch {
	case m.Free == 0:
		return s + "."
	case m.Sum() <= m.Free:
		return s + ": fits, " + models.Size(m.Free) + " are free."
	}
	return s + ": may not fit, " + models.Size(m.Free) + " are free."
}

// Text lists the parts, and says whether they fit. It never forbids a model: the system may make memory free.
func (m Memory) Text() string {
	s := "Memory: model " + models.Size(m.Weights)
	if m.Conversation > 0 {
		s += fmt.Sprintf(" · conversation %s at %s tokens", models.Size(m.Conversation), models.Grouped(m.Tokens))
	}
	s += " · working memory about " + models.Size(m.Scratch)
	switch {
	case m.Free == 0:
	case m.Sum() <= m.Free:
		s += fmt.Sprintf(" · %s free: fits", models.Size(m.Free))
	default:
		s += fmt.Sprintf(" · %s free: may not fit. Close other programs, or choose a smaller model.", models.Size(m.Free))
	}
	return s
}

// Bar returns the parts as shares of the free memory, or of their sum if that is larger.
func (m Memory) Bar() []ui.Part {
	whole := float32(max(m.Free, m.Sum(), 1))
	return []ui.Part{{Share: float32(m.Weights) / whole, Color: ui.Accent},
		{Share: float32(m.Conversation) / whole, Color: ui.Amber}, {Share: float32(m.Scratch) / whole, Color: ui.Stone}}
}
