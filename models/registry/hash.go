package registry

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"math/bits"
	"os"
	"runtime"
	"sync"
	"sync/atomic"

	"lukechampine.com/blake3"
	"lukechampine.com/blake3/guts"

	"soberano/kernels/hash"
	"soberano/models"
)

// stable runs do on the file at path, which must have the given size and must not be written meanwhile, and returns the file's stamp.
func stable(path string, size int64, do func(f *os.File) error) (stamped string, err error) {
	f, err := os.Open(path)
	if err != nil {
		return "", models.NotReadable(path, err)
	}
	defer f.Close()
	before, err := stamp(f)
	if err != nil {
		return "", models.NotReadable(path, err)
	}
	if err := do(f); err != nil {
		return "", err
	}
	st, err := f.Stat()
	if err != nil {
		return "", models.NotReadable(path, err)
	}
	if st.Size() != size {
		return "", changing(path, "was changed while it was read: it had %s bytes at first, and %s in the end", models.Grouped(size), models.Grouped(st.Size()))
	}
	after, err := stamp(f)
	if err != nil {
		return "", models.NotReadable(path, err)
	}
	if after != before {
		return "", changing(path, "was changed while it was read")
	}
	return after, nil
}

// hashFile returns the BLAKE3 hash of a file, in hexadecimal, and its stamp. It reads and hashes on all cores.
func hashFile(m *meter, path string, size int64) (sum, stamped string, err error) {
	stamped, err = stable(path, size, func(f *os.File) error {
		t := &hashTree{m: m, file: f, size: size, values: make([]hash.Value, max(0, (size-1)/pieceBytes))}
		sum = t.sum()
		return t.err
	})
	return sum, stamped, err
}

// pieceBytes is the part of a file that one worker reads and hashes at a time.
const pieceBytes = hash.PieceBytes

// hashTree computes the BLAKE3 tree of a file. Source: the BLAKE3 paper, section 2.1.
type hashTree struct {
	m      *meter
	file   *os.File
	size   int64
	values []hash.Value // the chaining values of all pieces but the last one
	last   guts.Node    // of the last piece, which is the root if there is no other
	next   atomic.Int64
	mu     sync.Mutex // for m and err
	err    error
}

// sum reads the file with all cores and returns its hash, unless err is set.
func (t *hashTree) sum() string {
	var workers sync.WaitGroup
	for range min(len(t.values)+1, runtime.GOMAXPROCS(0)) {
		workers.Go(func() {
			buf := make([]byte, min(pieceBytes, t.size))
			for t.piece(int(t.next.Add(1))-1, buf) {
			}
		})
	}
	workers.Wait()
	root := t.last
	if len(t.values) > 0 {
		root = joined(t.values, t.last)
	}
	root.Flags |= guts.FlagRoot
	words := guts.WordsToBytes(guts.CompressNode(root))
	return hex.EncodeToString(words[:32])
}

// piece reads and hashes a piece. It returns false if that was not possible, or there is none with that number.
func (t *hashTree) piece(i int, buf []byte) bool {
	if i > len(t.values) {
		return false
	}
	at := int64(i) * pieceBytes
	b := buf[:min(pieceBytes, t.size-at)]
	if n, err := t.file.ReadAt(b, at); n < len(b) {
		return t.done(0, notRead(t.file.Name(), err))
	}
	if i < len(t.values) {
		t.values[i] = hash.Piece((*[pieceBytes]byte)(b), i)
	} else {
		t.last = subtree(b, uint64(at)/guts.ChunkSize)
	}
	return t.done(len(b), nil)
}

// done counts bytes that have been read, and keeps the first error. It returns false if there was one.
func (t *hashTree) done(n int, err error) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err == nil {
		err = t.m.add(n)
	}
	if t.err == nil {
		t.err = err
	}
	return t.err == nil
}

// notRead returns the error of a file that could not be read as far as it reached at first.
func notRead(path string, err error) error {
	if errors.Is(err, io.EOF) {
		return changing(path, "was changed while it was read: it became shorter")
	}
	return models.NotReadable(path, err)
}

// subtree returns the node of b, of which the first chunk has that number.
func subtree(b []byte, chunk uint64) guts.Node {
	const most = guts.MaxSIMD * guts.ChunkSize
	switch {
	case len(b) == most:
		return guts.CompressBuffer((*[most]byte)(b), most, &guts.IV, chunk, 0)
	case len(b) < most:
		var padded [most]byte
		return guts.CompressBuffer(&padded, copy(padded[:], b), &guts.IV, chunk, 0)
	}
	half := 1 << (bits.Len(uint(len(b)-1)) - 1) // the largest power of two below the length
	left, right := subtree(b[:half], chunk), subtree(b[half:], chunk+uint64(half)/guts.ChunkSize)
	return guts.ParentNode(guts.ChainingValue(left), guts.ChainingValue(right), &guts.IV, 0)
}

// joined returns the node above pieces with these chaining values, and a last one.
func joined(values []hash.Value, last guts.Node) guts.Node {
	half := 1 << (bits.Len(uint(len(values))) - 1) // the largest power of two below the number of pieces
	right := guts.ChainingValue(last)
	if half < len(values) {
		right = guts.ChainingValue(joined(values[half:], last))
	}
	return guts.ParentNode(complete(values[:half]), right, &guts.IV, 0)
}

// complete returns the chaining value above pieces whose number is a power of two.
func complete(values []hash.Value) hash.Value {
	if len(values) == 1 {
		return values[0]
	}
	half := len(values) / 2
	return guts.ChainingValue(guts.ParentNode(complete(values[:half]), complete(values[half:]), &guts.IV, 0))
}

// hashes are the hashes of a file's content, in hexadecimal.
type hashes struct{ blake3, sha256 string }

// is reports whether the hashes of a content are those that are recorded, as far as they are.
func (s Stored) is(h hashes) bool {
	return (s.BLAKE3 == "" || s.BLAKE3 == h.blake3) && (s.SHA256 == "" || s.SHA256 == h.sha256)
}

// hashTo reads a file, which must have the given size and must not be written meanwhile, writes it to w, and returns both
// hashes and its stamp.
func hashTo(m *meter, path string, size int64, w io.Writer) (h hashes, stamped string, err error) {
	stamped, err = stable(path, size, func(f *os.File) error {
		tree, public, buf, read := blake3.New(32, nil), sha256.New(), make([]byte, 1<<20), int64(0)
		for read <= size { // beyond it the file is growing
			n, err := f.Read(buf)
			var other sync.WaitGroup
			other.Go(func() { public.Write(buf[:n]) })
			_, _ = tree.Write(buf[:n]) // has no errors
			_, failed := w.Write(buf[:n])
			other.Wait()
			read += int64(n)
			if failed = cmp.Or(failed, m.add(n)); failed != nil {
				return failed
			}
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return models.NotReadable(path, err)
			}
		}
		h = hashes{hex.EncodeToString(tree.Sum(nil)), hex.EncodeToString(public.Sum(nil))}
		return nil
	})
	return h, stamped, err
}
