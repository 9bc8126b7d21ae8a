// Package apr reads and writes models in the APR format, version 2, one ".apr" file:
//
//	header (64 bytes) · JSON metadata · tensor index · tensors · [trailer] · u32 CRC-32 of all before
//
// Each part but the last is padded with zeros to a multiple of 64 bytes; the types header
// and entry describe the header and the index. Weights are memory-mapped and keep the type
// in which they are stored; only APR's own block formats are converted to types that
// kernels/quant has (see entry.convert). Lists of bytes ("__vocab__") go to Aux. All behind the header may be
// compressed (Compression), and a model may be divided into several files (Shards). The file of a language model has the metadata of a GGUF
// file under keys of its own (Language).
//
// The tensors may be encrypted under a password (Lock, Unlock) and the file signed (Sign): both are in the trailer.
//
// Some programs leave out the checksum at the end. Such files are accepted, with
// "apr.checksum" false in Meta. A checksum that is present and does not match is an error, as is a signature: of Open for files up to 64 MiB and compressed
// ones, which it reads in any case, and of models.File.Verify for larger ones.
// Source: the crate apr-format 0.72.3, module v2, and its test files.
package apr

import (
	"context"
	"encoding/base64"
	"errors"
	"hash"
	"hash/crc32"
	"path/filepath"
	"slices"
	"strings"

	"soberano/kernels/quant"
	"soberano/models"
)

// Magics are the possible first four bytes of a file; the last one marks version 1.
var Magics = []string{"APR\x00", "APR2", "APRN"}

// Open opens a file, or all shards of a model if path is one of them or their manifest. Meta holds the metadata, with the keys of nested objects as
// "outer.inner", and keys of its own: "apr.checksum", "apr.stored", the type in
// which most weights are stored ("F16", "APR_Q8"), Encrypted and SignedBy. The tensors and keys of a language model are named as in a GGUF file. The error is a *models.FileError.
func Open(path string) (*models.File, error) { return open(path, true) }

// Card is the key of the model card, a text in Markdown. In files of other programs it may be an object, whose keys are "model_card.name" and so on.
const Card = "model_card"

// Keys of Meta that Open and Peek add.
const (
	Encrypted = "apr.encrypted" // true if the tensors are
	SignedBy  = "apr.signed_by" // the public key of the signature, in base64
)

// Peek opens a file like Open, but leaves Data nil in tensors that would have to be
// converted, in encrypted ones and in those whose type can't run, so a description costs no memory. No password is needed, unless what has to be known is in
// lists of bytes, as the files of a folder of Hugging Face are.
func Peek(path string) (*models.File, error) { return open(path, false) }

