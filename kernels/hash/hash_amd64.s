#include "textflag.h"

// Of a compression (the BLAKE3 paper, section 2.2) each vector register holds one word of all lanes: 0 … 7 the chaining values, and while it is computed, 0 … 15 the state.
//
// The words of 16 rows are brought into lanes by loads of 16 bytes and by unpacking: VPGATHERDD needs more cycles on Zen 4 than a third of the rounds.
// Macros stand before the functions since vet takes all lines after a TEXT as its code.

// The constants of the state: half of the initialization vector, and the length of a block.
DATA constants<>+0(SB)/4, $0x6A09E667
DATA constants<>+4(SB)/4, $0xBB67AE85
DATA constants<>+8(SB)/4, $0x3C6EF372
DATA constants<>+12(SB)/4, $0xA54FF53A
DATA constants<>+16(SB)/4, $0x510E527F
DATA constants<>+20(SB)/4, $0x9B05688C
DATA constants<>+24(SB)/4, $0x1F83D9AB
DATA constants<>+28(SB)/4, $0x5BE0CD19
DATA constants<>+32(SB)/4, $64
GLOBL constants<>(SB), RODATA|NOPTR, $36

// QUARTERS computes four quarter rounds side by side; x and y are the words of the message.
#define QUARTERS(a0, a1, a2, a3, b0, b1, b2, b3, c0, c1, c2, c3, d0, d1, d2, d3, x0, x1, x2, x3, y0, y1, y2, y3) \
	VPADDD b0, a0, a0; VPADDD b1, a1, a1; VPADDD b2, a2, a2; VPADDD b3, a3, a3; \
	VPADDD x0, a0, a0; VPADDD x1, a1, a1; VPADDD x2, a2, a2; VPADDD x3, a3, a3; \
	VPXORD a0, d0, d0; VPXORD a1, d1, d1; VPXORD a2, d2, d2; VPXORD a3, d3, d3; \
	VPRORD $16, d0, d0; VPRORD $16, d1, d1; VPRORD $16, d2, d2; VPRORD $16, d3, d3; \
	VPADDD d0, c0, c0; VPADDD d1, c1, c1; VPADDD d2, c2, c2; VPADDD d3, c3, c3; \
	VPXORD c0, b0, b0; VPXORD c1, b1, b1; VPXORD c2, b2, b2; VPXORD c3, b3, b3; \
	VPRORD $12, b0, b0; VPRORD $12, b1, b1; VPRORD $12, b2, b2; VPRORD $12, b3, b3; \
	VPADDD b0, a0, a0; VPADDD b1, a1, a1; VPADDD b2, a2, a2; VPADDD b3, a3, a3; \
	VPADDD y0, a0, a0; VPADDD y1, a1, a1; VPADDD y2, a2, a2; VPADDD y3, a3, a3; \
	VPXORD a0, d0, d0; VPXORD a1, d1, d1; VPXORD a2, d2, d2; VPXORD a3, d3, d3; \
	VPRORD $8, d0, d0; VPRORD $8, d1, d1; VPRORD $8, d2, d2; VPRORD $8, d3, d3; \
	VPADDD d0, c0, c0; VPADDD d1, c1, c1; VPADDD d2, c2, c2; VPADDD d3, c3, c3; \
	VPXORD c0, b0, b0; VPXORD c1, b1, b1; VPXORD c2, b2, b2; VPXORD c3, b3, b3; \
	VPRORD $7, b0, b0; VPRORD $7, b1, b1; VPRORD $7, b2, b2; VPRORD $7, b3, b3

// ROUND computes a round: the columns of the state, then its diagonals. m are the words of the message in the order of the round.
#define ROUND(m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15) \
	QUARTERS(Z0, Z1, Z2, Z3, Z4, Z5, Z6, Z7, Z8, Z9, Z10, Z11, Z12, Z13, Z14, Z15, m0, m2, m4, m6, m1, m3, m5, m7); \
	QUARTERS(Z0, Z1, Z2, Z3, Z5, Z6, Z7, Z4, Z10, Z11, Z8, Z9, Z15, Z12, Z13, Z14, m8, m10, m12, m14, m9, m11, m13, m15)

