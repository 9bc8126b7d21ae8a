#include "textflag.h"

// func sumsAVX2(out *sum, x, w *float32, n int, tries *try, count int, most, offset float32)
TEXT ·sumsAVX2(SB), NOSPLIT, $0-56
	MOVQ         out+0(FP), DX
	MOVQ         x+8(FP), R8
	MOVQ         w+16(FP), R9
	MOVQ         n+24(FP), R10
	MOVQ         tries+32(FP), R11
	MOVQ         count+40(FP), R12
	VBROADCASTSS most+48(FP), Y10
	VBROADCASTSS offset+52(FP), Y11
	VXORPS       Y12, Y12, Y12

candidate:
	VBROADCASTSS (R11), Y8
	VBROADCASTSS 4(R11), Y9
	VXORPS       Y0, Y0, Y0
	VXORPS       Y1, Y1, Y1
	VXORPS       Y2, Y2, Y2
	MOVQ         R8, SI
	MOVQ         R9, DI
	MOVQ         R10, CX

loop:
	VMOVUPS  (SI), Y3
	VMULPS   Y8, Y3, Y5
	VADDPS   Y9, Y5, Y5
	VMAXPS   Y12, Y5, Y5
	VMINPS   Y10, Y5, Y5
	VROUNDPS $3, Y5, Y5
	VADDPS   Y11, Y5, Y5
	VMULPS   (DI), Y5, Y6
	VADDPS   Y6, Y0, Y0
	VMULPS   Y5, Y6, Y7
	VADDPS   Y7, Y1, Y1
	VMULPS   Y3, Y6, Y7
	VADDPS   Y7, Y2, Y2
	ADDQ     $32, SI
	ADDQ     $32, DI
	SUBQ     $8, CX
	JNZ      loop

	// The sums of the lanes: of pairs, of fours, then of the two halves.
	VHADDPS      Y1, Y0, Y0
	VHADDPS      Y2, Y2, Y2
	VHADDPS      Y2, Y0, Y0
	VEXTRACTF128 $1, Y0, X3
	VADDPS       X3, X0, X0
	VMOVUPS      X0, (DX)
	ADDQ         $16, DX
	ADDQ         $8, R11
	SUBQ         $1, R12
	JNZ          candidate
	VZEROUPPER
	RET

// func levelsAVX2(dst *uint8, x *float32, n int, inverse, shift, most float32)
TEXT ·levelsAVX2(SB), NOSPLIT, $0-36
	MOVQ         dst+0(FP), DI
	MOVQ         x+8(FP), SI
	MOVQ         n+16(FP), CX
	VBROADCASTSS inverse+24(FP), Y8
	VBROADCASTSS shift+28(FP), Y9
	VBROADCASTSS most+32(FP), Y10
	VXORPS       Y12, Y12, Y12

loop2:
	VMULPS       (SI), Y8, Y5
	VADDPS       Y9, Y5, Y5
	VMAXPS       Y12, Y5, Y5
	VMINPS       Y10, Y5, Y5
	VCVTTPS2DQ   Y5, Y5
	VEXTRACTI128 $1, Y5, X6
	VPACKUSDW    X6, X5, X5
	VPACKUSWB    X5, X5, X5
	VMOVQ        X5, (DI)
	ADDQ         $32, SI
	ADDQ         $8, DI
	SUBQ         $8, CX
	JNZ          loop2
	VZEROUPPER
	RET

// func momentsAVX2(x *float32, n int) (lo, hi, squares float32)
TEXT ·momentsAVX2(SB), NOSPLIT, $0-28
	MOVQ    x+0(FP), SI
	MOVQ    n+8(FP), CX
	VMOVUPS (SI), Y0
	VMOVAPS Y0, Y1
	VXORPS  Y2, Y2, Y2

loop3:
	VMOVUPS (SI), Y3
	VMINPS  Y3, Y0, Y0
	VMAXPS  Y3, Y1, Y1
	VMULPS  Y3, Y3, Y4
	VADDPS  Y4, Y2, Y2
	ADDQ    $32, SI
	SUBQ    $8, CX
	JNZ     loop3

	VEXTRACTF128 $1, Y0, X3
	VMINPS       X3, X0, X0
	VSHUFPS      $0x4e, X0, X0, X3
	VMINPS       X3, X0, X0
	VSHUFPS      $0xb1, X0, X0, X3
	VMINPS       X3, X0, X0
	VMOVSS       X0, lo+16(FP)
	VEXTRACTF128 $1, Y1, X3
	VMAXPS       X3, X1, X1
	VSHUFPS      $0x4e, X1, X1, X3
	VMAXPS       X3, X1, X1
	VSHUFPS      $0xb1, X1, X1, X3
	VMAXPS       X3, X1, X1
	VMOVSS       X1, hi+20(FP)
	VEXTRACTF128 $1, Y2, X3
	VADDPS       X3, X2, X2
	VHADDPS      X2, X2, X2
	VHADDPS      X2, X2, X2
	VMOVSS       X2, squares+24(FP)
	VZEROUPPER
	RET
