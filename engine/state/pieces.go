package state

import (
	"encoding/binary"
	"io"
	"runtime"
	"sync"
	"sync/atomic"

	"lukechampine.com/blake3"

	"soberano/kernels/hash"
)

// pieces hashes content in pieces of hash.PieceBytes, which sumOf hashes on all cores: the hash is BLAKE3 of the chaining values of the pieces and of what follows the
// last whole piece.
type pieces struct {
	values []byte
	rest   []byte // shorter than a piece
}

// add adds content.
func (p *pieces) add(b []byte) {
	for len(p.rest)+len(b) >= hash.PieceBytes {
		n := hash.PieceBytes - len(p.rest)
		p.rest = append(p.rest, b[:n]...)
		p.values = appendValue(p.values, p.rest, len(p.values)/hashBytes)
		p.rest, b = p.rest[:0], b[n:]
	}
	p.rest = append(p.rest, b...)
}

// sum returns the hash of the content.
func (p *pieces) sum() [hashBytes]byte { return blake3.Sum256(append(p.values, p.rest...)) }

// appendValue appends the chaining value of a piece of that number.
func appendValue(to, piece []byte, number int) []byte {
	for _, word := range hash.Piece((*[hash.PieceBytes]byte)(piece), number) {
		to = binary.LittleEndian.AppendUint32(to, word)
	}
	return to
}

// sumOf returns the hash that pieces has of the content of r.
func sumOf(r *io.SectionReader) ([hashBytes]byte, error) {
	whole := int(r.Size() / hash.PieceBytes)
	p := pieces{values: make([]byte, whole*hashBytes), rest: make([]byte, r.Size()%hash.PieceBytes)}
	workers := min(whole, runtime.GOMAXPROCS(0))
	errs := make(chan error, workers+1)
	var next atomic.Int64
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			piece := make([]byte, hash.PieceBytes)
			for i := next.Add(1) - 1; i < int64(whole); i = next.Add(1) - 1 {
				if _, err := r.ReadAt(piece, i*hash.PieceBytes); err != nil {
					errs <- err
					return
				}
				appendValue(p.values[:i*hashBytes], piece, int(i))
			}
		})
	}
	if _, err := r.ReadAt(p.rest, int64(whole)*hash.PieceBytes); err != nil && len(p.rest) > 0 {
		errs <- err
	}
	all.Wait()
	select {
	case err := <-errs:
		return [hashBytes]byte{}, err
	default:
		return p.sum(), nil
	}
}
