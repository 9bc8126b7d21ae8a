package apr

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"soberano/kernels/quant"
	"soberano/models"
)

// testKey is a signing key of the tests.
var testKey = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))

// testLock is a Lock with the password "pass" that is quickly computed.
var testLock = func() *Lock {
	l := new(Lock)
	b := l.lock[:]
	b[16], b[17], b[18], b[20] = 1, 1, 1, 1
	le.PutUint32(b[24:], 8)
	le.PutUint32(b[28:], ownChunk)
	l.master = masterOf(b, []byte("pass"))
	return l
}()

// sealed returns a small file, encrypted or signed or both.
func sealed(t testing.TB, o Options) []byte {
	t.Helper()
	var b bytes.Buffer
	meta := models.Metadata{"name": "n", "model_card.name": "n"}
	if err := WriteSources(&b, meta, models.Sources([]models.Tensor{tensor("a", quant.F32, 3, 5), tensor("w", quant.F32, 40)}), map[string][]byte{"list": {1, 2, 3}}, o); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// lockAgain forgets all passwords.
func lockAgain() {
	unlocked.Lock()
	defer unlocked.Unlock()
	clear(unlocked.keys)
}

// TestTrailer checks that a file that is encrypted or signed or both has the tensors that were written, and that a change of any byte is an error, also with a corrected checksum.
func TestTrailer(t *testing.T) {
	for name, o := range map[string]Options{
		"signed": {Key: testKey}, "encrypted": {Lock: testLock}, "both": {Lock: testLock, Key: testKey}, "compressed": {Key: testKey, Compression: ZSTD},
	} {
		b := sealed(t, o)
		if o.Lock != nil {
			lockAgain()
			if _, err := open1(b); !errors.Is(err, ErrPassword) {
				t.Errorf("%s: without the password: %v", name, err)
			}
			if bytes.Contains(b, tensor("w", quant.F32, 40).Data) {
				t.Errorf("%s: the tensor can be read", name)
			}
			if err := unlock("x.apr", b, []byte("other")); !errors.Is(err, ErrWrongPassword) {
				t.Errorf("%s: another password: %v", name, err)
			}
			if err := unlock("x.apr", b, []byte("pass")); err != nil {
				t.Fatal(err)
			}
		}
		f, err := open1(b)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !bytes.Equal(f.Tensors[1].Data, tensor("w", quant.F32, 40).Data) || !bytes.Equal(f.Aux["list"], []byte{1, 2, 3}) {
			t.Errorf("%s: the tensors differ", name)
		}
		if f.Meta[Encrypted] == true != (o.Lock != nil) || f.Meta[SignedBy] != nil != (o.Key != nil) || le.Uint16(b[6:])&flagCard == 0 {
			t.Errorf("%s: %v, flags %#x", name, f.Meta, le.Uint16(b[6:]))
		}
		tampered(t, name, b, o.Compression == Plain)
	}
	lockAgain()
}

// tampered changes each byte of a file. A bit of a ZSTD frame means nothing; the tensors are then the same.
func tampered(t *testing.T, name string, b []byte, plain bool) {
	t.Helper()
	want := tensor("w", quant.F32, 40).Data
	for at := range b {
		bad := bytes.Clone(b)
		bad[at] ^= 0x10
		if f, err := open1(bad); err == nil && (plain || !bytes.Equal(f.Tensors[1].Data, want)) {
			t.Fatalf("%s: byte %d was changed, and the file was read", name, at)
		}
		if !plain || at >= len(b)-4 {
			continue
		}
		if bad = seal(bad[: len(bad)-4 : len(bad)-4]); at >= 40 && at < 44 {
			continue // the checksum of the header is right again
		}
		if _, err := open1(bad); err == nil {
			t.Fatalf("%s: byte %d was changed, the checksums were corrected, and the file was read", name, at)
		}
		if at < headerBytes {
			continue
		}
		if _, err := open1(seal(bytes.Clone(b[:at]))); err == nil {
			t.Fatalf("%s: the first %d bytes were read", name, at)
		}
	}
}

// TestSealedGolden reads a file that another program, testdata/make_sealed.py, has encrypted and signed.
func TestSealedGolden(t *testing.T) {
	const path = "testdata/sealed.apr"
	defer lockAgain()
	if err := Unlock(path, []byte("golden")); err != nil {
		t.Fatal(err)
	}
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w, err := f.Need("weights", 8)
	if want := []float32{1, 2, 0.5, -0.5, 4, -2, 0.25, 8}; err != nil || !slices.Equal(values(w), want) {
		t.Error(err, values(w))
	}
	seed := make([]byte, ed25519.SeedSize)
	for i := range seed {
		seed[i] = byte(i)
	}
	if f.Meta[SignedBy] != base64.StdEncoding.EncodeToString(ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey)) {
		t.Error(f.Meta[SignedBy])
	}
}

