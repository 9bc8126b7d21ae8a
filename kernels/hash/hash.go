// Package hash computes the inner nodes of BLAKE3 trees with SIMD.
//
// A file's tree (package registry) consists of pieces of PieceBytes; the chaining value of each is computed here, independently of the others.
package hash

import (
	"unsafe"

	"lukechampine.com/blake3/guts"
)

const (
	// PieceBytes is the size of a piece: 256 chunks, which fit into the second-level cache of a core.
	PieceBytes  = pieceChunks * guts.ChunkSize
	pieceChunks = 256
)

// Value is a chaining value: the state of BLAKE3 after a chunk or above two nodes, as words.
type Value = [8]uint32

// Piece returns the chaining value of the subtree over a whole piece that is not all of the input. number counts the pieces of the input from 0. Source: the
// BLAKE3 paper, sections 2.1 and 5.3.
//
// As many chunks are compressed at once as vectors have lanes, and so are the nodes above them: 256 values, then 128, …, 1.
//
// A compression of all lanes is 784 vector operations (7 rounds of 8 quarter rounds of 14 operations), 224 of which are rotations; its words are brought into lanes by 64 loads and 80
// operations, and the nodes above the chunks add a 16th. A core that begins two 512-bit operations in a cycle, as Zen 4 does, hashes 2.2 bytes in a cycle at most. It
// hashes 1.6, 6.0 GB/s at 3.7 GHz: each quarter round is a chain of 14 operations, and rotations take two cycles.
func Piece(b *[PieceBytes]byte, number int) Value {
	return pieceAt(best, b, number)
}

// level is an instruction set.
type level int

const (
	generic level = iota // package guts
	avx2                 // 8 lanes
	avx512               // 16 lanes
)

// lanes returns how many nodes l compresses at once.
func (l level) lanes() int { return 8 * int(l) }

// The flags of the blocks of a chunk, and of the only block of the node above two.
var (
	chunkFlags  = [16]uint32{0: guts.FlagChunkStart, 15: guts.FlagChunkEnd}
	parentFlags = [1]uint32{guts.FlagParent}
)

func pieceAt(l level, b *[PieceBytes]byte, number int) Value {
	if l == generic {
		return pieceGo(b, number)
	}
	var values [pieceChunks]Value
	l.chunks(&values, b[:], uint64(number)*pieceChunks)
	for n := pieceChunks / 2; n > 0; n /= 2 {
		l.parents(&values, n)
	}
	return values[0]
}

// chunks computes the chaining values of whole chunks, whose number is a multiple of 16, as is that of the first one in the input, first.
func (l level) chunks(values *[pieceChunks]Value, b []byte, first uint64) {
	var counters [16]uint32
	for i := 0; i < len(b)/guts.ChunkSize; i += l.lanes() {
		for lane := range counters {
			counters[lane] = uint32(first) + uint32(i+lane)
		}
		l.compress(&values[i], unsafe.Pointer(&b[i*guts.ChunkSize]), guts.ChunkSize, chunkFlags[:], &counters, uint32(first>>32))
	}
}

// parents replaces 2n values by those of the n nodes above them. If n is no multiple of the lanes, values after them are overwritten.
func (l level) parents(values *[pieceChunks]Value, n int) {
	var counters [16]uint32
	for i := 0; i < n; i += l.lanes() {
		l.compress(&values[i], unsafe.Pointer(&values[2*i]), guts.BlockSize, parentFlags[:], &counters, 0)
	}
}

// pieceGo is the reference implementation of Piece.
func pieceGo(b *[PieceBytes]byte, number int) Value {
	const most = guts.MaxSIMD * guts.ChunkSize
	var values [PieceBytes / most]Value
	for i := range values {
		first := uint64(number)*pieceChunks + uint64(i)*guts.MaxSIMD
		values[i] = guts.ChainingValue(guts.CompressBuffer((*[most]byte)(b[i*most:]), most, &guts.IV, first, 0))
	}
	for n := len(values) / 2; n > 0; n /= 2 {
		for i := range n {
			values[i] = guts.ChainingValue(guts.ParentNode(values[2*i], values[2*i+1], &guts.IV, 0))
		}
	}
	return values[0]
}
