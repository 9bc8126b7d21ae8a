package grammar

import (
	"encoding/json"
	"math/big"
	"slices"
	"strings"
)

// typeOf returns the type of a JSON value.
func typeOf(v any) types {
	switch v := v.(type) {
	case nil:
		return nullType
	case bool:
		return booleanType
	case json.Number:
		if r, ok := parseNumber(v); ok && r.IsInt() {
			return integerType
		}
		return numberType
	case string:
		return stringType
	case []any:
		return arrayType
	}
	return objectType
}

// flat returns the expression of a schema without references and combinations.
func (c *schemaCompiler) flat(f *flat) (expr, error) {
	if f.enum != nil {
		return c.values(f)
	}
	t := f.allowed()
	all := alt{}
	if t&nullType != 0 {
		all = append(all, literal("null"))
	}
	if t&booleanType != 0 {
		all = append(all, literal("true"), literal("false"))
	}
	for _, kind := range []struct {
		is    types
		build func(*flat) (expr, error)
	}{
		{numberType | integerType, c.numbers}, {stringType, c.strings}, {arrayType, c.array}, {objectType, c.object},
	} {
		if t&kind.is == 0 {
			continue
		}
		e, err := kind.build(f)
		if err != nil {
			return nil, err
		}
		all = append(all, e)
	}
	return all, nil
}

// values returns those of the values of enum that are valid by the rest of the schema.
func (c *schemaCompiler) values(f *flat) (expr, error) {
	rest := *f
	rest.enum = nil
	var m *machine
	if f.hint != 0 {
		other := newSchemaCompiler(c.root)
		e, err := other.flat(&rest)
		if err != nil {
			return nil, err
		}
		other.b.define(0, e)
		g, err := other.b.finish(kindSchema)
		if err != nil {
			return alt{}, nil // nothing is valid by the rest
		}
		m = newMachine(g)
	}
	all := alt{}
	for _, v := range f.enum {
		text := encodeJSON(v)
		if common(typeOf(v), f.types) != 0 && (m == nil || f.hint&typeOf(v) == 0 && typeOf(v) != integerType || m.matches(text)) {
			all = append(all, literal(text))
		}
	}
	return all, nil
}

// matches reports whether a text is in the language.
func (m *machine) matches(text string) bool {
	at := m.start()
	for i := range len(text) {
		at = m.step(at, text[i])
	}
	return m.sets[at].end && !m.failed
}

// maxMultiple is the largest number of remainders that are told apart for multipleOf.
const maxMultiple = 2000

func (c *schemaCompiler) numbers(f *flat) (expr, error) {
	whole := f.allowed()&numberType == 0
	bounded := f.low.value != nil || f.high.value != nil
	var e expr
	switch {
	case whole && bounded:
		e = integers(f.low, f.high)
	case whole:
		e = c.integer
	case bounded:
		e = decimals(f.low, f.high)
	default:
		e = c.number
	}
	if f.multiple == nil {
		return e, nil
	}
	m := f.multiple
	if whole {
		m = commonMultiple(m, big.NewRat(1, 1))
	}
	places, exact := m.FloatPrec()
	scaled := new(big.Rat).Mul(m, new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(places)), nil)))
	if !exact || places > mostDigits || !scaled.Num().IsInt64() || scaled.Num().Int64() > maxMultiple {
		return nil, f.at.unsupported("multipleOf", " with a number of so many digits")
	}
	switch e { // without calls of rules
	case c.integer:
		e = anyInteger
	case c.number:
		e = seq{anyInteger, optional(fraction)}
	}
	return both{e, seq{optional(literal("-")), multiple{int(scaled.Num().Int64()), places}}}, nil
}

func (c *schemaCompiler) strings(f *flat) (expr, error) {
	sized := f.minLen > 0 || f.maxLen >= 0
	if f.maxLen >= 0 && f.maxLen < f.minLen {
		return alt{}, nil
	}
	if len(f.patterns)+len(f.formats) == 0 {
		if !sized {
			return c.text, nil
		}
		return quoted(repeat{c.char, f.minLen, f.maxLen}), nil
	}
	anyChar := inString(anyRune)
	var all []expr
	for _, p := range f.patterns {
		e, err := regexExpr(fromECMA(p), inString, repeat{anyChar, 0, -1})
		if err != nil {
			return nil, f.at.under("pattern", nil).fail("%v", err)
		}
		all = append(all, e)
	}
	for _, name := range f.formats {
		e, err := regexExpr(formats[name], inString, nil)
		if err != nil {
			return nil, f.at.under("format", nil).fail("%v", err)
		}
		all = append(all, e)
	}
	if sized {
		all = append(all, repeat{anyChar, f.minLen, f.maxLen})
	}
	e := all[0]
	for _, other := range all[1:] {
		e = both{e, other}
	}
	return quoted(e), nil
}

// fromECMA writes \uXXXX of a regular expression of JavaScript as RE2 has it.
func fromECMA(pattern string) string {
	var out strings.Builder
	for i := 0; i < len(pattern); i++ {
		if pattern[i] == '\\' && i+1 < len(pattern) {
			if pattern[i+1] == 'u' && i+6 <= len(pattern) {
				out.WriteString(`\x{` + pattern[i+2:i+6] + `}`)
				i += 5
				continue
			}
			out.WriteByte(pattern[i])
			i++
		}
		out.WriteByte(pattern[i])
	}
	return out.String()
}

func (c *schemaCompiler) array(f *flat) (expr, error) {
	a := array{min: f.minItems, max: f.maxItems}
	if a.max >= 0 && a.max < a.min {
		return alt{}, nil
	}
	for i, list := range f.prefix {
		if a.max >= 0 && i >= a.max {
			break
		}
		e, err := c.expr(list)
		if err != nil {
			return nil, err
		}
		a.prefix = append(a.prefix, e)
	}
	if len(f.items) > 0 || len(f.prefix) < max(1, f.minItems) {
		e, err := c.expr(f.items)
		if err != nil {
			return nil, err
		}
		if _, isCall := e.(call); !isCall { // it may be repeated
			e = c.b.rule("item", e)
		}
		a.item = e
	}
	return a, nil
}

func (c *schemaCompiler) object(f *flat) (expr, error) {
	names, isRequired := slices.Clone(f.names), map[string]bool{}
	for _, name := range f.required {
		if _, known := f.properties[name]; !known && !isRequired[name] {
			names = append(names, name)
		}
		isRequired[name] = true
	}
	var o object
	for _, name := range names {
		e, err := c.expr(f.member(name))
		if err != nil {
			return nil, err
		}
		o.members = append(o.members, member{seq{literal(quote(name) + ":"), ws, e}, isRequired[name]})
	}
	if f.openMembers || len(f.names) == 0 {
		e, err := c.expr(f.additional)
		if err != nil {
			return nil, err
		}
		o.additional = seq{otherKey(names), literal(":"), ws, e}
	}
	return o, nil
}
