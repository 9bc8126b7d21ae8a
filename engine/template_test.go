package engine

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"soberano/engine/arch/tiny"
	"soberano/engine/reply"
	"soberano/models"
	"soberano/models/registry"
)

// withTemplate opens a tiny model with a chat template.
func withTemplate(t *testing.T, template any) *Model {
	t.Helper()
	s := tiny.New("llama")
	s.Meta["tokenizer.chat_template"] = template
	m, err := openFile(s.Write(t), settings{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	return m
}

// TestUnreadableTemplate checks that a template that can't be read stops only messages, that the error says why, and
// that the library says so and runs the model.
func TestUnreadableTemplate(t *testing.T) {
	for template, reason := range map[any]string{"{{ messages|frobnicate }}": "frobnicate", "{% if %}": "line 1", uint64(7): "tokenizer.chat_template"} {
		m := withTemplate(t, template)
		hi := []Message{{Role: "user", Content: "hi"}}
		for range m.Generate(context.Background(), Request{Messages: hi}) {
			break
		}
		_, _, err := collect(m, context.Background(), Request{Messages: hi})
		if e, ok := errors.AsType[*models.FileError](err); !ok || !strings.Contains(e.Reason, reason) || e.Kind != models.ErrUnsupported {
			t.Errorf("%v: messages: %v", template, err)
		}
		if _, err := m.Render(hi); err == nil {
			t.Errorf("%v: rendered", template)
		}
		if _, last, err := collect(m, context.Background(), Request{Prompt: "hi", MaxTokens: 3}); err != nil || last.Usage.Generated == 0 && last.Reason != Ended {
			t.Errorf("%v: raw text: %+v, %v", template, last, err)
		}
		if l, err := m.Logits(context.Background(), []int32{5, 6}); err != nil || len(l) != tiny.Vocabulary {
			t.Errorf("%v: logits: %v", template, err)
		}
		if _, err := m.BenchGenerate(context.Background(), 0, 2); err != nil {
			t.Errorf("%v: bench: %v", template, err)
		}
		if _, err := m.Perplexity(context.Background(), strings.Repeat("word ", 40), 16, 1, nil); err != nil {
			t.Errorf("%v: perplexity: %v", template, err)
		}
		s := tiny.New("llama")
		s.Meta["tokenizer.chat_template"] = template
		i, err := registry.Inspect(s.Write(t), Check)
		if _, text := template.(string); text && (err != nil || !i.Runs || i.Warning == "" || i.Warning != m.Info().Warning || !strings.Contains(i.Warning, reason)) {
			t.Errorf("%v: runs %v, %q, %v; opened: %q", template, i.Runs, i.Warning, err, m.Info().Warning)
		}
	}
}

// TestSystemFolded checks that the text of a system message that the template refuses is put before the next user
// message, which the first piece says, and that other refusals stay errors.
func TestSystemFolded(t *testing.T) {
	const refuses = `{% if messages[0].role == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}` +
		`{% for m in messages %}{% if m.role == 'tool' %}{{ raise_exception('no tools') }}{% endif %}[{{ m.role }}:{{ m.content }}]{% endfor %}`
	m := withTemplate(t, refuses)
	user, system := Message{Role: "user", Content: "hi"}, Message{Role: "system", Content: "Be short."}
	render := func(list ...Message) string {
		t.Helper()
		text, err := m.Render(list)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	if got := render(system, user, Message{Role: "assistant", Content: "ho"}, Message{Role: "user", Content: "more"}); got != "[user:Be short.\n\nhi][assistant:ho][user:more]" {
		t.Errorf("rendered %q", got)
	}
	if got := render(system, Message{Role: "system", Content: "Be kind."}, user); got != "[user:Be short.\n\nBe kind.\n\nhi]" {
		t.Errorf("two system messages: %q", got)
	}
	for _, list := range [][]Message{{system}, {system, {Role: "tool", Content: "x"}, user}, {{Role: "tool", Content: "x"}, user}} {
		if text, err := m.Render(list); err == nil || !strings.Contains(err.Error(), "refuses") {
			t.Errorf("%v: %q, %v", list, text, err)
		}
	}
	notices := func(m *Model, list ...Message) (all []Notice) {
		t.Helper()
		for p, err := range m.Generate(context.Background(), Request{Messages: list, MaxTokens: 3}) {
			if err != nil {
				t.Fatal(err)
			}
			if len(all) == 0 || p.Notice != "" {
				all = append(all, p.Notice)
			}
		}
		return all
	}
	if got := notices(m, system, user); !slices.Equal(got, []Notice{SystemInUser}) {
		t.Errorf("notices %q", got)
	}
	if got := notices(m, user); !slices.Equal(got, []Notice{""}) {
		t.Errorf("without a system message: %q", got)
	}
	takes := withTemplate(t, `{% for m in messages %}[{{ m.role }}:{{ m.content }}]{% endfor %}`)
	if got, err := takes.Render([]Message{system, user}); err != nil || got != "[system:Be short.][user:hi]" {
		t.Errorf("a template with system messages: %q, %v", got, err)
	}
	if got := notices(takes, system, user); !slices.Equal(got, []Notice{""}) {
		t.Errorf("a template with system messages: %q", got)
	}
}

// TestToolMessages checks what a chat template reads of calls of tools, of their results, and of thoughts.
func TestToolMessages(t *testing.T) {
	m := withTemplate(t, `{% for m in messages %}[{{ m.role }}:{{ m.content }}{% if m.reasoning_content %}({{ m.reasoning_content }}){% endif %}`+
		`{% for c in m.tool_calls %}{{ c.id }} {{ c.type }} {{ c.function.name }}{{ c.function.arguments | tojson }}{% endfor %}`+
		`{% if m.tool_call_id is defined %}={{ m.tool_call_id }} {{ m.name }}{% endif %}]{% endfor %}`)
	got, err := m.Render([]Message{{Role: "user", Content: "hi"},
		{Role: "assistant", Thinking: "hm", Calls: []reply.Call{{ID: "1", Name: "f", Arguments: []byte(`{"z":1,"a":"b"}`)}, {ID: "2", Name: "g", Arguments: []byte(`{}`)}}},
		{Role: "tool", Content: "5", CallID: "1", Name: "f"}})
	const want = `[user:hi][assistant:(hm)1 function f{"z": 1, "a": "b"}2 function g{}][tool:5=1 f]`
	if err != nil || got != want {
		t.Errorf("got  %s, %v\nwant %s", got, err, want)
	}
}
