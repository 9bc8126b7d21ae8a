package apr

import (
	"crypto/ed25519"
	"crypto/sha512"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"slices"
	"strings"

	"soberano/models"
)

// Flags of the header. Readers need those of compression and sharding; the others describe what the file holds.
const (
	flagLZ4        = 0x1
	flagZSTD       = 0x2
	flagEncrypted  = 0x4
	flagSigned     = 0x8
	flagSharded    = 0x10
	flagQuantized  = 0x20
	flagFilterbank = 0x40
	flagCard       = 0x80
	flagVocabulary = 0x200
	flagRowMajor   = 0x400 // every known writer sets it
	flagColMajor   = 0x800
)

// Write writes a file that Open reads: meta as JSON, then the tensors and the lists of bytes
// (Aux) in the order of their names, then the checksum. A tensor's Data must have the length
// that Type and Shape require.
func Write(w io.Writer, meta models.Metadata, tensors []models.Tensor, lists map[string][]byte) error {
	return WriteSources(w, meta, models.Sources(tensors), lists, Options{})
}

// Options say how a file is stored. The zero value stands for a plain file.
type Options struct {
	Compression Compression
	Lock        *Lock              // encrypts the tensors; nil: they are not. It excludes compression
	Key         ed25519.PrivateKey // signs the file; nil: it is not signed
}

// WriteSources writes a file like Write, as the options say. The memory that it takes does not depend on the size of the tensors, except
// with LZ4, whose single block is made in memory, and for the tags of an encrypted file, 16 bytes a megabyte.
func WriteSources(w io.Writer, meta models.Metadata, tensors []models.Source, lists map[string][]byte, o Options) error {
	l, err := newLayout(meta, tensors, lists, o)
	if err != nil {
		return err
	}
	return l.write(w)
}

// layout is a file to be written: its beginning and its tensors, in the order of their names.
type layout struct {
	head    []byte // header, metadata and index, padded
	entries []entry
	end     uint64 // end of the last tensor and its padding, before compression
	options Options
}

func newLayout(meta models.Metadata, tensors []models.Source, lists map[string][]byte, o Options) (*layout, error) {
	if o.Lock != nil && o.Compression != Plain {
		return nil, errors.New("apr: an encrypted file can't be compressed")
	}
	b, err := encodeMetadata(meta)
	if err != nil {
		return nil, err
	}
	if len(b) > maxMetadata {
		return nil, fmt.Errorf("apr: the metadata has %s bytes, more than the %s that a file may have", models.Grouped(len(b)), models.Grouped(maxMetadata))
	}
	all, err := entries(tensors, lists)
	if err != nil {
		return nil, err
	}
	h := &header{path: "the file to write", flags: flagsOf(meta, all) | o.flags(), count: uint32(len(all)), metaAt: headerBytes, metaSize: uint32(len(b))}
	head := pad(append(make([]byte, headerBytes), b...))
	h.indexAt = uint64(len(head))
	head = pad(appendIndex(head, all))
	h.dataAt = uint64(len(head))
	h.put(head)
	l := &layout{head: head, entries: all, end: h.dataAt, options: o}
	if n := len(all); n > 0 {
		l.end += padded(all[n-1].offset + all[n-1].size)
	}
	return l, nil
}

// flags returns the flags that say how the file is stored.
func (o Options) flags() uint16 {
	flags := uint16(o.Compression)
	if o.Lock != nil {
		flags |= flagEncrypted
	}
	if o.Key != nil {
		flags |= flagSigned
	}
	return flags
}

// size returns the size of the file before compression.
func (l *layout) size() uint64 {
	n := l.end + 4
	if l.options.Lock != nil {
		n += encryptionBytes(l.end-uint64(len(l.head)), ownChunk)
	}
	if l.options.Key != nil {
		n += signatureBytes
	}
	return n
}

// flagsOf returns the flags that describe the content of a file.
func flagsOf(meta models.Metadata, all []entry) uint16 {
	flags := uint16(flagRowMajor)
	if meta["tokenizer.vocabulary"] != nil {
		flags |= flagVocabulary
	}
	for key := range meta {
		switch {
		case key == Card || strings.HasPrefix(key, Card+"."):
			flags |= flagCard
		case strings.HasPrefix(key, "sharding."):
			flags |= flagSharded
		}
	}
	for _, x := range all {
		switch {
		case x.name == "__mel_filters__":
			flags |= flagFilterbank
		case x.name == "__vocab__":
			flags |= flagVocabulary
		case x.dtype.blocks():
			flags |= flagQuantized
		}
	}
	return flags
}

