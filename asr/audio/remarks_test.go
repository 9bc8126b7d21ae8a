package audio

import (
	"bytes"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// pcm returns the samples of a clip as bytes of 16 bits.
func pcm(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(clipPath(name))
	if err != nil {
		t.Fatal(err)
	}
	return b[bytes.Index(b, []byte("data"))+8:]
}

// stereo interleaves two channels of 16 bits; f changes the samples of the second one.
func stereo(left, right []byte, f func(int16) int16) (out []byte) {
	le := binary.LittleEndian
	for i := 0; i+1 < len(left); i += 2 {
		out = append(out, left[i:i+2]...)
		out = le.AppendUint16(out, uint16(f(int16(le.Uint16(right[i:])))))
	}
	return out
}

// TestChannels: a voice is as loud whatever the other channel holds.
func TestChannels(t *testing.T) {
	clip := pcm(t, "goforward.wav")
	mono, err := decodeBytes(header(tagPCM, 1, Rate, 2, 16, clip))
	if err != nil {
		t.Fatal(err)
	}
	for name, f := range map[string]func(int16) int16{
		"opposite": func(v int16) int16 { return -max(v, -32767) },
		"silent":   func(int16) int16 { return 0 },
		"alike":    func(v int16) int16 { return v },
		"faint":    func(v int16) int16 { return v / 5000 },
	} {
		got, err := decodeBytes(header(tagPCM, 2, Rate, 2, 16, stereo(clip, clip, f)))
		if err != nil || len(got) != len(mono) {
			t.Fatalf("%s: %d samples: %v", name, len(got), err)
		}
		if ratio := snr(got, mono); ratio < 40 {
			t.Errorf("%s: %.1f dB from the clip alone", name, ratio)
		}
	}
}

// understated returns a WAV whose data chunk states a third of its data.
func understated(data []byte) []byte {
	b := header(tagPCM, 1, Rate, 2, 16, data)
	binary.LittleEndian.PutUint32(b[40:], uint32(len(data)/3)&^1)
	return b
}

// TestMoreThanStated: a file that holds more than its header states is decoded to its end, with a
// remark; what follows the audio by right is not.
func TestMoreThanStated(t *testing.T) {
	clip := pcm(t, "goforward.wav")
	want, err := decodeBytes(header(tagPCM, 1, Rate, 2, 16, clip))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		file   []byte
		remark bool
	}{
		"a wav":                {understated(clip), true},
		"a wav and a list":     {append(header(tagPCM, 1, Rate, 2, 16, clip), append([]byte("LIST\x00\x10\x00\x00"), bytes.Repeat([]byte{7}, 0x1000)...)...), false},
		"a wav and zeros":      {append(header(tagPCM, 1, Rate, 2, 16, clip), make([]byte, 9000)...), false},
		"a wav and a few bits": {append(header(tagPCM, 1, Rate, 2, 16, clip), "the end"...), false},
		"a wav and a tag":      {append(header(tagPCM, 1, Rate, 2, 16, clip), append([]byte("ID3\x04\x00\x00\x00\x00\x20\x00"), bytes.Repeat([]byte{7}, 4096)...)...), false},
	} {
		got, remarks, err := decodeWith(c.file)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %d samples of %d: %v", name, len(got), len(want), err)
		}
		if (len(remarks) == 1 && remarks[0].Kind == Understated && remarks[0].Length.Round(time.Millisecond) == (time.Duration(len(want)/3)*time.Second/Rate).Round(time.Millisecond)) != c.remark {
			t.Errorf("%s: remarks %v", name, remarks)
		}
	}
	b, err := os.ReadFile(filepath.Join("flac", "testdata", "mono24.flac"))
	if err != nil {
		t.Fatal(err)
	}
	whole, err := decodeBytes(b)
	if err != nil {
		t.Fatal(err)
	}
	total := binary.BigEndian.Uint32(b[22:])
	binary.BigEndian.PutUint32(b[22:], total/3) // STREAMINFO's samples end at byte 26
	got, remarks, err := decodeWith(b)
	if err != nil || !slices.Equal(got, whole) || len(remarks) != 1 || remarks[0].Kind != Understated {
		t.Errorf("a flac: %d samples of %d, %v: %v", len(got), len(whole), remarks, err)
	}
}

