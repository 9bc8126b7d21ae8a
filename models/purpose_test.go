package models

import (
	"errors"
	"testing"
)

// TestPurpose checks what files of encoders and of other families are for, by their pooling.
func TestPurpose(t *testing.T) {
	for _, c := range []struct {
		family  string
		pooling any
		want    Purpose
	}{
		{"llama", nil, Continues}, {"llama", uint64(0), Continues}, {"qwen3", uint64(3), Embeds}, {"qwen3", uint64(4), Ranks},
		{"bert", nil, Embeds}, {"bert", uint64(0), Embeds}, {"bert", int64(-1), Embeds}, {"bert", uint64(1), Embeds}, {"bert", uint64(4), Ranks},
		{"gemma-embedding", nil, Embeds}, {"", nil, Continues},
	} {
		m := Metadata{"general.architecture": c.family}
		if c.pooling != nil {
			m[c.family+".pooling_type"] = c.pooling
		}
		if got, err := m.Purpose(); err != nil || got != c.want {
			t.Errorf("%s, pooling %v: %v, %v; expected %v", c.family, c.pooling, got, err, c.want)
		}
	}
	for value, kind := range map[any]error{uint64(5): ErrUnsupported, int64(-2): ErrUnsupported, "mean": ErrCorrupt} {
		if _, err := (Metadata{"general.architecture": "bert", "bert.pooling_type": value}).Purpose(); !errors.Is(err, kind) {
			t.Errorf("pooling %v: %v", value, err)
		}
	}
}
