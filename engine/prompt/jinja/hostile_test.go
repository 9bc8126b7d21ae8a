package jinja

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

// tight are limits under which a test ends quickly.
var tight = Limits{Source: 1 << 20, Nest: 200, Steps: 200_000, Depth: 2000, Memory: 16 << 20, Output: 4 << 20}

// TestHostile: templates that would run for ever or fill the memory end with an error.
func TestHostile(t *testing.T) {
	double := strings.Repeat("{% set x = x ~ x %}", 60)
	for name, template := range map[string]string{
		"loops":             "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
		"recursion":         "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
		"two macros":        "{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}{{ a() }}{% endmacro %}{{ a() }}",
		"caller":            "{% macro m() %}{{ caller() }}{% endmacro %}{% macro r() %}{% call m() %}{{ r() }}{% endcall %}{% endmacro %}{{ r() }}",
		"recursive loop":    "{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}",
		"doubled text":      "{% set x = 'aaaaaaaaaaaaaaaa' %}" + double,
		"added text":        "{% set ns = namespace(x='a') %}{% for i in range(99) %}{% set ns.x = ns.x + ns.x %}{% endfor %}",
		"doubled list":      "{% set ns = namespace(x=[1]) %}{% for i in range(99) %}{% set ns.x = ns.x + ns.x %}{% endfor %}",
		"captured text":     "{% set ns = namespace(x='a') %}{% for i in range(99) %}{% set ns.x %}{{ ns.x }}{{ ns.x }}{% endset %}{% endfor %}",
		"repeated text":     "{{ 'a' * 999999999999 }}",
		"repeated list":     "{{ [1] * 999999999999 }}",
		"repeated twice":    "{{ 'a' * 9223372036854775807 * 9223372036854775807 }}",
		"power":             "{{ 10 ** 10 ** 10 }}",
		"big range":         "{{ range(-9223372036854775807, 9223372036854775807)|list }}",
		"padding":           "{{ 'a'|center(9999999999) }}",
		"ljust":             "{{ 'a'.ljust(9999999999) }}",
		"zfill":             "{{ '1'.zfill(9999999999) }}",
		"format width":      "{{ '%999999999d' % 1 }}",
		"format precision":  "{{ '%.999999999f' % 1 }}",
		"format star":       "{{ '%*d' % (9223372036854775807, 1) }}",
		"format brace":      "{{ '{:999999999}'.format(1) }}",
		"format huge":       "{{ '{:99999999999999999999}'.format(1) }}",
		"indent":            "{{ 'a\nb'|indent(9999999999) }}",
		"json indent":       "{{ [[[[[1]]]]]|tojson(indent=999999999) }}",
		"replace":           "{{ ('a' * 10000)|replace('a', 'b' * 10000) }}",
		"replace empty":     "{{ ('a' * 10000).replace('', 'b' * 10000) }}",
		"join":              "{{ (range(10000)|list)|join('b' * 10000) }}",
		"tabs":              "{{ '\t'.expandtabs(9999999999) }}",
		"doubled braces":    "{% set a = '{' * 1000000 %}{% for i in range(99999) %}{% set b = a.format() %}{% endfor %}",
		"dropped tabs":      "{% set a = '\t' * 300000 %}{% for i in range(99999) %}{% set b = a.expandtabs(0) %}{% endfor %}",
		"batch":             "{{ [1]|batch(9999999999, 0)|list }}",
		"slice":             "{{ [1]|slice(9999999999)|list }}",
		"shared list":       "{% set ns = namespace(x=[1]) %}{% for i in range(99) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x }}",
		"shared list json":  "{% set ns = namespace(x=[1]) %}{% for i in range(99) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x|tojson }}",
		"shared list equal": "{% set ns = namespace(x=[1], y=[1]) %}{% for i in range(99) %}{% set ns.x = [ns.x, ns.x] %}{% set ns.y = [ns.y, ns.y] %}{% endfor %}{{ ns.x == ns.y }}",
		"deep list":         "{% set ns = namespace(x=[1]) %}{% for i in range(9999) %}{% set ns.x = [ns.x] %}{% endfor %}{{ ns.x }}",
		"deep tuple key":    "{% set ns = namespace(x=(1,)) %}{% for i in range(9999) %}{% set ns.x = (ns.x,) %}{% endfor %}{{ {ns.x: 1} }}",
		"own namespace":     "{% set ns = namespace() %}{% set ns.x = ns %}{{ ns }}",
		"own list":          "{% set ns = namespace() %}{% set ns.x = [ns] %}{{ ns.x == ns.x and ns.x|string }}",
		"chained iterators": "{% set ns = namespace(x=[1]) %}{% for i in range(9999) %}{% set ns.x = ns.x|map('string') %}{% endfor %}{{ ns.x|list }}",
		"brackets":          "{{ " + strings.Repeat("(", 100_000) + "1" + strings.Repeat(")", 100_000) + " }}",
		"open brackets":     "{{ " + strings.Repeat("[", 100_000),
		"nots":              "{{ " + strings.Repeat("not ", 100_000) + "1 }}",
		"minuses":           "{{ " + strings.Repeat("-", 100_000) + "1 }}",
		"ifs":               strings.Repeat("{% if 1 %}", 50_000),
		"conditions":        "{{ " + strings.Repeat("1 if 0 else ", 50_000) + "1 }}",
		"sum":               "{{ " + strings.Repeat("1 + ", 100_000) + "1 }}",
		"filters":           "{{ 1" + strings.Repeat("|string", 100_000) + " }}",
		"calls":             "{{ x" + strings.Repeat("()", 100_000) + " }}",
		"attributes":        "{{ x" + strings.Repeat(".x", 100_000) + " }}",
		"format nested":     "{{ '" + strings.Repeat("{:", 1000) + strings.Repeat("}", 1000) + "'.format(1) }}",
		"too long":          strings.Repeat("x", 2<<20),
		"invalid UTF-8":     "\xff",
		"searches":          "{% set x = 'a' * 1000000 %}{% for i in range(99999) %}{% if 'b' in x %}{% endif %}{% endfor %}",
		"splits":            "{% set x = 'a ' * 100000 %}{% for i in range(99999) %}{% set y = x.split() %}{% endfor %}",
		"sorts":             "{% set x = range(9999)|list %}{% for i in range(99999) %}{% set y = x|sort %}{% endfor %}",
		"spread":            "{% macro m() %}{{ varargs|length }}{% endmacro %}{% for i in range(9999) %}{{ m(*range(99999)) }}{% endfor %}",
	} {
		t.Run(name, func(t *testing.T) {
			parsed, err := Parse(template, tight)
			if err == nil {
				_, err = parsed.Render(variables(nil), testTime)
			}
			var e *Error
			if !errors.As(err, &e) {
				t.Errorf("no error, but %v", err)
			}
		})
	}
}

