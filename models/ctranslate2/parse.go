package ctranslate2

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
	"strings"

	"soberano/kernels/quant"
	"soberano/models"
)

// The types of values, numbered as in CTranslate2's DataType.
const (
	float32Type = iota
	int8Type
	int16Type
	int32Type
	float16Type
	bfloat16Type
)

var (
	typeNames = [...]string{"float32", "int8", "int16", "int32", "float16", "bfloat16"}
	width     = [...]uint64{4, 1, 2, 4, 2, 2}
)

// Limits; Whisper large has 1,300 variables.
const (
	maxVariables = 1 << 16
	maxDims      = 4
	maxList      = 4096 // integers in a variable that becomes metadata
)

// spec is a parsed model.bin. The file is little-endian:
//
//	u32 version (6) · string spec ("WhisperSpec") · u32 revision · u32 variables, then each:
//	    string name · u8 rank · u32 sizes… (outermost first) · u8 type · u32 bytes · the bytes
//	u32 aliases, then each: string alias · string name
//
// A string is a u16 length, its bytes and a zero byte, which the length includes.
// Source: python/ctranslate2/specs/model_spec.py of the CTranslate2 project.
type spec struct {
	path      string
	version   uint32
	name      string
	revision  uint32
	variables []variable
	byName    map[string]*variable
	aliases   []alias
	aliasOf   map[string]string
}

type variable struct {
	name   string
	typ    byte
	shape  []int
	values uint64
	data   []byte
}

type alias struct{ name, of string }

// reader reads the bytes in order. After its first error every read returns zero.
type reader struct {
	path  string
	b     []byte
	at    uint64
	field string
	err   error
}

func (r *reader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
}

func (r *reader) corrupt(format string, args ...any) {
	r.fail(models.Corrupt(r.path, "is damaged: %s %s", r.field, fmt.Sprintf(format, args...)))
}

func (r *reader) next(n uint64) []byte {
	if r.err != nil {
		return nil
	}
	if n > uint64(len(r.b))-r.at {
		r.fail(models.Corrupt(r.path, "is cut short: %s should end at byte %s, but the file has %s bytes",
			r.field, models.Grouped(r.at+n), models.Grouped(len(r.b))))
		return nil
	}
	b := r.b[r.at : r.at+n : r.at+n]
	r.at += n
	return b
}

