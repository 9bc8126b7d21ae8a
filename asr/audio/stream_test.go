package audio

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"soberano/asr/audio/input"
)

// repaged returns the pages of a clip with so many packets per page, so that a short clip has many
// pages.
func repaged(t testing.TB, name string, per int, serial uint32) (pages [][]byte) {
	t.Helper()
	b := clip16(t, name)
	dec, err := open(input.New(bytes.NewReader(b), name, int64(len(b))))
	if err != nil {
		t.Fatal(err)
	}
	d := dec.(*stream)
	o := &ogg{in: input.New(bytes.NewReader(b), name, int64(len(b)))}
	if err := o.read(); err != nil {
		t.Fatal(err)
	}
	o.begin()
	o.number++
	var packets [][]byte
	var position, end int64
	flush := func(flags byte, position int64) {
		var sizes, body []byte
		for _, p := range packets {
			sizes = append(append(sizes, bytes.Repeat([]byte{255}, len(p)/255)...), byte(len(p)%255))
			body = append(body, p...)
		}
		le := binary.LittleEndian
		page := le.AppendUint64(append([]byte("OggS\x00"), flags), uint64(position))
		page = le.AppendUint32(le.AppendUint32(le.AppendUint32(page, serial), uint32(len(pages))), 0)
		page = append(append(append(page, byte(len(sizes))), sizes...), body...)
		le.PutUint32(page[22:], oggCRC(page))
		pages, packets = append(pages, page), nil
	}
	for {
		p, err := o.packet()
		if err != nil {
			break
		}
		head := p.first || !d.sound(p.data)
		packets = append(packets, slices.Clone(p.data))
		if !head {
			position += d.samples(p.data)
			d.decode(p.data) // Vorbis counts from one block to the next
		}
		end = p.end
		last := p.final && len(o.sizes) == 0
		switch {
		case p.first:
			flush(oggFirst, 0)
		case last:
			flush(oggLast, end)
		case head:
			flush(0, 0)
		case len(packets) == per:
			flush(0, position)
		}
	}
	return pages
}

var oggs = compressed[2:]

// TestOggPages: a clip has the same samples for every number of packets per page.
func TestOggPages(t *testing.T) {
	for _, name := range oggs {
		want, err := decodeBytes(clip16(t, name))
		if err != nil {
			t.Fatal(err)
		}
		for _, per := range []int{1, 3, 7} {
			got, err := decodeBytes(slices.Concat(repaged(t, name, per, 5)...))
			if err != nil || !slices.Equal(got, want) {
				t.Errorf("%s, %d on a page: %d samples, want %d: %v", name, per, len(got), len(want), err)
			}
		}
	}
}

// TestOggDamage: a page that is damaged, missing or overwritten is silence of its length, and what is
// before and after it keeps its time. Damage at the end is an error, since nothing follows.
func TestOggDamage(t *testing.T) {
	for _, name := range oggs {
		want, err := decodeBytes(clip16(t, name))
		if err != nil {
			t.Fatal(err)
		}
		pages := repaged(t, name, 4, 5)
		rapid.Check(t, func(rt *rapid.T) {
			k := rapid.IntRange(4, len(pages)-3).Draw(rt, "page")
			bad := slices.Clone(pages)
			how := rapid.IntRange(0, 2).Draw(rt, "how")
			switch how {
			case 0:
				bad[k] = slices.Clone(bad[k])
				bad[k][rapid.IntRange(0, len(bad[k])-1).Draw(rt, "byte")] ^= 1 << rapid.IntRange(0, 7).Draw(rt, "bit")
			case 1:
				bad[k] = nil
			case 2:
				bad[k] = make([]byte, len(bad[k]))
			}
			b := slices.Concat(bad...)
			dec, err := open(input.New(bytes.NewReader(b), "x", int64(len(b))))
			if err != nil {
				rt.Fatal(err)
			}
			s := newSource(dec, nil)
			got, err := readAll(s)
			if err != nil || len(got) != len(want) {
				rt.Fatalf("%s: %d samples, want %d: %v", name, len(got), len(want), err)
			}
			d := s.Damage()
			if d.Places != 1 || d.Lost <= 0 || d.Lost > 200*time.Millisecond {
				rt.Fatalf("%s: %v (%+v)", name, d, d)
			}
			from := int(d.First.Seconds()*Rate) - 100
			to := from + int(d.Lost.Seconds()*Rate) + 2400 // until the decoder has warmed up
			if !slices.Equal(got[:max(0, from)], want[:max(0, from)]) {
				rt.Fatalf("%s: other samples before %v", name, d)
			}
			if to < len(got)-1600 && snr(got[to:], want[to:]) < 15 {
				rt.Fatalf("%s: %.1f dB behind %v", name, snr(got[to:], want[to:]), d)
			}
		})
		junk := slices.Insert(slices.Clone(pages), 5, []byte("between two pages OggS and more"))
		if got, err := decodeBytes(slices.Concat(junk...)); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s with junk: %d samples, want %d: %v", name, len(got), len(want), err)
		}
		last := slices.Concat(pages...)
		last[len(last)-3] ^= 16
		if got, err := decodeBytes(last); !errors.Is(err, ErrFormat) || !strings.Contains(err.Error(), "CRC") || !strings.Contains(err.Error(), "begins at byte") {
			t.Errorf("%s: %d of %d samples: %v", name, len(got), len(want), err)
		}
	}
}

// TestOpusBadPacket: an Opus packet that cannot be decoded is silence, and what follows is decoded.
func TestOpusBadPacket(t *testing.T) {
	pages := repaged(t, "celt.opus", 1, 5)
	want, _ := decodeBytes(slices.Concat(pages...))
	p := slices.Clone(pages[20])
	body := p[oggHead+int(p[26]):]
	body[0], body[1] = body[0]|3, 0 // several frames: none
	clear(p[22:26])
	binary.LittleEndian.PutUint32(p[22:], oggCRC(p))
	pages[20] = p
	b := slices.Concat(pages...)
	dec, err := open(input.New(bytes.NewReader(b), "x", int64(len(b))))
	if err != nil {
		t.Fatal(err)
	}
	s := newSource(dec, nil)
	got, err := readAll(s)
	if d := s.Damage(); err != nil || len(got) != len(want) || d.Places != 1 || d.Lost != 20*time.Millisecond {
		t.Errorf("%d samples, want %d: %v: %v", len(got), len(want), d, err)
	}
}

// TestOggSkip: a skip is exact to the sample also in a file of many pages and streams, where the page
// is found by its header.
func TestOggSkip(t *testing.T) {
	defer func(s float64) { streamNear = s }(streamNear)
	streamNear = 0.3
	for _, name := range oggs {
		b := slices.Concat(slices.Concat(repaged(t, name, 3, 5)...), slices.Concat(repaged(t, name, 3, 5)...), slices.Concat(repaged(t, name, 3, 6)...))
		path := file(t, "x.ogg", b)
		whole := readAfter(t, path)
		rapid.Check(t, func(rt *rapid.T) {
			n := rapid.IntRange(0, len(whole)/320-10).Draw(rt, "fiftieths")
			got, want := readAfter(t, path, time.Duration(n)*20*time.Millisecond), whole[n*320:]
			if d := len(got) - len(want); d < -1 || d > 1 {
				rt.Fatalf("%s: %d samples follow, want %d", name, len(got), len(want))
			}
			for i := 150; i < min(len(want), len(got)); i++ {
				if d := math.Abs(float64(got[i] - want[i])); d > 0.02 {
					rt.Fatalf("%s: sample %d is %v, want %v", name, i, got[i], want[i])
				}
			}
		})
	}
}
