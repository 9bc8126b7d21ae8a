package jinja

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strconv"
)

// maxNest bounds the nesting of values given to a template.
const maxNest = 100

func sortedKeys(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func convertObject(o Object, depth int) (value, error) {
	d := newDict()
	for _, f := range o {
		c, err := convert(f.Value, depth+1)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", f.Name, err)
		}
		d.put(str{s: f.Name}, c)
	}
	return d, nil
}

// convert turns a value of Go into one of the template. Texts are data unless they are Trusted.
func convert(v any, depth int) (value, error) {
	if depth > maxNest {
		return nil, fmt.Errorf("nested more than %d levels deep", maxNest)
	}
	switch v := v.(type) {
	case nil, bool, int64, float64:
		return v, nil
	case string:
		return str{s: v}, nil
	case Trusted:
		return literal(string(v)), nil
	case Object:
		return convertObject(v, depth)
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
			d.put(str{s: k}, c)
		}
		return d, nil
	}
	return convertKind(reflect.ValueOf(v), depth)
}

// convertKind converts values of named types, and slices and arrays.
func convertKind(v reflect.Value, depth int) (value, error) {
	switch {
	case v.CanInt():
		return v.Int(), nil
	case v.CanUint() && v.Uint() < 1<<63:
		return int64(v.Uint()), nil
	case v.CanFloat():
		return v.Float(), nil
	case v.Kind() == reflect.String:
		return str{s: v.String()}, nil
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

// decode reads JSON. Dicts have their keys in the order of the JSON.
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
	if s, ok := t.(string); ok {
		return str{s: s}, nil
	}
	return t, nil // a bool or nil
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
		d.put(str{s: key.(string)}, v) // the decoder returns only strings here
	}
	_, err := dec.Token()
	return d, err
}
