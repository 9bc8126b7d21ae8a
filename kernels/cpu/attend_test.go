package cpu

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"soberano/kernels"
	"soberano/kernels/devicetest"
)

// TestFork checks that a fork that is truncated to n positions gives the same results as the original, and that positions that one
// of them adds later don't change the other.
func TestFork(t *testing.T) {
	for _, cached := range []Cached{Cached8, CachedF16, CachedBF16, Cached4} {
		d, err := newDevice(Options{Threads: 1, Cache: cached}, best())
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		rapid.Check(t, func(t *rapid.T) { forkCase(t, d) })
	}
}

func forkCase(t *rapid.T, d *device) {
	const kv = 2
	r := devicetest.Rand()
	dim := rapid.SampledFrom([]int{40, 50, 64}).Draw(t, "dim")
	keys := rapid.SampledFrom([]int{3, 70, 257, 600}).Draw(t, "keys")
	n := rapid.IntRange(1, keys).Draw(t, "n")
	more := rapid.IntRange(1, 300).Draw(t, "more")
	a, err := d.NewState(stateShape(2, kv, dim, keys+more))
	if err != nil {
		t.Fatal(err)
	}
	at := &kernels.Attention{Heads: kv, KVHeads: kv, HeadDim: dim, Scale: 0.1}
	add := func(s kernels.State, rows int) {
		st := begin(d, &kernels.Batch{Spans: []kernels.Span{{State: s, N: rows, Pos: s.Len()}}})
		k := tensorOf(st, devicetest.Gauss(r, rows*kv*dim), rows, kv*dim)
		for l := range 2 {
			st.Store(k, k, l, at)
		}
	}
	q := devicetest.Gauss(r, kv*dim)
	look := func(s kernels.State, n int) []float32 {
		st := begin(d, &kernels.Batch{Spans: []kernels.Span{{State: s, N: 1, Len: n}}})
		x := tensorOf(st, q, 1, kv*dim)
		st.Attend(x, x, 1, at)
		return flat(x)
	}
	add(a, keys)
	whole, part := look(a, keys), look(a, n)
	b, err := a.Fork()
	if err != nil {
		t.Fatal(err)
	}
	if !b.Truncate(n) || b.Len() != n || a.Len() != keys {
		t.Fatalf("a fork of %d positions cut to %d has %d, the original %d", keys, n, b.Len(), a.Len())
	}
	same := func(what string, want, got []float32) {
		if !slices.Equal(want, got) {
			t.Fatalf("%s: %v, expected %v", what, got, want)
		}
	}
	same("the fork", part, look(b, n))
	add(b, min(more, a.Cap()-n))
	same("the original, after the fork has gone on", whole, look(a, keys))
	same("the fork's beginning", part, look(b, n))
	own := look(b, b.Len())
	add(a, more)
	same("the fork, after the original has gone on", own, look(b, b.Len()))
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	same("the fork, after the original is closed", own, look(b, b.Len()))
	b.Close()
}
