package store

import (
	"database/sql/driver"
	"encoding/json"
	"fmt"

	"soberano/app/problem"
)

// fault is a problem as it is stored in a column: JSON, or "" for no problem.
type fault problem.Problem

// Value implements driver.Valuer.
func (f fault) Value() (driver.Value, error) {
	if f.Code == problem.None {
		return "", nil
	}
	b, err := json.Marshal(problem.Problem(f))
	return string(b), err
}

// Scan implements sql.Scanner.
func (f *fault) Scan(v any) error {
	*f = fault{}
	text, ok := v.(string)
	if !ok {
		return fmt.Errorf("a problem is %T, expected text", v)
	}
	if text == "" {
		return nil
	}
	return json.Unmarshal([]byte(text), (*problem.Problem)(f))
}

// faults are problems as they are stored in a column: JSON, or "" for none.
type faults []problem.Problem

// Value implements driver.Valuer.
func (f faults) Value() (driver.Value, error) {
	if len(f) == 0 {
		return "", nil
	}
	b, err := json.Marshal([]problem.Problem(f))
	return string(b), err
}

// Scan implements sql.Scanner.
func (f *faults) Scan(v any) error {
	*f = nil
	text, ok := v.(string)
	if !ok {
		return fmt.Errorf("problems are %T, expected text", v)
	}
	if text == "" {
		return nil
	}
	return json.Unmarshal([]byte(text), (*[]problem.Problem)(f))
}
