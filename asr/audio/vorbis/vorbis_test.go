package vorbis

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// packets returns the packets of an undamaged Ogg file of one stream.
func packets(t testing.TB, name string) (all [][]byte) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	var p []byte
	for len(b) > 0 {
		sizes := b[27 : 27+int(b[26])]
		b = b[27+len(sizes):]
		for _, n := range sizes {
			p, b = append(p, b[:n]...), b[n:]
			if n < 255 {
				all, p = append(all, p), nil
			}
		}
	}
	return all
}

// decoder returns a decoder that has read the three headers at the beginning of packets.
func decoder(t testing.TB, packets [][]byte) *Decoder {
	t.Helper()
	d, err := NewDecoder(packets[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Setup(packets[2]); err != nil {
		t.Fatal(err)
	}
	return d
}

// TestDecode: each packet completes as many samples as Samples states, alone or with those
// after it, and after Reset all but the first packet decode to the same samples.
func TestDecode(t *testing.T) {
	for name, rate := range map[string]int{"st44.ogg": 44100, "m16.ogg": 16000} {
		all := packets(t, name)
		d := decoder(t, all)
		if d.Rate() != rate || IsAudio(all[1]) || IsSetup(all[1]) || !IsAudio(all[3]) {
			t.Errorf("%s: %d Hz, or a packet is taken for one of another kind", name, d.Rate())
		}
		total := d.Samples(all...)
		var got []float32
		for _, p := range all[3:] {
			want := d.Samples(p)
			x, err := d.Decode(p)
			if err != nil || int64(len(x)) != want {
				t.Fatalf("%s: %d samples, want %d: %v", name, len(x), want, err)
			}
			got = append(got, x...)
		}
		if int64(len(got)) != total || len(got) < rate {
			t.Errorf("%s: %d samples, want %d", name, len(got), total)
		}
		d.Reset()
		var again []float32
		for _, p := range all[5:] {
			x, err := d.Decode(p)
			if err != nil {
				t.Fatal(err)
			}
			again = append(again, x...)
		}
		if n := len(again); n == 0 || !slices.Equal(again, got[len(got)-n:]) {
			t.Errorf("%s: other samples after Reset", name)
		}
	}
}

// TestHeaders: an identification header with a field out of range is refused by name, and a
// setup truncated anywhere is an error.
func TestHeaders(t *testing.T) {
	all := packets(t, "m16.ogg")
	for want, change := range map[string]func(b []byte){
		"header is of version 1": func(b []byte) { b[7] = 1 }, "header states 0 channels": func(b []byte) { b[11] = 0 },
		"header states a rate of": func(b []byte) { b[14] = 255 }, "header states blocks of": func(b []byte) { b[28] = 0xE9 },
	} {
		b := slices.Clone(all[0])
		change(b)
		if _, err := NewDecoder(b); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want an error with %q, got %v", want, err)
		}
	}
	for n := 0; n < len(all[2]); n += 1 + n/100 {
		d, err := NewDecoder(all[0])
		if err != nil {
			t.Fatal(err)
		}
		if d.Setup(all[2][:n]) == nil {
			t.Errorf("a setup of %d of %d bytes is accepted", n, len(all[2]))
		}
	}
}

// FuzzVorbis decodes whatever the headers and a packet hold.
func FuzzVorbis(f *testing.F) {
	for _, name := range []string{"m16.ogg", "st44.ogg"} {
		all := packets(f, name)
		f.Add(all[0], all[2], all[4])
	}
	f.Fuzz(func(t *testing.T, head, setup, packet []byte) {
		d, err := NewDecoder(head)
		if err != nil || d.Setup(setup) != nil || !IsAudio(packet) {
			return
		}
		for range 3 {
			want := d.Samples(packet)
			x, err := d.Decode(packet)
			if err != nil {
				return
			}
			if int64(len(x)) != want {
				t.Fatalf("%d samples, want %d", len(x), want)
			}
			for _, v := range x {
				if !(v >= -1 && v <= 1) {
					t.Fatalf("sample %v", v)
				}
			}
		}
	})
}
