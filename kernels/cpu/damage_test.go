package cpu

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"soberano/kernels"
	"soberano/kernels/devicetest"
	"soberano/kernels/quant"
)

// readFile reads a file into aligned memory. It serves as Packed.Map.
func readFile(path string) ([]byte, func() error, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, err
	}
	data := alignedBytes(len(b))
	copy(data, b)
	return data, func() error { return nil }, nil
}

// packedFolder is a folder of repacked weights, with the damage that was reported for it.
type packedFolder struct {
	packed  Packed
	damaged int
}

func newPackedFolder(t *testing.T) *packedFolder {
	f := &packedFolder{packed: Packed{Dir: filepath.Join(t.TempDir(), "packed [of] tests"), Model: [32]byte{7}, Map: readFile}}
	f.packed.Damaged = func(path string) {
		f.damaged++
		if filepath.Dir(path) != f.packed.Dir {
			t.Errorf("damage in %s", path)
		}
	}
	return f
}

// open returns a device that uses the folder.
func (f *packedFolder) open(t *testing.T) *device {
	t.Helper()
	d, err := New(Options{Threads: 2, Packed: f.packed})
	if err != nil {
		t.Fatal(err)
	}
	return d.(*device)
}

// file returns the path of the only file of repacked weights.
func (f *packedFolder) file(t *testing.T) string {
	t.Helper()
	files := filesIn(f.packed.Dir, packedExt)
	if len(files) != 1 {
		t.Fatalf("%d files", len(files))
	}
	return files[0]
}

func (f *packedFolder) whole(t *testing.T) bool {
	t.Helper()
	states, err := CheckPacked(f.packed)
	if err != nil || len(states) != 1 {
		t.Fatalf("%v, %v", states, err)
	}
	return states[0].Whole
}

// uses multiplies with a matrix for a few tokens and for many, beginning with the operation named first.
func uses(d *device, m kernels.Matrix, first string, gated bool) (out []float32) {
	ops := []string{"MatMul", "MatMulAdd"}
	if gated {
		ops = append(ops, "MatMulGated")
	}
	if i := slices.Index(ops, first); i > 0 {
		ops[0], ops[i] = first, ops[0]
	}
	results := map[string][]float32{}
	for _, rows := range []int{5, 60} {
		for _, op := range ops {
			st := begin(d, nil)
			x := tensorOf(st, ramp(rows*256), rows, 256)
			y := tensorOf(st, ramp(rows*m.Rows()), rows, m.Rows())
			switch op {
			case "MatMul":
				st.MatMul(y, x, m)
			case "MatMulAdd":
				st.MatMulAdd(y, x, m)
			default:
				y = st.New(rows, m.Rows()/2)
				st.MatMulGated(y, x, m, kernels.SiLU)
			}
			results[op] = append(results[op], flat(y)...)
			if st.End() != nil {
				panic("the end of a step failed")
			}
		}
	}
	for _, op := range []string{"MatMul", "MatMulAdd", "MatMulGated"} {
		out = append(out, results[op]...)
	}
	return out
}

// TestDamagedPacked checks that damaged weights are repacked, whichever operation finds the damage, that the damage is
// reported once, and that the next run has an intact file.
func TestDamagedPacked(t *testing.T) {
	r := devicetest.Rand()
	parts := [][]kernels.Weights{
		{devicetest.RandomWeights(r, quant.Q4_K, 700, 256), devicetest.RandomWeights(r, quant.Q8_0, 500, 256)},
		{devicetest.RandomWeights(r, quant.F16, 71, 256)},
		{devicetest.RandomWeights(r, quant.Q4_0, 80, 256), devicetest.RandomWeights(r, quant.F32, 80, 256)},
	}
	f := newPackedFolder(t)
	use := func(first string) (out []float32) {
		d := f.open(t)
		var all []kernels.Matrix
		for _, p := range parts {
			m, err := d.Load(p...)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, m)
		}
		if err := d.Loaded(); err != nil {
			t.Fatal(err)
		}
		if first != "MatMul" {
			d.move = mover{} // moving weights would check them
		}
		for i, m := range all {
			out = append(out, uses(d, m, first, i == 2)...)
		}
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
		return out
	}
	want := use("MatMul")
	whole, err := os.ReadFile(f.file(t))
	if err != nil {
		t.Fatal(err)
	}
	sameValues(t, use("MatMul"), want, true)
	if !f.whole(t) || f.damaged != 0 {
		t.Fatalf("the file is whole: %v; damage was said %d times", f.whole(t), f.damaged)
	}
	w, _, err := parsePacked(whole)
	if err != nil {
		t.Fatal(err)
	}
	damages := map[string]func(b []byte){
		"zeros": func(b []byte) { clear(b[w.entries[0].offset:]) },
		"ones": func(b []byte) {
			for i := w.entries[0].offset; i < len(b); i++ {
				b[i] = 0xff
			}
		},
	}
	for i, e := range w.entries {
		for _, at := range []int{e.offset, e.offset + e.len/2, e.offset + e.len - 1} {
			damages[fmt.Sprintf("byte %d of segment %d", at-e.offset, i)] = func(b []byte) { b[at] ^= 4 }
		}
	}
	for name, do := range damages {
		for _, first := range []string{"MatMul", "MatMulAdd", "MatMulGated"} {
			bad := bytes.Clone(whole)
			do(bad)
			if err := os.WriteFile(f.file(t), bad, 0o600); err != nil {
				t.Fatal(err)
			}
			f.damaged = 0
			if f.whole(t) {
				t.Errorf("%s: the file is called whole", name)
			}
			sameValues(t, use(first), want, true)
			if left := filesIn(f.packed.Dir, packedExt); f.damaged != 1 || len(left) != 0 {
				t.Errorf("%s, %s first: damage was said %d times; files %v", name, first, f.damaged, left)
			}
			sameValues(t, use(first), want, true)
			if f.damaged != 1 || !f.whole(t) {
				t.Errorf("%s, %s first: after the next run, damage was said %d times, whole: %v", name, first, f.damaged, f.whole(t))
			}
		}
	}
}