// ROW loads 16 bytes of four rows, which are four rows apart.
#define ROW(at, index, x, z) \
	VMOVDQU32 at(SI)index, x; \
	VINSERTI32X4 $1, at(R8)index, z, z; \
	VINSERTI32X4 $2, at(R9)index, z, z; \
	VINSERTI32X4 $3, at(R10)index, z, z

// WORDS loads four words of the message from the 16 rows, and brings them into the lanes of the rows.
#define WORDS(at, m0, m1, m2, m3) \
	ROW(at, (R12*1), X8, Z8); \
	ROW(at, (DX*1), X9, Z9); \
	ROW(at, (DX*2), X10, Z10); \
	ROW(at, (R11*1), X11, Z11); \
	QUADS(Z8, Z9, Z10, Z11, m0, m1, m2, m3)

// QUADS transposes the four words in each 128 bits of r0 … r3 into m0 … m3.
#define QUADS(r0, r1, r2, r3, m0, m1, m2, m3) \
	VPUNPCKLDQ r1, r0, Z12; \
	VPUNPCKHDQ r1, r0, Z13; \
	VPUNPCKLDQ r3, r2, Z14; \
	VPUNPCKHDQ r3, r2, Z15; \
	VPUNPCKLQDQ Z14, Z12, m0; \
	VPUNPCKHQDQ Z14, Z12, m1; \
	VPUNPCKLQDQ Z15, Z13, m2; \
	VPUNPCKHQDQ Z15, Z13, m3

// VALUE writes half a chaining value of four lanes, which are four lanes apart.
#define VALUE(at, x, z) \
	VMOVDQU32 x, at(DI); \
	VEXTRACTI32X4 $1, z, (at+128)(DI); \
	VEXTRACTI32X4 $2, z, (at+256)(DI); \
	VEXTRACTI32X4 $3, z, (at+384)(DI)

// The bytes of rotations to the right by 16 and by 8 bits.
DATA turn16<>+0(SB)/4, $0x01000302
DATA turn16<>+4(SB)/4, $0x05040706
DATA turn16<>+8(SB)/4, $0x09080B0A
DATA turn16<>+12(SB)/4, $0x0D0C0F0E
DATA turn16<>+16(SB)/4, $0x01000302
DATA turn16<>+20(SB)/4, $0x05040706
DATA turn16<>+24(SB)/4, $0x09080B0A
DATA turn16<>+28(SB)/4, $0x0D0C0F0E
GLOBL turn16<>(SB), RODATA|NOPTR, $32
DATA turn8<>+0(SB)/4, $0x00030201
DATA turn8<>+4(SB)/4, $0x04070605
DATA turn8<>+8(SB)/4, $0x080B0A09
DATA turn8<>+12(SB)/4, $0x0C0F0E0D
DATA turn8<>+16(SB)/4, $0x00030201
DATA turn8<>+20(SB)/4, $0x04070605
DATA turn8<>+24(SB)/4, $0x080B0A09
DATA turn8<>+28(SB)/4, $0x0C0F0E0D
GLOBL turn8<>(SB), RODATA|NOPTR, $32

// W is the place of a word of the message on the stack, SPARE that of a register that is needed for a while.
#define W(m) (32*m)(SP)
#define SPARE 512(SP)

