package grammar

import (
	"encoding/json"
	"math/big"
	"slices"
	"strconv"
	"strings"
)

// unsupported are the keywords that would restrict values in ways that are not followed.
var unsupported = []string{"not", "if", "then", "else", "dependentRequired", "dependentSchemas", "dependencies", "contains", "minContains", "maxContains",
	"patternProperties", "propertyNames", "unevaluatedItems", "unevaluatedProperties", "$dynamicRef", "$dynamicAnchor", "$recursiveRef", "$recursiveAnchor", "id"}

// keywords reads the keywords of one schema, but for references and combinations.
func (c *schemaCompiler) keywords(l located, o *jsonObject) (*flat, error) {
	f := anything(l)
	for _, name := range o.names {
		at := l.under(name, o.values[name])
		var err error
		switch name {
		case "$ref", "allOf", "anyOf", "oneOf":
		case "type":
			err = f.readType(at)
		case "enum":
			list, ok := at.value.([]any)
			if !ok || len(list) == 0 {
				return nil, at.fail("a list of values is expected")
			}
			f.restrict(list)
		case "const":
			f.restrict([]any{at.value})
		case "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf":
			f.hint |= numberType
			err = f.readNumber(name, at)
		case "minLength", "maxLength", "pattern", "format":
			f.hint |= stringType
			err = f.readString(name, at)
		case "prefixItems", "items", "additionalItems", "minItems", "maxItems", "uniqueItems":
			f.hint |= arrayType
			err = f.readArray(name, at, o)
		case "properties", "required", "additionalProperties", "minProperties", "maxProperties":
			f.hint |= objectType
			err = f.readObject(name, at, o)
		case "$schema":
			if text, _ := at.value.(string); !strings.Contains(text, "://json-schema.org/") {
				err = l.unsupported(name, " with "+encodeJSON(at.value))
			}
		case "$id":
			if l.at != "#" {
				err = l.unsupported(name, " below the whole schema")
			}
		default:
			if !annotations[name] && !strings.HasPrefix(name, "x-") {
				err = l.unsupported(name, "")
				if !slices.Contains(unsupported, name) {
					err = &Error{Kind: kindSchema, At: l.at, Keyword: name, Reason: "the keyword " + strconv.Quote(name) + " is not known"}
				}
			}
		}
		if err != nil {
			return nil, err
		}
	}
	return f, nil
}

func (f *flat) restrict(values []any) {
	if f.enum != nil {
		values = intersect(f.enum, values)
	}
	f.enum = values
}

func (f *flat) readType(at located) error {
	list, ok := at.value.([]any)
	if !ok {
		list = []any{at.value}
	}
	f.types, f.given = 0, true
	for _, v := range list {
		name, _ := v.(string)
		t, ok := typeNames[name]
		if !ok {
			return at.fail("%s is no type", encodeJSON(v))
		}
		f.types |= t
	}
	if len(list) == 0 {
		return at.fail("a type is expected")
	}
	if f.types&numberType != 0 {
		f.types &^= integerType // which is part of it
	}
	return nil
}

func (f *flat) readNumber(name string, at located) error {
	n, ok := at.value.(json.Number)
	if !ok {
		return at.fail("a number is expected")
	}
	r, ok := parseNumber(n)
	if !ok {
		return at.fail("the number %s has too many digits", n)
	}
	switch name {
	case "minimum":
		f.low = tighter(f.low, bound{r, false}, 1)
	case "exclusiveMinimum":
		f.low = tighter(f.low, bound{r, true}, 1)
	case "maximum":
		f.high = tighter(f.high, bound{r, false}, -1)
	case "exclusiveMaximum":
		f.high = tighter(f.high, bound{r, true}, -1)
	case "multipleOf":
		if r.Sign() <= 0 {
			return at.fail("a number above 0 is expected")
		}
		f.multiple = r
	}
	return nil
}

// parseNumber returns the value of a JSON number of at most 60 digits.
func parseNumber(n json.Number) (*big.Rat, bool) {
	text := n.String()
	if i := strings.IndexAny(text, "eE"); i >= 0 {
		if e, err := strconv.Atoi(text[i+1:]); err != nil || e < -30 || e > 30 {
			return nil, false
		}
	}
	if len(text) > 60 {
		return nil, false
	}
	return new(big.Rat).SetString(text)
}

// count returns a whole number that is not negative.
func (l located) count() (int, error) {
	n, ok := l.value.(json.Number)
	if ok {
		if r, ok := parseNumber(n); ok && r.IsInt() && r.Sign() >= 0 && r.Num().IsInt64() {
			return int(min(r.Num().Int64(), maxNodes)), nil
		}
	}
	return 0, l.fail("a whole number from 0 is expected")
}

func (f *flat) readString(name string, at located) (err error) {
	text, isText := at.value.(string)
	switch {
	case name == "minLength":
		f.minLen, err = at.count()
	case name == "maxLength":
		f.maxLen, err = at.count()
	case !isText:
		return at.fail("a string is expected")
	case name == "pattern":
		f.patterns = append(f.patterns, text)
	case formats[text] == "":
		return at.unsupported("format", " with the value "+strconv.Quote(text))
	default:
		f.formats = append(f.formats, text)
	}
	return err
}

func (f *flat) readArray(name string, at located, o *jsonObject) (err error) {
	_, isList := o.values["items"].([]any) // the form of draft 7
	switch name {
	case "minItems":
		f.minItems, err = at.count()
	case "maxItems":
		f.maxItems, err = at.count()
	case "uniqueItems":
		if at.value != false {
			return at.unsupported(name, "")
		}
	case "additionalItems":
		if isList {
			f.items = append(f.items, at)
		}
	default:
		if name == "items" && !isList {
			f.items = append(f.items, at)
			return nil
		}
		list, err := at.list()
		if err != nil {
			return err
		}
		for _, l := range list {
			f.prefix = append(f.prefix, []located{l})
		}
	}
	return err
}

// maxName is the largest number of bytes of a member's name.
const maxName = 1000

func (f *flat) readObject(name string, at located, o *jsonObject) error {
	switch name {
	case "properties":
		members, ok := at.value.(*jsonObject)
		if !ok {
			return at.fail("an object is expected")
		}
		for _, n := range members.names {
			if len(n) > maxName {
				return at.fail("a name has more than %d bytes", maxName)
			}
			f.names = append(f.names, n)
			f.properties[n] = []located{at.under(n, members.values[n])}
		}
	case "required":
		list, ok := at.value.([]any)
		for _, v := range list {
			n, isText := v.(string)
			ok = ok && isText && len(n) <= maxName
			f.required = append(f.required, n)
		}
		if !ok {
			return at.fail("a list of names is expected")
		}
	case "additionalProperties":
		f.additional = append(f.additional, at)
		f.openMembers = at.value != false
	default:
		return at.checkCount(name, o)
	}
	return nil
}

// checkCount accepts a number of members that every object that is written has anyway.
func (l located) checkCount(name string, o *jsonObject) error {
	n, err := l.count()
	if err != nil {
		return err
	}
	required, _ := o.values["required"].([]any)
	members, _ := o.values["properties"].(*jsonObject)
	_, open := o.values["additionalProperties"]
	switch {
	case name == "minProperties" && n <= len(required):
		return nil
	case name == "maxProperties" && members != nil && (!open || o.values["additionalProperties"] == false) && len(members.names)+len(required) <= n:
		return nil
	}
	return l.unsupported(name, " where it says more than properties, required and additionalProperties do")
}
