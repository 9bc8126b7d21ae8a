package apr

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"soberano/models"
)

// objects are the keys whose values are objects in the metadata of the reference. The keys in them are written as such, not with a dot.
var objects = []string{"model_card", "quantization", "sharding", "special_tokens"}

// encodeMetadata returns meta as a JSON object with the keys in alphabetical order. Keys that Open adds, empty lists and nil are left out. A
// float64 has a decimal point, so that it is read as one.
func encodeMetadata(meta models.Metadata) ([]byte, error) {
	tree := map[string]any{}
	for key, v := range meta {
		if strings.HasPrefix(key, "apr.") || v == nil {
			continue
		}
		outer, inner, dotted := strings.Cut(key, ".")
		if !dotted || !slices.Contains(objects, outer) {
			tree[key] = v
			continue
		}
		object, ok := tree[outer].(map[string]any)
		if !ok {
			object = map[string]any{}
			tree[outer] = object
		}
		object[inner] = v
	}
	b, err := appendObject(nil, tree)
	if err != nil {
		return nil, fmt.Errorf("apr: %w", err)
	}
	return b, nil
}

func appendObject(b []byte, values map[string]any) ([]byte, error) {
	keys := make([]string, 0, len(values))
	for key, v := range values {
		if !emptyList(v) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	b = append(b, '{')
	for i, key := range keys {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendText(b, key), ':')
		var err error
		if b, err = appendJSON(b, values[key]); err != nil {
			return nil, fmt.Errorf("key %s: %w", models.Quote(key), err)
		}
	}
	return append(b, '}'), nil
}

func emptyList(v any) bool {
	switch v := v.(type) {
	case []string:
		return len(v) == 0
	case []int64:
		return len(v) == 0
	case []uint64:
		return len(v) == 0
	case []float64:
		return len(v) == 0
	case []bool:
		return len(v) == 0
	}
	return false
}

func appendJSON(b []byte, v any) ([]byte, error) {
	switch v := v.(type) {
	case map[string]any:
		return appendObject(b, v)
	case string:
		return appendValid(b, v)
	case float64:
		return appendFloat(b, v)
	case []string:
		return appendList(b, v, appendValid)
	case []int64:
		return appendList(b, v, func(b []byte, n int64) ([]byte, error) { return strconv.AppendInt(b, n, 10), nil })
	case []uint64:
		return appendList(b, v, func(b []byte, n uint64) ([]byte, error) { return strconv.AppendUint(b, n, 10), nil })
	case []float64:
		return appendList(b, v, appendFloat)
	}
	one, err := json.Marshal(v) // of numbers, booleans and lists of these
	return append(b, one...), err
}

func appendList[T any](b []byte, list []T, one func([]byte, T) ([]byte, error)) ([]byte, error) {
	b = append(b, '[')
	for i, x := range list {
		if i > 0 {
			b = append(b, ',')
		}
		var err error
		if b, err = one(b, x); err != nil {
			return nil, err
		}
	}
	return append(b, ']'), nil
}

func appendFloat(b []byte, x float64) ([]byte, error) {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return nil, fmt.Errorf("%v can't be written as JSON", x)
	}
	from := len(b)
	b = strconv.AppendFloat(b, x, 'g', -1, 64)
	if !bytes.ContainsAny(b[from:], ".e") {
		b = append(b, ".0"...)
	}
	return b, nil
}

// appendValid appends a text, which must be valid UTF-8 because JSON has no other.
func appendValid(b []byte, s string) ([]byte, error) {
	if strings.ToValidUTF8(s, "") != s {
		return nil, fmt.Errorf("the text %s is not UTF-8 and can't be written as JSON", models.Quote(s))
	}
	return appendText(b, s), nil
}

func appendText(b []byte, s string) []byte {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		return strconv.AppendQuote(b, s) // a text can always be encoded
	}
	return append(b, bytes.TrimSuffix(out.Bytes(), []byte("\n"))...)
}
