package cpu

//go:noescape
func t3s32NEON(c *float32, ldc int, a *block, lda int, w *byte, nb, m int, scale float32, add int, table *levels)

//go:noescape
func t3s32DotProd(c *float32, ldc int, a *block, lda int, w *byte, nb, m int, scale float32, add int, table *levels)

//go:noescape
func t3s32I8MM(c *float32, ldc int, a *block, lda int, w *byte, nb, m int, scale float32, add int, table *levels)

//go:noescape
func t3s16NEON(c *float32, ldc int, a *block, lda int, w *byte, nb, m int, scale float32, add int, table *levels)

//go:noescape
func t3s16DotProd(c *float32, ldc int, a *block, lda int, w *byte, nb, m int, scale float32, add int, table *levels)

//go:noescape
func t3s16I8MM(c *float32, ldc int, a *block, lda int, w *byte, nb, m int, scale float32, add int, table *levels)

//go:noescape
func t4s32NEON(c *float32, ldc int, a *block, lda int, w *byte, nb, m int, scale float32, add int, table *levels)

//go:noescape
func t4s32DotProd(c *float32, ldc int, a *block, lda int, w *byte, nb, m int, scale float32, add int, table *levels)

//go:noescape
func t4s32I8MM(c *float32, ldc int, a *block, lda int, w *byte, nb, m int, scale float32, add int, table *levels)

//go:noescape
func t4s16NEON(c *float32, ldc int, a *block, lda int, w *byte, nb, m int, scale float32, add int, table *levels)

//go:noescape
func t4s16DotProd(c *float32, ldc int, a *block, lda int, w *byte, nb, m int, scale float32, add int, table *levels)

//go:noescape
func t4s16I8MM(c *float32, ldc int, a *block, lda int, w *byte, nb, m int, scale float32, add int, table *levels)

//go:noescape
func t4e32NEON(c *float32, ldc int, a *block, lda int, w *byte, nb, m int, scale float32, add int, table *levels)

//go:noescape
func t4e32DotProd(c *float32, ldc int, a *block, lda int, w *byte, nb, m int, scale float32, add int, table *levels)

//go:noescape
func t4e32I8MM(c *float32, ldc int, a *block, lda int, w *byte, nb, m int, scale float32, add int, table *levels)

// tTileNEON calls the kernel of a layout with levels.
func tTileNEON(k kind, c *float32, ldc int, a *block, lda int, w *byte, nb, m int, scale float32, add int) {
	t := layouts[k].levels
	switch k {
	case t3s32iq2, t3s32iq1:
		t3s32NEON(c, ldc, a, lda, w, nb, m, scale, add, t)
	case t3s16iq2, t3s16iq1:
		t3s16NEON(c, ldc, a, lda, w, nb, m, scale, add, t)
	case t4s32iq4, t4s32xxs, t4s32iq3:
		t4s32NEON(c, ldc, a, lda, w, nb, m, scale, add, t)
	case t4s16fp4:
		t4s16NEON(c, ldc, a, lda, w, nb, m, scale, add, t)
	case t4e32fp4:
		t4e32NEON(c, ldc, a, lda, w, nb, m, scale, add, t)
	default:
		panic("cpu: not an integer layout")
	}
}

// tTileDotProd calls the kernel of a layout with levels.
func tTileDotProd(k kind, c *float32, ldc int, a *block, lda int, w *byte, nb, m int, scale float32, add int) {
	t := layouts[k].levels
	switch k {
	case t3s32iq2, t3s32iq1:
		t3s32DotProd(c, ldc, a, lda, w, nb, m, scale, add, t)
	case t3s16iq2, t3s16iq1:
		t3s16DotProd(c, ldc, a, lda, w, nb, m, scale, add, t)
	case t4s32iq4, t4s32xxs, t4s32iq3:
		t4s32DotProd(c, ldc, a, lda, w, nb, m, scale, add, t)
	case t4s16fp4:
		t4s16DotProd(c, ldc, a, lda, w, nb, m, scale, add, t)
	case t4e32fp4:
		t4e32DotProd(c, ldc, a, lda, w, nb, m, scale, add, t)
	default:
		panic("cpu: not an integer layout")
	}
}

// tTileI8MM calls the kernel of a layout with levels.
func tTileI8MM(k kind, c *float32, ldc int, a *block, lda int, w *byte, nb, m int, scale float32, add int) {
	t := layouts[k].levels
	switch k {
	case t3s32iq2, t3s32iq1:
		t3s32I8MM(c, ldc, a, lda, w, nb, m, scale, add, t)
	case t3s16iq2, t3s16iq1:
		t3s16I8MM(c, ldc, a, lda, w, nb, m, scale, add, t)
	case t4s32iq4, t4s32xxs, t4s32iq3:
		t4s32I8MM(c, ldc, a, lda, w, nb, m, scale, add, t)
	case t4s16fp4:
		t4s16I8MM(c, ldc, a, lda, w, nb, m, scale, add, t)
	case t4e32fp4:
		t4e32I8MM(c, ldc, a, lda, w, nb, m, scale, add, t)
	default:
		panic("cpu: not an integer layout")
	}
}