func (r *reader) u8() byte {
	if b := r.next(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) u32() uint32 {
	if b := r.next(4); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

func (r *reader) text() string {
	var n uint64
	if b := r.next(2); b != nil {
		n = uint64(binary.LittleEndian.Uint16(b))
	}
	b := r.next(n)
	if r.err != nil {
		return ""
	}
	if n == 0 || bytes.IndexByte(b, 0) != int(n)-1 {
		r.corrupt("has a text that does not end with its only zero")
		return ""
	}
	return string(b[:n-1])
}

// count reads the number of items that follow, each of at least size bytes.
func (r *reader) count(size uint64) int {
	n := r.u32()
	if r.err == nil && (n > maxVariables || uint64(n) > (uint64(len(r.b))-r.at)/size) {
		r.corrupt("is %s, more than the file can hold", models.Grouped(uint64(n)))
	}
	if r.err != nil {
		return 0
	}
	return int(n)
}

// parse reads a model.bin with the bytes b; path is used in errors. Each variable's data is
// a part of b and has the length that its type and shape require.
func parse(path string, b []byte) (*spec, error) {
	r := &reader{path: path, b: b, field: "the header"}
	s := &spec{path: path, version: r.u32()}
	if r.err == nil && s.version != 6 {
		return nil, models.Unsupported(path, "convert the model again with a recent CTranslate2",
			"is not a CTranslate2 file of version 6 (it says %d)", s.version)
	}
	s.name, s.revision = r.text(), r.u32()
	if r.err == nil && s.name != "WhisperSpec" {
		return nil, models.Unsupported(path, "use a Whisper model, or a chat model in GGUF form",
			"is a CTranslate2 model of kind %s; only WhisperSpec is known", models.Quote(s.name))
	}
	s.readVariables(r)
	s.readAliases(r)
	if r.err == nil && r.at != uint64(len(b)) {
		r.field = "the end"
		r.corrupt("is at byte %s, but the file has %s bytes", models.Grouped(r.at), models.Grouped(len(b)))
	}
	return s, r.err
}

func (s *spec) readVariables(r *reader) {
	r.field = "the count of variables"
	n := r.count(2 + 1 + 1 + 1 + 4)
	s.variables, s.byName = make([]variable, n), make(map[string]*variable, n)
	for i := 0; i < n && r.err == nil; i++ {
		r.field = fmt.Sprintf("the name of variable %d", i+1)
		v := &s.variables[i]
		v.name = r.text()
		r.field = "variable " + models.Quote(v.name)
		if s.byName[v.name] != nil {
			r.corrupt("occurs twice")
		}
		s.byName[v.name] = v
		v.read(r)
	}
}

// read reads the part of a variable that follows its name.
func (v *variable) read(r *reader) {
	rank := r.u8()
	if rank > maxDims {
		r.corrupt("has %d dimensions, more than the %d allowed", rank, maxDims)
		return
	}
	v.shape, v.values = make([]int, rank), 1
	for i := range v.shape {
		n := r.u32()
		high, low := bits.Mul64(v.values, uint64(n))
		if r.err == nil && (n == 0 || high != 0 || low > math.MaxUint32) { // the file's byte count has 32 bits
			r.corrupt("has an impossible size %d in dimension %d", n, i)
			return
		}
		v.values, v.shape[i] = low, int(n)
	}
	v.typ = r.u8()
	if r.err == nil && int(v.typ) >= len(width) {
		r.corrupt("has unknown type %d", v.typ)
		return
	}
	n := uint64(r.u32())
	if r.err == nil && n != v.values*width[v.typ] {
		r.corrupt("has %s bytes, but shape %v of %s needs %s", models.Grouped(n), v.shape, typeNames[v.typ], models.Grouped(v.values*width[v.typ]))
		return
	}
	v.data = r.next(n)
}

func (s *spec) readAliases(r *reader) {
	r.field = "the count of aliases"
	n := r.count(2 + 1 + 2 + 1)
	s.aliasOf = make(map[string]string, n)
	for i := 0; i < n && r.err == nil; i++ {
		r.field = fmt.Sprintf("alias %d", i+1)
		a := alias{name: r.text(), of: r.text()}
		r.field = "alias " + models.Quote(a.name)
		switch {
		case r.err != nil:
		case s.byName[a.name] != nil || s.aliasOf[a.name] != "":
			r.corrupt("occurs twice")
		case s.byName[a.of] == nil:
			r.corrupt("points to %s, which is not in the file", models.Quote(a.of))
		}
		s.aliasOf[a.name] = a.of
		s.aliases = append(s.aliases, a)
	}
}

const scaleSuffix = "_scale"

// scale returns the scale of an integer variable, or nil if it has none. The file stores a
// scale that equals another variable's as an alias.
func (s *spec) scale(v *variable) *variable {
	name := v.name + scaleSuffix
	if x := s.byName[name]; x != nil {
		return x
	}
	return s.byName[s.aliasOf[name]]
}

// isScale reports whether v is the scale of another variable.
func (s *spec) isScale(v *variable) bool {
	of := s.byName[strings.TrimSuffix(v.name, scaleSuffix)]
	return of != nil && of != v && (of.typ == int8Type || of.typ == int16Type)
}

// checkScale refuses a scale of the wrong size: it must hold one number, or one a row.
func (s *spec) checkScale(v, scale *variable) error {
	bad := func(format string, args ...any) error {
		return models.Corrupt(s.path, "is damaged: the scale of variable %s %s", models.Quote(v.name), fmt.Sprintf(format, args...))
	}
	if v.typ == int32Type {
		return models.Unsupported(s.path, "download the float16 form of this model", "packs %s into 32-bit integers", models.Quote(v.name))
	}
	if scale.typ != float32Type {
		return bad("is %s, expected float32", typeNames[scale.typ])
	}
	if scale.values != 1 && scale.values != uint64(v.shape[0]) {
		return bad("has %s values, expected one or %s", models.Grouped(scale.values), models.Grouped(v.shape[0]))
	}
	for i := range int(scale.values) {
		if x := scale.float(i); !(x > 0) || math.IsInf(float64(x), 0) {
			return bad("has the value %v in row %d", x, i)
		}
	}
	return nil
}

func (v *variable) float(i int) float32 {
	return math.Float32frombits(binary.LittleEndian.Uint32(v.data[4*i:]))
}

func (v *variable) int(i int) int64 {
	switch v.typ {
	case int8Type:
		return int64(int8(v.data[i]))
	case int16Type:
		return int64(int16(binary.LittleEndian.Uint16(v.data[2*i:])))
	default:
		return int64(int32(binary.LittleEndian.Uint32(v.data[4*i:])))
	}
}

// dequantize returns the values as float32, little-endian. Each integer is divided by its
// scale: for int8 one a row, 127 ÷ the row's largest magnitude; for int16 one for all rows.
func dequantize(v, scale *variable) []byte {
	out := make([]byte, 0, 4*v.values)
	cols := v.values / uint64(v.shape[0])
	for i := range v.values {
		row := 0
		if scale.values > 1 {
			row = int(i / cols)
		}
		x := float32(v.int(int(i))) / scale.float(row)
		out = binary.LittleEndian.AppendUint32(out, math.Float32bits(x))
	}
	return out
}

// value returns the metadata value of a scalar or a short list of integers: an int64, a
// float64 or an []int64.
func (v *variable) value() any {
	switch {
	case len(v.shape) > 0:
		list := make([]int64, v.values)
		for i := range list {
			list[i] = v.int(i)
		}
		return list
	case v.typ == float32Type:
		return float64(v.float(0))
	case v.typ == float16Type:
		return float64(quant.F16ToF32(binary.LittleEndian.Uint16(v.data)))
	case v.typ == bfloat16Type:
		return float64(math.Float32frombits(uint32(binary.LittleEndian.Uint16(v.data)) << 16))
	default:
		return v.int(0)
	}
}
