package cpu

import (
	"bytes"
	"testing"

	"soberano/kernels"
	"soberano/kernels/devicetest"
)

// saved returns what Save writes.
func saved(t *testing.T, s *state) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := s.Save(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestSaveHasNoRest checks that what is saved of a state does not depend on what its memory has been used for, in every type of keys and values.
func TestSaveHasNoRest(t *testing.T) {
	layer := kernels.Layer{KVHeads: 2, KeyDim: 32, ValueDim: 64}
	shape := kernels.StateShape{Layers: []kernels.Layer{layer, layer}, Cap: 600} // nothing is stored in the second layer
	const n = 333
	rows := devicetest.Gauss(devicetest.Rand(), 600*128)
	for _, o := range []Options{{Exact: true}, {Cache: Cached8}, {Cache: Cached4}, {Cache: CachedF16}, {Cache: CachedBF16}} {
		o.Threads = 1
		var want []byte
		for _, used := range []bool{false, true} {
			d, err := newDevice(o, best())
			if err != nil {
				t.Fatal(err)
			}
			defer d.Close()
			if used {
				for l := range shape.Layers {
					s, err := d.NewState(shape)
					if err != nil {
						t.Fatal(err)
					}
					storeRows(d, s, l, 0, rows[:600*64], rows[:600*128], layer)
					s.Close()
				}
			}
			s, err := d.NewState(shape)
			if err != nil {
				t.Fatal(err)
			}
			storeRows(d, s, 0, 0, rows[:n*64], rows[:n*128], layer)
			if used {
				storeRows(d, s, 0, n, rows[:100*64], rows[:100*128], layer)
				s.Truncate(n)
			}
			got := saved(t, s.(*state))
			if want == nil {
				want = got
			} else if !bytes.Equal(got, want) {
				t.Errorf("%+v: what is saved has content of the memory's former use", o)
			}
		}
	}
}

// TestRestoreHostile checks that what Save has not written is refused, and that no memory stays in use.
func TestRestoreHostile(t *testing.T) {
	d, err := newDevice(Options{Threads: 1}, best())
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	shape := kernels.StateShape{Layers: mixedLayers(true), Cap: 600}
	s, err := d.NewState(shape)
	if err != nil {
		t.Fatal(err)
	}
	for l, f := range shape.Layers[:recurrentLayer] {
		storeRows(d, s, l, 0, make([]float32, 400*f.KVHeads*f.KeyDim), make([]float32, 400*f.KVHeads*f.ValueDim), f)
	}
	good := saved(t, s.(*state))
	s.Close()
	refused := func(what string, b []byte) {
		s, err := d.NewState(shape)
		if err != nil {
			t.Fatal(err)
		}
		if s.(*state).Restore(bytes.NewReader(b)) == nil {
			t.Errorf("%s: restored", what)
		}
		s.Close()
		if n := d.PagesInUse(); n != 0 {
			t.Errorf("%s: %d pages are in use", what, n)
		}
	}
	for n := 0; n < len(good); n += max(1, len(good)/50) {
		refused("cut", good[:n])
	}
	heads := 8 * (1 + len(shape.Layers))
	for _, at := range []int{0, 8, heads - 8, heads, heads + 8} { // positions, of layers, first page, number of pages
		for _, b := range []byte{1, 0x80, 0xff} {
			bad := bytes.Clone(good)
			bad[at+7] = b
			refused("a large number", bad)
		}
	}
}
