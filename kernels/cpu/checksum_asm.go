//go:build amd64 || arm64

package cpu

import "unsafe"

//go:noescape
func checksumAES(sum *checksum, start *[sumChunk]byte, p *byte, chunks int, last *[sumChunk]byte, n int)

// checksumOf returns the checksum of b.
func checksumOf(lv level, b []byte) (sum checksum) {
	if lv == generic || !hasAES {
		return checksumGo(b)
	}
	chunks := len(b) / sumChunk
	rest := b[chunks*sumChunk:]
	if len(rest) == 0 {
		checksumAES(&sum, &sumStart, unsafe.SliceData(b), chunks, nil, len(b))
		return sum
	}
	var last [sumChunk]byte
	copy(last[:], rest)
	checksumAES(&sum, &sumStart, unsafe.SliceData(b), chunks, &last, len(b))
	return sum
}
