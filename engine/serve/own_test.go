package serve

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"soberano/engine"
	"soberano/engine/arch/tiny"
	"soberano/kernels/cpu"
)

// withAdapters adds adapters of a tiny model.
func (s *stage) withAdapters(m *engine.Model, kind string, names ...string) *stage {
	s.adapters = map[string]*engine.Adapter{}
	for i, name := range names {
		a, err := m.LoadAdapter(tiny.New(kind).Adapter(4, 8, uint64(i+1)).Write(s.t), nil)
		if err != nil {
			s.t.Fatal(err)
		}
		s.adapters[name] = a
	}
	return s
}

// exactModel returns a tiny model whose answers do not depend on what is computed beside them.
func exactModel(t *testing.T, kind string) *engine.Model {
	t.Helper()
	dev, err := cpu.New(cpu.Options{Threads: 2, Exact: true})
	if err != nil {
		t.Fatal(err)
	}
	return tinyModelOn(t, dev, kind, "")
}

// TestAdapters checks that requests with different adapters, or none, that are answered at the same time have the answers that they have alone, and the forms in which dialects name an adapter.
func TestAdapters(t *testing.T) {
	m := exactModel(t, "llama")
	s := newStage(t).withChat("base", m).withAdapters(m, "llama", "first", "second")
	text := func(body string) string {
		var got completion
		s.ok("/v1/completions", `{"prompt":"b c d","temperature":0,"max_tokens":24,`+body+`}`, &got)
		return got.Choices[0].Text
	}
	bodies := []string{`"model":"base"`, `"model":"first"`, `"model":"second"`, `"model":"base","lora":[{"id":"first","scale":0.5}]`, `"lora":[{"id":"first"},{"id":"second","scale":1}]`}
	want := make([]string, len(bodies))
	for i, b := range bodies {
		want[i] = text(b)
	}
	var all sync.WaitGroup
	for i, b := range bodies {
		all.Go(func() {
			if got := text(b); got != want[i] {
				t.Errorf("%s: beside others %q, alone %q", b, got, want[i])
			}
		})
	}
	all.Wait()
	for b, same := range map[string]int{`"lora":[{"id":"second"}]`: 2, `"model":"second","lora":[{"id":"first","scale":1}]`: 1, `"lora":[{"id":"first","scale":0}]`: 0, `"model":"first","lora":[]`: 1} {
		if got := text(b); got != want[same] {
			t.Errorf("%s: %q, expected %q", b, got, want[same])
		}
	}
	var whole tgiAnswer
	s.ok("/generate", `{"inputs":"b c d","parameters":{"max_new_tokens":24,"adapter_id":"first"}}`, &whole)
	if whole.Text != want[1] {
		t.Errorf("/generate: %q, expected %q", whole.Text, want[1])
	}
	slices.Sort(want)
	if n := len(slices.Compact(want)); n != len(bodies) {
		t.Errorf("%d different answers: %q", n, want)
	}
}

// TestOwnParametersRefused checks that wrong values are refused with the name of their parameter.
func TestOwnParametersRefused(t *testing.T) {
	m := tinyModel(t, "llama", "")
	s := newStage(t).withChat("base", m).withChat("small", tinyModel(t, "mamba", "")).withAdapters(m, "llama", "first")
	for body, param := range map[string]string{
		`"lora":[{"id":"other"}]`: "lora", `"lora":[{"scale":1}]`: "lora", `"lora":[{"id":-1}]`: "lora", `"lora":[{"id":""}]`: "lora", `"lora":[{"id":null}]`: "lora", `"lora":[{"id":1.5}]`: "lora",
		`"lora":"first"`: "lora", `"lora":[{"id":"first","scale":1e39}]`: "lora.scale", `"lora":[{"id":"first","scale":1e30}]`: "lora", `"lora":[{"id":"first","scale":-100.5}]`: "lora", `"lora":[{"id":"first","weight":1}]`: "weight", `"draft_model":3`: "draft_model", `"draft_model":"base"`: "draft_model",
		`"draft_model":"small"`: "draft_model", `"propose":"yes"`: "propose", `"propose":true`: "propose",
	} {
		for path, rest := range map[string]string{"/v1/chat/completions": `"messages":[{"role":"user","content":"a"}],`, "/v1/completions": `"prompt":"a",`, "/v1/responses": `"input":"a",`} {
			status, answer := s.post(path, `{"model":"base",`+rest+body+`}`)
			if status != 400 || !strings.Contains(answer, `"param":"`+param+`"`) {
				t.Errorf("%s %s: %d %s", path, body, status, answer)
			}
		}
	}
}

// TestProposals checks that a request chooses whether tokens are proposed, and by what, and that the answer is the same.
func TestProposals(t *testing.T) {
	m := &scripted{Model: exactModel(t, "llama")}
	m.pieces = []engine.Piece{{Text: "a", Reason: engine.Ended}}
	s := newStage(t).withChat("base", m)
	for body, want := range map[string]engine.Propose{`"propose":"on"`: engine.ProposeAlways, `"propose":"off"`: engine.ProposeNever, `"propose":"auto"`: engine.ProposeAuto, `"propose":null`: engine.ProposeAuto} {
		var got completion
		if s.ok("/v1/completions", `{"prompt":"a",`+body+`}`, &got); m.asked(t).Propose != want {
			t.Errorf("%s: %d", body, m.asked(t).Propose)
		}
	}
	// All dialects have these parameters, and name a wrong one.
	for path, rest := range map[string]string{"/v1/messages": `"max_tokens":9,"messages":[{"role":"user","content":"a"}],%s`, "/api/chat": `"stream":false,"messages":[{"role":"user","content":"a"}],"options":{%s}`,
		"/api/generate": `"stream":false,"prompt":"a","options":{%s}`, "/generate": `"inputs":"a","parameters":{%s}`} {
		var got map[string]any
		if s.ok(path, "{"+fmt.Sprintf(rest, `"propose":"off"`)+"}", &got); m.asked(t).Propose != engine.ProposeNever {
			t.Errorf("%s: proposals are not off", path)
		}
		for wrong, says := range map[string]string{`"propose":"yes"`: "propose", `"draft_model":3`: "draft_model", `"lora":[{"id":"other"}]`: "no adapter other"} {
			if status, answer := s.post(path, "{"+fmt.Sprintf(rest, wrong)+"}"); status < 400 || status > 499 || !strings.Contains(answer, says) {
				t.Errorf("%s %s: %d %s", path, wrong, status, answer)
			}
		}
	}
	s = newStage(t).withChat("base", m.Model).withChat("small", exactModel(t, "llama"))
	var plain, drafted completion
	body := `{"model":"base","prompt":"b c d","max_tokens":40,"temperature":0`
	s.ok("/v1/completions", body+`,"propose":"off"}`, &plain)
	s.ok("/v1/completions", body+`,"draft_model":"small"}`, &drafted)
	if plain.Choices[0].Text != drafted.Choices[0].Text {
		t.Errorf("with a draft model %q, without %q", drafted.Choices[0].Text, plain.Choices[0].Text)
	}
}
