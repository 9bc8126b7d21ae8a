// Package apr reads models in the APR format, version 2, one ".apr" file:
//
//	header (64 bytes) · JSON metadata · tensor index · tensors · u32 CRC-32 of all before
//
// Each part but the last is padded with zeros to a multiple of 64 bytes; the types header
// and entry describe the header and the index. Weights are memory-mapped and keep the type
// in which they are stored; only APR's own block formats are converted to types that
// kernels/quant has (see entry.convert). Lists of bytes ("__vocab__") go to Aux.
//
// Some programs leave out the checksum at the end. Such files are accepted, with
// "apr.checksum" false in Meta. A checksum that is present and does not match is an error.
// Compressed, encrypted, signed and split files are refused: no known program writes them.
// Source: the crate apr-format 0.72.3, module v2, and its test files.
package apr

import (
	"errors"
	"hash/crc32"

	"soberano/kernels/quant"
	"soberano/models"
)

// Magics are the possible first four bytes of a file; the last one marks version 1.
var Magics = []string{"APR\x00", "APR2", "APRN"}

// Open opens a file. Meta holds the metadata, with the keys of nested objects as
// "outer.inner", and two keys of its own: "apr.checksum", and "apr.stored", the type in
// which most weights are stored ("F16", "APR_Q8"). The error is a *models.FileError.
func Open(path string) (*models.File, error) { return open(path, true) }

// Peek opens a file like Open, but leaves Data nil in tensors that would have to be
// converted and in those whose type can't run, so a description costs no memory.
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

// read parses b, the bytes of the file, into f.
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

// checksum compares the file with the CRC-32 at its end. It returns false if there is none.
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

// stored returns the name of the type in which most values are stored.
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

// tensor returns x as a tensor of a type that kernels/quant has.
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
