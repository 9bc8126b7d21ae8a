package apr

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"soberano/kernels/quant"
	"soberano/models"
)

func compressed(t testing.TB, c Compression) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := WriteSources(&b, models.Metadata{"name": "n"}, models.Sources([]models.Tensor{tensor("w", quant.F32, 4096)}), nil, Options{Compression: c}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestCompressed checks that a compressed file has what the plain one has, and that damage to it is found.
func TestCompressed(t *testing.T) {
	for name, c := range map[string]Compression{"lz4": LZ4, "zstd": ZSTD} {
		b, plain := compressed(t, c), compressed(t, Plain)
		if len(b) >= len(plain) || le.Uint16(b[6:])&3 != uint16(c) {
			t.Errorf("%s: %d bytes with flags %#x, %d without compression", name, len(b), le.Uint16(b[6:]), len(plain))
		}
		path := filepath.Join(t.TempDir(), "x.apr")
		save(t, path, b)
		f, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(f.Tensors[0].Data, tensor("w", quant.F32, 4096).Data) || f.Meta["apr.checksum"] != true {
			t.Errorf("%s: the tensor differs; %v", name, f.Meta)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
		for at := headerBytes; at < len(b); at++ {
			bad := bytes.Clone(b)
			bad[at] ^= 0x10
			if f, err := open1(bad); err == nil && !bytes.Equal(f.Tensors[0].Data, tensor("w", quant.F32, 4096).Data) {
				t.Fatalf("%s: byte %d was changed, and the file was read", name, at)
			}
			if _, err := open1(b[:at]); err == nil {
				t.Fatalf("%s: the first %d of %d bytes were read", name, at, len(b))
			}
		}
	}
}

// TestBombs checks that a small file can't ask for much memory.
func TestBombs(t *testing.T) {
	lz := compressed(t, LZ4)
	binary.LittleEndian.PutUint32(lz[headerBytes:], 1<<31)
	zs := compressed(t, ZSTD)[:headerBytes]
	zs = append(zs, 0x28, 0xb5, 0x2f, 0xfd, 0xe0)           // magic, single segment with a size of 8 bytes
	zs = binary.LittleEndian.AppendUint64(zs, 1<<40)        // size
	zs = append(zs, bytes.Repeat([]byte{2, 0, 0, 7}, 9)...) // blocks
	for name, b := range map[string][]byte{"lz4": lz, "zstd": zs} {
		if _, err := open1(b); !errors.Is(err, models.ErrCorrupt) || !strings.Contains(err.Error(), "can't be decompressed") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestStreaming checks that a file is written without holding its tensors in memory.
func TestStreaming(t *testing.T) {
	row := make([]byte, 1<<20)
	source := models.Source{Name: "w", Type: quant.F32, Shape: []int{256, 1 << 18}, Copy: func(w io.Writer) error {
		for range 256 {
			if _, err := w.Write(row); err != nil {
				return err
			}
		}
		return nil
	}}
	for _, c := range []Compression{Plain, ZSTD} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		err := WriteSources(io.Discard, models.Metadata{}, []models.Source{source}, nil, Options{Compression: c})
		runtime.ReadMemStats(&after)
		if n := after.TotalAlloc - before.TotalAlloc; err != nil || n > 64<<20 {
			t.Errorf("compression %d: %v; %d bytes of memory for a file of 256 MiB", c, err, n)
		}
	}
	short := models.Source{Name: "w", Type: quant.F32, Shape: []int{2}, Copy: models.Tensor{Data: make([]byte, 7)}.Source().Copy}
	if err := WriteSources(&bytes.Buffer{}, nil, []models.Source{short}, nil, Options{}); err == nil || !strings.Contains(err.Error(), "can't have 7 bytes") {
		t.Error(err)
	}
}

// BenchmarkLZ4 measures the opening of a compressed file, in bytes of the file before compression. Weights hardly compress, zeros do.
func BenchmarkLZ4(b *testing.B) {
	const size = 64 << 20
	weights, r := make([]byte, size), rand.New(rand.NewPCG(1, 2))
	for i := 0; i < size; i += 2 { // as float16: the upper bytes of values around 0 repeat, the lower ones do not
		weights[i], weights[i+1] = byte(r.Uint32()), byte(0x28+r.IntN(8)+r.IntN(2)*0x80)
	}
	for name, data := range map[string][]byte{"weights": weights, "zeros": make([]byte, size)} {
		b.Run("data="+name, func(b *testing.B) {
			var file bytes.Buffer
			t := models.Tensor{Name: "w", Type: quant.F16, Shape: []int{size / 2}, Data: data}
			if err := WriteSources(&file, nil, models.Sources([]models.Tensor{t}), nil, Options{Compression: LZ4}); err != nil {
				b.Fatal(err)
			}
			b.SetBytes(size)
			for b.Loop() {
				if _, err := open1(file.Bytes()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
