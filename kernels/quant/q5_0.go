package quant

import "encoding/binary"

const q5_0Bytes = 22

// dequantizeQ5_0 decodes Q5_0: 32 values of 5 bits and one scale; value = d · (q − 16).
//
//	byte  0  1 │ 2 ……… 5      │ 6 ……………………………………………… 21
//	      d f16│ bit i: the   │ low nibble: lower bits of value i,
//	           │ fifth bit of │ high nibble: of value i+16
//	           │ value i      │
//
// 22 bytes, 5.5 bits a value. Source: ggml-common.h, block_q5_0.
func dequantizeQ5_0(dst []float32, src []byte) {
	for ; len(dst) >= 32; dst, src = dst[32:], src[q5_0Bytes:] {
		d, qh, qs := f16At(src), binary.LittleEndian.Uint32(src[2:]), src[6:q5_0Bytes]
		lo, hi := dst[:16], dst[16:32]
		for i, q := range qs {
			lo[i] = d * float32(int(q&15|uint8(qh>>i&1)<<4)-16)
			hi[i] = d * float32(int(q>>4|uint8(qh>>(i+16)&1)<<4)-16)
		}
	}
}

// quantizeQ5_0 chooses d so that the value with the largest magnitude gets q = 0, which stands
// for −16·d.
func quantizeQ5_0(dst []byte, src []float32) {
	for ; len(src) >= 32; dst, src = dst[q5_0Bytes:], src[32:] {
		d := largest(src[:32]) / -16
		id := inverse(d)
		var qh uint32
		for i := range 16 {
			lo := level(float32(src[i]*id)+16.5, 31)
			hi := level(float32(src[i+16]*id)+16.5, 31)
			dst[6+i] = lo&15 | hi<<4
			qh |= uint32(lo>>4)<<i | uint32(hi>>4)<<(i+16)
		}
		putF16(dst, d)
		binary.LittleEndian.PutUint32(dst[2:], qh)
	}
}