// TestDefaultLimits: the defaults leave room for a long conversation and end what does not end.
func TestDefaultLimits(t *testing.T) {
	messages := make([]Object, 2000)
	for i := range messages {
		messages[i] = Object{{"content", strings.Repeat("word ", 500)}}
	}
	out, err := render("{% for m in messages %}{{ '<|' + m.content|trim + '|>' }}{% endfor %}", map[string]any{"messages": messages})
	if err != nil || len(out) < 5_000_000 {
		t.Errorf("a long conversation: %d bytes, %v", len(out), err)
	}
	if _, err := render("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", nil); err == nil {
		t.Error("endless recursion gives no error")
	}
	if _, err := render("{% for a in range(99999) %}{{ 'a' * 99999 }}{% endfor %}", nil); err == nil {
		t.Error("endless output gives no error")
	}
}

// TestNothingIsReached: names that lead to Python's internals, files or other templates.
func TestNothingIsReached(t *testing.T) {
	for _, template := range []string{
		"{{ ''.__class__.__mro__ }}", "{{ cycler.__init__.__globals__.os }}", "{{ namespace.__init__() }}", "{{ [].__class__() }}",
		"{{ '{0.__class__.__base__}'.format(1) }}", "{{ messages|attr('__class__')|attr('__base__') }}", "{{ messages['__class__']['x'] }}",
		"{% include '/etc/passwd' %}", "{% import 'x' as x %}", "{% from 'x' import y %}", "{% extends 'x' %}", "{{ open('/etc/passwd') }}",
		"{{ messages.append(1) }}", "{{ {}.update(a=1) }}",
	} {
		if out, err := render(template, variables(nil)); err == nil {
			t.Errorf("%s gives %q", template, out)
		}
	}
}

