package cpu

import (
	"slices"
	"testing"

	"soberano/kernels"
	"soberano/kernels/quant"
)

// TestLookupsAreGivenBack checks that the bytes of the model's file are given back after many of their rows have been read, and not after each.
func TestLookupsAreGivenBack(t *testing.T) {
	given := 0
	d, err := New(Options{Threads: 1, Forget: func(b []byte) { given += len(b) }})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	data := make([]byte, 4*128)
	m, err := d.Load(kernels.Weights{Type: quant.F32, Rows: 4, Cols: 32, Data: data, Lookup: true})
	if err != nil {
		t.Fatal(err)
	}
	given = 0
	for n := range 2 * lookedMost {
		s := d.Begin(&kernels.Batch{Tokens: []int32{int32(n % 4)}, Positions: []int32{0}})
		s.Embed(s.New(1, 32), m, 1)
		if err := s.End(); err != nil {
			t.Fatal(err)
		}
		if want := (n + 1) / lookedMost * len(data); given != want {
			t.Fatalf("%d bytes were given back after %d rows, expected %d", given, n+1, want)
		}
	}
	s := d.Begin(&kernels.Batch{Tokens: slices.Repeat([]int32{1}, lookedMost), Positions: make([]int32, lookedMost)})
	s.Embed(s.New(lookedMost, 32), m, 1)
	if err := s.End(); err != nil || given != 3*len(data) {
		t.Fatalf("%d bytes were given back after a step of many rows, expected %d (%v)", given, 3*len(data), err)
	}
}
