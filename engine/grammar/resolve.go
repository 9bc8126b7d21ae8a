package grammar

import (
	"encoding/json"
	"math/big"
	"net/url"
	"slices"
	"strconv"
)

// types of JSON values, as bits.
type types uint8

const (
	nullType types = 1 << iota
	booleanType
	integerType // numbers without decimals
	numberType  // all numbers
	stringType
	arrayType
	objectType

	allTypes = nullType | booleanType | numberType | stringType | arrayType | objectType
)

var typeNames = map[string]types{"null": nullType, "boolean": booleanType, "integer": integerType, "number": numberType, "string": stringType, "array": arrayType, "object": objectType}

// flat is a schema without references and combinations.
type flat struct {
	at    located
	types types
	given bool  // a keyword says the type
	hint  types // types of which there are keywords
	enum  []any // nil: any value

	low, high   bound
	multiple    *big.Rat
	minLen      int
	maxLen      int // -1: no limit
	patterns    []string
	formats     []string
	prefix      [][]located
	items       []located // of items behind prefix
	minItems    int
	maxItems    int // -1: no limit
	names       []string
	properties  map[string][]located
	required    []string
	additional  []located // of other members
	openMembers bool      // it is said that there may be other members
}

func anything(at located) *flat {
	return &flat{at: at, types: allTypes, maxLen: -1, maxItems: -1, properties: map[string][]located{}}
}

// resolve returns the alternatives of a conjunction. path are the references that are being resolved.
func (c *schemaCompiler) resolve(list []located, path []string) ([]*flat, error) {
	out := []*flat{anything(list[0])}
	for _, l := range list {
		next, err := c.alternatives(l, path)
		if err != nil {
			return nil, err
		}
		if out, err = c.cross(l, out, next); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// cross returns the conjunctions of each of a with each of b.
func (c *schemaCompiler) cross(at located, a, b []*flat) ([]*flat, error) {
	if c.work += len(a) * len(b); c.work > maxAlternatives {
		return nil, at.fail("its combinations have more than %d alternatives", maxAlternatives)
	}
	var out []*flat
	for _, x := range a {
		for _, y := range b {
			m, err := merge(x, y)
			if err != nil {
				return nil, err
			}
			if m != nil {
				out = append(out, m)
			}
		}
	}
	return out, nil
}

// alternatives resolves one schema.
func (c *schemaCompiler) alternatives(l located, path []string) ([]*flat, error) {
	if len(path) > maxDepth {
		return nil, l.fail("combinations are nested more than %d deep", maxDepth)
	}
	switch v := l.value.(type) {
	case bool:
		if v {
			return []*flat{anything(l)}, nil
		}
		return nil, nil
	case *jsonObject:
		return c.combined(l, v, path)
	}
	return nil, l.fail("a schema is an object, true or false")
}

func (c *schemaCompiler) combined(l located, o *jsonObject, path []string) ([]*flat, error) {
	f, err := c.keywords(l, o)
	if err != nil {
		return nil, err
	}
	out := []*flat{f}
	for _, name := range o.names {
		var next []*flat
		at := l.under(name, o.values[name])
		switch name {
		case "$ref":
			next, err = c.follow(at, path)
		case "allOf":
			var parts []located
			if parts, err = at.list(); err == nil {
				next, err = c.resolve(parts, append(path, ""))
			}
		case "anyOf", "oneOf":
			next, err = c.union(at, name, path)
		default:
			continue
		}
		if err != nil {
			return nil, err
		}
		if out, err = c.cross(l, out, next); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// list returns the elements of a list of schemas, which must not be empty.
func (l located) list() ([]located, error) {
	list, ok := l.value.([]any)
	if !ok || len(list) == 0 {
		return nil, l.fail("a list of schemas is expected")
	}
	var out []located
	for i, v := range list {
		out = append(out, l.under(strconv.Itoa(i), v))
	}
	return out, nil
}

// follow resolves a reference beside other keywords.
func (c *schemaCompiler) follow(at located, path []string) ([]*flat, error) {
	ref, ok := at.value.(string)
	if !ok {
		return nil, at.fail("a string is expected")
	}
	target, err := c.find(at, ref)
	if err != nil {
		return nil, err
	}
	if slices.Contains(path, target.at) {
		return nil, at.fail("the schema refers to itself")
	}
	return c.alternatives(target, append(path, target.at))
}

// union resolves anyOf and oneOf.
func (c *schemaCompiler) union(at located, keyword string, path []string) ([]*flat, error) {
	parts, err := at.list()
	if err != nil {
		return nil, err
	}
	var out []*flat
	for i, p := range parts {
		list, err := c.alternatives(p, append(path, ""))
		if err != nil {
			return nil, err
		}
		if c.work += len(out) * len(list); keyword == "oneOf" && c.work > 100*maxAlternatives {
			return nil, at.fail("its combinations have too many alternatives")
		}
		for _, x := range list {
			for _, y := range out {
				if keyword == "oneOf" && !disjoint(x, y) {
					return nil, at.unsupported(keyword, " where a value may be valid by several of its schemas, as by number "+strconv.Itoa(i)+" and another; anyOf is")
				}
			}
		}
		out = append(out, list...)
	}
	return out, nil
}

// disjoint reports whether it is certain that no value is valid by both.
func disjoint(x, y *flat) bool {
	a, b := x.types, y.types
	if x.enum != nil {
		a = x.allowed()
	}
	if y.enum != nil {
		b = y.allowed()
	}
	if a&numberType != 0 {
		a |= integerType
	}
	if b&numberType != 0 {
		b |= integerType
	}
	if a&b == 0 {
		return true
	}
	if x.enum != nil && y.enum != nil {
		return len(intersect(x.enum, y.enum)) == 0
	}
	if a&b != objectType || !x.given || !y.given {
		return false
	}
	for _, name := range x.required { // a required member that tells them apart
		p, q := constants(x.properties[name]), constants(y.properties[name])
		if p != nil && q != nil && slices.Contains(y.required, name) && len(intersect(p, q)) == 0 {
			return true
		}
	}
	return false
}

// constants returns the values of const or enum of a schema, nil if it has none.
func constants(list []located) []any {
	for _, l := range list {
		if o, ok := l.value.(*jsonObject); ok {
			if v, ok := o.values["const"]; ok {
				return []any{v}
			}
			if v, ok := o.values["enum"].([]any); ok {
				return v
			}
		}
	}
	return nil
}

// intersect returns the values that are in both lists.
func intersect(a, b []any) []any {
	known := map[string]bool{}
	for _, v := range b {
		known[canonical(v)] = true
	}
	out := []any{}
	for _, v := range a {
		if known[canonical(v)] {
			out = append(out, v)
		}
	}
	return out
}

// canonical returns a value in a form that equal values have in common.
func canonical(v any) string {
	switch v := v.(type) {
	case json.Number:
		if r, ok := parseNumber(v); ok {
			return r.RatString()
		}
	case []any:
		out := "["
		for _, x := range v {
			out += canonical(x) + ","
		}
		return out + "]"
	case *jsonObject:
		out := "{"
		for _, name := range slices.Sorted(slices.Values(v.names)) {
			out += quote(name) + ":" + canonical(v.values[name]) + ","
		}
		return out + "}"
	}
	return encodeJSON(v)
}

func unescapePercent(s string) string {
	if u, err := url.PathUnescape(s); err == nil {
		return u
	}
	return s
}
