package grammar

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// jsonObject is a JSON object with the order of its members. Values are nil, bool, json.Number, string, []any and *jsonObject.
type jsonObject struct {
	names  []string
	values map[string]any
}

// decodeJSON decodes one JSON value, nested at most maxDepth deep. An object must not have a name twice.
func decodeJSON(raw []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	v, err := decodeValue(d, 0)
	if err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("more follows after the JSON value")
	}
	return v, nil
}

func decodeValue(d *json.Decoder, depth int) (any, error) {
	t, err := d.Token()
	if errors.Is(err, io.EOF) {
		return nil, errors.New("the JSON value is incomplete")
	}
	delim, nested := t.(json.Delim)
	if err != nil || !nested {
		return t, err
	}
	if depth >= maxDepth {
		return nil, fmt.Errorf("it is nested more than %d deep", maxDepth)
	}
	if delim == '[' {
		list := []any{}
		for d.More() {
			v, err := decodeValue(d, depth+1)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		_, err = d.Token()
		return list, err
	}
	o := &jsonObject{values: map[string]any{}}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, err
		}
		text, _ := name.(string) // the decoder takes nothing else for a name
		if _, twice := o.values[text]; twice {
			return nil, fmt.Errorf("the name %q occurs twice in an object", text)
		}
		v, err := decodeValue(d, depth+1)
		if err != nil {
			return nil, err
		}
		o.names, o.values[text] = append(o.names, text), v
	}
	_, err = d.Token()
	return o, err
}

// encodeJSON returns a value as JSON without white space and without escapes that are not needed.
func encodeJSON(v any) string {
	var b bytes.Buffer
	writeJSON(&b, v)
	return b.String()
}

func writeJSON(b *bytes.Buffer, v any) {
	switch v := v.(type) {
	case *jsonObject:
		b.WriteByte('{')
		for i, name := range v.names {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString(quote(name))
			b.WriteByte(':')
			writeJSON(b, v.values[name])
		}
		b.WriteByte('}')
	case []any:
		b.WriteByte('[')
		for i, x := range v {
			if i > 0 {
				b.WriteByte(',')
			}
			writeJSON(b, x)
		}
		b.WriteByte(']')
	case string:
		b.WriteString(quote(v))
	case json.Number:
		b.WriteString(v.String())
	case bool:
		fmt.Fprint(b, v)
	default:
		b.WriteString("null")
	}
}

// quote returns a string as JSON, with one spelling for each character.
func quote(s string) string {
	out := []byte{'"'}
	for _, r := range s {
		out = append(out, spelled(r)...)
	}
	return string(append(out, '"'))
}

// escapes are those of one letter.
var escapes = map[rune]string{'"': `\"`, '\\': `\\`, '\b': `\b`, '\f': `\f`, '\n': `\n`, '\r': `\r`, '\t': `\t`}

func spelled(r rune) string {
	if s, ok := escapes[r]; ok {
		return s
	}
	if r < ' ' {
		return fmt.Sprintf(`\u%04x`, r)
	}
	return string(r)
}