// TestEndsEarly: a file that lacks its last moments is decoded with a remark.
func TestEndsEarly(t *testing.T) {
	clip := pcm(t, "goforward.wav")
	b := header(tagPCM, 1, Rate, 2, 16, clip)
	got, remarks, err := decodeWith(b[:len(b)-22])
	if err != nil || len(got) != len(clip)/2-11 || len(remarks) != 1 || remarks[0].Kind != EndsEarly || remarks[0].Length != 11*time.Second/Rate {
		t.Errorf("%d samples, %v: %v", len(got), remarks, err)
	}
	if _, _, err := decodeWith(b[:len(b)-len(b)/4]); err == nil {
		t.Error("a quarter of a file is missing, and there is no error")
	}
}

// apeTag returns an APE tag with or without its header.
func apeTag(header bool) []byte {
	le := binary.LittleEndian
	item := le.AppendUint32(le.AppendUint32(nil, 300), 0)
	item = append(append(item, "Title\x00"...), bytes.Repeat([]byte("\xff\xfb\x50\xc4x"), 60)...)
	head := func(flags uint32) []byte {
		b := le.AppendUint32([]byte("APETAGEX"), 2000)
		b = le.AppendUint32(le.AppendUint32(b, uint32(len(item)+32)), 1)
		return append(le.AppendUint32(b, flags), make([]byte, 8)...)
	}
	if !header {
		return append(item, head(0)...)
	}
	return slices.Concat(head(1<<31|apeHeader), item, head(1<<31))
}

// TestJoinedWithTags: tags between joined MP3 files are neither the end nor damage.
func TestJoinedWithTags(t *testing.T) {
	for _, name := range []string{"joint44.mp3", "pad22.mp3"} {
		clip := clip16(t, name)
		one, err := decodeBytes(clip)
		if err != nil {
			t.Fatal(err)
		}
		id3v1 := append([]byte("TAG"), bytes.Repeat([]byte("t"), 125)...)
		lyrics := append([]byte("LYRICSBEGININD0000200"), bytes.Repeat([]byte("la "), 400)...)
		for what, tag := range map[string][]byte{
			"APE": apeTag(true), "APE without a header": apeTag(false), "ID3v1": id3v1, "APE and ID3v1": append(apeTag(true), id3v1...),
			"Lyrics3 v2": append(append(slices.Clone(lyrics), "001230LYRICS200"...), id3v1...), "Lyrics3 v1": append(slices.Clone(lyrics), "LYRICSEND"...),
			"ID3v2": append([]byte("ID3\x04\x00\x00\x00\x00\x02\x00"), make([]byte, 256)...), "extended": append([]byte("TAG+"), make([]byte, 223)...),
		} {
			s, err := Open(file(t, "x.mp3", slices.Concat(clip, tag, clip, tag)))
			if err != nil {
				t.Fatal(err)
			}
			got, err := readAll(s)
			if err != nil || len(got) < 2*len(one)-100 || len(got) > 2*len(one)+5000 || s.Damage().Places > 0 {
				t.Errorf("%s with %s: %d samples, one file has %d; %v: %v", name, what, len(got), len(one), s.Damage(), err)
			}
			s.Close()
		}
	}
}

// sealed returns a page with its checksum.
func sealed(page []byte) []byte {
	clear(page[22:26])
	binary.LittleEndian.PutUint32(page[22:], oggCRC(page))
	return page
}

// changed returns pages, copied and changed, as a file.
func changed(pages [][]byte, change func(i int, page []byte)) (b []byte) {
	for i, p := range pages {
		p = slices.Clone(p)
		change(i, p)
		b = append(b, sealed(p)...)
	}
	return b
}

