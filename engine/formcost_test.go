package engine

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"soberano/engine/grammar"
	"soberano/engine/sample"
	"soberano/models/defaults"
)

// BenchmarkGrammar measures what a JSON schema costs in a step of SmolLM2: answers are written, then their masks alone are computed again, by a decoder
// that knows nothing (cold) and by one that has seen the answer (warm). The metrics are shares of the time of a token.
func BenchmarkGrammar(b *testing.B) {
	m, err := openFile(defaults.Need(b, "smollm2"), settings{})
	if err != nil {
		b.Fatal(err)
	}
	defer m.Close()
	spec := grammar.Spec{Schema: json.RawMessage(`{"type":"object","properties":{"name":{"type":"string"},"age":{"type":"integer","minimum":0,"maximum":120},
		"address":{"type":"object","properties":{"street":{"type":"string"},"city":{"type":"string","maxLength":40}},"required":["street","city"]},
		"friends":{"type":"array","items":{"type":"object","properties":{"name":{"type":"string"},"since":{"type":"string","format":"date"}},"required":["name","since"]},"minItems":3,"maxItems":12}},
		"required":["name","age","address","friends"]}`)}
	var step, cold, warm float64
	tokens := 0
	for b.Loop() {
		var ids []int32
		r := Request{Messages: []Message{{Role: "user", Content: "Describe a person with many friends as JSON."}}, Grammar: spec, MaxTokens: 150, Propose: ProposeNever, Logprobs: true,
			Sampling: sample.Params{Temperature: 0.8, TopK: 40, Seed: uint64(tokens + 1)}}
		for p, err := range m.Generate(context.Background(), r) {
			if err != nil {
				b.Fatal(err)
			}
			for _, x := range p.Tokens {
				if !x.Control {
					ids = append(ids, x.ID)
				}
			}
			if p.Reason != "" {
				step += p.Usage.GenerateSeconds
			}
		}
		tokens += len(ids)
		g, err := grammar.Parse(spec)
		if err != nil {
			b.Fatal(err)
		}
		d := grammar.NewDecoder(g, m.grammars.vocab)
		cold += follow(b, d, ids)
		warm += follow(b, d, ids)
	}
	b.ReportMetric(1000*step/float64(tokens), "ms/token")
	b.ReportMetric(100*cold/step, "%cold")
	b.ReportMetric(100*warm/step, "%warm")
}

// follow returns the seconds that the masks before each token take.
func follow(b *testing.B, d *grammar.Decoder, ids []int32) float64 {
	begin := time.Now()
	matcher := d.Matcher()
	for _, id := range ids {
		if _, err := matcher.Mask(); err != nil {
			b.Fatal(err)
		}
		if !matcher.Accept(id) {
			b.Fatalf("token %d is refused", id)
		}
	}
	return time.Since(begin).Seconds()
}
