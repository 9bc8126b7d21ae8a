package state

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"lukechampine.com/blake3"
	"pgregory.net/rapid"

	"soberano/kernels"
	"soberano/kernels/hash"
)

// Layout, Save and Restore implement kernels.SavedState: the content is the tokens.
func (s *tokens) Layout() string { return "tokens" }

func (s *tokens) Save(w io.Writer) error { return binary.Write(w, binary.LittleEndian, s.all) }

func (s *tokens) Restore(r io.Reader) error {
	b, err := io.ReadAll(r)
	if err != nil || len(b)%4 != 0 {
		return errors.Join(err, errDisk)
	}
	s.all = make([]int32, len(b)/4)
	return binary.Read(bytes.NewReader(b), binary.LittleEndian, s.all)
}

// onDisk is a Disk with the states of a fake device.
type onDisk struct {
	*Disk
	tr  *Tree
	dev *fake
	t   testing.TB
}

func newOnDisk(t testing.TB, most int64) *onDisk {
	dev := &fake{spare: -1}
	return &onDisk{NewDisk(filepath.Join(t.TempDir(), "states"), "build", most), tree(dev, kernels.Layer{}, 1<<20), dev, t}
}

func never() bool { return false }

// save saves n tokens, and the state of the first half.
func (o *onDisk) save(name string, n int, interrupted func() bool) error {
	var states []kernels.State
	for _, n := range []int{n, n / 2} {
		st, err := o.tr.Empty()
		must(o.t, err)
		st.(*tokens).add(count(1, n)...)
		defer st.Close()
		states = append(states, st)
	}
	return o.Save(name, [32]byte{1}, count(1, n), states, interrupted)
}

// load returns the number of tokens of the state that is loaded for wanted.
func (o *onDisk) load(name string, model byte, wanted []int32, have int) int {
	st, ids, err := o.Load(name, [32]byte{model}, wanted, have, true, o.tr.Empty)
	must(o.t, err)
	if st == nil {
		return 0
	}
	if !slices.Equal(st.(*tokens).all, ids) {
		o.t.Error("a state of other tokens")
	}
	must(o.t, st.Close())
	return len(ids)
}

func (o *onDisk) file(name string) string {
	path, _ := o.path(name)
	return path
}

// TestDisk checks which state is loaded, and when none is.
func TestDisk(t *testing.T) {
	o := newOnDisk(t, 1<<20)
	if n := o.load("1", 1, count(1, 200), 0); n != 0 {
		t.Errorf("%d tokens without a file", n)
	}
	must(t, o.save("1", 200, never))
	for _, c := range []struct {
		what   string
		wanted []int32
		have   int
		want   int
	}{
		{"all", count(1, 300), 0, 200}, {"the first half", count(1, 150), 0, 100}, {"less", count(1, 50), 0, 0}, {"another", count(2, 300), 0, 0},
		{"little more than there is", count(1, 300), 180, 0}, {"enough more", count(1, 300), 168, 200},
	} {
		if got := o.load("1", 1, c.wanted, c.have); got != c.want {
			t.Errorf("%s: a state of %d tokens, expected %d", c.what, got, c.want)
		}
	}
	if n := o.load("1", 2, count(1, 300), 0); n != 0 {
		t.Errorf("%d tokens of another model", n)
	}
	if _, err := os.Stat(o.file("1")); err == nil {
		t.Error("the file of another model is still there")
	}
}

// TestDiskHostile changes every byte of a file and cuts it at many places: nothing may be loaded, and the file goes.
func TestDiskHostile(t *testing.T) {
	o := newOnDisk(t, 1<<20)
	must(t, o.save("1", 64, never))
	good, err := os.ReadFile(o.file("1"))
	must(t, err)
	try := func(what string, at int, b []byte) {
		must(t, os.WriteFile(o.file("1"), b, 0o600))
		if n := o.load("1", 1, count(1, 300), 0); n != 0 {
			t.Errorf("%s at %d: %d tokens are loaded", what, at, n)
		}
		if _, err := os.Stat(o.file("1")); err == nil {
			t.Errorf("%s at %d: the file is still there", what, at)
		}
	}
	first := headBytes(64, 2) + 4*64 // of the state that is not read
	for at := range int(first) {
		bad := bytes.Clone(good)
		bad[at] ^= 1 << (at % 8)
		try("another bit", at, bad)
		if at%8 == 0 {
			try("cut", at, good[:at])
		}
	}
	try("longer", len(good), append(bytes.Clone(good), 0))
	must(t, os.WriteFile(o.file("1"), good, 0o600))
	if n := o.load("1", 1, count(1, 300), 0); n != 64 {
		t.Errorf("of the file as it was %d tokens are loaded", n)
	}
}

