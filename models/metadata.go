package models

import "fmt"

// Metadata holds the keys and values of a model file. A value is a bool, string, uint64,
// int64, float64, or a slice []bool, []string, []uint64, []int64, []float64 or []any.
// Narrower numbers of a file are widened.
type Metadata map[string]any

// String returns the string at key, or def where the key is absent.
func (m Metadata) String(key, def string) (string, error) {
	v, ok := m[key]
	if !ok {
		return def, nil
	}
	s, ok := v.(string)
	if !ok {
		return def, wrongType(key, v, "a string")
	}
	return s, nil
}

// Int returns the integer at key, or def where the key is absent. It must fit in 0 … 1<<40
// or be negative down to -1<<40.
func (m Metadata) Int(key string, def int) (int, error) {
	const limit = 1 << 40
	switch v := m[key].(type) {
	case nil:
		return def, nil
	case uint64:
		if v <= limit {
			return int(v), nil
		}
		return def, fmt.Errorf("key %s: %d is out of range: %w", Quote(key), v, ErrCorrupt)
	case int64:
		if v <= limit && v >= -limit {
			return int(v), nil
		}
		return def, fmt.Errorf("key %s: %d is out of range: %w", Quote(key), v, ErrCorrupt)
	default:
		return def, wrongType(key, v, "an integer")
	}
}

// Float returns the number at key, or def where the key is absent.
func (m Metadata) Float(key string, def float64) (float64, error) {
	switch v := m[key].(type) {
	case nil:
		return def, nil
	case float64:
		return v, nil
	case uint64:
		return float64(v), nil
	case int64:
		return float64(v), nil
	default:
		return def, wrongType(key, v, "a number")
	}
}

// Bool returns the boolean at key, or def where the key is absent.
func (m Metadata) Bool(key string, def bool) (bool, error) {
	v, ok := m[key]
	if !ok {
		return def, nil
	}
	b, ok := v.(bool)
	if !ok {
		return def, wrongType(key, v, "true or false")
	}
	return b, nil
}

// Strings returns the list of strings at key, nil where the key is absent.
func (m Metadata) Strings(key string) ([]string, error) {
	return list[string](m, key, "a list of strings")
}

// Floats returns the list of numbers at key, nil where the key is absent.
func (m Metadata) Floats(key string) ([]float64, error) {
	return list[float64](m, key, "a list of numbers")
}

// Bools returns the list of booleans at key, nil where the key is absent.
func (m Metadata) Bools(key string) ([]bool, error) {
	return list[bool](m, key, "a list of booleans")
}

// Ints returns the list of integers at key, nil where the key is absent.
func (m Metadata) Ints(key string) ([]int64, error) {
	if u, ok := m[key].([]uint64); ok {
		out := make([]int64, len(u))
		for i, x := range u {
			if x > 1<<62 {
				return nil, fmt.Errorf("key %s: %d is out of range: %w", Quote(key), x, ErrCorrupt)
			}
			out[i] = int64(x)
		}
		return out, nil
	}
	return list[int64](m, key, "a list of integers")
}

func list[T any](m Metadata, key, want string) ([]T, error) {
	v, ok := m[key]
	if !ok {
		return nil, nil
	}
	s, ok := v.([]T)
	if !ok {
		return nil, wrongType(key, v, want)
	}
	return s, nil
}

func wrongType(key string, v any, want string) error {
	return fmt.Errorf("key %s is %T, expected %s: %w", Quote(key), v, want, ErrCorrupt)
}