// write writes the file: the header as it is, all else compressed if the options say so. Checksum and signature are those of the bytes before compression.
func (l *layout) write(w io.Writer) error {
	if _, err := w.Write(l.head[:headerBytes]); err != nil {
		return err
	}
	packed, err := l.options.Compression.writer(w, l.size()-headerBytes)
	if err != nil {
		return err
	}
	sum := crc32.NewIEEE()
	sum.Write(l.head[:headerBytes])
	to := io.MultiWriter(packed, sum)
	if l.options.Key == nil {
		err = l.writeBody(to)
	} else {
		err = l.writeSigned(to)
	}
	if err != nil {
		return err
	}
	if _, err := packed.Write(le.AppendUint32(nil, sum.Sum32())); err != nil {
		return err
	}
	return packed.Close()
}

// writeSigned writes all between the header and the checksum of a signed file.
func (l *layout) writeSigned(w io.Writer) error {
	digest := sha512.New()
	digest.Write(l.head[:headerBytes])
	if err := l.writeBody(io.MultiWriter(w, digest)); err != nil {
		return err
	}
	block, err := signatureOf(l.options.Key, digest.Sum(nil))
	if err != nil {
		return err
	}
	_, err = w.Write(block)
	return err
}

// writeBody writes metadata, index and tensors, and the block of the encryption.
func (l *layout) writeBody(w io.Writer) error {
	if _, err := w.Write(l.head[headerBytes:]); err != nil {
		return err
	}
	if l.options.Lock == nil {
		return l.writeTensors(w)
	}
	block, aead, err := l.options.Lock.block(l.head, l.end-uint64(len(l.head)))
	if err != nil {
		return err
	}
	e := &encrypting{w: w, aead: aead, tags: block[tagsFrom:]}
	if err := l.writeTensors(e); err != nil {
		return err
	}
	if err := e.Close(); err != nil {
		return err
	}
	_, err = w.Write(block)
	return err
}

func (l *layout) writeTensors(w io.Writer) error {
	for _, x := range l.entries {
		if err := x.source.CopyExactly(w, x.size); err != nil {
			return fmt.Errorf("apr: %w", err)
		}
		if _, err := w.Write(make([]byte, padded(x.size)-x.size)); err != nil {
			return err
		}
	}
	return nil
}

// entries returns the index entries of all tensors and lists, by name, with their offsets.
func entries(tensors []models.Source, lists map[string][]byte) ([]entry, error) {
	var all []entry
	for _, t := range tensors {
		d, ok := number(t.Type)
		if !ok {
			return nil, fmt.Errorf("apr: tensor %q of type %v can't be written", t.Name, t.Type)
		}
		all = append(all, entry{name: t.Name, dtype: d, shape: t.Shape, source: t})
	}
	for _, name := range slices.Sorted(maps.Keys(lists)) {
		b := lists[name]
		all = append(all, entry{name: name, dtype: u8, shape: []int{len(b)}, source: models.Source{Name: name, Copy: models.Tensor{Data: b}.Source().Copy}})
	}
	slices.SortStableFunc(all, func(x, y entry) int { return strings.Compare(x.name, y.name) })
	end := uint64(0)
	for i := range all {
		x := &all[i]
		n, ok := x.dtype.bytes(x.shape)
		if !ok || len(x.name) > maxName || len(x.shape) > maxDims || i > 0 && x.name == all[i-1].name {
			return nil, fmt.Errorf("apr: tensor %q of type %v and shape %v can't be written", x.name, x.dtype, x.shape)
		}
		x.offset, x.size = end, n
		end = padded(end + n)
	}
	return all, nil
}

func appendIndex(b []byte, all []entry) []byte {
	for _, x := range all {
		b = append(le.AppendUint16(b, uint16(len(x.name))), x.name...)
		b = append(b, byte(x.dtype), byte(len(x.shape)))
		for _, n := range x.shape {
			b = le.AppendUint64(b, uint64(n))
		}
		b = le.AppendUint64(le.AppendUint64(b, x.offset), x.size)
	}
	return b
}

// put writes the header to the first 64 bytes of b.
func (h *header) put(b []byte) {
	at := append(b[:0], Magics[0]...)
	at = le.AppendUint16(append(at, 2, 0), h.flags)
	at = le.AppendUint64(le.AppendUint32(at, h.count), h.metaAt)
	at = le.AppendUint32(at, h.metaSize)
	at = le.AppendUint64(le.AppendUint64(at, h.indexAt), h.dataAt)
	le.PutUint32(b[40:], crc32.Update(crc32.ChecksumIEEE(at), crc32.IEEETable, b[44:headerBytes]))
}

func padded(n uint64) uint64 { return (n + 63) &^ 63 }

func pad(b []byte) []byte { return append(b, make([]byte, padded(uint64(len(b)))-uint64(len(b)))...) }
