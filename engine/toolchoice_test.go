package engine

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"soberano/engine/grammar"
	"soberano/engine/reply"
	"soberano/engine/sample"
)

const twoTools = `[{"type":"function","function":{"name":"weather","parameters":{"type":"object","properties":{"city":{"$ref":"#/$defs/city"}},"required":["city"],"$defs":{"city":{"enum":["Rome","Oslo"]}}}}},
	{"type":"function","function":{"name":"now"}}]`

// TestMustCall checks that random answers of a small model are valid calls, behind a thought too, where a request needs one.
func TestMustCall(t *testing.T) {
	const plain = `{% for m in messages %}{{ m.content }}{% endfor %}{# <tool_call> </think> #}`
	r := Request{Messages: []Message{{Role: "user", Content: "hi"}}, Tools: json.RawMessage(twoTools), MustCall: true, Tool: "weather", MaxTokens: 150, N: 4, MaxThinking: 3, Sampling: sample.Params{Temperature: 1, Seed: 5}}
	for _, template := range []string{plain, plain + "assistant <think>"} {
		m, complete := withTemplate(t, template), 0
		for choice, list := range pieces(t, m, r) {
			last := list[len(list)-1]
			if last.Reason == Length {
				continue
			}
			complete++
			var got struct{ City string }
			if last.Kind != reply.Calls || len(last.Calls) != 1 || last.Calls[0].Name != "weather" || json.Unmarshal(last.Calls[0].Arguments, &got) != nil || got.City != "Rome" && got.City != "Oslo" {
				t.Errorf("choice %d: %+v", choice, last)
			}
			if !strings.HasPrefix(strings.TrimSpace(last.Text), "<tool_call>") {
				t.Errorf("choice %d: %q has no mark", choice, last.Text)
			}
			for _, p := range list[:len(list)-1] {
				if p.Kind != reply.Thinking {
					t.Errorf("choice %d: %+v before the call", choice, p)
				}
			}
		}
		if complete == 0 {
			t.Error("no call is complete")
		}
		cut := r
		cut.MaxTokens, cut.N, cut.MaxThinking = 2, 0, 0
		if text, last, err := collect(m, context.Background(), cut); err != nil || last.Reason != Length || last.Kind == reply.Calls {
			t.Errorf("a call that is cut: %q, %+v, %v", text, last, err)
		}
	}
	m := withTemplate(t, plain)
	r.Tool = "other"
	if _, _, err := collect(m, context.Background(), r); !errors.Is(err, ErrNoTool) {
		t.Error(err)
	}
	r.Tool, r.Tools = "", json.RawMessage(`[{"name":"f","parameters":{"not":{}}}]`)
	var e *grammar.Error
	if _, _, err := collect(m, context.Background(), r); !errors.As(err, &e) || e.Keyword != "not" {
		t.Error(err)
	}
}