// QUARTERS8 is QUARTERS with AVX2, which has no rotations: those by 12 and 7 bits need a register more than there are.
#define QUARTERS8(a0, a1, a2, a3, b0, b1, b2, b3, c0, c1, c2, c3, d0, d1, d2, d3, x0, x1, x2, x3, y0, y1, y2, y3) \
	VPADDD b0, a0, a0; VPADDD b1, a1, a1; VPADDD b2, a2, a2; VPADDD b3, a3, a3; \
	VPADDD x0, a0, a0; VPADDD x1, a1, a1; VPADDD x2, a2, a2; VPADDD x3, a3, a3; \
	VPXOR a0, d0, d0; VPXOR a1, d1, d1; VPXOR a2, d2, d2; VPXOR a3, d3, d3; \
	VPSHUFB turn16<>(SB), d0, d0; VPSHUFB turn16<>(SB), d1, d1; VPSHUFB turn16<>(SB), d2, d2; VPSHUFB turn16<>(SB), d3, d3; \
	VPADDD d0, c0, c0; VPADDD d1, c1, c1; VPADDD d2, c2, c2; VPADDD d3, c3, c3; \
	VPXOR c0, b0, b0; VPXOR c1, b1, b1; VPXOR c2, b2, b2; VPXOR c3, b3, b3; \
	VMOVDQU c0, SPARE; \
	VPSRLD $12, b0, c0; VPSLLD $20, b0, b0; VPOR c0, b0, b0; \
	VPSRLD $12, b1, c0; VPSLLD $20, b1, b1; VPOR c0, b1, b1; \
	VPSRLD $12, b2, c0; VPSLLD $20, b2, b2; VPOR c0, b2, b2; \
	VPSRLD $12, b3, c0; VPSLLD $20, b3, b3; VPOR c0, b3, b3; \
	VMOVDQU SPARE, c0; \
	VPADDD b0, a0, a0; VPADDD b1, a1, a1; VPADDD b2, a2, a2; VPADDD b3, a3, a3; \
	VPADDD y0, a0, a0; VPADDD y1, a1, a1; VPADDD y2, a2, a2; VPADDD y3, a3, a3; \
	VPXOR a0, d0, d0; VPXOR a1, d1, d1; VPXOR a2, d2, d2; VPXOR a3, d3, d3; \
	VPSHUFB turn8<>(SB), d0, d0; VPSHUFB turn8<>(SB), d1, d1; VPSHUFB turn8<>(SB), d2, d2; VPSHUFB turn8<>(SB), d3, d3; \
	VPADDD d0, c0, c0; VPADDD d1, c1, c1; VPADDD d2, c2, c2; VPADDD d3, c3, c3; \
	VPXOR c0, b0, b0; VPXOR c1, b1, b1; VPXOR c2, b2, b2; VPXOR c3, b3, b3; \
	VMOVDQU c0, SPARE; \
	VPSRLD $7, b0, c0; VPSLLD $25, b0, b0; VPOR c0, b0, b0; \
	VPSRLD $7, b1, c0; VPSLLD $25, b1, b1; VPOR c0, b1, b1; \
	VPSRLD $7, b2, c0; VPSLLD $25, b2, b2; VPOR c0, b2, b2; \
	VPSRLD $7, b3, c0; VPSLLD $25, b3, b3; VPOR c0, b3, b3; \
	VMOVDQU SPARE, c0

// ROUND8 is ROUND with AVX2; m are the numbers of words.
#define ROUND8(m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15) \
	QUARTERS8(Y0, Y1, Y2, Y3, Y4, Y5, Y6, Y7, Y8, Y9, Y10, Y11, Y12, Y13, Y14, Y15, W(m0), W(m2), W(m4), W(m6), W(m1), W(m3), W(m5), W(m7)); \
	QUARTERS8(Y0, Y1, Y2, Y3, Y5, Y6, Y7, Y4, Y10, Y11, Y8, Y9, Y15, Y12, Y13, Y14, W(m8), W(m10), W(m12), W(m14), W(m9), W(m11), W(m13), W(m15))

// ROW8 loads 16 bytes of two rows, which are four rows apart.
#define ROW8(at, index, x, y) \
	VMOVDQU at(SI)index, x; \
	VINSERTI128 $1, at(R8)index, y, y

// WORDS8 stores four words of the message, brought into the lanes of their rows.
#define WORDS8(at, m) \
	ROW8(at, (R12*1), X8, Y8); \
	ROW8(at, (DX*1), X9, Y9); \
	ROW8(at, (DX*2), X10, Y10); \
	ROW8(at, (R11*1), X11, Y11); \
	QUADS8(Y8, Y9, Y10, Y11, Y12, Y13, Y14, Y15); \
	VMOVDQU Y8, W(m); \
	VMOVDQU Y9, W((m+1)); \
	VMOVDQU Y10, W((m+2)); \
	VMOVDQU Y11, W((m+3))

