package cpu

import (
	"encoding/binary"
	"sync"
)

// checksum is the checksum of a panel in a file of repacked weights.
//
// It consists of rounds of AES (FIPS 197: SubBytes, ShiftRows, MixColumns, then an exclusive or). Processors have an instruction for a
// round and begin two of them in a cycle, so 32 bytes are read in a cycle, as many as the second-level cache delivers (85 GB/s on a
// Zen 4; CRC-32C 25 GB/s). Eight lanes hide the latency:
//
//	lane i       begins with the numbers 16i … 16i+15 as bytes
//	each chunk   lane i ← round(lane i) ⊕ bytes 16i … 16i+15 of the 128 of the chunk; the last one is padded with zeros
//	the end      sum ← lane 0; sum ← round(sum) ⊕ lane 1; …; sum ← round(sum) ⊕ lane 7; sum ← round(sum) ⊕ length
//
// A round is a bijection, so any change of the bytes that one lane reads in one chunk changes the sum. Other damage remains unnoticed
// with a probability of about 2⁻¹²⁸. Nobody is kept from choosing bytes that have a given sum.
type checksum [sumBytes]byte

const (
	sumBytes = 16
	sumLanes = 8
	sumChunk = 16 * sumLanes
)

// sumStart is what the lanes begin with.
var sumStart = func() (b [sumChunk]byte) {
	for i := range b {
		b[i] = byte(i)
	}
	return b
}()

// checksumGo is the reference implementation of checksumOf.
func checksumGo(b []byte) (sum checksum) {
	t := roundTables()
	var lanes [sumLanes]aesState
	for i := range lanes {
		lanes[i] = aesStateOf(sumStart[16*i:])
	}
	n := len(b)
	for ; len(b) >= sumChunk; b = b[sumChunk:] {
		t.chunk(&lanes, (*[sumChunk]byte)(b))
	}
	if len(b) > 0 {
		var last [sumChunk]byte
		copy(last[:], b)
		t.chunk(&lanes, &last)
	}
	s := lanes[0]
	for _, l := range lanes[1:] {
		s = t.round(s, l)
	}
	s = t.round(s, aesState{a: uint32(n), b: uint32(uint64(n) >> 32)})
	for i, w := range [...]uint32{s.a, s.b, s.c, s.d} {
		binary.LittleEndian.PutUint32(sum[4*i:], w)
	}
	return sum
}

// aesState is a state of AES: its four columns, little-endian.
type aesState struct{ a, b, c, d uint32 }

func aesStateOf(b []byte) aesState {
	le := binary.LittleEndian
	return aesState{le.Uint32(b), le.Uint32(b[4:]), le.Uint32(b[8:]), le.Uint32(b[12:])}
}

// aesTables hold what a byte contributes to a column after SubBytes and MixColumns, by its row.
type aesTables [4][256]uint32

// chunk advances the lanes by a chunk.
func (t *aesTables) chunk(lanes *[sumLanes]aesState, b *[sumChunk]byte) {
	for i := range lanes {
		lanes[i] = t.round(lanes[i], aesStateOf(b[16*i:][:16]))
	}
}

// round returns round(s) ⊕ x. ShiftRows takes row i of a column from the i-th column after it.
func (t *aesTables) round(s, x aesState) aesState {
	return aesState{
		t[0][byte(s.a)] ^ t[1][byte(s.b>>8)] ^ t[2][byte(s.c>>16)] ^ t[3][s.d>>24] ^ x.a,
		t[0][byte(s.b)] ^ t[1][byte(s.c>>8)] ^ t[2][byte(s.d>>16)] ^ t[3][s.a>>24] ^ x.b,
		t[0][byte(s.c)] ^ t[1][byte(s.d>>8)] ^ t[2][byte(s.a>>16)] ^ t[3][s.b>>24] ^ x.c,
		t[0][byte(s.d)] ^ t[1][byte(s.a>>8)] ^ t[2][byte(s.b>>16)] ^ t[3][s.c>>24] ^ x.d,
	}
}

// roundTables returns the tables, which are computed when they are first needed.
var roundTables = sync.OnceValue(func() *aesTables {
	t := &aesTables{}
	for x, s := range sBox() {
		double := uint32(timesTwo(s))
		column := double | uint32(s)<<8 | uint32(s)<<16 | (double^uint32(s))<<24 // 2s, s, s, 3s
		for row := range t {
			t[row][x] = column
			column = column<<8 | column>>24
		}
	}
	return t
})

// sBox returns the substitution of SubBytes: the inverse in GF(2⁸), then an affine transformation (FIPS 197, 5.1.1).
func sBox() (s [256]byte) {
	var power, log [256]byte // of 3, which generates all elements but 0
	x := byte(1)
	for i := range 255 {
		power[i], log[x] = x, byte(i)
		x ^= timesTwo(x)
	}
	for i := range s {
		v := byte(0)
		if i > 0 {
			v = power[(255-int(log[i]))%255]
		}
		s[i] = 0x63
		for range 5 {
			s[i] ^= v
			v = v<<1 | v>>7
		}
	}
	return s
}

// timesTwo returns 2·x in GF(2⁸).
func timesTwo(x byte) byte { return x<<1 ^ x>>7*0x1b }
