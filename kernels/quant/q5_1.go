package quant

import "encoding/binary"

const q5_1Bytes = 24

// dequantizeQ5_1 decodes Q5_1: 32 values of 5 bits, a scale and a minimum; value = d · q + m.
//
//	byte  0  1 │ 2  3 │ 4 ……… 7      │ 8 ……………………………………………… 23
//	      d f16│ m f16│ bit i: the   │ low nibble: lower bits of value i,
//	           │      │ fifth bit of │ high nibble: of value i+16
//	           │      │ value i      │
//
// 24 bytes, 6 bits a value. Source: ggml-common.h, block_q5_1.
func dequantizeQ5_1(dst []float32, src []byte) {
	for ; len(dst) >= 32; dst, src = dst[32:], src[q5_1Bytes:] {
		d, m := f16At(src), f16At(src[2:])
		qh, qs := binary.LittleEndian.Uint32(src[4:]), src[8:q5_1Bytes]
		lo, hi := dst[:16], dst[16:32]
		for i, q := range qs {
			lo[i] = float32(d*float32(q&15|uint8(qh>>i&1)<<4)) + m
			hi[i] = float32(d*float32(q>>4|uint8(qh>>(i+16)&1)<<4)) + m
		}
	}
}

func quantizeQ5_1(dst []byte, src []float32) {
	for ; len(src) >= 32; dst, src = dst[q5_1Bytes:], src[32:] {
		m, top := extremes(src[:32])
		d := (top - m) / 31
		id := inverse(d)
		var qh uint32
		for i := range 16 {
			lo := level(float32((src[i]-m)*id)+0.5, 31)
			hi := level(float32((src[i+16]-m)*id)+0.5, 31)
			dst[8+i] = lo&15 | hi<<4
			qh |= uint32(lo>>4)<<i | uint32(hi>>4)<<(i+16)
		}
		putF16(dst, d)
		putF16(dst[2:], m)
		binary.LittleEndian.PutUint32(dst[4:], qh)
	}
}