// TestDamagedExperts checks that only the experts that process a token are checked, and that damaged ones are repacked.
func TestDamagedExperts(t *testing.T) {
	w := devicetest.RandomWeights(devicetest.Rand(), quant.Q8_0, 4*64, 256)
	w.Rows, w.Experts = 64, 4
	logits := []float32{0, 5, 0, 0}
	use := func(f *packedFolder) []float32 {
		d := f.open(t)
		defer d.Close()
		m, err := d.Load(w)
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Loaded(); err != nil {
			t.Fatal(err)
		}
		d.move = mover{} // moving weights would check them
		st := begin(d, nil)
		c := st.Route(tensorOf(st, logits, 1, 4), &kernels.Routing{Used: 1, Scale: 1})
		y := st.New(1, 64)
		st.MatMulExperts(y, tensorOf(st, ramp(256), 1, 256), m, c)
		out := flat(y)
		if err := st.End(); err != nil {
			t.Fatal(err)
		}
		return out
	}
	f := newPackedFolder(t)
	want := use(f)
	for expert, told := range []int{0, 1, 0, 0} {
		f := newPackedFolder(t)
		use(f)
		b, err := os.ReadFile(f.file(t))
		if err != nil {
			t.Fatal(err)
		}
		p, _, err := parsePacked(b)
		if err != nil {
			t.Fatal(err)
		}
		clear(p.memory(p.entries[expert]))
		if err := os.WriteFile(f.file(t), b, 0o600); err != nil {
			t.Fatal(err)
		}
		sameValues(t, use(f), want, true)
		if f.damaged != told {
			t.Errorf("expert %d: damage was said %d times, expected %d", expert, f.damaged, told)
		}
	}
}

// TestDamageIsNotCopied checks that weights from a file that lacks others are copied to a new file only if they are intact.
func TestDamageIsNotCopied(t *testing.T) {
	r := devicetest.Rand()
	a, b := devicetest.RandomWeights(r, quant.Q8_0, 64, 256), devicetest.RandomWeights(r, quant.Q4_0, 64, 256)
	f := newPackedFolder(t)
	load := func(parts ...kernels.Weights) {
		d := f.open(t)
		for _, w := range parts {
			if _, err := d.Load(w); err != nil {
				t.Fatal(err)
			}
		}
		if err := d.Loaded(); err != nil {
			t.Fatal(err)
		}
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
	}
	load(a)
	data, err := os.ReadFile(f.file(t))
	if err != nil {
		t.Fatal(err)
	}
	p, _, err := parsePacked(data)
	if err != nil {
		t.Fatal(err)
	}
	p.memory(p.entries[0])[100] ^= 1
	if err := os.WriteFile(f.file(t), data, 0o600); err != nil {
		t.Fatal(err)
	}
	load(a, b)
	if f.whole(t) {
		t.Error("damaged weights have got a new checksum")
	}
}

// TestLeftovers checks that a start removes the temporary files of killed processes, but not one that another process is writing.
func TestLeftovers(t *testing.T) {
	if dir := os.Getenv("SOBERANO_TEST_LEFTOVER"); dir != "" {
		out, err := os.CreateTemp(dir, "*"+leftover)
		if err == nil {
			err = lockFile(out)
		}
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
	}
	f := newPackedFolder(t)
	if err := os.MkdirAll(f.packed.Dir, 0o755); err != nil {
		t.Fatal(err)
	}
	writer := exec.Command(os.Args[0], "-test.run", "^TestLeftovers$")
	writer.Env = append(os.Environ(), "SOBERANO_TEST_LEFTOVER="+f.packed.Dir)
	if err := writer.Start(); err != nil {
		t.Fatal(err)
	}
	count := func() int { return len(filesIn(f.packed.Dir, leftover)) }
	for i := 0; i < 500 && (count() == 0 || unlocked(t, f.packed.Dir)); i++ {
		time.Sleep(10 * time.Millisecond)
	}
	f.open(t).Close()
	if count() != 1 {
		t.Error("a file that is being written was removed")
	}
	if err := writer.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = writer.Wait() // the error says that it was killed
	f.open(t).Close()
	if n := count(); n != 0 {
		t.Errorf("%d files of a killed process are left", n)
	}
}

// unlocked reports whether a temporary file in dir is not locked.
func unlocked(t *testing.T, dir string) bool {
	for _, path := range filesIn(dir, leftover) {
		out, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		ok := lockFile(out) == nil
		out.Close()
		if ok {
			return true
		}
	}
	return false
}
