package grammar

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"
)

// TestRegex checks with the regexp package that what is written matches, and that the same texts match.
func TestRegex(t *testing.T) {
	list := []string{`[a-c]{3}`, `^(ab|cd)+$`, `(?i)ja|nein`, `\d{4}-\d{2}-\d{2}`, `a*b?c+`, `.{0,5}`, `(?s).{2}`, `[^a-y]{1,3}`, `(é|日本)*x`, `\p{Greek}{2}`, `()`, `(a|b)*a(a|b){3}`, `^a|b$`, `[\x{10000}-\x{10FFFF}]`}
	texts := []string{"", "a", "abc", "abab", "Ja", "nEIN", "2024-01-02", "bc", "日本x", "éx", "αβ", "zz", "\n\n", "aabb", "b", "\U00010000", "xé"}
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.SampledFrom(list).Draw(t, "regex")
		re := regexp.MustCompile(`^(?:` + text + `)$`)
		g := mustParse(t, Spec{Regex: text})
		probe := rapid.OneOf(rapid.SampledFrom(texts), rapid.StringN(0, 4, -1)).Draw(t, "text")
		if is(g, probe) != re.MatchString(probe) {
			t.Fatalf("%s: %q: the regexp package says %v", text, probe, re.MatchString(probe))
		}
		written, ok := write(t, NewDecoder(g, vocabulary), rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1)))
		if ok && (!re.MatchString(written) || !utf8.ValidString(written)) {
			t.Fatalf("%s: wrote %q", text, written)
		}
	})
}

func TestGBNF(t *testing.T) {
	const arithmetic = `
# expressions
root   ::= (expr "=" ws term "\n")+
expr   ::= term ([-+*/] term)*   # a comment
term   ::= ident | num | "(" ws expr ")" ws
ident  ::= [a-z] [a-z0-9_]* ws
num    ::= [0-9]+ ws
ws     ::= [ \t\n]*
`
	for _, c := range []struct {
		grammar string
		yes, no []string
	}{
		{arithmetic, []string{"1+(x2*3)=7\n", "a = b\n1=1\n"}, []string{"", "1+=2\n", "1=2", "(1=1)\n"}},
		{`root ::= "a"{2} "b"{1,} "c"{0,2} | "x"?`, []string{"aab", "aabbbcc", "x", ""}, []string{"ab", "aabccc", "xx", "aac"}},
		{`root ::= [^a-c\]\n]+ "\x41\u00e9\U0001F600"`, []string{"dA\u00e9\U0001F600"}, []string{"aA\u00e9\U0001F600", "]A\u00e9\U0001F600"}},
		{"root ::= (\n  \"a\" |\n  \"b\"\n) .\n\nunused ::= \"q\" unused", []string{"ax", "b日"}, []string{"a", "c1"}},
		{`root ::= "(" root ")" root | ""`, []string{"", "()", "(())()"}, []string{"(", ")", "())"}},
		{`root ::= as "b"
as ::= "a" as | "a" as "c" | "a"`, []string{"ab", "aaab", "aacb", "aaaccb"}, []string{"b", "acb", "aacccb"}},
	} {
		g := mustParse(t, Spec{GBNF: c.grammar})
		for _, text := range c.yes {
			if !is(g, text) {
				t.Errorf("%s\ndoes not match %q", c.grammar, text)
			}
		}
		for _, text := range c.no {
			if is(g, text) {
				t.Errorf("%s\nmatches %q", c.grammar, text)
			}
		}
	}
}

