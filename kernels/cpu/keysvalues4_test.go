package cpu

import (
	"math"
	"testing"

	"soberano/kernels"
	"soberano/kernels/devicetest"
)

// TestPut4 checks that keys and values come back from 4 bits with the error of their scales, in whatever portions they are stored: neighbours in a byte
// must not lose each other, also if several workers store them.
func TestPut4(t *testing.T) {
	const dim, kv, n = 64, 2, 300
	d := withOptions(t, best(), Options{Threads: 3, Cache: Cached4})
	s, err := d.NewState(stateShape(1, kv, dim, n))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	at := &kernels.Attention{Heads: kv, KVHeads: kv, HeadDim: dim, Scale: 1}
	r := devicetest.Rand()
	keys, values := devicetest.Gauss(r, n*kv*dim), devicetest.Gauss(r, n*kv*dim)
	for pos, rows := 0, 0; pos < n; pos += rows {
		rows = min([]int{1, 70, 3, 40, 129}[pos%5], n-pos)
		st := begin(d, &kernels.Batch{Spans: []kernels.Span{{State: s, N: rows, Pos: pos}}})
		from, to := pos*kv*dim, (pos+rows)*kv*dim
		st.Store(tensorOf(st, keys[from:to], rows, kv*dim), tensorOf(st, values[from:to], rows, kv*dim), 0, at)
		if err := st.End(); err != nil {
			t.Fatal(err)
		}
	}
	c := s.(*state).layer(0)
	for p := range n {
		st := begin(d, &kernels.Batch{Spans: []kernels.Span{{State: s, N: 1, From: p, Len: p + 1}}})
		x := tensorOf(st, make([]float32, kv*dim), 1, kv*dim)
		st.Attend(x, x, 0, at)
		got := flat(x)
		if err := st.End(); err != nil {
			t.Fatal(err)
		}
		for h := range kv {
			key, k, v := make([]float32, dim), keys[(p*kv+h)*dim:][:dim], values[(p*kv+h)*dim:][:dim]
			c.key(key, h, p)
			for i := range dim {
				// The scale of a key is that of its block of 32, and the largest value of the other sign may be one of the scale off.
				if most := largest(k[i/32*32:][:32]) / 8; math.Abs(float64(key[i]-k[i])) > float64(most)*1.01 {
					t.Fatalf("position %d, head %d: key %d is %g, stored %g", p, h, i, k[i], key[i])
				}
				if most := largest(v) / 14; math.Abs(float64(got[h*dim+i]-v[i])) > float64(most)*1.05 {
					t.Fatalf("position %d, head %d: value %d is %g, stored %g", p, h, i, v[i], got[h*dim+i])
				}
			}
		}
	}
}

// TestPut4NotFinite checks that a value that is no number is not hidden.
func TestPut4NotFinite(t *testing.T) {
	l := &layouts[q4s32]
	for _, bad := range []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1))} {
		x := make([]float32, 32)
		x[5], x[7] = bad, 1
		if s := put4Value(make([]byte, 2*l.blockBytes()), 0, 3, x); s == s {
			t.Errorf("%g: the scale of the value is %g", bad, s)
		}
		if d, _ := scale4(x); d == d {
			t.Errorf("%g: the scale of the key is %g", bad, d)
		}
	}
}

func largest(x []float32) (top float32) {
	for _, v := range x {
		top = max(top, abs(v))
	}
	return top
}