// TestChunks checks that chunks in another order, from another file or left out are found.
func TestChunks(t *testing.T) {
	if err := unlock("x.apr", sealed(t, Options{Lock: testLock}), []byte("pass")); err != nil {
		t.Fatal(err)
	}
	defer lockAgain()
	write := func() []byte {
		var b bytes.Buffer
		if err := WriteSources(&b, nil, models.Sources([]models.Tensor{tensor("w", quant.F32, 3*ownChunk/4)}), nil, Options{Lock: testLock}); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	b, other := write(), write()
	if f, err := open1(b); err != nil || !bytes.Equal(f.Tensors[0].Data, tensor("w", quant.F32, 3*ownChunk/4).Data) {
		t.Fatal(err)
	}
	h, _, err := parse("", b)
	if err != nil {
		t.Fatal(err)
	}
	chunk := func(b []byte, i int) []byte { return b[int(h.dataAt)+i*ownChunk:][:ownChunk] }
	tag := func(b []byte, i int) []byte { return b[int(h.tensorEnd)+tagsFrom+i*tagBytes:][:tagBytes] }
	for name, change := range map[string]func(b []byte){
		"exchanged": func(b []byte) {
			first, firstTag := bytes.Clone(chunk(b, 0)), bytes.Clone(tag(b, 0))
			copy(chunk(b, 0), chunk(b, 1))
			copy(tag(b, 0), tag(b, 1))
			copy(chunk(b, 1), first)
			copy(tag(b, 1), firstTag)
		},
		"of another file": func(b []byte) { copy(chunk(b, 2), chunk(other, 2)); copy(tag(b, 2), tag(other, 2)) },
		"repeated":        func(b []byte) { copy(chunk(b, 2), chunk(b, 1)); copy(tag(b, 2), tag(b, 1)) },
	} {
		bad := bytes.Clone(b)
		change(bad)
		if _, err := open1(seal(bad[:len(bad)-4])); !errors.Is(err, models.ErrCorrupt) || !strings.Contains(err.Error(), "encrypted bytes") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestHostileLock checks that the parameters of a file can't demand much memory or time.
func TestHostileLock(t *testing.T) {
	for name, change := range map[string]func(block []byte){
		"memory":  func(b []byte) { le.PutUint32(b[24:], 64<<20) },
		"passes":  func(b []byte) { le.PutUint32(b[20:], 1<<31) },
		"work":    func(b []byte) { le.PutUint32(b[20:], 8); le.PutUint32(b[24:], mostMemory) },
		"lanes":   func(b []byte) { le.PutUint16(b[18:], 0) },
		"lanes2":  func(b []byte) { le.PutUint16(b[18:], 256) },
		"chunk":   func(b []byte) { le.PutUint32(b[28:], 64) },
		"chunk 0": func(b []byte) { le.PutUint32(b[28:], 0) },
		"kind":    func(b []byte) { b[16] = 2 },
		"length":  func(b []byte) { le.PutUint32(b[8:], 64) },
		"version": func(b []byte) { b[12] = 2 },
	} {
		b := sealed(t, Options{Lock: testLock})
		h, _, err := parse("", b)
		if err != nil {
			t.Fatal(err)
		}
		change(b[h.tensorEnd:])
		b = seal(b[:len(b)-4])
		if err := unlock("x.apr", b, []byte("pass")); !errors.Is(err, models.ErrUnsupported) && !errors.Is(err, models.ErrCorrupt) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestSign checks that a written file can be signed afterwards, encrypted or compressed or signed before, and that nothing else changes.
func TestSign(t *testing.T) {
	other := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{9}, ed25519.SeedSize))
	defer lockAgain()
	for name, o := range map[string]Options{"plain": {}, "signed": {Key: other}, "encrypted": {Lock: testLock}, "lz4": {Compression: LZ4}} {
		path := filepath.Join(t.TempDir(), "x.apr")
		b := sealed(t, o)
		save(t, path, b)
		var out bytes.Buffer
		if err := Sign(context.Background(), &out, path, testKey); err != nil {
			t.Fatal(err)
		}
		if o.Lock != nil {
			if err := unlock(path, out.Bytes(), []byte("pass")); err != nil {
				t.Fatal(err)
			}
		}
		f, err := open1(out.Bytes())
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if f.Meta[SignedBy] != base64.StdEncoding.EncodeToString(testKey.Public().(ed25519.PublicKey)) || !bytes.Equal(f.Tensors[1].Data, tensor("w", quant.F32, 40).Data) {
			t.Errorf("%s: %v", name, f.Meta)
		}
		if o.Compression == Plain && o.Lock == nil && !bytes.Equal(out.Bytes(), sealed(t, Options{Key: testKey})) {
			t.Errorf("%s: the file differs from one that was written with a signature", name)
		}
	}
}

// TestLarge checks that the checksum and the signature of a large file are compared by Verify, and not when it is opened.
func TestLarge(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.apr")
	out, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	zeros := models.Source{Name: "w", Type: quant.F32, Shape: []int{readAtOpening / 4}, Copy: models.Tensor{Data: make([]byte, readAtOpening)}.Source().Copy}
	if err := errors.Join(WriteSources(out, nil, []models.Source{zeros}, nil, Options{}), out.Close()); err != nil {
		t.Fatal(err)
	}
	check := func(wrong bool) {
		t.Helper()
		f, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if err := f.Verify(context.Background()); errors.Is(err, models.ErrCorrupt) != wrong || err != nil != wrong {
			t.Error(err)
		}
		ended, cancel := context.WithCancel(context.Background())
		cancel()
		if err := f.Verify(ended); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}
	check(false)
	if out, err = os.OpenFile(path, os.O_RDWR, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := out.WriteAt([]byte{1}, readAtOpening/2); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	check(true)
}

// TestPeekLocked checks that a locked file can be described, unless what describes it is encrypted.
func TestPeekLocked(t *testing.T) {
	lockAgain()
	dir := t.TempDir()
	save(t, filepath.Join(dir, "x.apr"), sealed(t, Options{Lock: testLock}))
	f, err := Peek(filepath.Join(dir, "x.apr"))
	if err != nil {
		t.Fatal(err)
	}
	if f.Meta["name"] != "n" || f.Tensors[1].Data != nil || !slices.Equal(f.Tensors[0].Shape, []int{3, 5}) || len(f.Aux) != 0 {
		t.Errorf("%v %v %v", f.Meta, f.Tensors, f.Aux)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	var b bytes.Buffer
	if err := WriteSources(&b, nil, nil, map[string][]byte{"config.json": []byte("{}")}, Options{Lock: testLock}); err != nil {
		t.Fatal(err)
	}
	save(t, filepath.Join(dir, "y.apr"), b.Bytes())
	if _, err := Peek(filepath.Join(dir, "y.apr")); !errors.Is(err, ErrPassword) {
		t.Error(err)
	}
	if err := Unlock(filepath.Join(dir, "y.apr"), []byte("pass")); err != nil {
		t.Fatal(err)
	}
	defer lockAgain()
	if f, err = Peek(filepath.Join(dir, "y.apr")); err != nil || string(f.Aux["config.json"]) != "{}" {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
}
