package apr

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"soberano/models"
)

// maxDepth is the deepest nesting of the metadata that is accepted.
const maxDepth = 16

// metadata reads the JSON that follows the header: an object without duplicate keys.
// Numbers become int64 or float64; lists of one type become []string, []bool, []int64 or []float64,
// other lists []any; keys of nested objects are joined with a dot; nulls are left out.
func (h *header) metadata(b []byte) (models.Metadata, error) {
	d := json.NewDecoder(bytes.NewReader(b[h.metaAt:][:h.metaSize]))
	d.UseNumber()
	m := models.Metadata{}
	err := func() error {
		if t, err := d.Token(); err != nil || t != json.Delim('{') {
			return errors.New("is not a JSON object")
		}
		if err := readObject(d, m, "", maxDepth); err != nil {
			return err
		}
		if _, err := d.Token(); !errors.Is(err, io.EOF) {
			return errors.New("continues after its end")
		}
		return nil
	}()
	if err != nil {
		return nil, models.Corrupt(h.path, "is damaged: the metadata: %v", err)
	}
	return m, nil
}

// readObject reads the keys of an object up to its end.
func readObject(d *json.Decoder, m models.Metadata, prefix string, depth int) error {
	seen := map[string]bool{}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return err
		}
		key := prefix + t.(string) // always a string: the decoder guarantees it
		if _, dotted := m[key]; seen[key] || dotted {
			return fmt.Errorf("key %s occurs twice", models.Quote(key))
		}
		seen[key] = true
		if err := readKey(d, m, key, depth); err != nil {
			return err
		}
	}
	_, err := d.Token()
	return err
}

func readKey(d *json.Decoder, m models.Metadata, key string, depth int) error {
	t, err := d.Token()
	if err != nil {
		return err
	}
	if depth == 0 {
		return fmt.Errorf("key %s is nested too deeply", models.Quote(key))
	}
	switch t := t.(type) {
	case json.Delim:
		if t == '{' {
			return readObject(d, m, key+".", depth-1)
		}
		m[key], err = readList(d, depth-1)
		return err
	case nil:
	default:
		m[key], err = scalar(t)
	}
	return err
}

func scalar(t json.Token) (any, error) {
	n, ok := t.(json.Number)
	if !ok {
		return t, nil
	}
	if i, err := n.Int64(); err == nil {
		return i, nil
	}
	return n.Float64()
}

// readList reads the values of a list up to its end. It skips lists and objects within.
func readList(d *json.Decoder, depth int) (any, error) {
	var l list
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return nil, err
		}
		if _, ok := t.(json.Delim); ok {
			if t, err = nil, skip(d, depth); err != nil {
				return nil, err
			}
		}
		v, err := scalar(t)
		if err != nil {
			return nil, err
		}
		l.add(v)
	}
	_, err := d.Token()
	return l.value(), err
}

// list collects the values of a list. As long as they have one type, only a list of that type is kept.
type list struct {
	n      int // values so far
	texts  []string
	ints   []int64
	floats []float64
	bools  []bool
	mixed  []any
}

func (l *list) add(v any) {
	l.n++
	switch x := v.(type) {
	case string:
		if len(l.texts) == l.n-1 {
			l.texts = append(l.texts, x)
			return
		}
	case bool:
		if len(l.bools) == l.n-1 {
			l.bools = append(l.bools, x)
			return
		}
	case int64:
		switch l.n - 1 {
		case len(l.ints):
			l.ints = append(l.ints, x)
			return
		case len(l.floats):
			l.floats = append(l.floats, float64(x))
			return
		}
	case float64:
		if len(l.ints) == l.n-1 {
			for _, n := range l.ints {
				l.floats = append(l.floats, float64(n))
			}
			l.ints = nil
		}
		if len(l.floats) == l.n-1 {
			l.floats = append(l.floats, x)
			return
		}
	}
	if len(l.mixed) < l.n-1 {
		l.mixed = l.all()
	}
	l.mixed = append(l.mixed, v)
}

// all returns the values before the first of another type.
func (l *list) all() (all []any) {
	for _, x := range l.texts {
		all = append(all, x)
	}
	for _, x := range l.bools {
		all = append(all, x)
	}
	for _, x := range l.ints {
		all = append(all, x)
	}
	for _, x := range l.floats {
		all = append(all, x)
	}
	l.texts, l.bools, l.ints, l.floats = nil, nil, nil, nil
	return all
}

// value returns the list, of strings if it is empty.
func (l *list) value() any {
	switch l.n {
	case len(l.texts):
		return l.texts
	case len(l.bools):
		return l.bools
	case len(l.ints):
		return l.ints
	case len(l.floats):
		return l.floats
	}
	return l.mixed
}

// skip reads up to the end of the list or object that has just begun.
func skip(d *json.Decoder, depth int) error {
	for open := 1; open > 0; {
		if open > depth {
			return errors.New("a list is nested too deeply")
		}
		t, err := d.Token()
		if err != nil {
			return err
		}
		switch t {
		case json.Delim('{'), json.Delim('['):
			open++
		case json.Delim('}'), json.Delim(']'):
			open--
		}
	}
	return nil
}
