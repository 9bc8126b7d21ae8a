package grammar

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

// randomSchema draws a schema of the keywords that are supported. depth limits its nesting.
func randomSchema(t *rapid.T, depth int) map[string]any {
	kinds := []string{"string", "pattern", "format", "integer", "number", "multiple", "enum", "const", "boolean", "null", "types", "ref"}
	if depth > 0 {
		kinds = append(kinds, "object", "object", "array", "array", "tuple", "anyOf", "oneOf", "allOf")
	}
	n := func(name string, lo, hi int) int { return rapid.IntRange(lo, hi).Draw(t, name) }
	sub := func() map[string]any { return randomSchema(t, depth-1) }
	switch kind := rapid.SampledFrom(kinds).Draw(t, "kind"); kind {
	case "string":
		lo := n("minLength", 0, 5)
		return map[string]any{"type": "string", "minLength": lo, "maxLength": lo + n("more", 0, 8)}
	case "pattern":
		return map[string]any{"type": "string", "pattern": rapid.SampledFrom([]string{`^[a-c]+$`, `b"?`, `^\d{2}-\d{2}`, `\\|é$`, `^(x|yy)*$`}).Draw(t, "pattern"), "maxLength": 9}
	case "format":
		return map[string]any{"type": "string", "format": rapid.SampledFrom([]string{"date", "time", "date-time", "email", "hostname", "ipv4", "ipv6", "uri", "uuid", "duration"}).Draw(t, "format")}
	case "integer":
		lo := n("minimum", -2000, 2000)
		return map[string]any{"type": "integer", "minimum": lo, "exclusiveMaximum": lo + n("range", 1, 3000)}
	case "number":
		lo := float64(n("minimum", -3000, 3000)) / 100
		return map[string]any{"type": "number", rapid.SampledFrom([]string{"minimum", "exclusiveMinimum"}).Draw(t, "low"): lo, rapid.SampledFrom([]string{"maximum", "exclusiveMaximum"}).Draw(t, "high"): lo + float64(n("range", 1, 2000))/100}
	case "multiple":
		return map[string]any{"type": rapid.SampledFrom([]string{"integer", "number"}).Draw(t, "type"), "multipleOf": rapid.SampledFrom([]any{3, 7, 10, 0.5, 0.01, 2.5}).Draw(t, "of"), "minimum": n("minimum", -50, 50)}
	case "enum":
		return map[string]any{"enum": []any{"a\"\n", 1, nil, true, 2.5, []any{1, "x"}, map[string]any{"k": "v"}}[:n("values", 1, 7)]}
	case "const":
		return map[string]any{"const": rapid.SampledFrom([]any{"x", 5, false, []any{}}).Draw(t, "value")}
	case "types":
		return map[string]any{"type": []any{"string", "null", "integer"}[:n("types", 1, 3)]}
	case "ref":
		return map[string]any{"$ref": "#/$defs/tree"}
	case "object":
		return randomObject(t, sub)
	case "array":
		lo := n("minItems", 0, 2)
		return map[string]any{"type": "array", "items": sub(), "minItems": lo, "maxItems": lo + n("more", 0, 2)}
	case "tuple":
		return map[string]any{"type": "array", "prefixItems": []any{sub(), sub()}, "items": rapid.SampledFrom([]any{false, map[string]any{"type": "null"}}).Draw(t, "rest")}
	case "anyOf":
		return map[string]any{"anyOf": []any{sub(), sub()}}
	case "oneOf":
		return map[string]any{"oneOf": []any{map[string]any{"type": "integer"}, map[string]any{"type": "array", "items": sub()}, map[string]any{"type": "string"}}}
	case "allOf":
		return map[string]any{"allOf": []any{randomObject(t, sub), randomObject(t, sub)}}
	default:
		return map[string]any{"type": kind}
	}
}

