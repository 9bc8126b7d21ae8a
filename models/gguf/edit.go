package gguf

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"soberano/models"
)

// Edit says which keys of a file change.
type Edit struct {
	// Set has the new values as texts. A key that the file has keeps its type; its lists are written as JSON. The value of a new key has the type that the text
	// has as JSON (true or false, a number, a text in quotes, a list of one of these), and is the text itself if it is none.
	Set map[string]string
	// Unset are keys that are taken away. The file must have them.
	Unset []string
}

// Change is a key that an edit has changed. Old is nil for a key that the file did not have, New for one that it does not have any more.
type Change struct {
	Key      string
	Old, New any // values as in models.Metadata
}

// EditError is the error of an edit that is not possible. The file may be whole.
type EditError struct{ Key, Reason string }

func (e *EditError) Error() string { return fmt.Sprintf("key %s %s", models.Quote(e.Key), e.Reason) }

// Rewrite writes the GGUF file at path, with the changes of e, to w, and returns these in alphabetical order. What is not changed keeps its bytes and its place among the others:
// other keys, the index and the weights, which are copied in pieces. Of a split model only the file at path is read. The error is an *EditError if e is not possible, a
// *models.FileError if the file is damaged, or one of w.
func Rewrite(w io.Writer, path string, e Edit) ([]Change, error) {
	data, release, err := models.Map(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = release() }() // nothing was written to the mapping
	before, err := parse(path, data)
	if err != nil {
		return nil, err
	}
	head, err := before.edited(data, e)
	if err != nil {
		return nil, err
	}
	after, err := parse(path, head) // applies the reader's checks
	if err != nil {
		return nil, err
	}
	if _, err = w.Write(head); err != nil {
		return nil, err
	}
	for rest := data[min(before.data, uint64(len(data))):]; len(rest) > 0; {
		n := min(len(rest), 1<<20)
		if _, err = w.Write(rest[:n]); err != nil {
			return nil, err
		}
		rest = rest[n:]
	}
	return changes(before.meta, after.meta, e), err
}

// edited returns the header with the changes of e, up to where the weights begin. b are the bytes of the file.
func (h *header) edited(b []byte, e Edit) ([]byte, error) {
	if err := h.possible(e); err != nil {
		return nil, err
	}
	count := len(h.keys) - len(e.Unset)
	out := bytes.Clone(b[:24])
	for _, k := range h.keys {
		text, set := e.Set[k.name]
		switch {
		case slices.Contains(e.Unset, k.name):
			continue
		case !set:
			out = append(out, b[k.from:k.to]...)
			continue
		}
		value := b[k.from+8+uint64(len(k.name)) : k.to]
		var err error
		if out, err = appendSame(appendText(out, k.name), value, text); err != nil {
			return nil, &EditError{k.name, err.Error()}
		}
	}
	for _, key := range slices.Sorted(maps.Keys(e.Set)) {
		if _, known := h.meta[key]; known {
			continue
		}
		var err error
		if out, err = appendNew(appendText(out, key), e.Set[key]); err != nil {
			return nil, &EditError{key, err.Error()}
		}
		count++
	}
	binary.LittleEndian.PutUint64(out[16:], uint64(count))
	out = append(out, b[h.index.from:h.index.to]...)
	return pad(out, len(out), int(h.alignment)), nil
}

// possible returns an error for keys that can't be changed.
func (h *header) possible(e Edit) error {
	for i, key := range e.Unset {
		if _, set := e.Set[key]; set || slices.Contains(e.Unset[:i], key) {
			return &EditError{key, "is named twice"}
		}
		if _, ok := h.meta[key]; !ok {
			return &EditError{key, "can't be taken away: the file does not have it"}
		}
	}
	for _, key := range slices.Concat(e.Unset, slices.Sorted(maps.Keys(e.Set))) {
		switch {
		case key == "":
			return &EditError{key, "has no name"}
		case key == "general.alignment" || strings.HasPrefix(key, "split."):
			return &EditError{key, "says how the file is laid out and can't be changed"}
		}
	}
	return nil
}

// changes returns what differs between the keys before and after an edit.
func changes(before, after models.Metadata, e Edit) []Change {
	var out []Change
	for _, key := range slices.Sorted(slices.Values(slices.Concat(e.Unset, slices.Collect(maps.Keys(e.Set))))) {
		out = append(out, Change{key, before[key], after[key]})
	}
	return out
}

