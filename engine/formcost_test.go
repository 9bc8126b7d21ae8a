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

// forms are the forms of answers whose cost is measured.
var forms = []struct {
	name, ask string
	spec      grammar.Spec
}{
	{"schema", "Describe a person with many friends as JSON.", grammar.Spec{Schema: json.RawMessage(`{"type":"object","properties":{"name":{"type":"string"},"age":{"type":"integer","minimum":0,"maximum":120},
		"address":{"type":"object","properties":{"street":{"type":"string"},"city":{"type":"string","maxLength":40}},"required":["street","city"]},
		"friends":{"type":"array","items":{"type":"object","properties":{"name":{"type":"string"},"since":{"type":"string","format":"date"}},"required":["name","since"]},"minItems":3,"maxItems":12}},
		"required":["name","age","address","friends"]}`)}},
	{"text", "Write a long story as JSON.", grammar.Spec{Schema: json.RawMessage(`{"type":"object","properties":{"title":{"type":"string","maxLength":80},"story":{"type":"string","minLength":400}},"required":["title","story"],"additionalProperties":false}`)}},
	{"json", "Describe a town as JSON.", grammar.Spec{Schema: json.RawMessage(`{"type":"object"}`)}},
	{"regex", "List people with their dates of birth.", grammar.Spec{Regex: `([A-Z][a-z]{1,12} [A-Z][a-z]{1,15}, born on [0-9]{4}-[01][0-9]-[0-3][0-9]\n){8}`}},
	{"gbnf", "Compute the sum of the numbers from 1 to 20.", grammar.Spec{GBNF: "root ::= (expr \"=\" ws term \"\\n\"){8}\nexpr ::= term ([-+*/] term)*\nterm ::= ident | num | \"(\" ws expr \")\" ws\nident ::= [a-z] [a-z0-9_]* ws\nnum ::= [0-9]+ ws\nws ::= [ \\t\\n]*"}},
	{"choices", "Is the sky blue?", grammar.Spec{Choices: []string{"Yes, it is blue on most days", "No, it is not blue", "That can't be said of all skies at all times of the day"}}},
}

// BenchmarkGrammar measures what the form of an answer costs in a step: answers are written, then their masks alone are computed again, by a decoder
// of their own (cold), and once more (warm). %worst is the longest single mask of the cold ones in a step.
func BenchmarkGrammar(b *testing.B) {
	for _, name := range []string{"smollm2", "qwen2.5-coder-0.5b", "gemma3"} {
		for _, f := range forms {
			b.Run("model="+name+"/form="+f.name, func(b *testing.B) { formCost(b, name, f.ask, f.spec) })
		}
	}
}

func formCost(b *testing.B, name, ask string, spec grammar.Spec) {
	m, err := openFile(defaults.Need(b, name), settings{})
	if err != nil {
		b.Fatal(err)
	}
	defer m.Close()
	var step, cold, warm, worst float64
	tokens := 0
	for b.Loop() {
		var ids []int32
		r := Request{Messages: []Message{{Role: "user", Content: ask}}, Grammar: spec, MaxTokens: 150, Propose: ProposeNever, Logprobs: true,
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
		sum, longest := follow(b, d, ids)
		cold, worst = cold+sum, max(worst, longest)
		sum, _ = follow(b, d, ids)
		warm += sum
	}
	b.ReportMetric(1000*step/float64(tokens), "ms/token")
	b.ReportMetric(100*cold/step, "%cold")
	b.ReportMetric(100*warm/step, "%warm")
	b.ReportMetric(100*worst*float64(tokens)/step, "%worst")
}

// follow returns the seconds that the masks before each token take, together and the longest.
func follow(b *testing.B, d *grammar.Decoder, ids []int32) (sum, longest float64) {
	matcher := d.Matcher()
	for _, id := range ids {
		begin := time.Now()
		if _, err := matcher.Mask(); err != nil {
			b.Fatal(err)
		}
		if !matcher.Accept(id) {
			b.Fatalf("token %d is refused", id)
		}
		took := time.Since(begin).Seconds()
		sum, longest = sum+took, max(longest, took)
	}
	return sum, longest
}
