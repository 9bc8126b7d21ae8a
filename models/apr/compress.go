package apr

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"

	"soberano/models"
)

// Compression says how all of a file behind its header is stored. The value is the flag of the header.
//
//	Plain  header │ metadata · index · tensors · checksum
//	LZ4    header │ u32 size │ one LZ4 block
//	ZSTD   header │ one frame
//
// Offsets refer to the file before compression, and the checksum is that of the header and of what follows before compression.
type Compression uint16

// The ways of compression. Only plain files are memory-mapped.
const (
	Plain Compression = 0
	LZ4   Compression = flagLZ4
	ZSTD  Compression = flagZSTD
)

// Limits of the size after decompression: so many times the size before, which an LZ4 block can't exceed anyway, and at least a megabyte.
const (
	mostRatio = 256
	leastSize = 1 << 20
)

// writer returns a writer of size bytes that are compressed to w. Close writes what is left; it does not close w.
func (c Compression) writer(w io.Writer, size uint64) (io.WriteCloser, error) {
	switch c {
	case Plain:
		return keepOpen{w}, nil
	case LZ4:
		if size > math.MaxUint32 || int64(int(size)) != int64(size) {
			return nil, fmt.Errorf("apr: %s bytes are too many for an LZ4 block, which holds at most 4 GiB", models.Grouped(size))
		}
		return &block{w: w, b: make([]byte, 0, size)}, nil
	case ZSTD:
		z, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
		if err == nil {
			z.ResetContentSize(w, int64(size))
		}
		return z, err
	}
	return nil, fmt.Errorf("apr: compression %d is not known", c)
}

type keepOpen struct{ io.Writer }

func (keepOpen) Close() error { return nil }

// block collects the bytes of an LZ4 block.
type block struct {
	w io.Writer
	b []byte
}

func (z *block) Write(b []byte) (int, error) {
	z.b = append(z.b, b...)
	return len(b), nil
}

// Close compresses the block and writes it.
func (z *block) Close() error {
	packed := make([]byte, 4+lz4.CompressBlockBound(len(z.b)))
	le.PutUint32(packed, uint32(len(z.b)))
	var c lz4.Compressor
	n, err := c.CompressBlock(z.b, packed[4:])
	if err != nil {
		return fmt.Errorf("apr: %w", err)
	}
	_, err = z.w.Write(packed[:4+n])
	return err
}

// unpacked returns the file b without compression: b itself if it has none. Its header is that of b.
func unpacked(path string, b []byte, flags uint16) ([]byte, error) {
	var body []byte
	var err error
	switch c := Compression(flags & (flagLZ4 | flagZSTD)); c {
	case Plain:
		return b, nil
	case LZ4:
		body, err = fromLZ4(b)
	case ZSTD:
		body, err = fromZSTD(b)
	default:
		err = errors.New("it says that it is compressed in two ways")
	}
	if err != nil {
		return nil, models.Corrupt(path, "is damaged: it can't be decompressed: %v", err)
	}
	copy(body, b[:headerBytes])
	return body, nil
}

// limit returns the largest size that is accepted for the compressed bytes b.
func limit(b []byte) uint64 { return max(leastSize, mostRatio*uint64(len(b))) }

// fromLZ4 decompresses what follows the header of b. The first 64 bytes of the result are left for the header.
func fromLZ4(b []byte) ([]byte, error) {
	packed := b[headerBytes:]
	if len(packed) < 4 {
		return nil, errors.New("it is cut short")
	}
	size := le.Uint32(packed)
	if packed = packed[4:]; uint64(size) > limit(packed) {
		return nil, fmt.Errorf("%s bytes can't be in %s", models.Grouped(uint64(size)), models.Grouped(len(packed)))
	}
	out := make([]byte, headerBytes+int(size))
	n, err := lz4.UncompressBlock(packed, out[headerBytes:])
	if err == nil && n != int(size) {
		err = fmt.Errorf("it has %s bytes, expected %s", models.Grouped(n), models.Grouped(uint64(size)))
	}
	return out, err
}

// fromZSTD decompresses what follows the header of b, like fromLZ4.
func fromZSTD(b []byte) ([]byte, error) {
	packed := b[headerBytes:]
	most := limit(packed)
	var h zstd.Header
	if err := h.Decode(packed); err != nil {
		return nil, err
	}
	capacity := headerBytes
	if h.HasFCS {
		if h.FrameContentSize > most {
			return nil, fmt.Errorf("%s bytes in %s are too many", models.Grouped(h.FrameContentSize), models.Grouped(len(packed)))
		}
		capacity += int(h.FrameContentSize)
	}
	z, err := zstd.NewReader(bytes.NewReader(packed), zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(128<<20))
	if err != nil {
		return nil, err
	}
	defer z.Close()
	out := bytes.NewBuffer(make([]byte, headerBytes, capacity))
	n, err := io.Copy(writerOnly{out}, io.LimitReader(z, int64(most)+1))
	if err == nil && uint64(n) > most {
		err = fmt.Errorf("%s bytes are larger than %s", models.Grouped(len(packed)), models.Grouped(most))
	}
	return out.Bytes(), err
}

// writerOnly hides ReadFrom of a bytes.Buffer, which would grow it beyond the bytes that come.
type writerOnly struct{ io.Writer }
