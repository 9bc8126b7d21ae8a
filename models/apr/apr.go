// Package apr reads models in the APR format, version 2, one ".apr" file:
//
//	header (64 bytes) · JSON metadata · tensor index · tensors · u32 CRC-32 of all before
//
// Each part but the last is padded with zeros to a multiple of 64 bytes; see index.go for
// the header and the index. Weights stay where they are, memory-mapped, in the type that
// they are stored in; APR's own block formats become ones that kernels/quant has
// (blocks.go). Lists of bytes ("__vocab__") go to Aux.
//
// Some programs leave out the checksum at the end; such files are read (Meta has
// "apr.checksum" false). One that is there and does not match is an error. Compressed,
// encrypted, signed and split files are refused: nobody has written one so far.
// Source: the crate apr-format 0.72.3, module v2, and its test files.
package apr

import (
	"errors"
	"hash/crc32"

	"soberano/kernels/quant"
	"soberano/models"
)

// Magics are what a file begins with; the last one is that of version 1.
var Magics = []string{"APR\x00", "APR2", "APRN"}

// Open opens a file. Meta holds the metadata, nested objects as "outer.inner", beside
// "apr.checksum" and "apr.stored", which says how most weights are stored ("F16",
// "APR_Q8"). The error is a *models.FileError.
func Open(path string) (*models.File, error) { return open(path, true) }

// Peek opens as Open does, but leaves tensors that would have to be converted, or whose
// type can't run, with nil Data, so that a description costs no memory.
func Peek(path string) (*models.File, error) { return open(path, false) }

func open(path string, weights bool) (*models.File, error) {
	data, release, err := models.Map(path)
	if err != nil {
		return nil, err
	}
	f := &models.File{Format: "apr", Path: path, Paths: []string{path}}
	f.OnClose(release)
	if err := read(f, data, weights); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// read fills f from the bytes of its file.
func read(f *models.File, b []byte, weights bool) error {
	h, err := parse(f.Path, b)
	if err != nil {
		return err
	}
	if f.Meta, err = h.metadata(b); err != nil {
		return err
	}
	if f.Meta["apr.checksum"], err = h.checksum(b); err != nil {
		return err
	}
	f.Aux, f.Meta["apr.stored"] = map[string][]byte{}, h.stored()
	for i := range h.tensors {
		x := &h.tensors[i]
		if x.dtype == u8 {
			f.Aux[x.name] = x.data
			continue
		}
		t, err := x.tensor(f.Path, weights)
		if err != nil {
			return err
		}
		f.Tensors = append(f.Tensors, t)
	}
	return nil
}

// checksum compares the file with the CRC-32 at its end; false where there is none.
func (h *header) checksum(b []byte) (bool, error) {
	switch rest := uint64(len(b)) - h.end; {
	case rest == 0:
		return false, nil
	case rest < 4:
		return false, models.Corrupt(h.path, "is damaged: %d bytes follow the last tensor, too few for a checksum", rest)
	}
	body := b[:len(b)-4]
	if want, got := le.Uint32(b[len(body):]), crc32.ChecksumIEEE(body); want != got {
		return false, models.Corrupt(h.path, "is damaged: its checksum is %08x, and its bytes give %08x", want, got)
	}
	return true, nil
}

// stored names the type that stores most values.
func (h *header) stored() string {
	values := map[dtype]int{}
	best := dtype(0)
	for _, x := range h.tensors {
		if x.dtype == u8 {
			continue
		}
		n, _ := models.Values(x.shape)
		values[x.dtype] += n
		if m := values[x.dtype]; m > values[best] || m == values[best] && x.dtype < best {
			best = x.dtype
		}
	}
	return best.String()
}

// tensor makes x a tensor that can run.
func (x *entry) tensor(path string, weights bool) (models.Tensor, error) {
	t := models.Tensor{Name: x.name, Shape: x.shape, Data: x.data, Type: x.dtype.quant()}
	own := x.dtype == q4 || x.dtype == q8
	switch {
	case own && !weights:
		t.Type, t.Data = quant.F32, nil
	case own:
		t.Type, t.Data = x.convert()
	case !t.Type.Known() && weights:
		return t, models.Unsupported(path, "use this model as F16, Q8_0 or Q4_K", "stores tensor %s as %v, which this program does not have", models.Quote(x.name), x.dtype)
	case !t.Type.Known():
		t.Data = nil
	}
	return t, nil
}
