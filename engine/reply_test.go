package engine

import (
	"context"
	"slices"
	"strings"
	"testing"

	"soberano/engine/reply"
	"soberano/engine/sample"
)

// says feeds an answer with the tokens of a text, as if the model had chosen them, and returns its pieces.
func says(t *testing.T, m *Model, r Request, text string) []Piece {
	t.Helper()
	r.Sampling = sample.Params{Temperature: 0}
	answers, err := m.answers(context.Background(), r)
	if err != nil {
		t.Fatal(err)
	}
	a := answers[0]
	ids := m.Tokenize(text, false)
	if got := string(m.tok.Decode(ids)); got != text {
		t.Fatalf("the vocabulary spells %q as %q", text, got)
	}
	eos, ok := m.tok.EOS()
	if !ok {
		t.Fatal("no EOS")
	}
	for _, id := range append(ids, eos) {
		logits := make([]float32, m.shape.Vocabulary)
		logits[id] = 100
		if _, _, err := a.each(0, logits); err != nil {
			t.Fatal(err)
		}
	}
	return a.box.take()
}

// TestPartsOfAnswers checks that pieces tell thoughts, text and calls apart, with and without a thought that the
// template begins, and that a continuation of raw text is text only.
func TestPartsOfAnswers(t *testing.T) {
	const chat = `{% for m in messages %}{{ m.role }}: {{ m.content }}{% endfor %}{# </think> <tool_call> #}`
	hi := []Message{{Role: "user", Content: "hi"}}
	const call = `<tool_call>{"name": "f", "arguments": {"a": 1}}</tool_call>`
	for _, c := range []struct {
		template, text string
		r              Request
		want           string
	}{
		// the vocabulary spells a space before each text
		{chat, "<think>a</think>b" + call, Request{Messages: hi}, "thinking=a|=b|calls=" + call + "(f)"},
		{chat + "assistant <think>", "a</think>b", Request{Messages: hi}, "thinking= a|=b"},
		{chat, "a</think>b", Request{Messages: append(hi, Message{Role: "assistant", Content: "<think>x"}), Continue: true}, "thinking= a|=b"},
		{chat, "<think>a</think>b", Request{Prompt: "hi"}, "= <think>a</think>b"},
		{chat, "<think>a", Request{Messages: hi}, "thinking=a"},
	} {
		m := withTemplate(t, c.template)
		var parts []string
		last := reply.Kind("-")
		pieces := says(t, m, c.r, c.text)
		for _, p := range pieces {
			var names []string
			for _, call := range p.Calls {
				names = append(names, "("+call.Name+")")
			}
			text := p.Text + strings.Join(names, "")
			if p.Kind == last && p.Text != "" {
				parts[len(parts)-1] += text
			} else if p.Text != "" {
				parts, last = append(parts, string(p.Kind)+"="+text), p.Kind
			}
		}
		if got := strings.Join(parts, "|"); got != c.want || pieces[len(pieces)-1].Reason != Ended {
			t.Errorf("%s says %q: %q, expected %q; %+v", c.template, c.text, got, c.want, pieces[len(pieces)-1])
		}
	}
}

// TestContinue checks that the prompt of an answer that goes on ends with it, and that other last messages are refused.
func TestContinue(t *testing.T) {
	m := withTemplate(t, `{% for m in messages %}[{{ m.role }}:{{ m.content|trim }}]{% endfor %}{% if add_generation_prompt %}[assistant:{% endif %}`)
	for content, want := range map[string]string{"The answer": "[user:hi][assistant:The answer", "The answer is ": "[user:hi][assistant:The answer is"} {
		r := Request{Messages: []Message{{Role: "user", Content: "hi"}, {Role: "assistant", Content: content}}, Continue: true}
		ids, err := m.PromptTokens(r)
		if err != nil {
			t.Fatal(err)
		}
		if plain, err := m.PromptTokens(Request{Prompt: want}); err != nil || !slices.Equal(ids, plain) {
			t.Errorf("%q: %q", content, m.tok.Decode(ids))
		}
	}
	if _, err := m.PromptTokens(Request{Messages: []Message{{Role: "user", Content: "hi"}}, Continue: true}); err == nil {
		t.Error("a message of the user is continued")
	}
}

// TestToolTypes checks that a parameter that a tool's schema declares as a string stays one.
func TestToolTypes(t *testing.T) {
	m := withTemplate(t, `{{ messages[0].content }}{# <tool_call> #}`)
	tools := []any{map[string]any{"type": "function", "function": map[string]any{"name": "f", "parameters": map[string]any{
		"type": "object", "properties": map[string]any{"zip": map[string]any{"type": "string"}, "n": map[string]any{"type": []any{"integer", "null"}}}}}}}
	const call = "<tool_call><function=f><parameter=zip>89073</parameter><parameter=n>1</parameter></function></tool_call>"
	for want, tools := range map[string]any{`{"zip":"89073","n":1}`: tools, `{"zip":89073,"n":1}`: []any{}} {
		var got []string
		for _, p := range says(t, m, Request{Messages: []Message{{Role: "user", Content: "hi"}}, Tools: tools}, call) {
			for _, c := range p.Calls {
				got = append(got, string(c.Arguments))
			}
		}
		if !slices.Equal(got, []string{want}) {
			t.Errorf("%v: %q, expected %s", tools, got, want)
		}
	}
	if toolTypes(make(chan int)) != nil {
		t.Error("a channel has types")
	}
}
