package prompt

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strconv"
)

// From Go's values to the template's.

// maxNest bounds the nesting of values given to a template.
const maxNest = 100

func (v Values) vars() (map[string]value, error) {
	vars := map[string]value{"documents": nil, "add_generation_prompt": v.AddGenerationPrompt}
	if v.BOS != "" {
		vars["bos_token"] = v.BOS
	}
	if v.EOS != "" {
		vars["eos_token"] = v.EOS
	}
	messages := &list{}
	for i, m := range v.Messages {
		d := newDict()
		d.put("role", m.Role)
		d.put("content", m.Content)
		if err := extend(m.Extra, d.put); err != nil {
			return nil, fmt.Errorf("chat template: message %d: %w", i, err)
		}
		messages.items = append(messages.items, d)
	}
	vars["messages"] = messages
	tools, err := convert(v.Tools, 0)
	if err != nil {
		return nil, fmt.Errorf("chat template: tools: %w", err)
	}
	vars["tools"] = tools
	if err := extend(v.Extra, func(name string, v value) { vars[name] = v }); err != nil {
		return nil, fmt.Errorf("chat template: values: %w", err)
	}
	return vars, nil
}

func extend(extra map[string]any, put func(string, value)) error {
	for _, name := range sortedKeys(extra) {
		c, err := convert(extra[name], 0)
		if err != nil {
			return fmt.Errorf("%q: %w", name, err)
		}
		put(name, c)
	}
	return nil
}

func sortedKeys(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func convert(v any, depth int) (value, error) {
	if depth > maxNest {
		return nil, fmt.Errorf("nested more than %d levels deep", maxNest)
	}
	switch v := v.(type) {
	case nil, bool, string, int64, float64:
		return v, nil
	case json.RawMessage:
		return decode(v)
	case json.Number:
		return number(v)
	case map[string]any:
		d := newDict()
		for _, k := range sortedKeys(v) {
			c, err := convert(v[k], depth+1)
			if err != nil {
				return nil, fmt.Errorf("%q: %w", k, err)
			}
			d.put(k, c)
		}
		return d, nil
	}
	return convertKind(reflect.ValueOf(v), depth)
}

// convertKind takes the types that are named otherwise but are numbers, strings or slices.
func convertKind(v reflect.Value, depth int) (value, error) {
	switch {
	case v.CanInt():
		return v.Int(), nil
	case v.CanUint() && v.Uint() < 1<<63:
		return int64(v.Uint()), nil
	case v.CanFloat():
		return v.Float(), nil
	case v.Kind() == reflect.String:
		return v.String(), nil
	case v.Kind() == reflect.Bool:
		return v.Bool(), nil
	case v.Kind() == reflect.Slice || v.Kind() == reflect.Array:
		l := &list{items: make([]value, v.Len())}
		for i := range l.items {
			c, err := convert(v.Index(i).Interface(), depth+1)
			if err != nil {
				return nil, fmt.Errorf("[%d]: %w", i, err)
			}
			l.items[i] = c
		}
		return l, nil
	}
	return nil, fmt.Errorf("a template can't use a Go %s", v.Type())
}

func number(n json.Number) (value, error) {
	if i, err := strconv.ParseInt(string(n), 10, 64); err == nil {
		return i, nil
	}
	f, err := n.Float64()
	if err != nil {
		return nil, fmt.Errorf("the number %s can't be used: %w", n, err)
	}
	return f, nil
}

// decode reads JSON and keeps the order of keys.
func decode(raw []byte) (value, error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	v, err := decodeNext(dec, 0)
	if err != nil {
		return nil, fmt.Errorf("invalid JSON: %w", err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, fmt.Errorf("invalid JSON: more after the value")
	}
	return v, nil
}

func decodeNext(dec *json.Decoder, depth int) (value, error) {
	t, err := dec.Token()
	if err != nil {
		return nil, err
	}
	if depth > maxNest {
		return nil, fmt.Errorf("nested more than %d levels deep", maxNest)
	}
	switch t := t.(type) {
	case json.Number:
		return number(t)
	case json.Delim:
		if t == '[' {
			return decodeList(dec, depth)
		}
		return decodeDict(dec, depth)
	}
	return t, nil
}

func decodeList(dec *json.Decoder, depth int) (value, error) {
	l := &list{}
	for dec.More() {
		v, err := decodeNext(dec, depth+1)
		if err != nil {
			return nil, err
		}
		l.items = append(l.items, v)
	}
	_, err := dec.Token()
	return l, err
}

func decodeDict(dec *json.Decoder, depth int) (value, error) {
	d := newDict()
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return nil, err
		}
		v, err := decodeNext(dec, depth+1)
		if err != nil {
			return nil, err
		}
		d.put(key.(string), v) // the decoder gives only strings here
	}
	_, err := dec.Token()
	return d, err
}