// appendSame appends the type of value, the bytes of a present value with its type, and the value that text has in this type.
func appendSame(b, value []byte, text string) ([]byte, error) {
	t := binary.LittleEndian.Uint32(value)
	b = binary.LittleEndian.AppendUint32(b, t)
	if t != tArray {
		return appendParsed(b, t, text)
	}
	t = binary.LittleEndian.Uint32(value[4:])
	items, ok := decode(text).([]any)
	if !ok {
		return nil, fmt.Errorf("is a list of type %s; its value is written as in JSON: [1, 2]", typeNames[t])
	}
	b = binary.LittleEndian.AppendUint32(b, t)
	b = binary.LittleEndian.AppendUint64(b, uint64(len(items)))
	for i, item := range items {
		if _, text := item.(string); text != (t == tString) {
			return nil, fmt.Errorf("is a list of type %s, value %d is not of this type", typeNames[t], i+1)
		}
		var err error
		if b, err = appendParsed(b, t, fmt.Sprint(item)); err != nil {
			return nil, fmt.Errorf("value %d %w", i+1, err)
		}
	}
	return b, nil
}

// appendParsed appends the value of type t that text has.
func appendParsed(b []byte, t uint32, text string) ([]byte, error) {
	bits := int(width[t]) * 8
	wrong := fmt.Errorf("is of type %s, which %s is not", typeNames[t], models.Quote(text))
	switch t {
	case tString:
		return appendText(b, text), nil
	case tBool:
		v, err := strconv.ParseBool(text)
		if err != nil {
			return nil, wrong
		}
		return appendOne(b, tBool, v), nil
	case tFloat32, tFloat64:
		v, err := strconv.ParseFloat(text, bits)
		if err != nil {
			return nil, wrong
		}
		return appendOne(b, int(t), v), nil
	case tInt8, tInt16, tInt32, tInt64:
		v, err := strconv.ParseInt(text, 10, bits)
		if err != nil {
			return nil, wrong
		}
		return binary.LittleEndian.AppendUint64(b, uint64(v))[:len(b)+bits/8], nil
	}
	v, err := strconv.ParseUint(text, 10, bits)
	if err != nil {
		return nil, wrong
	}
	return binary.LittleEndian.AppendUint64(b, v)[:len(b)+bits/8], nil
}

// appendNew appends the value of a new key, with its type.
func appendNew(b []byte, text string) ([]byte, error) {
	switch v := decode(text).(type) {
	case bool, string:
		return appendValue(b, v)
	case json.Number:
		n, err := number(v)
		if err != nil {
			return nil, err
		}
		return appendValue(b, n)
	case []any:
		list, err := listOf(v)
		if err != nil {
			return nil, err
		}
		return appendValue(b, list)
	}
	return appendValue(b, text)
}

// decode returns the value that text has as JSON, with numbers as json.Number; nil if it has none.
func decode(text string) (v any) {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	if d.Decode(&v) != nil {
		return nil
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil
	}
	return v
}

// number returns n as uint64, int64 or float64, the first that holds it.
func number(n json.Number) (any, error) {
	if v, err := strconv.ParseUint(n.String(), 10, 64); err == nil {
		return v, nil
	}
	if v, err := n.Int64(); err == nil {
		return v, nil
	}
	v, err := n.Float64()
	if err != nil {
		return nil, fmt.Errorf("can't have the number %s: it is out of range", n)
	}
	return v, nil
}

// listOf returns values of one type as a slice of it.
func listOf(values []any) (any, error) {
	var texts []string
	var truths []bool
	var integers []int64
	var numbers []float64
	for _, v := range values {
		switch v := v.(type) {
		case string:
			texts = append(texts, v)
		case bool:
			truths = append(truths, v)
		case json.Number:
			f, err := v.Float64()
			if err != nil {
				return nil, fmt.Errorf("can't have the number %s: it is out of range", v)
			}
			numbers = append(numbers, f)
			if i, err := v.Int64(); err == nil {
				integers = append(integers, i)
			}
		}
	}
	switch len(values) {
	case 0:
		return nil, errors.New("is new, and an empty list does not say its type")
	case len(texts):
		return texts, nil
	case len(truths):
		return truths, nil
	case len(integers):
		return integers, nil
	case len(numbers):
		return numbers, nil
	}
	return nil, errors.New("is a list of values of several types")
}
