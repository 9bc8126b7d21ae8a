package prompt

import (
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestContinued checks prompts that end with the last message, as the transformers library cuts them: behind the message, without
// the white space at its end if the template removes it. A template that does not write the message can't be continued.
func TestContinued(t *testing.T) {
	talk := func(answer string) Values {
		return Values{Continue: true, Messages: []Message{{Role: "user", Content: "hi"}, {Role: "assistant", Content: answer}}}
	}
	const trims = `{% for m in messages %}[{{ m.content | trim }}]{% endfor %}`
	for _, c := range []struct{ template, answer, want string }{
		{ChatML, "The answer is ", "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\nThe answer is "},
		{ChatML, "", "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n"},
		{trims, "The answer is ", "[hi][The answer is"},
		{trims, "The answer", "[hi][The answer"},
		{trims, "hi", "[hi][hi"},
	} {
		if got, err := render(c.template, talk(c.answer)); err != nil || got != c.want {
			t.Errorf("%q: %q, %v; want %q", c.answer, got, err, c.want)
		}
	}
	for _, template := range []string{`{{ messages[0].content }}`, `{{ messages[1].content | upper }}`, `{{ messages[1].content | length }}`} {
		if _, err := render(template, talk("The answer")); !errors.Is(err, errNotContinued) {
			t.Errorf("%s: %v", template, err)
		}
	}
	if _, err := render(ChatML, Values{Continue: true}); !errors.Is(err, errNotContinued) {
		t.Errorf("no messages: %v", err)
	}
}

// TestContinuedKeepsOrigins checks that the cut text has the origins of the whole.
func TestContinuedKeepsOrigins(t *testing.T) {
	template, err := Parse(ChatML)
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		answer := rapid.String().Draw(t, "answer")
		text, err := template.Render(Values{Continue: true, Messages: []Message{{Role: "assistant", Content: answer}}})
		if err != nil {
			t.Fatal(err)
		}
		var data strings.Builder
		for _, run := range text {
			if !run.Template {
				data.WriteString(run.Text)
			}
		}
		if data.String() != answer || text.String() != "<|im_start|>assistant\n"+answer {
			t.Fatalf("%q gives %v", answer, text)
		}
	})
}

// TestLackingFilter checks that a filter that is not there stops a template only where it is evaluated.
func TestLackingFilter(t *testing.T) {
	const template = `{{ 'a' }}{% for m in messages %}{{ m.content | wordwrap(3) }}{% endfor %}`
	if got, err := render(template, Values{}); err != nil || got != "a" {
		t.Errorf("not evaluated: %q, %v", got, err)
	}
	if _, err := render(template, Values{Messages: []Message{{Role: "user", Content: "b"}}}); err == nil || !strings.Contains(err.Error(), "wordwrap") {
		t.Errorf("evaluated: %v", err)
	}
}

// TestRWKV checks the template that files name.
func TestRWKV(t *testing.T) {
	v := Values{AddGenerationPrompt: true, Messages: []Message{{Role: "system", Content: "S"}, {Role: "user", Content: " hi\n"}, {Role: "assistant", Content: "yes"}, {Role: "user", Content: "c"}}}
	got, err := render("rwkv-world", v)
	if want := "System: S\n\nUser: hi\n\nAssistant: yes\n\nUser: c\n\nAssistant:"; err != nil || got != want {
		t.Errorf("%q, %v; want %q", got, err, want)
	}
}

// TestReasoningNames checks that templates find a thought under the names that they read.
func TestReasoningNames(t *testing.T) {
	const template = `{{ messages[0].reasoning_content }}|{{ messages[0].thinking }}|{{ messages[0].reasoning }}`
	for _, c := range []struct {
		extra map[string]any
		want  string
	}{
		{map[string]any{"reasoning": "a"}, "a|a|a"}, {map[string]any{"thinking": "a"}, "a|a|"}, {map[string]any{"reasoning_content": "a", "thinking": "b"}, "a|b|"}, {nil, "||"},
	} {
		v := Values{Messages: []Message{{Role: "assistant", Content: "x", Extra: c.extra}}}
		if got, err := render(template, v); err != nil || got != c.want || len(v.Messages[0].Extra) != len(c.extra) {
			t.Errorf("%v: %q, %v; want %q", c.extra, got, err, c.want)
		}
	}
}