// TestRefused checks that what can't be followed is refused with its place and its reason.
func TestRefused(t *testing.T) {
	for _, c := range []struct {
		spec Spec
		want string
	}{
		{Spec{GBNF: `root ::= root "a" | "b"`}, "rule root: the rule can begin with itself"},
		{Spec{GBNF: "root ::= x\nx ::= y? x2\nx2 ::= x \"a\" | \"b\"\ny ::= \"q\""}, "the rule can begin with itself"},
		{Spec{GBNF: `root ::= "a" root`}, "no text can satisfy it"},
		{Spec{GBNF: `start ::= "a"`}, "rule root: the rule is not defined"},
		{Spec{GBNF: "root ::= other"}, "rule other: the rule is not defined"},
		{Spec{GBNF: "root ::= \"a\"\nroot ::= \"b\""}, "line 2, column 9: rule root is defined twice"},
		{Spec{GBNF: `root ::= "a`}, "line 1, column 12: the closing quotation mark is missing"},
		{Spec{GBNF: `root ::= [a`}, "] is missing"}, {Spec{GBNF: `root ::= ("a"`}, ") is missing"}, {Spec{GBNF: `root = "a"`}, "::= is missing"},
		{Spec{GBNF: `root ::= "a"{3,2}`}, "the largest number of repetitions is below the smallest"}, {Spec{GBNF: `root ::= "\q"`}, "there is no such escape"},
		{Spec{GBNF: `root ::= "\ud800"`}, "hexadecimal digits of a character"}, {Spec{GBNF: `root ::= <think>`}, "tokens (<…>, !<…>) are not supported"},
		{Spec{GBNF: "root ::= \"\xff\""}, "not valid UTF-8"},
		{Spec{Regex: `a(?=b)`}, "invalid or unsupported Perl syntax"}, {Spec{Regex: `a\bb`}, `\b is not supported`}, {Spec{Regex: `(`}, "missing closing )"}, {Spec{Regex: `a$b`}, "is not supported but for ^ and $"},
		{Spec{Schema: []byte(`{"type": "strin"}`)}, `at #/type: "strin" is no type`}, {Spec{Schema: []byte(`[]`)}, "a schema is an object, true or false"}, {Spec{Schema: []byte(`{"a":`)}, "the JSON value is incomplete"},
		{Spec{Schema: []byte(`{"properties":{"a":{"not":{}}}}`)}, `at #/properties/a: the keyword "not" is not supported`},
		{Spec{Schema: []byte(`{"if":{}}`)}, `the keyword "if" is not supported`}, {Spec{Schema: []byte(`{"uniqueItems":true}`)}, `the keyword "uniqueItems" is not supported`},
		{Spec{Schema: []byte(`{"minimun":1}`)}, `the keyword "minimun" is not known`}, {Spec{Schema: []byte(`{"format":"iri"}`)}, `"format" is not supported with the value "iri"`},
		{Spec{Schema: []byte(`{"$ref":"#/$defs/x"}`)}, "leads nowhere"}, {Spec{Schema: []byte(`{"$ref":"http://x/y"}`)}, "only places in the same schema"}, {Spec{Schema: []byte(`{"$ref":"#"}`)}, "the schema refers to itself"},
		{Spec{Schema: []byte(`{"oneOf":[{"type":"integer"},{"type":"number"}]}`)}, `"oneOf" is not supported where a value may be valid by several`},
		{Spec{Schema: []byte(`{"oneOf":[{"properties":{"a":true}},{"type":"string"}]}`)}, `"oneOf" is not supported where a value may be valid by several`},
		{Spec{Schema: []byte(`{"type":"object","properties":{"a":{"$ref":"#"}},"required":["a"]}`)}, "no text can satisfy it"},
		{Spec{Schema: []byte(`{"type":"string","pattern":"(?=a)"}`)}, "at #/pattern"}, {Spec{Schema: []byte(`{"minimum":1e999999999}`)}, "too many digits"},
		{Spec{Schema: []byte(`{"a":1,"a":2}`)}, `the name "a" occurs twice`}, {Spec{Schema: []byte(`{"$schema":"http://x/own"}`)}, `"$schema" is not supported`},
	} {
		_, err := Parse(c.spec)
		var e *Error
		if !errors.As(err, &e) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, expected %q", c.spec, err, c.want)
		}
	}
}

