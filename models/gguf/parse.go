package gguf

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"

	"soberano/kernels/quant"
	"soberano/models"
)

// Limits. Real files are far below them: the largest vocabularies have 262,144 tokens and
// the largest models about 10,000 tensors.
const (
	maxKeys    = 1 << 16
	maxTensors = 1 << 17
	maxName    = 1 << 10 // bytes of a tensor's name; llama.cpp allows 63
	maxKeyName = 1<<16 - 1
	maxDims    = 4
	maxValues  = 1 << 48   // of one tensor, so that its size in bytes can't overflow
	maxMemory  = 256 << 20 // bytes that all keys and values may take once decoded
)

// The types of values. Source: enum gguf_type.
const (
	tUint8 = iota
	tInt8
	tUint16
	tInt16
	tUint32
	tInt32
	tFloat32
	tBool
	tString
	tArray
	tUint64
	tInt64
	tFloat64
)

// width is the size in bytes of a value of each type. For strings and arrays it is the
// smallest possible size: a string starts with a length of 8 bytes.
var width = [...]uint64{1, 1, 2, 2, 4, 4, 4, 1, 8, 12, 8, 8, 8}

var typeNames = [...]string{"uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "bool", "string", "array", "uint64", "int64", "float64"}

// header is everything before the weights.
type header struct {
	version   uint32
	meta      models.Metadata
	tensors   []info
	keys      []span
	index     span // the entries of all tensors
	alignment uint64
	data      uint64 // offset at which the weights begin
	derived   *models.Derived
}

// span is the place of a key with its value, or of the entries of the tensors, in the header: the bytes from from up to to.
type span struct {
	name     string
	from, to uint64
}

// info is a tensor's entry in the header.
type info struct {
	name   string
	typ    quant.Type
	shape  []int // outermost first
	values uint64
	offset uint64 // from header.data
}

// reader reads the bytes of a header in order. After its first error every read returns
// zero, so loops check err once an iteration.
type reader struct {
	path   string
	b      []byte
	at     uint64
	memory uint64 // bytes that the decoded values take
	field  string // what is being read, for the error
	err    error
}

func (r *reader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
}

func (r *reader) corrupt(format string, args ...any) {
	r.fail(models.Corrupt(r.path, "is damaged: %s %s", r.field, fmt.Sprintf(format, args...)))
}

func (r *reader) left() uint64 { return uint64(len(r.b)) - r.at }

// next returns the next n bytes, or nil if fewer are left.
func (r *reader) next(n uint64) []byte {
	if r.err != nil {
		return nil
	}
	if n > r.left() {
		r.fail(models.Corrupt(r.path, "is cut short: %s needs %s bytes from byte %s on, but the file has %s bytes",
			r.field, models.Grouped(n), models.Grouped(r.at), models.Grouped(len(r.b))))
		return nil
	}
	b := r.b[r.at : r.at+n : r.at+n]
	r.at += n
	return b
}

func (r *reader) u32() uint32 {
	if b := r.next(4); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

func (r *reader) u64() uint64 {
	if b := r.next(8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

// charge adds n bytes to the memory of the decoded values and checks the limit.
func (r *reader) charge(n uint64) bool {
	if n > maxMemory || r.memory+n > maxMemory {
		r.corrupt("makes the keys take more than %s bytes of memory", models.Grouped(maxMemory))
		return false
	}
	r.memory += n
	return r.err == nil
}

// text reads a string of at most limit bytes. The string is a copy.
func (r *reader) text(limit uint64) string {
	n := r.u64()
	if n > limit && n <= r.left() {
		r.corrupt("has a text of %s bytes, more than the %s allowed", models.Grouped(n), models.Grouped(limit))
	}
	if b := r.next(n); b != nil && r.charge(16+n) {
		return string(b)
	}
	return ""
}

// parse reads the header of a file with the bytes b; path is used in errors.
func parse(path string, b []byte) (*header, error) {
	r := &reader{path: path, b: b, field: "the header"}
	h := &header{derived: &models.Derived{}}
	tensors, keys := r.start(h)
	h.meta = make(models.Metadata, keys)
	for i := uint64(0); i < keys && r.err == nil; i++ {
		from := r.at
		h.keys = append(h.keys, span{r.keyValue(h.meta, i), from, r.at})
	}
	h.index.from = r.at
	if r.err == nil {
		h.readAlignment(r)
	}
	h.readTensors(r, tensors)
	if r.err != nil {
		return nil, r.err
	}
	h.index.to = r.at
	h.data = (r.at + h.alignment - 1) &^ (h.alignment - 1)
	return h, nil
}

// start reads the fixed part of the header and returns the two counts, checked.
func (r *reader) start(h *header) (tensors, keys uint64) {
	if magic := r.next(4); magic == nil || !bytes.Equal(magic, []byte("GGUF")) {
		r.err = &models.FileError{Path: r.path, Reason: "is not a GGUF file: it does not begin with GGUF", Kind: models.ErrUnknownFormat}
		return 0, 0
	}
	h.version = r.u32()
	if r.err != nil {
		return 0, 0
	}
	switch v := h.version; {
	case v == 2 || v == 3:
	case v != 0 && v&0xffff == 0: // the file is big-endian
		r.fail(models.Unsupported(r.path, "convert it to little-endian, or download the usual file", "is a big-endian GGUF file"))
	case v == 1:
		r.fail(models.Unsupported(r.path, "download a newer file of this model", "is a GGUF file of version 1, which was in use for a few days of 2023"))
	default:
		r.fail(models.Unsupported(r.path, "use a newer version of this program", "is a GGUF file of version %d; versions 2 and 3 are known", v))
	}
	tensors, keys = r.u64(), r.u64()
	r.field = "the count of tensors"
	r.count(tensors, maxTensors, 8+4+8+4+8)
	r.field = "the count of keys"
	r.count(keys, maxKeys, 8+4+1)
	if r.err != nil {
		return 0, 0
	}
	return tensors, keys
}

// count refuses a count n that is above most, or whose items of at least size bytes each can't
// fit in the rest of the file.
func (r *reader) count(n, most, size uint64) {
	if r.err != nil {
		return
	}
	if n > most {
		r.corrupt("is %s, more than the %s allowed", models.Grouped(n), models.Grouped(most))
	} else if n > r.left()/size {
		r.fail(models.Corrupt(r.path, "is cut short: %s is %s, but only %s bytes follow", r.field, models.Grouped(n), models.Grouped(r.left())))
	}
}

// keyValue reads key number i and its value into m. It returns the key.
func (r *reader) keyValue(m models.Metadata, i uint64) string {
	r.field = fmt.Sprintf("the name of key %d", i+1)
	key := r.text(maxKeyName)
	r.field = "key " + models.Quote(key)
	if _, twice := m[key]; twice {
		r.corrupt("occurs twice")
	}
	r.charge(64) // memory of the map's own entry
	t := r.u32()
	v := r.value(t)
	if r.err == nil {
		m[key] = v
	}
	return key
}

// value reads one value of type t.
func (r *reader) value(t uint32) any {
	switch {
	case t == tArray:
		return r.array()
	case t == tString:
		return r.text(math.MaxUint64)
	case t > tFloat64:
		r.corrupt("has a value of unknown type %d", t)
		return nil
	}
	b := r.next(width[t])
	if b == nil {
		return nil
	}
	switch t {
	case tFloat32, tFloat64:
		return toFloat(t, b)
	case tInt8, tInt16, tInt32, tInt64:
		return toInt(t, b)
	case tBool:
		if b[0] > 1 {
			r.corrupt("is a bool of value %d", b[0])
		}
		return b[0] == 1
	default:
		return toUint(t, b)
	}
}

// array reads an array's type, count and elements.
func (r *reader) array() any {
	t, n := r.u32(), r.u64()
	if r.err != nil {
		return nil
	}
	if t > tFloat64 {
		r.corrupt("is an array of unknown type %d", t)
		return nil
	}
	if t == tArray {
		r.fail(models.Unsupported(r.path, "", "has an array of arrays in %s", r.field))
		return nil
	}
	if n > r.left()/width[t] {
		r.fail(models.Corrupt(r.path, "is cut short: %s has %s values of type %s, but only %s bytes follow",
			r.field, models.Grouped(n), typeNames[t], models.Grouped(r.left())))
		return nil
	}
	if t == tString {
		return r.texts(n)
	}
	if !r.charge(n * 8) { // n ≤ len(b), so this can't overflow
		return nil
	}
	b, w := r.next(n*width[t]), width[t]
	switch t {
	case tFloat32, tFloat64:
		return each(b, w, n, func(b []byte) float64 { return toFloat(t, b) })
	case tInt8, tInt16, tInt32, tInt64:
		return each(b, w, n, func(b []byte) int64 { return toInt(t, b) })
	case tBool:
		if i := bytes.IndexFunc(b, func(c rune) bool { return c > 1 }); i >= 0 {
			r.corrupt("has a bool of value %d", b[i])
			return nil
		}
		return each(b, w, n, func(b []byte) bool { return b[0] == 1 })
	default:
		return each(b, w, n, func(b []byte) uint64 { return toUint(t, b) })
	}
}

// texts reads n strings into one allocation: a vocabulary has hundreds of thousands.
func (r *reader) texts(n uint64) []string {
	if !r.charge(n * 16) {
		return nil
	}
	from := r.at
	for i := r.skipTexts(n); i < n && r.err == nil; i++ { // reports what is wrong
		r.next(r.u64())
	}
	if r.err != nil || !r.charge(r.at-from) {
		return nil
	}
	all, out := string(r.b[from:r.at]), make([]string, n)
	for i, at := 0, uint64(0); i < len(out); i++ {
		length := binary.LittleEndian.Uint64(r.b[from+at:])
		out[i] = all[at+8 : at+8+length]
		at += 8 + length
	}
	return out
}

// skipTexts skips strings up to n, or up to one that does not fit, and returns their number.
func (r *reader) skipTexts(n uint64) (skipped uint64) {
	end := uint64(len(r.b))
	for ; skipped < n && end-r.at >= 8; skipped++ {
		length := binary.LittleEndian.Uint64(r.b[r.at:])
		if length > end-r.at-8 {
			break
		}
		r.at += 8 + length
	}
	return skipped
}

func each[T any](b []byte, width, n uint64, read func([]byte) T) []T {
	out := make([]T, n)
	for i := range out {
		out[i] = read(b[uint64(i)*width:])
	}
	return out
}

func toUint(t uint32, b []byte) uint64 {
	switch t {
	case tUint8:
		return uint64(b[0])
	case tUint16:
		return uint64(binary.LittleEndian.Uint16(b))
	case tUint32:
		return uint64(binary.LittleEndian.Uint32(b))
	default:
		return binary.LittleEndian.Uint64(b)
	}
}

func toInt(t uint32, b []byte) int64 {
	switch t {
	case tInt8:
		return int64(int8(b[0]))
	case tInt16:
		return int64(int16(binary.LittleEndian.Uint16(b)))
	case tInt32:
		return int64(int32(binary.LittleEndian.Uint32(b)))
	default:
		return int64(binary.LittleEndian.Uint64(b))
	}
}

func toFloat(t uint32, b []byte) float64 {
	if t == tFloat32 {
		return float64(math.Float32frombits(binary.LittleEndian.Uint32(b)))
	}
	return math.Float64frombits(binary.LittleEndian.Uint64(b))
}