// QUADS8 transposes the four words in each 128 bits of r0 … r3, in place.
#define QUADS8(r0, r1, r2, r3, t0, t1, t2, t3) \
	VPUNPCKLDQ r1, r0, t0; \
	VPUNPCKHDQ r1, r0, t1; \
	VPUNPCKLDQ r3, r2, t2; \
	VPUNPCKHDQ r3, r2, t3; \
	VPUNPCKLQDQ t2, t0, r0; \
	VPUNPCKHQDQ t2, t0, r1; \
	VPUNPCKLQDQ t3, t1, r2; \
	VPUNPCKHQDQ t3, t1, r3

// VALUE8 writes half a chaining value of two lanes, which are four lanes apart.
#define VALUE8(at, x, y) \
	VMOVDQU x, at(DI); \
	VEXTRACTI128 $1, y, (at+128)(DI)

// func compressAVX512(out *Value, rows unsafe.Pointer, stride int, flags *uint32, blocks int, counters *[16]uint32, high uint32)
TEXT ·compressAVX512(SB), NOSPLIT, $0-52
	MOVQ out+0(FP), DI
	MOVQ rows+8(FP), SI
	MOVQ stride+16(FP), DX
	MOVQ flags+24(FP), BX
	MOVQ blocks+32(FP), CX
	MOVQ counters+40(FP), AX
	MOVL high+48(FP), R13
	LEAQ (SI)(DX*4), R8
	LEAQ (R8)(DX*4), R9
	LEAQ (R9)(DX*4), R10
	XORL R12, R12
	LEAQ (DX)(DX*2), R11
	VPBROADCASTD constants<>+0(SB), Z0
	VPBROADCASTD constants<>+4(SB), Z1
	VPBROADCASTD constants<>+8(SB), Z2
	VPBROADCASTD constants<>+12(SB), Z3
	VPBROADCASTD constants<>+16(SB), Z4
	VPBROADCASTD constants<>+20(SB), Z5
	VPBROADCASTD constants<>+24(SB), Z6
	VPBROADCASTD constants<>+28(SB), Z7

block:
	WORDS(0, Z16, Z17, Z18, Z19)
	WORDS(16, Z20, Z21, Z22, Z23)
	WORDS(32, Z24, Z25, Z26, Z27)
	WORDS(48, Z28, Z29, Z30, Z31)
	VPBROADCASTD constants<>+0(SB), Z8
	VPBROADCASTD constants<>+4(SB), Z9
	VPBROADCASTD constants<>+8(SB), Z10
	VPBROADCASTD constants<>+12(SB), Z11
	VMOVDQU32 (AX), Z12
	VPBROADCASTD R13, Z13
	VPBROADCASTD constants<>+32(SB), Z14
	VPBROADCASTD (BX), Z15
	ROUND(Z16, Z17, Z18, Z19, Z20, Z21, Z22, Z23, Z24, Z25, Z26, Z27, Z28, Z29, Z30, Z31)
	ROUND(Z18, Z22, Z19, Z26, Z23, Z16, Z20, Z29, Z17, Z27, Z28, Z21, Z25, Z30, Z31, Z24)
	ROUND(Z19, Z20, Z26, Z28, Z29, Z18, Z23, Z30, Z22, Z21, Z25, Z16, Z27, Z31, Z24, Z17)
	ROUND(Z26, Z23, Z28, Z25, Z30, Z19, Z29, Z31, Z20, Z16, Z27, Z18, Z21, Z24, Z17, Z22)
	ROUND(Z28, Z29, Z25, Z27, Z31, Z26, Z30, Z24, Z23, Z18, Z21, Z19, Z16, Z17, Z22, Z20)
	ROUND(Z25, Z30, Z27, Z21, Z24, Z28, Z31, Z17, Z29, Z19, Z16, Z26, Z18, Z22, Z20, Z23)
	ROUND(Z27, Z31, Z21, Z16, Z17, Z25, Z24, Z22, Z30, Z26, Z18, Z28, Z19, Z20, Z23, Z29)
	VPXORD Z8, Z0, Z0
	VPXORD Z9, Z1, Z1
	VPXORD Z10, Z2, Z2
	VPXORD Z11, Z3, Z3
	VPXORD Z12, Z4, Z4
	VPXORD Z13, Z5, Z5
	VPXORD Z14, Z6, Z6
	VPXORD Z15, Z7, Z7
	ADDQ $64, SI
	ADDQ $64, R8
	ADDQ $64, R9
	ADDQ $64, R10
	ADDQ $4, BX
	DECQ CX
	JNZ block
	QUADS(Z0, Z1, Z2, Z3, Z16, Z17, Z18, Z19)
	QUADS(Z4, Z5, Z6, Z7, Z20, Z21, Z22, Z23)
	VALUE(0, X16, Z16)
	VALUE(16, X20, Z20)
	VALUE(32, X17, Z17)
	VALUE(48, X21, Z21)
	VALUE(64, X18, Z18)
	VALUE(80, X22, Z22)
	VALUE(96, X19, Z19)
	VALUE(112, X23, Z23)
	VZEROUPPER
	RET