// TestSchemaShapes checks values that schemas allow and forbid.
func TestSchemaShapes(t *testing.T) {
	const person = `{"type":"object","properties":{"name":{"type":"string"},"age":{"type":["integer","null"]}},"required":["name"]}`
	for _, c := range []struct {
		schema  string
		yes, no []string
	}{
		{person, []string{`{"name":"x"}`, "{\n  \"name\": \"x\",\n  \"age\": 5\n}", `{"name":"\u00e9\n","age":null}`}, []string{`{}`, `{"age":5}`, `{"name":"x","other":1}`, `{"age":5,"name":"x"}`}},
		{`{"type":"object","additionalProperties":{"type":"integer"},"properties":{"a":{"type":"boolean"}}}`, []string{`{}`, `{"a":true,"b":5}`, `{"aa":1}`}, []string{`{"a":5}`, `{"b":true}`, `{"\u0061":5}`}},
		{`{"type":"integer","minimum":-12,"maximum":105}`, []string{"-12", "-1", "0", "99", "105"}, []string{"-13", "106", "1000", "01", "-0", "1.0"}},
		{`{"type":"number","exclusiveMinimum":0.25,"maximum":3}`, []string{"0.251", "0.26", "1", "2.999", "3", "3.0"}, []string{"0.25", "0.2", "0.250", "3.01", "-1", "4"}},
		{`{"type":"number","minimum":-1.5,"exclusiveMaximum":-0.5}`, []string{"-1.5", "-1", "-0.51"}, []string{"-0.5", "-1.51", "0", "1"}},
		{`{"type":"number","multipleOf":0.01}`, []string{"1.25", "-3.00"}, []string{"1.255"}}, {`{"type":"integer","multipleOf":6,"minimum":10}`, []string{"12", "60"}, []string{"6", "13"}},
		{`{"type":"array","prefixItems":[{"type":"string"},{"type":"null"}],"items":{"type":"integer"},"minItems":1}`, []string{`["a"]`, `["a",null]`, `["a", null, 1, 2]`}, []string{`[]`, `[1]`, `["a",1]`, `["a",null,"b"]`}},
		{`{"type":"array","items":{"type":"boolean"},"minItems":2,"maxItems":3}`, []string{`[true,false]`, `[true,true,true]`}, []string{`[true]`, `[true,true,true,true]`}},
		{`{"items":[{"type":"string"}],"additionalItems":false}`, []string{`[]`, `["a"]`}, []string{`["a","b"]`}},
		{`{"type":"string","minLength":2,"maxLength":3}`, []string{`"ab"`, `"a\n"`, `"\ud83d\ude00é"`}, []string{`"a"`, `"abcd"`, `"\ud83da"`}},
		{`{"type":"string","pattern":"^[A-Z]{2}\\d+$","maxLength":4}`, []string{`"AB1"`, `"AB12"`}, []string{`"AB"`, `"AB123"`, `"ab1"`}}, {`{"type":"string","pattern":"\\u00e9\""}`, []string{`"xé\"y"`}, []string{`"e"`}},
		{`{"type":"string","format":"date"}`, []string{`"2024-02-28"`, `"2023-12-31"`}, []string{`"2023-02-30"`, `"2023-04-31"`, `"2023-13-01"`}},
		{`{"enum":["a",1,null,{"k":[1]}]}`, []string{`"a"`, `1`, `null`, `{"k":[1]}`}, []string{`"b"`, `2`}}, {`{"enum":["a","abc",5],"type":"string","minLength":2}`, []string{`"abc"`}, []string{`"a"`, "5"}},
		{`{"allOf":[{"$ref":"#/$defs/a"},{"properties":{"y":{"type":"null"}},"required":["y"]}],"$defs":{"a":{"type":"object","properties":{"x":{"type":"integer"}}}}}`, []string{`{"x":1,"y":null}`, `{"y":null}`}, []string{`{"x":1}`, `{"x":"a","y":null}`}},
		{`{"oneOf":[{"type":"object","properties":{"t":{"const":"a"},"v":{"type":"integer"}},"required":["t","v"]},{"type":"object","properties":{"t":{"const":"b"}},"required":["t"]}]}`, []string{`{"t":"a","v":1}`, `{"t":"b"}`}, []string{`{"t":"a"}`, `{"t":"c"}`}},
		{`{"$defs":{"n":{"type":"object","properties":{"v":{"type":"integer"},"n":{"anyOf":[{"$ref":"#/$defs/n"},{"type":"null"}]}},"required":["v","n"],"additionalProperties":false}},"$ref":"#/$defs/n"}`, []string{`{"v":1,"n":{"v":2,"n":null}}`}, []string{`{"v":1}`}},
		{`true`, []string{`1`, `{"a":[null,{"b":"c"}]}`, `-1.5e3`}, []string{``, `{"a"}`, `[1,]`, `nul`}}, {`{}`, []string{`"x"`}, []string{`"`}},
	} {
		g := mustParse(t, Spec{Schema: []byte(c.schema)})
		for _, text := range c.yes {
			if !is(g, text) {
				t.Errorf("%s does not match %s", c.schema, text)
			}
		}
		for _, text := range c.no {
			if is(g, text) {
				t.Errorf("%s matches %s", c.schema, text)
			}
		}
	}
}

