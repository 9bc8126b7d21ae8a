package gguf

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"runtime"
	"strings"
	"testing"

	"soberano/kernels/quant"
	"soberano/models"
)

// raw builds files that Write would refuse.
type raw struct{ b []byte }

func newRaw(version uint32, tensors, keys uint64) *raw {
	r := &raw{[]byte("GGUF")}
	return r.u32(version).u64(tensors, keys)
}

func (r *raw) u32(v ...uint32) *raw {
	for _, x := range v {
		r.b = binary.LittleEndian.AppendUint32(r.b, x)
	}
	return r
}

func (r *raw) u64(v ...uint64) *raw {
	for _, x := range v {
		r.b = binary.LittleEndian.AppendUint64(r.b, x)
	}
	return r
}

func (r *raw) text(s string) *raw { r.b = appendText(r.b, s); return r }

func (r *raw) bytes(b ...byte) *raw { r.b = append(r.b, b...); return r }

// tensor adds a tensor's entry; sizes are innermost first, as in the file.
func (r *raw) tensor(name string, typ uint32, offset uint64, sizes ...uint64) *raw {
	return r.text(name).u32(uint32(len(sizes))).u64(sizes...).u32(typ).u64(offset)
}

// data pads to a multiple of 32 bytes and adds n bytes.
func (r *raw) data(n int) *raw {
	r.b = pad(r.b, len(r.b), 32)
	return r.bytes(make([]byte, n)...)
}

// TestHostile checks that each kind of damaged file has an error message of its own and the right
// kind of error, and that reading it allocates little memory.
func TestHostile(t *testing.T) {
	v3 := func(tensors, keys uint64) *raw { return newRaw(3, tensors, keys) }
	key := func(typ uint32) *raw { return v3(0, 1).text("k").u32(typ) }
	aligned := func(a uint32) *raw { return v3(0, 1).text("general.alignment").u32(tUint32, a) }
	const f32 = uint32(quant.F32)
	corrupt, unsupported := models.ErrCorrupt, models.ErrUnsupported
	cases := []struct {
		name string
		r    *raw
		kind error
		want string
	}{
		{"empty", &raw{}, models.ErrUnknownFormat, "not a GGUF file"},
		{"magic", &raw{[]byte("GGML aaaaaaaaaaaaaaaaaaaaa")}, models.ErrUnknownFormat, "not a GGUF file"},
		{"big-endian", &raw{append([]byte("GGUF"), 0, 0, 0, 3, 0, 0, 0, 0)}, unsupported, "big-endian"},
		{"version 0", newRaw(0, 0, 0), unsupported, "version 0"},
		{"version 1", newRaw(1, 0, 0), unsupported, "version 1"},
		{"version 4", newRaw(4, 0, 0), unsupported, "version 4"},
		{"many keys", v3(0, math.MaxUint64), corrupt, "the count of keys is 18,446,744,073,709,551,615"},
		{"many tensors", v3(math.MaxUint64, 0), corrupt, "the count of tensors is"},
		{"more keys than bytes", v3(0, 65536), corrupt, "is cut short: the count of keys is 65,536"},
		{"more tensors than bytes", v3(131072, 0), corrupt, "is cut short: the count of tensors"},
		{"long key", v3(0, 1).u64(math.MaxUint64).text("k"), corrupt, "the name of key 1 needs"},
		{"key name", v3(0, 1).text(strings.Repeat("k", 65536)).u32(tUint32, 1), corrupt, "more than the 65,535 allowed"},
		{"key twice", v3(0, 2).text("k").u32(tUint32, 1).text("k").u32(tUint32, 1), corrupt, `key "k" occurs twice`},
		{"key type", key(13).u32(1), corrupt, "unknown type 13"},
		{"bool", key(tBool).bytes(2), corrupt, "bool of value 2"},
		{"bools", key(tArray).u32(tBool).u64(2).bytes(1, 0xff), corrupt, "bool of value 255"},
		{"array type", key(tArray).u32(99).u64(1), corrupt, "array of unknown type 99"},
		{"array of arrays", key(tArray).u32(tArray).u64(1).u32(tUint8).u64(0), unsupported, "array of arrays"},
		{"long array", key(tArray).u32(tUint64).u64(1 << 61), corrupt, "has 2,305,843,009,213,693,952 values"},
		{"long strings", key(tArray).u32(tString).u64(1 << 60), corrupt, "values of type string"},
		{"long string in array", key(tArray).u32(tString).u64(2).text("a").u64(1 << 63), corrupt, "needs"},
		{"memory", key(tArray).u32(tUint8).u64(40 << 20).bytes(make([]byte, 40<<20)...), corrupt, "take more than 268,435,456 bytes of memory"},
		{"alignment 0", aligned(0), corrupt, "expected a power of two"},
		{"alignment 24", aligned(24), corrupt, "expected a power of two"},
		{"alignment huge", aligned(1 << 31), corrupt, "expected a power of two"},
		{"alignment text", v3(0, 1).text("general.alignment").u32(tString).text("32"), corrupt, "expected an integer"},
		{"tensor name", v3(1, 0).tensor(strings.Repeat("t", 1025), f32, 0, 1).data(4), corrupt, "more than the 1,024 allowed"},
		{"tensor twice", v3(2, 0).tensor("t", f32, 0, 1).tensor("t", f32, 32, 1).data(64), corrupt, `tensor "t" occurs twice`},
		{"dimensions", v3(1, 0).tensor("t", f32, 0, 1, 1, 1, 1, 1).data(4), corrupt, "5 dimensions"},
		{"size 0", v3(1, 0).tensor("t", f32, 0, 4, 0).data(4), corrupt, "impossible size 0 in dimension 1"},
		{"sizes overflow", v3(1, 0).tensor("t", f32, 0, 1<<32, 1<<32, 1<<32).data(4), corrupt, "impossible size"},
		{"bytes overflow", v3(1, 0).tensor("t", f32, 0, 1<<62).data(4), corrupt, "impossible size"},
		{"offset overflow", v3(1, 0).tensor("t", f32, math.MaxUint64-31, 8).data(32), corrupt, "impossible offset"},
		{"offset unaligned", v3(1, 0).tensor("t", f32, 4, 1).data(8), corrupt, "not a multiple of the alignment 32"},
		{"block", v3(1, 0).tensor("t", uint32(quant.Q4_K), 0, 128, 2).data(144), corrupt, "rows of 128 values, not a multiple of the 256"},
		{"cut short", v3(1, 0).tensor("blk.17.ffn_up.weight", f32, 0, 16).data(60), corrupt,
			`x.gguf is cut short: tensor "blk.17.ffn_up.weight" should end at byte 160, but the file has 156 bytes; download it again`},
		{"overlap", v3(2, 0).tensor("a", f32, 0, 16).tensor("b", f32, 32, 16).data(96), corrupt, `tensors "a" and "b" share bytes`},
		{"same place", v3(2, 0).tensor("a", f32, 0, 1).tensor("b", f32, 0, 1).data(32), corrupt, "share bytes"},
		{"type Q1_0", v3(1, 0).tensor("t", 41, 0, 256).data(36), unsupported, `stores tensor "t" as Q1_0`},
		{"type 4294967295", v3(1, 0).tensor("t", math.MaxUint32, 0, 256).data(136), unsupported, `tensor "t" as type 4294967295`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			path := save(t, t.TempDir(), "x.gguf", c.r.b)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			f, err := Open(path)
			runtime.ReadMemStats(&after)
			if err == nil {
				f.Close()
			}
			var fe *models.FileError
			if !errors.Is(err, c.kind) || !errors.As(err, &fe) || !strings.Contains(fmt.Sprint(err), c.want) || !strings.HasPrefix(fmt.Sprint(err), "x.gguf ") {
				t.Errorf("got %v", err)
			}
			if cost := after.TotalAlloc - before.TotalAlloc; cost > 16<<20 {
				t.Errorf("%d bytes were allocated for a file of %d", cost, len(c.r.b))
			}
		})
	}
}

