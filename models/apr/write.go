package apr

import (
	"bufio"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"slices"
	"strings"

	"soberano/models"
)

// rowMajor is a flag that every known writer sets.
const rowMajor = 0x400

// Write writes a file that Open reads: meta as JSON, then the tensors and the lists of bytes
// (Aux) in the order of their names, then the checksum. A tensor's Data must have the length
// that Type and Shape require.
func Write(w io.Writer, meta models.Metadata, tensors []models.Tensor, lists map[string][]byte) error {
	keys := models.Metadata{}
	maps.Copy(keys, meta)
	maps.DeleteFunc(keys, func(key string, v any) bool { return strings.HasPrefix(key, "apr.") || v == nil })
	b, err := json.Marshal(keys)
	if err != nil {
		return fmt.Errorf("apr: %w", err)
	}
	all, err := entries(tensors, lists)
	if err != nil {
		return err
	}
	h := &header{path: "the file to write", flags: rowMajor, count: uint32(len(all)), metaAt: headerBytes, metaSize: uint32(len(b))}
	head := pad(append(make([]byte, headerBytes), b...))
	h.indexAt = uint64(len(head))
	head = pad(appendIndex(head, all))
	h.dataAt = uint64(len(head))
	h.put(head)
	out := bufio.NewWriterSize(w, 1<<20)
	sum := crc32.NewIEEE()
	to := io.MultiWriter(out, sum)
	if _, err := to.Write(head); err != nil {
		return err
	}
	for _, x := range all {
		if _, err := to.Write(x.data); err != nil {
			return err
		}
		if _, err := to.Write(make([]byte, padded(x.size)-x.size)); err != nil {
			return err
		}
	}
	if _, err := out.Write(le.AppendUint32(nil, sum.Sum32())); err != nil {
		return err
	}
	return out.Flush()
}

// entries returns the index entries of all tensors and lists, by name, with their offsets.
func entries(tensors []models.Tensor, lists map[string][]byte) ([]entry, error) {
	var all []entry
	for _, t := range tensors {
		d := dtype(t.Type)
		if d.quant() != t.Type {
			return nil, fmt.Errorf("apr: tensor %q of type %v can't be written", t.Name, t.Type)
		}
		all = append(all, entry{name: t.Name, dtype: d, shape: t.Shape, data: t.Data})
	}
	for name, b := range lists {
		all = append(all, entry{name: name, dtype: u8, shape: []int{len(b)}, data: b})
	}
	slices.SortFunc(all, func(x, y entry) int { return strings.Compare(x.name, y.name) })
	end := uint64(0)
	for i := range all {
		x := &all[i]
		if n, ok := x.dtype.bytes(x.shape); !ok || n != uint64(len(x.data)) || len(x.name) > maxName || i > 0 && x.name == all[i-1].name {
			return nil, fmt.Errorf("apr: tensor %q of type %v and shape %v with %s bytes can't be written", x.name, x.dtype, x.shape, models.Grouped(len(x.data)))
		}
		x.offset, x.size = end, uint64(len(x.data))
		end = padded(end + x.size)
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
