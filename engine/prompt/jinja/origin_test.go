package jinja

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

// The tests of origins use two alphabets that no operation mixes: a letter of dataLetters stays one
// in upper and lower case, and no template, escape or number has one. Templates use templateLetters
// in the same way.
const (
	dataLetters     = "hjqßΣσŋжHJQŊЖς" + dataMarks
	dataMarks       = "<|>"
	templateLetters = "wzWZéÉ"
)

// marked renders a template and shows data between ⟦ and ⟧.
func marked(t testing.TB, template string, vars map[string]any) string {
	t.Helper()
	parsed, err := Parse(template, Limits{})
	if err != nil {
		t.Fatalf("%s: %v", template, err)
	}
	out, err := parsed.Render(vars, testTime)
	if err != nil {
		t.Fatalf("%s: %v", template, err)
	}
	var b strings.Builder
	for _, run := range out {
		if run.Template {
			b.WriteString(run.Text)
		} else {
			b.WriteString("⟦" + run.Text + "⟧")
		}
	}
	return b.String()
}

// TestOrigins: each operation keeps the origin of each byte.
func TestOrigins(t *testing.T) {
	vars := map[string]any{"m": "<hi>", "sp": " a\tb ", "own": Trusted("<s>"), "empty": "", "nl": "x\ny", "brace": "{}%s", "sig": "ΑΣ",
		"o": Object{{"k", "v"}, {"n", 7}}, "list": []string{"a", "b"}, "code": 60}
	for template, want := range map[string]string{
		"a{{ m }}b": "a⟦<hi>⟧b", "{{ own }}{{ m }}": "<s>⟦<hi>⟧", "{{ 'a' + m + 'b' }}": "a⟦<hi>⟧b", "{{ 'a' ~ m ~ 1 }}": "a⟦<hi>⟧1",
		"{{ m ~ m }}": "⟦<hi><hi>⟧", "{{ m * 2 }}": "⟦<hi><hi>⟧", "{{ ('a' + m) * 2 }}": "a⟦<hi>⟧a⟦<hi>⟧", "{{ '' + empty + 'a' }}": "a",
		"{{ sp.strip() }}": "⟦a\tb⟧", "{{ (' x' + sp)|trim }}": "x⟦ a\tb⟧", "{{ ('[' + m + ']')[2:-1] }}": "⟦hi>⟧", "{{ ('[' + m + ']')[1] }}": "⟦<⟧",
		"{{ ('a' + m)[::-1] }}": "⟦>ih<⟧a", "{{ ('a' + m)|reverse }}": "⟦>ih<⟧a", "{{ (m + 'z').upper() }}": "⟦<HI>⟧Z", "{{ ('ΑΣ' + sig + 'α')|lower }}": "ασ⟦ασ⟧α", "{{ ('Α' + sig)|lower }}": "α⟦ας⟧",
		"{{ (m + 'ßx')|upper }}": "⟦<HI>⟧SSX", "{{ (m + 'ab')|title }}": "⟦<Hi>⟧ab", "{{ ('a' + m).title() }}": "A⟦<Hi>⟧", "{{ ('aß' + m)|capitalize }}": "Aß⟦<hi>⟧",
		"{{ ('Ab' + m).swapcase() }}": "aB⟦<HI>⟧", "{{ m.replace('h', 'H') }}": "⟦<⟧H⟦i>⟧", "{{ 'axa'.replace('x', m) }}": "a⟦<hi>⟧a", "{{ 'ab'.replace('', m) }}": "⟦<hi>⟧a⟦<hi>⟧b⟦<hi>⟧",
		"{{ m|replace('<', '[', 1) }}": "[⟦hi>⟧", "{{ ('a,' + m).split(',')|join(';') }}": "a;⟦<hi>⟧", "{{ m.split('i')[1] }}": "⟦>⟧", "{{ sp.split()|join('-') }}": "⟦a⟧-⟦b⟧",
		"{{ m.rsplit('i', 1)[0] }}": "⟦<h⟧", "{{ nl.splitlines()|join('+') }}": "⟦x⟧+⟦y⟧", "{{ nl|indent(1) }}": "⟦x\n⟧ ⟦y⟧", "{{ m.partition('h')|join }}": "⟦<⟧h⟦i>⟧",
		"{{ '-'.join(list) }}": "⟦a⟧-⟦b⟧", "{{ m.join(['x', 'y']) }}": "x⟦<hi>⟧y", "{{ list|join(m) }}": "⟦a<hi>b⟧", "{% for c in 'x' + m %}{{ c }}{% endfor %}": "x⟦<hi>⟧",
		"{% for k, v in o.items() %}{{ k }}={{ v }},{% endfor %}": "⟦k⟧=⟦v⟧,⟦n⟧=7,", "{{ o }}": "{'⟦k⟧': '⟦v⟧', '⟦n⟧': 7}", "{{ o|tojson }}": `{"⟦k⟧": "⟦v⟧", "⟦n⟧": 7}`,
		"{{ nl|tojson }}": `"⟦x\ny⟧"`, "{{ [nl, 'a\n'] }}": `['⟦x\ny⟧', 'a\n']`, "{{ 'é'|tojson(ensure_ascii=true) }}": `"\u00e9"`,
		"{{ '%s|%5s' % (m, 'a') }}": "⟦<hi>⟧|    a", "{{ brace % m }}": "⟦{}<hi>⟧", "{{ '{}!'.format(m) }}": "⟦<hi>⟧!", "{{ brace.format(1) }}": "1⟦%s⟧",
		"{{ '{:>6}'.format(m) }}": "  ⟦<hi>⟧", "{{ '{:{}>6}'.format(m, 'x') }}": "xx⟦<hi>⟧", "{{ '%c' % code }}": "⟦<⟧", "{{ '{:c}'.format(code) }}": "⟦<⟧", "{{ '%s'|format(m) }}": "⟦<hi>⟧",
		"{{ m|center(8) }}": "  ⟦<hi>⟧  ", "{{ m.rjust(6, 'x') }}": "xx⟦<hi>⟧", "{{ ('+' + '1').zfill(4) }}": "+001", "{{ m.removeprefix('<') }}": "⟦hi>⟧", "{{ (m + 'a').removesuffix('a') }}": "⟦<hi>⟧",
		"{{ sp.expandtabs(4) }}": "⟦ a  b ⟧", "{{ m|escape }}": "⟦&lt;hi&gt;⟧", "{{ ('<'|safe) + m }}": "<⟦&lt;hi&gt;⟧", "{{ m|safe }}": "⟦<hi>⟧", "{{ m|urlencode }}": "⟦%3Chi%3E⟧", "{{ o|urlencode }}": "⟦k⟧=⟦v⟧&⟦n⟧=7",
		"{{ ('abc' + m)|truncate(5, true, '', 0) }}": "abc⟦<h⟧", "{% set x %}a{{ m }}{% endset %}{{ x }}{{ x|length }}": "a⟦<hi>⟧5", "{% macro f(v) %}[{{ v }}]{% endmacro %}{{ f(m) }}": "[⟦<hi>⟧]",
		"{% macro f() %}{{ kwargs }}{% endmacro %}{{ f(**o) }}": "{'⟦k⟧': '⟦v⟧', '⟦n⟧': 7}", "{{ dict(**o) }}": "{'⟦k⟧': '⟦v⟧', '⟦n⟧': 7}", "{% macro f(v) %}[{{ caller(v) }}]{% endmacro %}{% call(v) f(m) %}{{ v }}a{% endcall %}": "[⟦<hi>⟧a]",
		"{% filter upper %}a{{ m }}{% endfilter %}": "A⟦<HI>⟧", "{% generation %}a{{ m }}{% endgeneration %}": "a⟦<hi>⟧", "{% set ns = namespace(x='a') %}{% set ns.x = ns.x + m %}{{ ns.x }}": "a⟦<hi>⟧",
		"{{ m if true else 'a' }}": "⟦<hi>⟧", "{{ nope|default(m) }}": "⟦<hi>⟧", "{{ m|list }}": "['⟦<⟧', '⟦h⟧', '⟦i⟧', '⟦>⟧']", "{{ list|map('upper')|join }}": "⟦AB⟧", "{{ m|first }}{{ m|last }}": "⟦<>⟧",
		"{{ strftime_now('%Y') }}": "2024", "{{ strftime_now('%Y' + m) }}": "2024⟦<hi>⟧", "{{ m.casefold() }}": "⟦<hi>⟧", "{{ ('[' ~ list ~ ']') }}": "[['⟦a⟧', '⟦b⟧']]",
		"{{ m|int }}{{ m|length }}{{ m == '<hi>' }}{{ 'h' in m }}": "04TrueTrue", "{% set j = joiner(m) %}{{ j() }}a{{ j() }}": "a⟦<hi>⟧", "{% set c = cycler(m, 'x') %}{{ c.next() }}{{ c.next() }}": "⟦<hi>⟧x",
	} {
		if got := marked(t, template, vars); got != want {
			t.Errorf("%s\n  gives %s\n  want  %s", template, got, want)
		}
	}
}