// TestPeek checks that Peek keeps tensors of unknown types.
func TestPeek(t *testing.T) {
	path := save(t, t.TempDir(), "x.gguf", newRaw(3, 2, 0).tensor("odd", 41, 0, 256).tensor("w", 0, 160, 8).data(192).b)
	f, err := Peek(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if len(f.Tensors) != 2 || f.Tensors[0].Data != nil || len(f.Tensors[1].Data) != 32 || TypeName(f.Tensors[0].Type) != "Q1_0" {
		t.Errorf("%+v", f.Tensors)
	}
}

// FuzzOpen checks that parsing ends for any bytes, and that an accepted file is consistent and can be
// written and read again.
func FuzzOpen(f *testing.F) {
	f.Add(encode(f, models.Metadata{"general.architecture": "llama", "a": []string{"x", "yz"}, "b": []float64{1, 2}, "c": []bool{true}, "d": int64(-1)},
		tensorOf("a", quant.F32, 1, 2, 3), tensorOf("b", quant.Q4_K, 2, 256)))
	f.Add(newRaw(2, 1, 1).text("split.count").u32(tUint16).bytes(3, 0).tensor("t", 23, 0, 256).data(136).b)
	f.Add(newRaw(3, 0, 1).text("k").u32(tArray, tArray).u64(1).b)
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := parse("x.gguf", b)
		var tensors []models.Tensor
		if err == nil {
			tensors, err = h.place("x.gguf", b)
		}
		if err != nil {
			var fe *models.FileError
			if !errors.As(err, &fe) || fe.Reason == "" {
				t.Fatalf("%v is no FileError", err)
			}
			return
		}
		for _, x := range tensors {
			if x.Type.Known() {
				quant.Dequantize(x.Type, make([]float32, x.Len()), x.Data)
			} else if x.Data != nil {
				t.Fatalf("tensor %q of type %v has data", x.Name, x.Type)
			}
		}
		for _, x := range tensors {
			if !x.Type.Known() {
				return
			}
		}
		var again bytes.Buffer
		if err := Write(&again, h.meta, tensors); err != nil {
			t.Fatal(err)
		}
		h2, err := parse("again.gguf", again.Bytes())
		if err != nil || len(h2.meta) != len(h.meta) || len(h2.tensors) != len(tensors) {
			t.Fatal(err)
		}
	})
}
