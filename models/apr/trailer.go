package apr

import (
	"bytes"

	"soberano/models"
)

// A file may have a trailer, of one or two blocks, between the padding of its last tensor and the checksum, which covers it. Readers that do not know it find all tensors without it.
//
//	header · metadata · index · tensors · [encryption] · [signature] · u32 CRC-32
//
// Each block is a multiple of 64 bytes long and begins with
//
//	 0  8 bytes: its kind, "APRCRYPT" or "APRSIGN\0"
//	 8  u32 length of the block in bytes, these included
//	12  u32 version, 1
//
// The flag of the header with the same meaning is set if and only if there is such a block. Of a compressed file the trailer is compressed with the rest.

const (
	kindEncryption = "APRCRYPT"
	kindSignature  = "APRSIGN\x00"
	blockVersion   = 1
	blockHead      = 16
)

// trailer is that of a file. Both blocks are nil in a file without one.
type trailer struct {
	encryption, signature []byte
	signed                []byte // what the signature covers: all bytes before its block
}

// newBlock returns a block with space for so many bytes behind its beginning.
func newBlock(kind string, size int) []byte {
	b := pad(make([]byte, blockHead+size))
	copy(b, kind)
	le.PutUint32(b[8:], uint32(len(b)))
	le.PutUint32(b[12:], blockVersion)
	return b
}

// readTrailer reads the blocks that follow the last tensor of the file b, and moves h.end behind them.
func (h *header) readTrailer(b []byte) error {
	if h.flags&flagEncrypted != 0 {
		if h.trailer.encryption = h.block(b, kindEncryption); h.trailer.encryption == nil {
			return models.Unsupported(h.path, "write it again as one plain file", "is encrypted in a way that this program does not know")
		}
	}
	h.trailer.signed = b[:h.end]
	if h.flags&flagSigned != 0 {
		if h.trailer.signature = h.block(b, kindSignature); len(h.trailer.signature) != signatureBytes {
			return models.Unsupported(h.path, "write it again as one plain file", "is signed in a way that this program does not know")
		}
	}
	return nil
}

// block returns the block of a kind that begins at h.end, and moves h.end behind it. It is nil if there is none.
func (h *header) block(b []byte, kind string) []byte {
	rest := b[h.end:]
	if len(rest) < blockHead || !bytes.HasPrefix(rest, []byte(kind)) || le.Uint32(rest[12:]) != blockVersion {
		return nil
	}
	n := uint64(le.Uint32(rest[8:]))
	if n < blockHead || n%64 != 0 || n > uint64(len(rest)) {
		return nil
	}
	h.end += n
	return rest[:n:n]
}
