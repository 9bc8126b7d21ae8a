package safetensors

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"soberano/kernels/quant"
	"soberano/models"
)

// Limits. The limit of the header is that of the reference implementation.
const (
	maxHeader  = 100_000_000
	maxDims    = 8
	maxTensors = 1 << 18
	maxNote    = 1 << 16 // bytes of a string in __metadata__
)

// dtypes are the types by name, numbered as in GGML. Types that kernels/quant lacks can't run.
var dtypes = map[string]struct {
	typ   quant.Type
	bytes int
}{
	"F32": {quant.F32, 4}, "F16": {quant.F16, 2}, "BF16": {quant.BF16, 2}, "F64": {28, 8},
	"I8": {24, 1}, "I16": {25, 2}, "I32": {26, 4}, "I64": {27, 8},
	"BOOL": {other, 1}, "U8": {U8, 1}, "U16": {other + 2, 2}, "U32": {other + 3, 4}, "U64": {other + 4, 8},
	"F8_E4M3": {other + 5, 1}, "F8_E5M2": {other + 6, 1}, "F8_E8M0": {other + 7, 1}, "C64": {other + 8, 8},
}

// other is the first number for types that GGML lacks.
const other quant.Type = 1 << 16

// U8 is the type of bytes.
const U8 = other + 1

func dtypeName(t quant.Type) string {
	for name, d := range dtypes {
		if d.typ == t {
			return name
		}
	}
	return t.String()
}

// entry describes a tensor in the header of a .safetensors file. The file, little-endian:
//
//	u64 length of the header · the header, JSON, possibly followed by spaces · data
//
//	{"__metadata__": {"format": "pt"},
//	 "model.encoder.conv1.bias": {"dtype": "F32", "shape": [512], "data_offsets": [0, 2048]}, …}
//
// Offsets count from the end of the header. The tensors must cover the data without gaps or
// overlaps and the header must not have duplicate keys: otherwise two readers could read
// different models from one file. Source: the safetensors project, README.md, section "Format".
type entry struct {
	Dtype   string   `json:"dtype"`
	Shape   []int    `json:"shape"`
	Offsets []uint64 `json:"data_offsets"`
}

// parse reads a file with the bytes b. Each tensor's data is a part of b and has the length
// that its type and shape require; it is nil for a type that can't run.
func parse(path string, b []byte) (models.Metadata, []models.Tensor, error) {
	c := models.NewCursor(path, b)
	n := c.U64()
	c.Field = "the length of the header"
	if n > maxHeader {
		c.Corrupt("is %s, expected at most %s", models.Grouped(n), models.Grouped(maxHeader))
	}
	c.Field = "the header"
	head := c.Next(n)
	if c.Err() != nil {
		return nil, nil, c.Err()
	}
	h := &header{path: path, data: b[c.At():], meta: models.Metadata{}, seen: map[string]bool{}}
	if err := h.read(head); err != nil {
		return nil, nil, err
	}
	return h.meta, h.tensors, h.cover()
}

type header struct {
	path    string
	data    []byte // everything after the header
	meta    models.Metadata
	tensors []models.Tensor
	places  []place // of the tensors, in bytes
	seen    map[string]bool
}

type place struct {
	begin, end uint64
	name       string
}

// read reads the JSON key by key, because encoding/json would silently accept a duplicate key.
func (h *header) read(b []byte) error {
	d := json.NewDecoder(bytes.NewReader(b))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return models.Corrupt(h.path, "is damaged: the header is not a JSON object")
	}
	for d.More() {
		if err := h.readKey(d); err != nil {
			var fe *models.FileError
			if errors.As(err, &fe) {
				return err
			}
			return models.Corrupt(h.path, "is damaged: the header: %v", err)
		}
	}
	if _, err := d.Token(); err != nil {
		return models.Corrupt(h.path, "is damaged: the header: %v", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return models.Corrupt(h.path, "is damaged: the header continues after its end")
	}
	return nil
}

func (h *header) readKey(d *json.Decoder) error {
	t, err := d.Token()
	if err != nil {
		return err
	}
	name := t.(string) // always a string: the decoder guarantees it
	if h.seen[name] {
		return models.Corrupt(h.path, "is damaged: %s stands in the header twice", models.Quote(name))
	}
	h.seen[name] = true
	if name == "__metadata__" {
		return h.readMeta(d)
	}
	var e entry
	if err := d.Decode(&e); err != nil {
		return fmt.Errorf("tensor %s: %w", models.Quote(name), err)
	}
	if len(h.tensors) == maxTensors {
		return models.Corrupt(h.path, "is damaged: it has more than %s tensors", models.Grouped(maxTensors))
	}
	return h.add(name, e)
}

func (h *header) readMeta(d *json.Decoder) error {
	var m map[string]string
	if err := d.Decode(&m); err != nil {
		return fmt.Errorf("__metadata__: %w", err)
	}
	for key, v := range m {
		if len(v) > maxNote {
			continue // not used by this program
		}
		h.meta[key] = v
	}
	return nil
}

// add checks a tensor and finds its bytes.
func (h *header) add(name string, e entry) error {
	dtype, known := dtypes[e.Dtype]
	if !known {
		return models.Unsupported(h.path, "use this model as float32, float16 or bfloat16", "stores tensor %s as %s, a type that this program does not know",
			models.Quote(name), models.Quote(e.Dtype))
	}
	if len(e.Shape) > maxDims {
		return tensorError(h.path, name, "has %d dimensions, more than the %d allowed", len(e.Shape), maxDims)
	}
	n, ok := models.Values(e.Shape)
	if !ok {
		return tensorError(h.path, name, "has an impossible shape %v", e.Shape)
	}
	if len(e.Offsets) != 2 || e.Offsets[0] > e.Offsets[1] {
		return tensorError(h.path, name, "has impossible offsets %v", e.Offsets)
	}
	begin, end := e.Offsets[0], e.Offsets[1]
	if end-begin != uint64(n)*uint64(dtype.bytes) {
		return tensorError(h.path, name, "has %s bytes, but shape %v of %s needs %s", models.Grouped(end-begin), e.Shape, e.Dtype, models.Grouped(uint64(n)*uint64(dtype.bytes)))
	}
	if end > uint64(len(h.data)) {
		return models.Corrupt(h.path, "is cut short: tensor %s should end at byte %s of the data, but there are %s", models.Quote(name), models.Grouped(end), models.Grouped(len(h.data)))
	}
	h.tensors = append(h.tensors, models.Tensor{Name: name, Type: dtype.typ, Shape: e.Shape, Data: h.data[begin:end:end]})
	h.places = append(h.places, place{begin, end, name})
	return nil
}

// cover checks that the tensors cover the data from the first byte to the last, without gaps
// or overlaps.
func (h *header) cover() error {
	slices.SortFunc(h.places, func(a, b place) int { return cmp.Compare(a.begin, b.begin) })
	at := uint64(0)
	for _, p := range h.places {
		if p.begin != at {
			return tensorError(h.path, p.name, "begins at byte %s of the data, where byte %s is expected", models.Grouped(p.begin), models.Grouped(at))
		}
		at = p.end
	}
	if at != uint64(len(h.data)) {
		return models.Corrupt(h.path, "is damaged: %s bytes behind the last tensor belong to none", models.Grouped(uint64(len(h.data))-at))
	}
	return nil
}

// Is reports whether head may be the beginning of a safetensors file: a length, followed by
// JSON.
func Is(head []byte) bool {
	return len(head) > 10 && binary.LittleEndian.Uint64(head) <= maxHeader && head[8] == '{' && (head[9] == '"' || head[9] == ' ' || head[9] == '}')
}