// TestOggEnds: a stream without a mark of its end, or with marks before it, is decoded to its end.
func TestOggEnds(t *testing.T) {
	for _, name := range []string{"silk.opus", "st44.ogg"} {
		pages := repaged(t, name, 4, 5)
		want, _, err := decodeWith(slices.Concat(pages...))
		if err != nil {
			t.Fatal(err)
		}
		got, remarks, err := decodeWith(changed(pages, func(i int, p []byte) { p[5] &^= oggLast }))
		if err != nil || len(got) < len(want) || len(remarks) != 1 || remarks[0].Kind != NoEndMark {
			t.Errorf("%s without a mark: %d samples of %d, %v: %v", name, len(got), len(want), remarks, err)
		}
		got, remarks, err = decodeWith(changed(pages, func(i int, p []byte) {
			if i == len(pages)/2 {
				p[5] |= oggLast
			}
		}))
		if err != nil || len(got) != len(want) || len(remarks) != 0 {
			t.Errorf("%s with a mark too early: %d samples of %d, %v: %v", name, len(got), len(want), remarks, err)
		}
	}
}

// TestUnsentSilence: where the positions of the pages jump, silence stands, and nothing counts as lost.
func TestUnsentSilence(t *testing.T) {
	for name, rate := range map[string]int{"silk.opus": opusRate, "m16.ogg": 16000} {
		pages := repaged(t, name, 4, 5)
		want, err := decodeBytes(slices.Concat(pages...))
		if err != nil {
			t.Fatal(err)
		}
		b := changed(pages, func(i int, p []byte) {
			if i >= len(pages)/2 {
				binary.LittleEndian.PutUint64(p[6:], binary.LittleEndian.Uint64(p[6:])+3*uint64(rate))
			}
		})
		s, err := Open(file(t, name, b))
		if err != nil {
			t.Fatal(err)
		}
		got, err := readAll(s)
		if d := len(got) - len(want) - 3*Rate; err != nil || d < -2 || d > 2 || s.Damage().Places != 0 {
			t.Errorf("%s: %d samples, want %d; %v: %v", name, len(got), len(want)+3*Rate, s.Damage(), err)
		}
		s.Close()
	}
}

// TestTracks: of a film's tracks the default one, or else the first, that has sound is decoded.
func TestTracks(t *testing.T) {
	if _, err := exec.LookPath("ffmpeg"); err != nil {
		t.Skip("ffmpeg is not installed: films are not tested")
	}
	want, err := readFile(t, clipPath("goforward.wav"))
	if err != nil {
		t.Fatal(err)
	}
	film := func(name string, more ...string) string {
		path := filepath.Join(t.TempDir(), name)
		args := []string{"-v", "error", "-nostdin", "-f", "lavfi", "-t", "2", "-i", "anullsrc=r=16000:cl=stereo", "-i", clipPath("goforward.wav"), "-map", "0:a", "-map", "1:a", "-c:a", "flac"}
		if out, err := exec.Command("ffmpeg", append(append(args, more...), "file:"+path)...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return path
	}
	silent := film("silent.mka")
	marked := film("marked.mka", "-disposition:a:0", "0", "-disposition:a:1", "default")
	for _, c := range []struct {
		path         string
		track, heard int
	}{{silent, 0, 2}, {marked, 0, 2}, {silent, 2, 2}, {silent, 1, 1}} {
		s, err := OpenTrack(t.Context(), c.path, c.track)
		if err != nil {
			t.Fatal(err)
		}
		got, err := readAll(s)
		if r := s.Remarks(); err != nil || len(r) != 1 || r[0].Track != c.heard || r[0].Tracks != 2 {
			t.Errorf("%s, track %d: %v, %v", c.path, c.track, r, err)
		}
		if (c.heard == 2) != (len(got) >= len(want)-100 && snr(got[:len(want)-100], want[:len(want)-100]) > 40) {
			t.Errorf("%s, track %d: other samples", c.path, c.track)
		}
		s.Close()
	}
	if _, err := OpenTrack(t.Context(), silent, 3); err == nil {
		t.Error("track 3 of 2 was opened")
	}
	if _, err := OpenTrack(t.Context(), clipPath("goforward.wav"), 2); err == nil {
		t.Error("track 2 of a WAV was opened")
	}
}
