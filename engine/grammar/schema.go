package grammar

import (
	"fmt"
	"slices"
	"strings"
)

// parseSchema compiles a JSON schema.
func parseSchema(raw []byte) (*Grammar, error) {
	if len(raw) > maxSource {
		return nil, &Error{Kind: kindSchema, Reason: fmt.Sprintf("it has %d bytes, at most %d are compiled", len(raw), maxSource)}
	}
	v, err := decodeJSON(raw)
	if err != nil {
		return nil, &Error{Kind: kindSchema, Reason: err.Error()}
	}
	c := newSchemaCompiler(v)
	e, err := c.expr([]located{{v, "#"}})
	if err != nil {
		return nil, err
	}
	c.b.define(0, e)
	return c.b.finish(kindSchema)
}

const kindSchema = "JSON schema"

// located is a schema, or a value in one, with its place.
type located struct {
	value any
	at    string
}

func (l located) fail(format string, args ...any) error {
	return &Error{Kind: kindSchema, At: l.at, Reason: fmt.Sprintf(format, args...)}
}

func (l located) unsupported(keyword, why string) error {
	return &Error{Kind: kindSchema, At: l.at, Keyword: keyword, Reason: fmt.Sprintf("the keyword %q is not supported%s", keyword, why)}
}

// under returns the place of a part.
func (l located) under(name string, v any) located {
	return located{v, l.at + "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(name)}
}

// schemaCompiler makes expressions of schemas. Every part of a schema is a conjunction: a list of schemas all of which apply. It is
// resolved into alternatives, each of which is flat: without references and combinations.
type schemaCompiler struct {
	root  any
	b     *builder
	refs  map[string]int // rules of conjunctions
	depth int
	work  int // alternatives so far

	value, text, char, number, integer call // any value, any string, a character of one, any number, any whole one
}

// maxAlternatives limits the alternatives that combinations are resolved into.
const maxAlternatives = 10_000

func newSchemaCompiler(root any) *schemaCompiler {
	b := newBuilder()
	b.declare("root")
	c := &schemaCompiler{root: root, b: b, refs: map[string]int{}}
	c.char = b.rule("char", stringChar)
	c.text = b.rule("string", quoted(repeat{stringChar, 0, -1}))
	c.number, c.integer = b.rule("number", anyNumber), b.rule("integer", anyInteger)
	value := b.declare("value")
	c.value = call(value)
	b.define(value, alt{
		literal("null"), literal("true"), literal("false"), c.number, c.text,
		b.rule("object", object{additional: seq{c.text, literal(":"), ws, c.value}}),
		b.rule("array", array{item: c.value, max: -1}),
	})
	return c
}

// expr returns the expression of a conjunction; of none, any value. What has parts is a rule, to which the parts may refer.
func (c *schemaCompiler) expr(list []located) (expr, error) {
	if len(list) == 0 {
		return c.value, nil
	}
	if c.depth++; c.depth > maxSchemas {
		return nil, list[0].fail("schemas are nested more than %d deep", maxSchemas)
	}
	defer func() { c.depth-- }()
	list, key := distinct(list)
	if i, ok := c.refs[key]; ok {
		return call(i), nil
	}
	flats, err := c.resolve(list, nil)
	if err != nil {
		return nil, err
	}
	hasParts := slices.ContainsFunc(flats, func(f *flat) bool { return f.enum == nil && f.allowed()&(arrayType|objectType) != 0 })
	rule := 0
	if hasParts {
		rule = c.b.declare(list[0].at)
		c.refs[key] = rule
	}
	all := alt{}
	for _, f := range flats {
		e, err := c.flat(f)
		if err != nil {
			return nil, err
		}
		all = append(all, e)
	}
	if !hasParts {
		return all, nil
	}
	c.b.define(rule, all)
	return call(rule), nil
}

// maxSchemas is how deep schemas may be nested, through references too.
const maxSchemas = 1000

// distinct returns a list without repetitions, and a key that only equal lists have in common.
func distinct(list []located) (out []located, key string) {
	seen := map[string]bool{}
	for _, l := range list {
		if !seen[l.at] {
			seen[l.at] = true
			out = append(out, l)
			key += l.at + " "
		}
	}
	return out, key
}

// annotations are keywords that restrict nothing.
var annotations = map[string]bool{
	"title": true, "description": true, "default": true, "examples": true, "$comment": true, "$defs": true, "definitions": true,
	"deprecated": true, "readOnly": true, "writeOnly": true, "contentMediaType": true, "contentEncoding": true, "contentSchema": true, "$anchor": true, "$vocabulary": true,
}

// find returns the schema that a reference within the document names.
func (c *schemaCompiler) find(from located, ref string) (located, error) {
	if ref != "#" && !strings.HasPrefix(ref, "#/") {
		return located{}, from.unsupported("$ref", fmt.Sprintf(" with %q: only places in the same schema (#/…) are", ref))
	}
	at := located{c.root, "#"}
	for _, part := range strings.Split(ref, "/")[1:] {
		name := strings.NewReplacer("~1", "/", "~0", "~").Replace(unescapePercent(part))
		switch v := at.value.(type) {
		case *jsonObject:
			next, ok := v.values[name]
			if !ok {
				return located{}, from.fail("$ref %q leads nowhere", ref)
			}
			at = at.under(name, next)
		case []any:
			var i int
			if n, err := fmt.Sscanf(name, "%d", &i); n != 1 || err != nil || i < 0 || i >= len(v) || fmt.Sprint(i) != name {
				return located{}, from.fail("$ref %q leads nowhere", ref)
			}
			at = at.under(name, v[i])
		default:
			return located{}, from.fail("$ref %q leads nowhere", ref)
		}
	}
	return at, nil
}
