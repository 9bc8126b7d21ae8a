package cpu

import (
	"bytes"
	"testing"

	"soberano/kernels"
	"soberano/kernels/devicetest"
	"soberano/kernels/quant"
)

// packedModel loads a matrix of two parts and one of floats, and returns products with both.
func packedModel(t *testing.T, d *device, parts []kernels.Weights) []float32 {
	t.Helper()
	a, err := d.Load(parts[:2]...)
	if err != nil {
		t.Fatal(err)
	}
	b, err := d.Load(parts[2])
	if err != nil {
		t.Fatal(err)
	}
	return products(d, a, b)
}

func products(d *device, ms ...kernels.Matrix) []float32 {
	var out []float32
	st := begin(d, nil)
	x := tensorOf(st, ramp(5*256), 5, 256)
	for _, m := range ms {
		y := st.New(5, m.Rows())
		st.MatMul(y, x, m)
		out = append(out, flat(y)...)
	}
	return out
}

func ramp(n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(i%17) - 8
	}
	return x
}

// TestPacked checks that weights from a file give the same products as repacked ones, before and after
// they are moved, and that a file of other content is refused or not used.
func TestPacked(t *testing.T) {
	r := devicetest.Rand()
	parts := []kernels.Weights{devicetest.RandomWeights(r, quant.Q4_K, 40, 256), devicetest.RandomWeights(r, quant.MXFP4, 33, 256), devicetest.RandomWeights(r, quant.F16, 7, 256)}
	o := Options{Threads: 2}
	lv, err := chosen()
	if err != nil {
		t.Fatal(err)
	}
	open := func(o Options) *device {
		d, err := newDevice(o, lv)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { d.Close() })
		return d
	}
	first := open(o)
	want := packedModel(t, first, parts)
	if first.repacked != 3 {
		t.Errorf("%d segments were repacked, not 3", first.repacked)
	}
	var file bytes.Buffer
	key := first.packedKey([32]byte{1, 2, 3})
	if err := writePacked(&file, lv, key, first.segments); err != nil {
		t.Fatal(err)
	}
	data := alignedBytes(file.Len())
	copy(data, file.Bytes())
	withFile := func() *device {
		d := open(o)
		if d.packed, err = readPacked(data, key); err != nil {
			t.Fatal(err)
		}
		return d
	}

	second := withFile()
	a, _ := second.Load(parts[:2]...)
	b, _ := second.Load(parts[2])
	sameValues(t, products(second, a, b), want, true)
	if second.repacked != 0 {
		t.Error("weights were repacked that the file has")
	}
	second.settle()
	for range 3 {
		sameValues(t, products(second, a, b), want, true)
	}
	_, available := Memory()
	if moved := a.(*matrix).segments[0].moved != nil; moved != hugePages && available > 1<<30 {
		t.Errorf("moved: %v, the system has huge pages: %v", moved, hugePages)
	}

	other := withFile() // the same weights in another order
	b, _ = other.Load(parts[2])
	a, _ = other.Load(parts[:2]...)
	sameValues(t, products(other, a, b), want, true)
	if other.repacked == 0 {
		t.Error("weights of another order were taken")
	}

	if _, err := readPacked(data, first.packedKey([32]byte{})); err == nil {
		t.Error("a file of another model was taken")
	}
	if _, err := readPacked(data, open(Options{Threads: 2, Floats: Bits8}).packedKey([32]byte{1, 2, 3})); err == nil {
		t.Error("a file of other options was taken")
	}
	for n := range packedHead + 3*packedEntry + 4 { // change each byte of the header, and cut it at each length
		bad := append([]byte(nil), data...)
		bad[n] ^= 0x40
		if _, err := readPacked(bad, key); err == nil {
			t.Fatalf("byte %d may be anything", n)
		}
		if _, err := readPacked(data[:n], key); err == nil {
			t.Fatalf("%d bytes are enough", n)
		}
	}
	if _, err := readPacked(data[:len(data)-packedPage-1], key); err == nil {
		t.Error("a file that has lost its end was taken")
	}
}

// TestPackedNeedsMap checks that New returns an error that says so if there is a folder but no function to map its files.
func TestPackedNeedsMap(t *testing.T) {
	if d, err := New(Options{Threads: 1, Packed: Packed{Dir: t.TempDir()}}); err == nil {
		d.Close()
		t.Error("a device was made")
	}
}