// leaf draws a text without operations.
func leaf(t *rapid.T) string {
	literal := "'" + rapid.StringOfN(rapid.SampledFrom([]rune(templateLetters+" \t1")), 0, 4, -1).Draw(t, "literal") + "'"
	return rapid.SampledFrom([]string{literal, literal, "m", "m", "o.k", "list[1]", "own"}).Draw(t, "leaf")
}

// operations make a text of one to three texts.
var operations = []string{
	"(A)|upper", "(A).lower()", "(A)|title", "(A).title()", "(A)|capitalize", "(A).swapcase()", "(A).casefold()", "(A)|trim", "(A).lstrip('w ')", "(A).rstrip()",
	"(A)[1:]", "(A)[:-1]", "(A)[::-1]", "(A)[::2]", "(A)[1:4:2]", "(A)[0]", "(A)[-1:]", "(A)|string|reverse", "(A)|first", "(A)|last", "(A)|string", "(A)|list|join(B)", "(A)|list|sort|join", "(A)|unique|join",
	"(A)|center(9)", "(A).center(8, 'w')", "(A).ljust(7, 'z')", "(A).rjust(7)", "(A).zfill(8)", "(A).expandtabs(3)", "(A)|escape", "(A)|forceescape", "(A)|safe", "(A)|urlencode", "(A)|tojson", "[A]|string", "(A)|tojson(true)",
	"(A).split(B)|join('w')", "(A).split()|join", "(A).rsplit(B, 1)|join(C)", "(A).splitlines()|join(B)", "(A).partition(B)|join(C)", "(A).rpartition(B)[2]", "(A)|indent(2, true, B)", "(A)|indent", "(A)|truncate(4, true, 'z', 0)",
	"(A).replace('j', B)", "(A).replace(B, C)", "(A)|replace('w', B)", "(A)|replace('', B, 2)", "(A).removeprefix(B)", "(A).removesuffix(B)", "(A).join([B, C])", "[A, B]|join(C)", "(A) + (B)", "(A) ~ (B) ~ 1", "(A) * 2", "2 * (A)",
	"'%s-%r' % (A, B)", "'%-5s%.2s' % (A, B)", "'{}{!r}'.format(A, B)", "'{:>8}{:q<6}'.format(A, B)[:3]", "'{0:w^7}'.format(A)", "('z%s' ~ '')|format(A)", "[A, {'z': B}]|tojson(indent=1)", "{A: B}|string", "{'w': A}['w']", "namespace(w=A).w", "dict(w=A).items()|list|string",
	"(A) if (B) else (C)", "(A) or (B)", "(A) and (B)", "nope|default(A)", "[A, B]|map('upper')|join(C)", "[A, B]|max", "(A)|batch(2)|map('join')|join(B)", "[{'w': A}]|map(attribute='w')|join", "[A, B]|select('in', [A])|join", "(A) ~ ((A)|length) ~ ((A) == (B))",
	"[[A], [B]]|sum(start=[])|join(C)", "{A: 1}|items|first|first", "cycler(A, B).next()", "f(A, B)", "(A)|groupby('w', 'z')|length|string",
}

