package audio

// Going to a place in a FLAC file. Frames have no fixed size, but each header tells which
// sample its frame begins with, and a CRC tells headers from what looks like one:
//
//	lo ├──────────────┼ mid ───────── hi      the first frame behind mid: before the place?
//	                  ╰ header?               then it is the new lo, else mid is the new hi

import "io"

// flacWindow is how many bytes are looked through for a frame; the largest are rarely 64 KiB.
const flacWindow = 1 << 18

// flacNear is how many seconds before the place are decoded anyway.
var flacNear int64 = 2

// place is where a frame begins.
type place struct{ at, sample int64 }

func (f *flac) pass(n int64) (int64, error) {
	near, target := flacNear*int64(f.hz), f.done+n
	if f.in.at == nil || f.in.size < 0 || f.total == 0 || n <= near {
		return n, nil
	}
	lo, hi := place{f.in.pos, f.done}, place{f.in.size, f.total}
	buf := make([]byte, flacWindow)
	for target-lo.sample > near && hi.at-lo.at > 1<<12 {
		mid := place{at: (lo.at + hi.at) / 2}
		p, ok := f.frameFrom(mid.at, lo, hi, buf)
		if ok && p.sample <= target {
			lo = p
			continue
		}
		hi.at = mid.at
		if ok {
			hi.sample = p.sample
		}
	}
	if lo.at > f.in.pos {
		if err := f.in.leap(lo.at - f.in.pos); err != nil {
			return 0, f.in.wrong(short(err), "going to byte %d failed", lo.at)
		}
		f.done = lo.sample
	}
	return target - lo.sample, nil
}

// frameFrom finds the first frame from a byte on; one is only believed between lo and hi.
func (f *flac) frameFrom(at int64, lo, hi place, buf []byte) (place, bool) {
	n, err := f.in.at.ReadAt(buf[:min(int64(len(buf)), f.in.size-at)], at)
	if err != nil && err != io.EOF {
		return place{}, false
	}
	for i := 0; i+18 <= n; i++ {
		if buf[i] != 0xFF || buf[i+1]&0xFE != 0xF8 {
			continue
		}
		if s, ok := f.sampleOf(buf[i : i+18]); ok && s > lo.sample && s < hi.sample && at+int64(i) < hi.at {
			return place{at + int64(i), s}, true
		}
	}
	return place{}, false
}

// sampleOf is the first sample of the frame whose header b begins with; false if it is none of
// this file's. b has 18 bytes, and a header at most 16.
func (f *flac) sampleOf(b []byte) (int64, bool) {
	size, rate, layout, depth := b[2]>>4, b[2]&15, b[3]>>4, b[3]>>1&7
	channels := int(layout) + 1
	if layout >= 8 {
		channels = 2
	}
	if size == 0 || rate == 15 || layout > 10 || b[3]&1 != 0 || channels != f.channels || depth != 0 && depths[depth] != f.depth {
		return 0, false
	}
	if rate > 0 && rate < 12 && flacRates[rate] != f.hz {
		return 0, false
	}
	number, used := int64(b[4]), 1
	if b[4] >= 0x80 {
		more := 0
		for lead := b[4]; lead&0x40 != 0 && more < 6; lead <<= 1 {
			more++
		}
		if more == 0 {
			return 0, false
		}
		number = int64(b[4]) & (1<<(6-more) - 1)
		for _, c := range b[5 : 5+more] {
			if c&0xC0 != 0x80 {
				return 0, false
			}
			number = number<<6 | int64(c&0x3F)
		}
		used += more
	}
	end := 4 + used
	end += map[byte]int{6: 1, 7: 2}[size] + map[byte]int{12: 1, 13: 2, 14: 2}[rate]
	var crc byte
	for _, c := range b[:end] {
		crc = crc8Table[crc^c]
	}
	if crc != b[end] {
		return 0, false
	}
	if b[1]&1 == 0 { // all blocks have one size, and are numbered
		number *= f.block
	}
	return number, true
}
