package prompt

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
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
	return t.Render(v)
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

// TestJinja renders small templates that cover the language, and compares with Jinja2.
func TestJinja(t *testing.T) {
	var file struct {
		Values map[string]json.RawMessage
		Cases  []struct {
			Template string
			outcome
		}
	}
	readJSON(t, "cases.json", &file)
	if len(file.Cases) < 300 {
		t.Fatalf("only %d cases", len(file.Cases))
	}
	values := Values{Extra: extra(file.Values), Now: testTime}
	for _, c := range file.Cases {
		if reason, ok := differs[c.Template]; ok {
			t.Logf("%s: %s", c.Template, reason)
			continue
		}
		got, err := render(c.Template, values)
		c.check(t, c.Template, got, err)
	}
}

// differs are the cases in which this package knowingly does otherwise.
var differs = map[string]string{
	"{{ (-8) ** 0.5 }}":                          "no complex numbers",
	"{{ n.real.nosuch }}":                        "numbers have no attributes",
	"{{ 1.real }}":                               "numbers have no attributes",
	"{{ 1 .bit_length() }}":                      "numbers have no attributes",
	"{{ self is defined }}":                      "blocks are not inherited, so there is no self",
	"{{ lipsum is defined }}":                    "no random text",
	"{{ 9223372036854775807 + 1 }}":              "integers have 64 bits",
	"{{ 2 ** 64 }}":                              "integers have 64 bits",
	"{{ 'a'|pprint }}":                           "a filter that no chat template needs",
	"{% autoescape false %}x{% endautoescape %}": "not supported",
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

func TestErrorsNameTheLine(t *testing.T) {
	for template, want := range map[string]string{
		"a\n\n{{ nope.x }}":                       "chat template: line 3: 'nope' is undefined",
		"a\n{% if x %}\n":                         `chat template: line 2: unexpected end of the template: "if" has no "endif"`,
		"{# a\n\n#}\n{{ 1 | nosuch }}":            "chat template: line 4: no filter named 'nosuch'",
		"\n{% include 'x' %}":                     `chat template: line 2: "include" is refused: a chat template may not load other files`,
		"\n{% for m in messages %}{% endfor %}\n": "",
		"{% if true %}\n{{ raise_exception('Only user and assistant roles') }}{% endif %}": "chat template: it refuses this conversation (line 2): Only user and assistant roles",
	} {
		_, err := render(template, Values{})
		if got := errorText(err); got != want {
			t.Errorf("%q: %q, want %q", template, got, want)
		}
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestGoValues(t *testing.T) {
	type name string
	v := Values{
		Messages: []Message{{Role: "user", Content: "hi", Extra: map[string]any{"tool_calls": []any{map[string]any{"id": 1}}}}},
		Tools:    []map[string]any{{"b": 1.5, "a": []string{"x"}}},
		Extra: map[string]any{"raw": json.RawMessage(`{"z": 1, "a": [2, 2.0, null, true]}`), "i": int32(3), "u": uint8(4), "n": name("N"),
			"f": float32(0.5), "list": []int{1, 2}, "num": json.Number("12")},
	}
	got, err := render("{{ messages }}{{ tools }}{{ raw }}{{ i + u }}{{ n }}{{ f }}{{ list }}{{ num + 1 }}", v)
	want := "[{'role': 'user', 'content': 'hi', 'tool_calls': [{'id': 1}]}][{'a': ['x'], 'b': 1.5}]{'z': 1, 'a': [2, 2.0, None, True]}7N0.5[1, 2]13"
	if err != nil || got != want {
		t.Errorf("%q, %v\nwant %q", got, err, want)
	}
	for _, bad := range []any{make(chan int), json.RawMessage("{"), json.RawMessage("1 2"), uint64(1) << 63, []any{func() {}}, json.RawMessage(strings.Repeat("[", 200))} {
		if _, err := render("", Values{Extra: map[string]any{"x": bad}}); err == nil {
			t.Errorf("%T was taken", bad)
		}
	}
}
