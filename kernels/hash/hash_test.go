package hash

import (
	"encoding/hex"
	"testing"

	"lukechampine.com/blake3"
	"lukechampine.com/blake3/guts"
	"pgregory.net/rapid"
)

// each runs a test on all levels that the machine has.
func each(t *testing.T, f func(t *testing.T, l level)) {
	for l := generic; l <= best; l++ {
		t.Run([]string{"generic", "AVX2", "AVX-512"}[l], func(t *testing.T) { f(t, l) })
	}
}

// rooted returns the hash of an input whose root is above two nodes.
func rooted(left, right Value) string {
	root := guts.ParentNode(left, right, &guts.IV, guts.FlagRoot)
	words := guts.WordsToBytes(guts.CompressNode(root))
	return hex.EncodeToString(words[:32])
}

// TestVector compares with the longest test vector of the BLAKE3 team (test_vectors.json in github.com/BLAKE3-team/BLAKE3) that is a whole tree of 16 chunks.
func TestVector(t *testing.T) {
	const want = "f875d6646de28985646f34ee13be9a576fd515f76b5b0a26bb324735041ddde4"
	b := make([]byte, 16*guts.ChunkSize)
	for i := range b {
		b[i] = byte(i % 251)
	}
	each(t, func(t *testing.T, l level) {
		if l == generic {
			t.Skip("has pieces only")
		}
		var values [pieceChunks]Value
		l.chunks(&values, b, 0)
		for n := 8; n > 1; n /= 2 {
			l.parents(&values, n)
		}
		if got := rooted(values[0], values[1]); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	})
}

// TestPieces compares the hash of two pieces of random content with that of package blake3, in memory of any alignment.
func TestPieces(t *testing.T) {
	content := make([]byte, 2*PieceBytes+64)
	each(t, func(t *testing.T, l level) {
		rapid.Check(t, func(t *rapid.T) {
			blake3.DeriveKey(content, "content of a test", rapid.SliceOfN(rapid.Byte(), 8, 8).Draw(t, "seed"))
			b := content[rapid.IntRange(0, 64).Draw(t, "alignment"):]
			left, right := (*[PieceBytes]byte)(b), (*[PieceBytes]byte)(b[PieceBytes:])
			want := blake3.Sum256(b[:2*PieceBytes])
			if got := rooted(pieceAt(l, left, 0), pieceAt(l, right, 1)); got != hex.EncodeToString(want[:]) {
				t.Fatalf("%s, want %x", got, want)
			}
		})
	})
}

// TestCounters compares pieces of large inputs, whose counters have more than 32 bits, with the plain implementation, for any single byte that is changed.
func TestCounters(t *testing.T) {
	var b [PieceBytes]byte
	each(t, func(t *testing.T, l level) {
		rapid.Check(t, func(t *rapid.T) {
			b[rapid.IntRange(0, len(b)-1).Draw(t, "at")]++
			number := rapid.OneOf(rapid.IntRange(1<<24-2, 1<<24+2), rapid.IntRange(0, 1<<40)).Draw(t, "number")
			if got, want := pieceAt(l, &b, number), pieceGo(&b, number); got != want {
				t.Fatalf("%08x, want %08x", got, want)
			}
		})
	})
}

func BenchmarkPiece(b *testing.B) {
	x := new([PieceBytes]byte)
	for l, name := range []string{"level=generic", "level=avx2", "level=avx512"}[:best+1] {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(PieceBytes)
			for b.Loop() {
				pieceAt(level(l), x, 0)
			}
		})
	}
}