func open(path string, weights bool) (*models.File, error) {
	f := &models.File{Format: "apr", Path: path}
	if err := openAll(f, path, weights); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// openAll opens path, and the other files of a sharded model, into f.
func openAll(f *models.File, path string, weights bool) error {
	o := &opening{f: f, weights: weights, values: map[dtype]int{}, where: map[string]int{}}
	if strings.HasSuffix(filepath.Base(path), ManifestSuffix) {
		m, paths, err := readManifest(path)
		if err != nil {
			return err
		}
		if err := o.shards(paths); err != nil {
			return err
		}
		f.Paths = append(f.Paths, path)
		return errors.Join(m.check(path, o.where), o.end())
	}
	first, err := o.part(path)
	if err != nil {
		return err
	}
	if first.flags&flagSharded == 0 {
		o.add(first, 0)
		f.Paths = []string{path}
		return errors.Join(o.err, o.end())
	}
	count, err := first.meta.Int("sharding.shard_count", 0)
	if err != nil || count < 1 || count > maxShards {
		return models.Corrupt(path, "is damaged: it is one of several files and does not say of how many")
	}
	paths, err := shardPaths(path, count)
	if err != nil {
		return err
	}
	return errors.Join(o.shards(paths), o.end())
}

// opening is a model whose files are being opened.
type opening struct {
	f       *models.File
	weights bool
	values  map[dtype]int  // number of values by type
	where   map[string]int // number of the file by tensor
	err     error
}

// part is one file of a model.
type part struct {
	*header
	meta models.Metadata
}

// part opens and parses one file. Closing o.f releases it.
func (o *opening) part(path string) (*part, error) {
	data, release, err := models.Map(path)
	if err != nil {
		return nil, err
	}
	o.f.OnClose(release)
	return o.read(path, data)
}

// readAtOpening is the size of the largest file whose checksum is compared when it is opened.
const readAtOpening = 64 << 20

// read parses the file with the bytes data. What it leaves unread is checked by o.f.Verify.
func (o *opening) read(path string, data []byte) (*part, error) {
	h, b, err := parse(path, data)
	if err != nil {
		return nil, err
	}
	p := &part{header: h}
	if p.meta, err = h.metadata(b); err != nil {
		return nil, err
	}
	if p.meta["apr.checksum"], err = h.hasChecksum(b); err != nil {
		return nil, err
	}
	if key := h.trailer.signer(); key != nil {
		p.meta[SignedBy] = base64.StdEncoding.EncodeToString(key)
	}
	verify := func(ctx context.Context) error { return h.verify(ctx, b) }
	if compressed := len(b) > 0 && &b[0] != &data[0]; compressed || len(b) <= readAtOpening {
		err = verify(context.Background())
	} else {
		o.f.OnVerify(verify)
	}
	if err == nil && h.trailer.encryption != nil {
		p.meta[Encrypted] = true
		err = o.decrypt(h, b)
	}
	return p, err
}

// decrypt decrypts the tensors of an encrypted file if they are needed, and otherwise leaves them without bytes.
func (o *opening) decrypt(h *header, b []byte) error {
	if o.weights || slices.ContainsFunc(h.tensors, func(x entry) bool { return x.name == "config.json" }) {
		return h.decrypt(b)
	}
	for i := range h.tensors {
		h.tensors[i].data = nil
	}
	return nil
}

// shards opens the shards at paths.
func (o *opening) shards(paths []string) error {
	for i, path := range paths {
		p, err := o.part(path)
		if err != nil {
			return err
		}
		count, err1 := p.meta.Int("sharding.shard_count", 0)
		index, err2 := p.meta.Int("sharding.shard_index", -1)
		if err1 != nil || err2 != nil || count != len(paths) || index != i {
			return models.Corrupt(path, "says inside that it is file %d of %d, expected %d of %d", index+1, count, i+1, len(paths))
		}
		if o.add(p, i); o.err != nil {
			return o.err
		}
	}
	o.f.Paths = paths
	return nil
}

// add adds the tensors of file number i, and its metadata if it is the first.
func (o *opening) add(p *part, i int) {
	if i == 0 {
		o.f.Meta, o.f.Aux = p.meta, map[string][]byte{}
	} else if p.meta["apr.checksum"] == false {
		o.f.Meta["apr.checksum"] = false
	}
	for k := range p.tensors {
		x := &p.tensors[k]
		if _, twice := o.where[x.name]; twice && o.err == nil {
			o.err = models.Corrupt(p.path, "has tensor %s, which is also in another file of the model", models.Quote(x.name))
		}
		if o.where[x.name] = i; x.dtype == u8 {
			if x.data != nil {
				o.f.Aux[x.name] = x.data
			}
			continue
		}
		n, _ := models.Values(x.shape)
		o.values[x.dtype] += n
		t, err := x.tensor(p.path, o.weights)
		if err != nil && o.err == nil {
			o.err = err
		}
		o.f.Tensors = append(o.f.Tensors, t)
	}
}

// end completes the metadata once all files are open.
func (o *opening) end() error {
	if o.f.Meta == nil {
		return nil // there is an error already
	}
	best := dtype(0)
	for d, n := range o.values {
		if m := o.values[best]; n > m || n == m && d < best {
			best = d
		}
	}
	o.f.Meta["apr.stored"] = best.String()
	language(o.f)
	return nil
}

// hasChecksum reports whether the file ends with a CRC-32.
func (h *header) hasChecksum(b []byte) (bool, error) {
	rest := uint64(len(b)) - h.end
	if rest > 0 && rest < 4 {
		return false, models.Corrupt(h.path, "is damaged: %d bytes follow the last tensor, too few for a checksum", rest)
	}
	return rest > 0, nil
}

// verify compares the file with its checksum and its signature, if it has them.
func (h *header) verify(ctx context.Context, b []byte) error {
	if ok, err := h.hasChecksum(b); err != nil || !ok {
		return errors.Join(err, h.checkSignature(ctx))
	}
	sum := crc32.NewIEEE()
	body := b[:len(b)-4]
	if err := hashPieces(ctx, sum, body); err != nil {
		return err
	}
	if want, got := le.Uint32(b[len(body):]), sum.Sum32(); want != got {
		return models.Corrupt(h.path, "is damaged: its checksum is %08x, and its bytes give %08x", want, got)
	}
	return h.checkSignature(ctx)
}

// hashPieces writes b to a hash, whose Write has no errors, until ctx ends.
func hashPieces(ctx context.Context, to hash.Hash, b []byte) error {
	for piece := range slices.Chunk(b, 16<<20) {
		if err := ctx.Err(); err != nil {
			return err
		}
		to.Write(piece)
		models.Forget(piece)
	}
	return nil
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
