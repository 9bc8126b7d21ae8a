package jinja

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var testTime = time.Date(2024, 7, 26, 15, 4, 5, 0, time.UTC)

// caseFile is testdata/cases.json: variables, templates, and what Jinja2 makes of them.
type caseFile struct {
	Values map[string]json.RawMessage
	Cases  []struct {
		Template, Error string
		Want            *string
	}
}

func readCases(t testing.TB) caseFile {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", "cases.json"))
	if err != nil {
		t.Fatal(err)
	}
	var c caseFile
	if err := json.Unmarshal(raw, &c); err != nil {
		t.Fatal(err)
	}
	return c
}

// variables are those of a JSON object, beside the ones that every chat template has.
func variables(values map[string]json.RawMessage) map[string]any {
	vars := map[string]any{"messages": []any{}, "tools": nil, "documents": nil, "add_generation_prompt": false}
	for name, v := range values {
		vars[name] = v
	}
	return vars
}

func render(template string, vars map[string]any) (string, error) {
	t, err := Parse(template, Limits{})
	if err != nil {
		return "", err
	}
	out, err := t.Render(vars, testTime)
	return out.String(), err
}

// TestJinja renders small templates that cover the language, and compares with Jinja2.
func TestJinja(t *testing.T) {
	file := readCases(t)
	if len(file.Cases) < 300 {
		t.Fatalf("only %d cases", len(file.Cases))
	}
	vars := variables(file.Values)
	for _, c := range file.Cases {
		if reason, ok := differs[c.Template]; ok {
			t.Logf("%s: %s", c.Template, reason)
			continue
		}
		got, err := render(c.Template, vars)
		switch {
		case c.Want == nil && err == nil:
			t.Errorf("%s\n  gives %q\n  Jinja2 fails: %s", c.Template, got, c.Error)
		case c.Want != nil && err != nil:
			t.Errorf("%s\n  fails: %v\n  Jinja2 gives %q", c.Template, err, *c.Want)
		case c.Want != nil && got != *c.Want:
			t.Errorf("%s\n  gives  %q\n  Jinja2 %q", c.Template, got, *c.Want)
		}
	}
}

// differs are the cases in which this package knowingly differs from Jinja2.
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

func TestErrorsNameTheLine(t *testing.T) {
	for template, want := range map[string]string{
		"a\n\n{{ nope.x }}":                       "line 3: 'nope' is undefined",
		"a\n{% if x %}\n":                         `line 2: unexpected end of the template: "if" has no "endif"`,
		"{# a\n\n#}\n{{ 1 | nosuch }}":            "line 4: no filter named 'nosuch'",
		"\n{% include 'x' %}":                     `line 2: "include" is refused: a chat template may not load other files`,
		"\n{% for m in messages %}{% endfor %}\n": "",
		"{% if true %}\n{{ raise_exception('Only user and assistant roles') }}{% endif %}": "line 2: Only user and assistant roles",
	} {
		_, err := render(template, variables(nil))
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
	vars := map[string]any{
		"messages": []Object{{{"role", "user"}, {"content", Trusted("hi")}, {"tool_calls", []any{map[string]any{"id": 1}}}}},
		"tools":    []map[string]any{{"b": 1.5, "a": []string{"x"}}},
		"raw":      json.RawMessage(`{"z": 1, "a": [2, 2.0, null, true]}`), "i": int32(3), "u": uint8(4), "n": name("N"),
		"f": float32(0.5), "list": []int{1, 2}, "num": json.Number("12"),
	}
	got, err := render("{{ messages }}{{ tools }}{{ raw }}{{ i + u }}{{ n }}{{ f }}{{ list }}{{ num + 1 }}", vars)
	want := "[{'role': 'user', 'content': 'hi', 'tool_calls': [{'id': 1}]}][{'a': ['x'], 'b': 1.5}]{'z': 1, 'a': [2, 2.0, None, True]}7N0.5[1, 2]13"
	if err != nil || got != want {
		t.Errorf("%q, %v\nwant %q", got, err, want)
	}
	for _, bad := range []any{make(chan int), json.RawMessage("{"), json.RawMessage("1 2"), uint64(1) << 63, []any{func() {}},
		Object{{"x", struct{}{}}}, json.RawMessage(strings.Repeat("[", 200))} {
		if _, err := render("", map[string]any{"x": bad}); err == nil || !strings.Contains(err.Error(), `variable "x"`) {
			t.Errorf("%T: error %v, expected one that names the variable", bad, err)
		}
	}
}