func expression(t *rapid.T, depth int) string {
	if depth == 0 || rapid.IntRange(0, 4).Draw(t, "stop") == 0 {
		return leaf(t)
	}
	op := rapid.SampledFrom(operations).Draw(t, "operation")
	for _, place := range []string{"A", "B", "C"} {
		if strings.Contains(op, place) {
			op = strings.ReplaceAll(op, place, expression(t, depth-1))
			depth = min(depth, 2) // so that the text stays short
		}
	}
	return "(" + op + ")"
}

// statements print texts; A and B are expressions.
var statements = []string{
	"{{ A }}", "zw{{ A }}wz", "{% set x = A %}{{ x }}{{ x }}", "{% set x %}w{{ A }}z{% endset %}{{ x|lower }}", "{% filter title %}w{{ A }} z{{ B }}{% endfilter %}", "{% for c in A %}{{ c }}{{ loop.index }}{{ B if loop.last }}{% endfor %}",
	"{% if A in B %}{{ A }}{% else %}z{% endif %}", "{% call(c) g(A) %}{{ c }}w{{ B }}{% endcall %}", "{% with x = A %}{{ x }}{% endwith %}", "{% set ns = namespace(x='w') %}{% for c in [A, B] %}{% set ns.x = ns.x + c %}{% endfor %}{{ ns.x }}", "{% generation %}{{ A }}{% endgeneration %}",
}

