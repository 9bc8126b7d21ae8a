package cpu

import (
	"bytes"
	"encoding/hex"
	"testing"

	"pgregory.net/rapid"

	"soberano/kernels/devicetest"
)

// TestChecksumRound compares a round with the first one of the example in FIPS 197, appendix B.
func TestChecksumRound(t *testing.T) {
	state := func(digits string) aesState {
		b, err := hex.DecodeString(digits)
		if err != nil {
			t.Fatal(err)
		}
		return aesStateOf(b)
	}
	got := roundTables().round(state("193de3bea0f4e22b9ac68d2ae9f84808"), state("a0fafe1788542cb123a339392a6c7605"))
	if want := state("a49c7ff2689f352b6b5bea43026a5049"); got != want {
		t.Errorf("%08x, want %08x", got, want)
	}
}

// TestChecksumLevels checks that all levels compute the same checksum of data of any length and alignment, and read nothing else.
func TestChecksumLevels(t *testing.T) {
	memory := [2][]byte{guarded(t, 2048, false), guarded(t, 2048, true)}
	rapid.Check(t, func(t *rapid.T) {
		x := rapid.SliceOfN(rapid.Byte(), 0, 2048).Draw(t, "x")
		for i, m := range memory {
			b := m[:len(x)]
			if i == 0 {
				b = m[len(m)-len(x):]
			}
			copy(b, x)
			want := checksumGo(b)
			for _, lv := range available() {
				if got := checksumOf(lv, b); got != want {
					t.Fatalf("%v: %x, in plain Go %x", lv, got, want)
				}
			}
		}
	})
}

// forms calls f for the checksum in plain Go and for that of the best level.
func forms(t *testing.T, f func(t *testing.T, lv level)) {
	for _, lv := range []level{generic, best()} {
		t.Run(lv.String(), func(t *testing.T) { f(t, lv) })
	}
}

// TestChecksumBits checks that each flipped bit of a panel changes its checksum, as do any two and a byte more or less at its end.
func TestChecksumBits(t *testing.T) {
	forms(t, func(t *testing.T, lv level) {
		n := 11520 // bytes of a panel of SmolLM2 in Q4_1
		if lv == generic {
			n = 700
		}
		b, r := make([]byte, n), devicetest.Rand()
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		whole := checksumOf(lv, b)
		for i := range 8 * n {
			b[i/8] ^= 1 << (i % 8)
			if checksumOf(lv, b) == whole {
				t.Fatalf("bit %d may be flipped", i)
			}
			k := r.IntN(8 * n)
			b[k/8] ^= 1 << (k % 8)
			if k != i && checksumOf(lv, b) == whole {
				t.Fatalf("bits %d and %d may be flipped", i, k)
			}
			b[k/8] ^= 1 << (k % 8)
			b[i/8] ^= 1 << (i % 8)
		}
		if checksumOf(lv, b[:n-1]) == whole || checksumOf(lv, append(b, 0)) == whole {
			t.Error("the end may be cut or extended")
		}
	})
}

// TestChecksumRanges checks that data of which a range is zeroed or overwritten, or two ranges are exchanged, have another
// checksum.
func TestChecksumRanges(t *testing.T) {
	forms(t, func(t *testing.T, lv level) {
		rapid.Check(t, func(t *rapid.T) {
			b := rapid.SliceOfN(rapid.Byte(), 2, 1500).Draw(t, "b")
			n := rapid.IntRange(1, len(b)/2).Draw(t, "n")
			at := rapid.IntRange(0, len(b)-2*n).Draw(t, "at")
			to := rapid.IntRange(at+n, len(b)-n).Draw(t, "to")
			bad := bytes.Clone(b)
			switch rapid.SampledFrom([]string{"zeros", "ones", "exchange", "copy"}).Draw(t, "damage") {
			case "zeros":
				clear(bad[at : at+n])
			case "ones":
				for i := range n {
					bad[at+i] = 0xff
				}
			case "exchange":
				copy(bad[at:], b[to:to+n])
				copy(bad[to:], b[at:at+n])
			case "copy":
				copy(bad[to:], b[at:at+n])
			}
			if !bytes.Equal(bad, b) && checksumOf(lv, bad) == checksumOf(lv, b) {
				t.Fatal("the damage does not change the checksum")
			}
		})
	})
}

func BenchmarkChecksum(b *testing.B) {
	x := alignedBytes(11520)
	forms := map[string]level{"plain": generic, "best": best()}
	for name, lv := range forms {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(x)))
			for b.Loop() {
				checksumOf(lv, x)
			}
		})
	}
}