// TestDiskNumbers reads files with any numbers and a right hash: what is read must fit the file.
func TestDiskNumbers(t *testing.T) {
	good := (&head{tokens: count(1, 3), parts: []part{{positions: 3, bytes: 5}, {positions: 1, bytes: 2}}}).marshal()
	rapid.Check(t, func(t *rapid.T) {
		b := bytes.Clone(good[:len(good)-hashBytes])
		for range rapid.IntRange(0, 3).Draw(t, "changes") {
			at := rapid.SampledFrom([]int{8, fixedHead - 16, fixedHead - 8, fixedHead, fixedHead + 8, fixedHead + 48, fixedHead + 56}).Draw(t, "at")
			binary.LittleEndian.PutUint64(b[at:], rapid.OneOf(rapid.Uint64(), rapid.Uint64Range(0, 8)).Draw(t, "number"))
		}
		sum := blake3.Sum256(b)
		b = append(b, sum[:]...)
		size := int64(len(b) + rapid.IntRange(0, 10).Draw(t, "rest"))
		h, err := readHead(bytes.NewReader(b), size)
		if err != nil {
			if err != errDisk {
				t.Error(err)
			}
			return
		}
		left := size - headBytes(int64(len(h.tokens)), int64(len(h.parts)))
		for _, p := range h.parts {
			left -= p.bytes
		}
		if left != 0 || !bytes.Equal(h.marshal(), b) {
			t.Errorf("%d bytes are too many in %+v", left, h)
		}
	})
}

// TestDiskLimit checks that the files that were not used for the longest time make room, and that one that is too large is not written.
func TestDiskLimit(t *testing.T) {
	o := newOnDisk(t, 4000)
	for i, name := range []string{"1", "2", "3"} {
		must(t, o.save(name, 200, never)) // some 2,200 bytes, so one has room
		used := time.Now().Add(time.Duration(i-10) * time.Minute)
		must(t, os.Chtimes(o.file(name), used, used))
	}
	must(t, o.save("4", 20, never))
	if n := o.load("3", 1, count(1, 300), 0); n != 200 {
		t.Errorf("of the latest file %d tokens are loaded", n)
	}
	if files, err := o.files(); len(files) != 2 || err != nil {
		t.Errorf("%d files, expected two: %v", len(files), err)
	}
	must(t, o.Limit(-1))
	if o.save("5", 20, never) == nil || o.load("4", 1, count(1, 300), 0) != 0 {
		t.Error("a state is kept although none may be")
	}
	must(t, o.Limit(4000))
	must(t, o.save("3", 200, never))
	must(t, o.save("4", 20, never))
	if o.save("5", 2000, never) == nil {
		t.Error("a state is saved that is larger than all may be")
	}
	calls := 0
	if err := o.save("6", 20, func() bool { calls++; return calls > 1 }); !errors.Is(err, ErrInterrupted) {
		t.Errorf("interrupted: %v", err)
	}
	if files, err := o.files(); len(files) != 2 || err != nil {
		t.Errorf("%d files after what was not saved, expected two: %v", len(files), err)
	}
}

// TestDiskForget checks that nothing is left of a conversation that is deleted, also while its state is being saved, and that only the user can read a file.
func TestDiskForget(t *testing.T) {
	o := newOnDisk(t, 1<<20)
	must(t, o.save("1", 64, never))
	if info, err := os.Stat(o.file("1")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file: %v %v", info, err)
	}
	if info, err := os.Stat(o.dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the folder: %v %v", info, err)
	}
	if o.save("1", 64, func() bool { must(t, o.Forget("1")); return false }) == nil {
		t.Error("the state of a deleted conversation is saved")
	}
	if files, err := o.files(); len(files) != 0 || err != nil {
		t.Errorf("%d files of a deleted conversation: %v", len(files), err)
	}
	o.load("1", 1, count(1, 300), 0) // it was restored, and goes on
	for _, name := range []string{"1", "2", "3"} {
		must(t, o.save(name, 64, never))
	}
	must(t, os.WriteFile(filepath.Join(o.dir, "2-77.part"), nil, 0o600))
	must(t, o.Only([]string{"2", "9"}))
	if files, err := o.files(); len(files) != 1 || err != nil || files[0].Name() != "2.state" {
		t.Errorf("%v: %v", files, err)
	}
	for _, name := range []string{"", "../1", "A", "a.b"} {
		if o.save(name, 64, never) == nil {
			t.Errorf("the name %q is accepted", name)
		}
	}
}

// TestPieces checks that the hash of content is the same however it is written, and read on all cores, and another one if a bit differs.
func TestPieces(t *testing.T) {
	const piece = hash.PieceBytes
	for _, n := range []int{1, piece - 1, piece, piece + 1, 5*piece + 77} {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(i * i / 7)
		}
		var once, parts pieces
		once.add(b)
		for rest := b; len(rest) > 0; {
			k := min(len(rest), 1+len(rest)/3)
			parts.add(rest[:k])
			rest = rest[k:]
		}
		read := func() [hashBytes]byte {
			sum, err := sumOf(io.NewSectionReader(bytes.NewReader(b), 0, int64(n)))
			must(t, err)
			return sum
		}
		want := once.sum()
		if parts.sum() != want || read() != want {
			t.Errorf("%d bytes have several hashes", n)
		}
		for _, at := range []int{0, n / 2, n - 1} {
			if b[at] ^= 1; read() == want {
				t.Errorf("%d bytes have the same hash if byte %d differs", n, at)
			}
			b[at] ^= 1
		}
		if _, err := sumOf(io.NewSectionReader(bytes.NewReader(b), 0, int64(n)+1)); err == nil {
			t.Errorf("the hash of %d bytes is that of one more", n)
		}
	}
}