// hostile are specs that would take much time or memory if they were compiled without limits.
func hostile() map[string]Spec {
	chain := func(n int) string {
		var b strings.Builder
		b.WriteString("root ::= r0\n")
		for i := range n {
			fmt.Fprintf(&b, "r%d ::= r%d r%d | \"a\"?\n", i, i+1, i+1)
		}
		fmt.Fprintf(&b, "r%d ::= \"a\"?\n", n)
		return b.String()
	}
	deep := func(open, end string, n int) string { return strings.Repeat(open, n) + end }
	return map[string]Spec{
		"deep parentheses":       {GBNF: "root ::= " + deep("(", `"a"`, 10_000)},
		"nested repetitions":     {GBNF: "root ::= " + strings.Repeat("(", 100) + `"a"` + strings.Repeat("){100}", 100)},
		"empty repetitions":      {GBNF: `root ::= ((""){400000}){400000} "a"`},
		"many empty literals":    {GBNF: `root ::= ("a" ` + strings.Repeat(`"" `, 100_000) + `){400000}`},
		"chain of empty rules":   {GBNF: chain(4000)},
		"large grammar":          {GBNF: "root ::= " + strings.Repeat(`"abc" `, 170_000)},
		"too large grammar":      {GBNF: strings.Repeat("#", maxSource+1)},
		"deep regex":             {Regex: deep("(", "a", 10_000)},
		"1 MB regex":             {Regex: strings.Repeat("a?", 1<<19)},
		"large regex":            {Regex: strings.Repeat("(a|b|cd)*", 7000)},
		"nested counts":          {Regex: `((((a{30}){30}){30}){30}){30}`},
		"ambiguous regex":        {Regex: `(((a*)*)*)*` + strings.Repeat("(a|a|aa)*", 50) + "b"},
		"deep schema":            {Schema: []byte(strings.Repeat(`{"items":`, 10_000) + "{}" + strings.Repeat("}", 10_000))},
		"alternatives of allOf":  {Schema: []byte(`{"allOf":[` + strings.TrimSuffix(strings.Repeat(`{"anyOf":[{"type":"string"},{"type":"string","minLength":1},{"maxLength":5}]},`, 30), ",") + `]}`)},
		"references":             {Schema: []byte(`{"$defs":{"a":{"anyOf":[{"$ref":"#/$defs/b"},{"$ref":"#/$defs/b"}]},"b":{"anyOf":[{"$ref":"#/$defs/a"},{"type":"null"}]}},"$ref":"#/$defs/a"}`)},
		"intersection":           {Schema: []byte(`{"type":"string","pattern":"(a|b)*a(a|b){18}","maxLength":400,"format":"email"}`)},
		"long strings":           {Schema: []byte(`{"type":"string","minLength":100000,"maxLength":200000}`)},
		"many items":             {Schema: []byte(`{"type":"array","minItems":400000,"items":{"type":"array","minItems":400000}}`)},
		"many required":          {Schema: []byte(`{"required":["a` + strings.Repeat(`","b`, 100_000) + `"]}`)},
		"recursive conjunctions": {Schema: []byte(`{"$defs":{"a":{"properties":{"x":{"allOf":[{"$ref":"#/$defs/a"},{"$ref":"#/$defs/b"}]}}},"b":{"properties":{"x":{"allOf":[{"$ref":"#/$defs/b"},{"$ref":"#/$defs/a"}]}}}},"$ref":"#/$defs/a"}`)},
	}
}

// TestHostile checks that every spec is compiled or refused, and followed, in bounded time.
func TestHostile(t *testing.T) {
	for name, s := range hostile() {
		begin := time.Now()
		g, err := Parse(s)
		var e *Error
		if err != nil && !errors.As(err, &e) {
			t.Errorf("%s: %v", name, err)
		}
		if err == nil {
			m := NewDecoder(g, vocabulary).Matcher()
			for range 50 {
				mask, err := m.Mask()
				if err != nil {
					if err != ErrTooComplex {
						t.Errorf("%s: %v", name, err)
					}
					break
				}
				if id := choose(vocabulary, mask, rand.New(rand.NewPCG(1, 1)), false); id < 0 || !m.Accept(id) {
					break
				}
			}
		}
		if took := time.Since(begin); took > 20*time.Second { // it takes parts of a second where nothing else runs
			t.Errorf("%s took %v", name, took)
		} else {
			t.Logf("%s: %v, %v", name, took.Round(time.Millisecond), err)
		}
	}
}

// FuzzParse compiles what is given as each kind of spec and writes a text by it.
func FuzzParse(f *testing.F) {
	for _, s := range []string{`root ::= "a" [b-d]+ x
x ::= ("y" | .){1,3}`, `^(ab|c)*\d{2}$`, `{"type":"object","properties":{"a":{"type":"integer","minimum":3}},"required":["a"]}`, `{"anyOf":[{"enum":[1,"a"]},{"type":"array","items":{"$ref":"#"},"maxItems":2}]}`} {
		for kind := range byte(3) {
			f.Add(kind, s)
		}
	}
	f.Fuzz(func(t *testing.T, kind byte, text string) {
		s := []Spec{{Schema: []byte(text)}, {Regex: text}, {GBNF: text}}[kind%3]
		if s.IsZero() {
			return
		}
		g, err := Parse(s)
		var e *Error
		if err != nil {
			if !errors.As(err, &e) {
				t.Fatal(err)
			}
			return
		}
		m := NewDecoder(g, vocabulary).Matcher()
		for range 20 {
			mask, err := m.Mask()
			if err != nil {
				return
			}
			id := choose(vocabulary, mask, rand.New(rand.NewPCG(1, 1)), false)
			if id < 0 {
				return
			}
			if !m.Accept(id) {
				t.Fatalf("token %d is allowed, and then refused", id)
			}
		}
	})
}