// TestOriginsOfAnyTemplate: whatever a template does with a text, what the text says is data, what
// the template says is the template's, and the output does not depend on origins.
func TestOriginsOfAnyTemplate(t *testing.T) {
	const macros = "{% macro f(a, b='z') %}{{ b }}w{{ a }}{% endmacro %}{% macro g(a) %}{{ caller(a) }}{% endmacro %}"
	rendered := 0
	rapid.Check(t, func(t *rapid.T) {
		source := macros
		for range rapid.IntRange(1, 3).Draw(t, "statements") {
			st := rapid.SampledFrom(statements).Draw(t, "statement")
			st = strings.ReplaceAll(st, "A", expression(t, 3))
			source += strings.ReplaceAll(st, "B", expression(t, 2))
		}
		parsed, err := Parse(source, Limits{})
		if err != nil {
			t.Fatalf("%s: %v", source, err)
		}
		data := rapid.StringOfN(rapid.SampledFrom([]rune(dataLetters+" \t\n1\"'\\{}%")), 0, 6, -1)
		m, k, item := data.Draw(t, "m"), data.Draw(t, "k"), data.Draw(t, "item")
		own := rapid.StringOfN(rapid.SampledFrom([]rune(templateLetters)), 1, 3, -1).Draw(t, "own")
		got, err := parsed.Render(map[string]any{"m": m, "o": Object{{"k", k}}, "list": []string{"", item}, "own": Trusted(own)}, testTime)
		plain, plainErr := parsed.Render(map[string]any{"m": Trusted(m), "o": Object{{"k", Trusted(k)}}, "list": []Trusted{"", Trusted(item)}, "own": own}, testTime)
		if fmt.Sprint(err) != fmt.Sprint(plainErr) || got.String() != plain.String() {
			t.Fatalf("%s\n  gives %q, %v\n  with other origins %q, %v", source, got, err, plain, plainErr)
		}
		if err == nil {
			rendered++
		}
		for _, run := range got {
			if wrong := strings.IndexAny(run.Text, map[bool]string{true: dataLetters, false: templateLetters}[run.Template]); wrong >= 0 || !utf8.ValidString(run.Text) {
				t.Fatalf("%s\n  gives %q, where the origin at %d of %q is wrong", source, got, wrong, run.Text)
			}
		}
	})
	if rendered < 20 {
		t.Errorf("only %d templates were rendered without an error", rendered)
	}
}
