package flac

import (
	"io"

	"soberano/asr/audio/input"
)

// seekWindow is how many bytes are searched for a frame header; frames rarely exceed 64 KiB.
const seekWindow = 1 << 18

// seekNear is the distance in seconds below which frames are decoded instead of searched for.
var seekNear int64 = 2

// place is the byte at which a frame begins, and its first sample.
type place struct{ at, sample int64 }

// Skip seeks forward by up to n samples of a channel and returns how many of them are left to
// be decoded and dropped. Frames have no fixed size, but each frame header states the number of
// its first sample and has a CRC, so the frame is found by bisection:
//
//	lo ├──────────────┼ mid ───────── hi      the first frame after mid: before the target?
//	                  ╰ header?               then it is the new lo, else mid is the new hi

func (f *Decoder) Skip(n int64) (int64, error) {
	near, target := seekNear*int64(f.hz), f.done+n
	if f.in.At == nil || f.in.Size < 0 || f.total == 0 || n <= near {
		return n, nil
	}
	lo, hi := place{f.in.Pos, f.done}, place{f.in.Size, f.total}
	buf := make([]byte, seekWindow)
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
	if lo.at > f.in.Pos {
		if err := f.in.Leap(lo.at - f.in.Pos); err != nil {
			return 0, f.in.Wrong(input.Short(err), "going to byte %d failed", lo.at)
		}
		f.done = lo.sample
	}
	return target - lo.sample, nil
}

// frameFrom returns the first frame at byte at or later that lies between lo and hi.
func (f *Decoder) frameFrom(at int64, lo, hi place, buf []byte) (place, bool) {
	n, err := f.in.At.ReadAt(buf[:min(int64(len(buf)), f.in.Size-at)], at)
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

// sampleOf returns the first sample of the frame whose header is at the beginning of b, or
// false if b holds no header of this file. b has 18 bytes; a header has at most 16.
func (f *Decoder) sampleOf(b []byte) (int64, bool) {
	size, rate, layout, depth := b[2]>>4, b[2]&15, b[3]>>4, b[3]>>1&7
	channels := int(layout) + 1
	if layout >= 8 {
		channels = 2
	}
	if size == 0 || rate == 15 || layout > 10 || b[3]&1 != 0 || channels != f.channels || depth != 0 && depths[depth] != f.depth {
		return 0, false
	}
	if rate > 0 && rate < 12 && rates[rate] != f.hz {
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
	if b[1]&1 == 0 { // all blocks have one size, and the header numbers blocks
		number *= f.block
	}
	return number, true
}
