package cpu

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"unsafe"

	"soberano/kernels/devicetest"
)

// unpackedTokens computes c with unpackPanel and mTile of lv, in guarded memory, and returns only the tokens that mTile has computed.
func (c qCase) unpackedTokens(t testing.TB, lv level) []float32 {
	l, ldc := &layouts[c.k], 32+5
	w := guarded(t, 2*c.nb*l.unpackedBytes(), c.atStart)
	unpackPanel(lv, c.k, w, c.w, c.nb)
	words := asWordBlocks(guarded(t, len(c.a)*wordBlockSize, c.atStart))
	toWordBlocks(lv, words, c.a)
	out := asF32(guarded(t, 4*((c.m-1)*ldc+32), c.atStart))
	for i := range out {
		out[i] = float32(i % 7)
	}
	m := mTile(lv, c.k, out, ldc, c.a, words, c.nb, w, c.w, c.nb, c.m, c.scale, c.add)
	if m <= c.m-3 {
		t.Fatalf("%d of %d tokens", m, c.m)
	}
	return slices.Clone(out[:min(m*ldc, len(out))])
}

func asWordBlocks(b []byte) []wordBlock {
	return unsafe.Slice((*wordBlock)(unsafe.Pointer(unsafe.SliceData(b))), len(b)/wordBlockSize)
}

// TestMTile compares the products with unpacked panels with those of the packed ones: with the plain twin of qTile, and bit for bit with qTile
// of the same level.
func TestMTile(t *testing.T) {
	if s := unsafe.Sizeof(wordBlock{}); s != wordBlockSize {
		t.Fatalf("a block has %d bytes, the kernels know %d", s, wordBlockSize)
	}
	everyLevel(t, func(t *testing.T, lv level) {
		for k := q2a16; k < kinds; k++ {
			for i := range 40 {
				t.Run(fmt.Sprintf("%v/%d", k, i), func(t *testing.T) {
					r := rand.New(rand.NewPCG(uint64(i), 17))
					whole := i%3 != 0
					c := randomQ(t, r, k, whole, i%3 == 2)
					got := c.unpackedTokens(t, lv)
					sameValues(t, got, c.run(t, generic)[:len(got)], whole)
					if same := c.run(t, lv)[:len(got)]; hasMTile(lv) && !slices.Equal(got, same) {
						t.Fatal("other bits than those of qTile")
					}
				})
			}
		}
	})
}

// TestUnpackPanel compares the unpacked panels and the widened activations with those of the plain twins.
func TestUnpackPanel(t *testing.T) {
	everyLevel(t, func(t *testing.T, lv level) {
		for k := q2a16; k < kinds; k++ {
			for i := range 8 {
				c := sizedQ(t, rand.New(rand.NewPCG(uint64(i), 18)), k, 1+i, 1+2*i, false, i%2 == 0)
				n := 2 * c.nb * layouts[k].unpackedBytes()
				got, want := guarded(t, n, c.atStart), make([]byte, n)
				unpackPanel(lv, k, got, c.w, c.nb)
				unpackPanelGo(k, want, c.w, c.nb)
				if !slices.Equal(got, want) {
					t.Fatalf("%v: other bytes than the plain twin's", k)
				}
				words, plain := asWordBlocks(guarded(t, len(c.a)*wordBlockSize, c.atStart)), make([]wordBlock, len(c.a))
				toWordBlocks(lv, words, c.a)
				toWordBlocksGo(plain, c.a)
				if !slices.Equal(words, plain) {
					t.Fatal("other words than the plain twin's")
				}
			}
		}
	})
}

// TestManyTokens checks that a product of many tokens is that of the same tokens one by one, bit for bit, whatever kernels its level uses: it must not
// depend on how a prompt is divided among steps.
func TestManyTokens(t *testing.T) {
	everyLevel(t, func(t *testing.T, lv level) {
		for k := q2a16; k < kinds; k++ {
			r := devicetest.Rand()
			c := sizedQ(t, r, k, 3, leastMany+4, false, false)
			c.add, c.atStart = false, false
			d := device2(t, lv, 1, false)
			s := &segment{kind: k, rows: 32, cols: 96, panels: 1, size: k.panelBytes(96), scale: c.scale, data: c.w}
			j := &d.mm
			j.ways = defaultWays()
			j.x8, j.x.Rows, j.x.Cols = c.a, c.m, 96
			d.widenX(j, &matrix{wide: layouts[k].wide()})
			many, one := make([]float32, 32*c.m), make([]float32, 32*c.m)
			j.tiles(0, s, 0, many, 32, 0, c.m, false)
			for i := range c.m {
				j.tiles(0, s, 0, one[32*i:], 32, i, i+1, false)
			}
			if lv == amx {
				sameValues(t, many, one, false)
			} else if !slices.Equal(many, one) {
				t.Errorf("%v: many tokens differ from single ones", k)
			}
		}
	})
}
