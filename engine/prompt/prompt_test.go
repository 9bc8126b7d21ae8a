package prompt

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var testTime = time.Date(2024, 7, 26, 15, 4, 5, 0, time.UTC)

// readJSON reads a file of testdata.
func readJSON(t testing.TB, name string, into any) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, into); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// extra makes Values.Extra of a JSON object, with the order of keys kept.
func extra(values map[string]json.RawMessage) map[string]any {
	out := map[string]any{}
	for k, v := range values {
		out[k] = v
	}
	return out
}

func render(template string, v Values) (string, error) {
	t, err := Parse(template)
	if err != nil {
		return "", err
	}
	out, err := t.Render(v)
	return out.String(), err
}

// outcome is what Jinja2 made of a template.
type outcome struct {
	Want  *string
	Error string
}

func (o outcome) check(t *testing.T, what, got string, err error) {
	t.Helper()
	switch {
	case o.Want == nil && err == nil:
		t.Errorf("%s\n  gives %q\n  Jinja2 fails: %s", what, got, o.Error)
	case o.Want != nil && err != nil:
		t.Errorf("%s\n  fails: %v\n  Jinja2 gives %q", what, err, *o.Want)
	case o.Want != nil && got != *o.Want:
		t.Errorf("%s\n  gives  %q\n  Jinja2 %q", what, got, *o.Want)
	}
}

// TestFamilies renders templates in the manner of the known model families.
func TestFamilies(t *testing.T) {
	var file struct {
		Talks map[string]map[string]json.RawMessage
		Cases []struct {
			Family, Talk string
			Prompt       bool
			outcome
		}
	}
	readJSON(t, "families.json", &file)
	for _, c := range file.Cases {
		source, err := os.ReadFile(filepath.Join("testdata", "families", c.Family))
		if err != nil {
			t.Fatal(err)
		}
		v := Values{AddGenerationPrompt: c.Prompt, BOS: "<s>", EOS: "</s>", Extra: extra(file.Talks[c.Talk]), Now: testTime}
		got, err := render(string(source), v)
		c.check(t, c.Family+" "+c.Talk, got, err)
	}
}

// TestConversations compares with what llama.cpp makes of two models' conversations.
func TestConversations(t *testing.T) {
	for _, name := range []string{"smollm2", "gemma3"} {
		var file map[string]struct {
			Messages []struct{ Role, Content string }
			Prompt   string
		}
		readJSON(t, "chat-"+name+".json", &file)
		template := ChatML // Gemma's file has none
		if name == "smollm2" {
			raw, err := os.ReadFile("testdata/smollm2.jinja")
			if err != nil {
				t.Fatal(err)
			}
			template = string(raw)
		}
		for talk, c := range file {
			v := Values{AddGenerationPrompt: true, BOS: "<bos>", EOS: "<eos>"}
			for _, m := range c.Messages {
				v.Messages = append(v.Messages, Message{Role: m.Role, Content: m.Content})
			}
			got, err := render(template, v)
			if err != nil || got != c.Prompt {
				t.Errorf("%s %s: %q, %v; want %q", name, talk, got, err, c.Prompt)
			}
		}
	}
}

// TestChatMLShape: whatever people say, ChatML is each message between its marks.
func TestChatMLShape(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := Values{AddGenerationPrompt: rapid.Bool().Draw(t, "prompt")}
		want := ""
		for range rapid.IntRange(0, 5).Draw(t, "n") {
			m := Message{Role: rapid.SampledFrom([]string{"system", "user", "assistant"}).Draw(t, "role"), Content: rapid.String().Draw(t, "content")}
			v.Messages = append(v.Messages, m)
			want += "<|im_start|>" + m.Role + "\n" + m.Content + "<|im_end|>\n"
		}
		if v.AddGenerationPrompt {
			want += "<|im_start|>assistant\n"
		}
		if got, err := render(ChatML, v); err != nil || got != want {
			t.Fatalf("%q, %v; want %q", got, err, want)
		}
	})
}

// TestErrors: an error names the chat template, and says whether the template refused.
func TestErrors(t *testing.T) {
	for template, want := range map[string]string{
		"a\n{{ nope.x }}": "chat template: line 2: 'nope' is undefined",
		"{% nosuch %}":    `chat template: line 1: unknown statement "nosuch"`,
		"\n{{ raise_exception('Only user and assistant') }}": "chat template: it refuses this conversation: line 2: Only user and assistant",
	} {
		if _, err := render(template, Values{}); err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %q", template, err, want)
		}
	}
	if _, err := render("", Values{Tools: make(chan int)}); err == nil || !strings.Contains(err.Error(), `"tools"`) {
		t.Errorf("tools of a wrong type: %v", err)
	}
}

// TestMessageOrder: a message that is printed has its role first, then content, then the rest by name.
func TestMessageOrder(t *testing.T) {
	v := Values{Messages: []Message{{Role: "user", Content: "hi", Extra: map[string]any{"tool_calls": []any{}, "name": "Bo"}}}}
	got, err := render("{{ messages[0] }}", v)
	if want := "{'role': 'user', 'content': 'hi', 'name': 'Bo', 'tool_calls': []}"; err != nil || got != want {
		t.Errorf("%s, %v, want %s", got, err, want)
	}
}