// TestTextSurvives: text without tags is printed as it is but for its line ends.
func TestTextSurvives(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := strings.NewReplacer("{", "", "\r", "").Replace(rapid.String().Draw(t, "text"))
		if got, err := render(text, nil); err != nil || got != strings.TrimSuffix(text, "\n") {
			t.Fatalf("%q gives %q, %v", text, got, err)
		}
	})
}

// TestSlices: a slice is what its definition says, one index after the other.
func TestSlices(t *testing.T) {
	bound := rapid.Custom(func(t *rapid.T) any {
		if rapid.Bool().Draw(t, "given") {
			return rapid.IntRange(-8, 8).Draw(t, "bound")
		}
		return nil
	})
	rapid.Check(t, func(t *rapid.T) {
		text := []rune(rapid.StringN(0, 6, -1).Draw(t, "text"))
		a, b := bound.Draw(t, "a"), bound.Draw(t, "b")
		step := rapid.SampledFrom([]int{-3, -2, -1, 1, 2, 3}).Draw(t, "step")
		v := map[string]any{"s": string(text), "a": a, "b": b, "step": step}
		got, err := render("{{ (s|list)[a:b:step]|join }}|{{ s[a:b:step] }}", v)
		want := slowSlice(text, a, b, step)
		if err != nil || got != want+"|"+want {
			t.Fatalf("%q[%v:%v:%d] = %q, %v; want %q", string(text), a, b, step, got, err, want)
		}
	})
}

// slowSlice collects the indices that lie in the slice.
func slowSlice(text []rune, a, b any, step int) string {
	n := len(text)
	at := func(v any, def, low int) int {
		i, ok := v.(int)
		switch {
		case !ok:
			return def
		case i < 0:
			return max(i+n, low)
		}
		return i
	}
	var out []rune
	if step > 0 {
		for i := at(a, 0, 0); i < min(at(b, n, 0), n); i += step {
			out = append(out, text[i])
		}
		return string(out)
	}
	for i := min(at(a, n-1, -1), n-1); i > at(b, -1, -1); i += step {
		out = append(out, text[i])
	}
	return string(out)
}

// FuzzTemplate: any template with any values ends, without a panic, in valid text or an *Error.
func FuzzTemplate(f *testing.F) {
	file := readCases(f)
	values, err := json.Marshal(file.Values)
	if err != nil {
		f.Fatal(err)
	}
	for i, c := range file.Cases {
		if i%8 == 0 || strings.Contains(c.Template, "{%") {
			f.Add(c.Template, values)
		}
	}
	f.Fuzz(func(t *testing.T, template string, values []byte) {
		parsed, err := Parse(template, Limits{Source: 1 << 16, Steps: 20_000, Depth: 500, Memory: 1 << 20})
		if err != nil {
			return
		}
		var extras map[string]json.RawMessage
		if json.Unmarshal(values, &extras) != nil {
			extras = nil
		}
		vars := variables(extras)
		vars["bos_token"] = Trusted("<s>")
		out, err := parsed.Render(vars, testTime)
		if err != nil {
			return
		}
		if utf8.Valid(values) && !utf8.ValidString(out.String()) {
			t.Errorf("%q gives invalid UTF-8: %q", template, out)
		}
		for i, run := range out {
			if run.Text == "" || i > 0 && out[i-1].Template == run.Template {
				t.Errorf("%q gives runs that are empty or alike: %q", template, out)
			}
		}
	})
}
