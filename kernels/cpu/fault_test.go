//go:build unix

package cpu

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"soberano/kernels"
	"soberano/kernels/devicetest"
	"soberano/kernels/quant"
	"soberano/models"
)

// TestLostFile checks that a file that is cut short while it is mapped is an error of Load and of steps, which other steps repeat, for weights
// that are looked up in it and for repacked ones, with one worker and with several.
func TestLostFile(t *testing.T) {
	const rows, cols = 4096, 64
	for _, threads := range []int{1, 3} {
		for _, c := range []struct {
			name   string
			before bool // the file is cut before Load
			lookup bool
		}{{"load", true, false}, {"lookup", false, true}} {
			t.Run(c.name, func(t *testing.T) {
				path, data := mapped(t, rows*cols*4)
				lost := errors.New("lost")
				d, err := New(Options{Threads: threads, Lost: func(addr uintptr) error {
					if !models.Mapped(addr) {
						return nil
					}
					return lost
				}})
				if err != nil {
					t.Fatal(err)
				}
				defer d.Close()
				cut := func() {
					if err := os.Truncate(path, 4096); err != nil {
						t.Fatal(err)
					}
				}
				if c.before {
					cut()
				}
				m, err := d.Load(kernels.Weights{Type: quant.F32, Rows: rows, Cols: cols, Data: data, Lookup: c.lookup})
				if c.before {
					if !errors.Is(err, lost) || m != nil {
						t.Fatalf("Load: %v, %v", m, err)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				for i := range 3 {
					if i == 1 {
						cut()
					}
					s := d.Begin(&kernels.Batch{Tokens: []int32{rows - 1}, Positions: []int32{0}})
					dst := s.New(1, cols)
					s.Embed(dst, m, 1)
					s.Scale(dst, dst, 2)
					if err := s.End(); i == 0 && err != nil || i > 0 && !errors.Is(err, lost) {
						t.Fatalf("step %d: %v", i, err)
					}
				}
			})
		}
	}
}

// TestLostPacked checks the same for the file of repacked weights.
func TestLostPacked(t *testing.T) {
	dir, r := t.TempDir(), devicetest.Rand()
	values := make([]byte, 1024*64*4)
	for i := 0; i < len(values); i += 4 {
		copy(values[i:], []byte{byte(r.Uint32()), byte(r.Uint32()), 0x80, 0x3f})
	}
	lost := errors.New("lost")
	open := func() (kernels.Device, kernels.Matrix) {
		d, err := New(Options{Threads: 2, Floats: Bits8, Packed: Packed{Dir: dir, Model: [32]byte{1}, Map: models.Map},
			Lost: func(addr uintptr) error {
				if !models.Mapped(addr) {
					return nil
				}
				return lost
			}})
		if err != nil {
			t.Fatal(err)
		}
		m, err := d.Load(kernels.Weights{Type: quant.F32, Rows: 1024, Cols: 64, Data: values})
		if err := errors.Join(err, d.Loaded()); err != nil {
			t.Fatal(err)
		}
		return d, m
	}
	d, _ := open()
	if err := d.Close(); err != nil { // after the file has been written
		t.Fatal(err)
	}
	d, m := open()
	defer d.Close()
	files, err := filepath.Glob(filepath.Join(dir, "*"+packedExt))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	if err := os.Truncate(files[0], 4096); err != nil {
		t.Fatal(err)
	}
	s := d.Begin(nil)
	x, y := s.New(1, 64), s.New(1, 1024)
	s.MatMul(y, x, m)
	if err := s.End(); !errors.Is(err, lost) {
		t.Fatalf("step: %v", err)
	}
}

// mapped writes a file of n bytes and maps it.
func mapped(t *testing.T, n int) (path string, data []byte) {
	path = filepath.Join(t.TempDir(), "weights")
	if err := os.WriteFile(path, bytes.Repeat([]byte{0, 0, 0x80, 0x3f}, n/4), 0o600); err != nil {
		t.Fatal(err)
	}
	data, release, err := models.Map(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := release(); err != nil {
			t.Error(err)
		}
	})
	return path, data
}