// func compressAVX2(out *Value, rows unsafe.Pointer, stride int, flags *uint32, blocks int, counters *[16]uint32, high uint32)
TEXT ·compressAVX2(SB), NOSPLIT, $544-52
	MOVQ out+0(FP), DI
	MOVQ rows+8(FP), SI
	MOVQ stride+16(FP), DX
	MOVQ flags+24(FP), BX
	MOVQ blocks+32(FP), CX
	MOVQ counters+40(FP), AX
	LEAQ high+48(FP), R13
	LEAQ (SI)(DX*4), R8
	LEAQ (DX)(DX*2), R11
	XORL R12, R12
	VPBROADCASTD constants<>+0(SB), Y0
	VPBROADCASTD constants<>+4(SB), Y1
	VPBROADCASTD constants<>+8(SB), Y2
	VPBROADCASTD constants<>+12(SB), Y3
	VPBROADCASTD constants<>+16(SB), Y4
	VPBROADCASTD constants<>+20(SB), Y5
	VPBROADCASTD constants<>+24(SB), Y6
	VPBROADCASTD constants<>+28(SB), Y7

block:
	WORDS8(0, 0)
	WORDS8(16, 4)
	WORDS8(32, 8)
	WORDS8(48, 12)
	VPBROADCASTD constants<>+0(SB), Y8
	VPBROADCASTD constants<>+4(SB), Y9
	VPBROADCASTD constants<>+8(SB), Y10
	VPBROADCASTD constants<>+12(SB), Y11
	VMOVDQU (AX), Y12
	VPBROADCASTD (R13), Y13
	VPBROADCASTD constants<>+32(SB), Y14
	VPBROADCASTD (BX), Y15
	ROUND8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)
	ROUND8(2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8)
	ROUND8(3, 4, 10, 12, 13, 2, 7, 14, 6, 5, 9, 0, 11, 15, 8, 1)
	ROUND8(10, 7, 12, 9, 14, 3, 13, 15, 4, 0, 11, 2, 5, 8, 1, 6)
	ROUND8(12, 13, 9, 11, 15, 10, 14, 8, 7, 2, 5, 3, 0, 1, 6, 4)
	ROUND8(9, 14, 11, 5, 8, 12, 15, 1, 13, 3, 0, 10, 2, 6, 4, 7)
	ROUND8(11, 15, 5, 0, 1, 9, 8, 6, 14, 10, 2, 12, 3, 4, 7, 13)
	VPXOR Y8, Y0, Y0
	VPXOR Y9, Y1, Y1
	VPXOR Y10, Y2, Y2
	VPXOR Y11, Y3, Y3
	VPXOR Y12, Y4, Y4
	VPXOR Y13, Y5, Y5
	VPXOR Y14, Y6, Y6
	VPXOR Y15, Y7, Y7
	ADDQ $64, SI
	ADDQ $64, R8
	ADDQ $4, BX
	DECQ CX
	JNZ block
	QUADS8(Y0, Y1, Y2, Y3, Y8, Y9, Y10, Y11)
	QUADS8(Y4, Y5, Y6, Y7, Y8, Y9, Y10, Y11)
	VALUE8(0, X0, Y0)
	VALUE8(16, X4, Y4)
	VALUE8(32, X1, Y1)
	VALUE8(48, X5, Y5)
	VALUE8(64, X2, Y2)
	VALUE8(80, X6, Y6)
	VALUE8(96, X3, Y3)
	VALUE8(112, X7, Y7)
	VZEROUPPER
	RET
