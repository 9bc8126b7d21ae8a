package models

import "sync"

// Derived holds what was computed from the metadata of a file, such as its tokenizer. Readers that parse a file once for several Files give these one Derived.
type Derived struct {
	mu     sync.Mutex
	values map[string]any
}

// Share makes f use d, which holds what was computed from the same metadata.
func (f *File) Share(d *Derived) { f.shared = d }

// Derive returns what compute returned for this name before, for f or another File with the same Derived, and otherwise calls it. Several goroutines may use the result, which
// nobody may change. Errors are not kept.
func Derive[T any](f *File, name string, compute func() (T, error)) (T, error) {
	d := &f.derived
	if f.shared != nil {
		d = f.shared
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if v, ok := d.values[name].(T); ok {
		return v, nil
	}
	v, err := compute()
	if err == nil {
		if d.values == nil {
			d.values = map[string]any{}
		}
		d.values[name] = v
	}
	return v, err
}