func randomObject(t *rapid.T, sub func() map[string]any) map[string]any {
	o, names := map[string]any{"type": "object"}, []string{"a", "b", "näme", "q\"\n"}
	properties, required := map[string]any{}, []any{}
	for _, name := range names[:rapid.IntRange(0, 4).Draw(t, "properties")] {
		properties[name] = sub()
		if rapid.Bool().Draw(t, "required") {
			required = append(required, name)
		}
	}
	o["properties"], o["required"] = properties, required
	switch rapid.IntRange(0, 3).Draw(t, "additional") {
	case 0:
		o["additionalProperties"] = false
	case 1:
		o["additionalProperties"] = sub()
	}
	return o
}

// TestRandomSchemas checks with another implementation that what is written by random schemas is valid.
func TestRandomSchemas(t *testing.T) {
	tree := map[string]any{"type": "object", "properties": map[string]any{"value": map[string]any{"type": "integer"}, "next": map[string]any{"anyOf": []any{map[string]any{"$ref": "#/$defs/tree"}, map[string]any{"type": "null"}}},
		"all": map[string]any{"type": "array", "items": map[string]any{"$ref": "#/$defs/tree"}}}, "required": []any{"value"}, "additionalProperties": false}
	ended := 0
	rapid.Check(t, func(t *rapid.T) {
		s := randomSchema(t, 3)
		s["$defs"] = map[string]any{"tree": tree}
		raw, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		g, err := Parse(Spec{Schema: raw})
		if err != nil {
			if e, ok := err.(*Error); ok && (e.Reason == "no text can satisfy it" || e.Keyword == "multipleOf") {
				return // as of an object that needs what it forbids
			}
			t.Fatalf("%s: %v", raw, err)
		}
		ended += checkValid(t, string(raw), g, rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1)), 3)
	})
	if ended == 0 {
		t.Error("no text has ended")
	}
}

// TestMask checks that a mask allows exactly the tokens that can be accepted.
func TestMask(t *testing.T) {
	specs := []Spec{
		{Schema: json.RawMessage(`{}`)}, {Schema: json.RawMessage(`{"properties":{"name":{"type":"string","maxLength":4},"abc":{"type":"number"}},"additionalProperties":{"type":"array","items":{"enum":["ab","abcd",12]}}}`)},
		{Regex: `(ab|a|abc)*(日本)?[^a]{2}`}, {GBNF: "root ::= \"a\" root \"b\" | \"a\" root \"12\" | [a-b]"}, {Choices: []string{"abc", "abcd", "aab", ""}},
	}
	rapid.Check(t, func(t *rapid.T) {
		g := mustParse(t, rapid.SampledFrom(specs).Draw(t, "spec"))
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		m := NewDecoder(g, vocabulary).Matcher()
		for range 12 {
			mask, err := m.Mask()
			if err != nil {
				t.Fatal(err)
			}
			for id := range int32(vocabulary.size - 1) {
				probe := *m
				if allowed := mask[id/64]>>(id%64)&1 != 0; probe.Accept(id) != allowed {
					t.Fatalf("token %q: allowed is %v", vocabulary.pieces[id], allowed)
				}
			}
			id := choose(vocabulary, mask, r, false)
			if id < 0 {
				return
			}
			m.Accept(id)
		}
	})
}

// TestMemory checks that the many configurations of a long text stay within bounds, and that an answer which exceeds them ends with an error.
func TestMemory(t *testing.T) {
	d := NewDecoder(mustParse(t, Spec{GBNF: `root ::= ("a"? "b"? "c"?){1,500} ([a-z]{0,200} "x"){0,30}`}), vocabulary)
	m := d.Matcher()
	var err error
	for i := 0; i < 400 && err == nil; i++ {
		if _, err = m.Mask(); err == nil && !m.Accept('a'+int32(i%3)) {
			t.Fatal("a character is refused")
		}
	}
	if err != nil && err != ErrTooComplex {
		t.Error(err)
	}
	if size := d.shared.m.size; size > maxSize*11/10 {
		t.Errorf("%d bytes", size)
	}
	fmt.Fprintln(t.Output(), d.shared.m.size, "bytes", err)
}
