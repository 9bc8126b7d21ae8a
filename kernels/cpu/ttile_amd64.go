package cpu

//go:noescape
func t3s32AVX512(c *float32, ldc int, a *block, lda int, w *byte, nb, m int, scale float32, add int, table *levels)

//go:noescape
func t3s32AVX2(c *float32, ldc int, a *block, lda int, w *byte, nb, m int, scale float32, add int, table *levels)

//go:noescape
func t3s32AVXVNNI(c *float32, ldc int, a *block, lda int, w *byte, nb, m int, scale float32, add int, table *levels)

//go:noescape
func t3s32AMX(cfg *[2]tileConfig, c *float32, ldc int, a *block, lda int, w *byte, nb, m int, scale float32, add int, table *levels)

//go:noescape
func t3s16AVX512(c *float32, ldc int, a *block, lda int, w *byte, nb, m int, scale float32, add int, table *levels)

//go:noescape
func t3s16AVX2(c *float32, ldc int, a *block, lda int, w *byte, nb, m int, scale float32, add int, table *levels)

//go:noescape
func t3s16AVXVNNI(c *float32, ldc int, a *block, lda int, w *byte, nb, m int, scale float32, add int, table *levels)

//go:noescape
func t3s16AMX(cfg *[2]tileConfig, c *float32, ldc int, a *block, lda int, w *byte, nb, m int, scale float32, add int, table *levels)

//go:noescape
func t4s32AVX512(c *float32, ldc int, a *block, lda int, w *byte, nb, m int, scale float32, add int, table *levels)

//go:noescape
func t4s32AVX2(c *float32, ldc int, a *block, lda int, w *byte, nb, m int, scale float32, add int, table *levels)

//go:noescape
func t4s32AVXVNNI(c *float32, ldc int, a *block, lda int, w *byte, nb, m int, scale float32, add int, table *levels)

//go:noescape
func t4s32AMX(cfg *[2]tileConfig, c *float32, ldc int, a *block, lda int, w *byte, nb, m int, scale float32, add int, table *levels)

//go:noescape
func t4s16AVX512(c *float32, ldc int, a *block, lda int, w *byte, nb, m int, scale float32, add int, table *levels)

//go:noescape
func t4s16AVX2(c *float32, ldc int, a *block, lda int, w *byte, nb, m int, scale float32, add int, table *levels)

//go:noescape
func t4s16AVXVNNI(c *float32, ldc int, a *block, lda int, w *byte, nb, m int, scale float32, add int, table *levels)

//go:noescape
func t4s16AMX(cfg *[2]tileConfig, c *float32, ldc int, a *block, lda int, w *byte, nb, m int, scale float32, add int, table *levels)

//go:noescape
func t4e32AVX512(c *float32, ldc int, a *block, lda int, w *byte, nb, m int, scale float32, add int, table *levels)

//go:noescape
func t4e32AVX2(c *float32, ldc int, a *block, lda int, w *byte, nb, m int, scale float32, add int, table *levels)

//go:noescape
func t4e32AVXVNNI(c *float32, ldc int, a *block, lda int, w *byte, nb, m int, scale float32, add int, table *levels)

//go:noescape
func t4e32AMX(cfg *[2]tileConfig, c *float32, ldc int, a *block, lda int, w *byte, nb, m int, scale float32, add int, table *levels)

// tTileAVX512 calls the kernel of a layout with levels.
func tTileAVX512(k kind, c *float32, ldc int, a *block, lda int, w *byte, nb, m int, scale float32, add int) {
	t := layouts[k].levels
	switch k {
	case t3s32iq2, t3s32iq1:
		t3s32AVX512(c, ldc, a, lda, w, nb, m, scale, add, t)
	case t3s16iq2, t3s16iq1:
		t3s16AVX512(c, ldc, a, lda, w, nb, m, scale, add, t)
	case t4s32iq4, t4s32xxs, t4s32iq3:
		t4s32AVX512(c, ldc, a, lda, w, nb, m, scale, add, t)
	case t4s16fp4:
		t4s16AVX512(c, ldc, a, lda, w, nb, m, scale, add, t)
	case t4e32fp4:
		t4e32AVX512(c, ldc, a, lda, w, nb, m, scale, add, t)
	default:
		panic("cpu: not an integer layout")
	}
}

// tTileAVX2 calls the kernel of a layout with levels.
func tTileAVX2(k kind, c *float32, ldc int, a *block, lda int, w *byte, nb, m int, scale float32, add int) {
	t := layouts[k].levels
	switch k {
	case t3s32iq2, t3s32iq1:
		t3s32AVX2(c, ldc, a, lda, w, nb, m, scale, add, t)
	case t3s16iq2, t3s16iq1:
		t3s16AVX2(c, ldc, a, lda, w, nb, m, scale, add, t)
	case t4s32iq4, t4s32xxs, t4s32iq3:
		t4s32AVX2(c, ldc, a, lda, w, nb, m, scale, add, t)
	case t4s16fp4:
		t4s16AVX2(c, ldc, a, lda, w, nb, m, scale, add, t)
	case t4e32fp4:
		t4e32AVX2(c, ldc, a, lda, w, nb, m, scale, add, t)
	default:
		panic("cpu: not an integer layout")
	}
}

// tTileAVXVNNI calls the kernel of a layout with levels.
func tTileAVXVNNI(k kind, c *float32, ldc int, a *block, lda int, w *byte, nb, m int, scale float32, add int) {
	t := layouts[k].levels
	switch k {
	case t3s32iq2, t3s32iq1:
		t3s32AVXVNNI(c, ldc, a, lda, w, nb, m, scale, add, t)
	case t3s16iq2, t3s16iq1:
		t3s16AVXVNNI(c, ldc, a, lda, w, nb, m, scale, add, t)
	case t4s32iq4, t4s32xxs, t4s32iq3:
		t4s32AVXVNNI(c, ldc, a, lda, w, nb, m, scale, add, t)
	case t4s16fp4:
		t4s16AVXVNNI(c, ldc, a, lda, w, nb, m, scale, add, t)
	case t4e32fp4:
		t4e32AVXVNNI(c, ldc, a, lda, w, nb, m, scale, add, t)
	default:
		panic("cpu: not an integer layout")
	}
}

// tTileAMX calls the kernel of a layout with levels.
func tTileAMX(k kind, cfg *[2]tileConfig, c *float32, ldc int, a *block, lda int, w *byte, nb, m int, scale float32, add int) {
	t := layouts[k].levels
	switch k {
	case t3s32iq2, t3s32iq1:
		t3s32AMX(cfg, c, ldc, a, lda, w, nb, m, scale, add, t)
	case t3s16iq2, t3s16iq1:
		t3s16AMX(cfg, c, ldc, a, lda, w, nb, m, scale, add, t)
	case t4s32iq4, t4s32xxs, t4s32iq3:
		t4s32AMX(cfg, c, ldc, a, lda, w, nb, m, scale, add, t)
	case t4s16fp4:
		t4s16AMX(cfg, c, ldc, a, lda, w, nb, m, scale, add, t)
	case t4e32fp4:
		t4e32AMX(cfg, c, ldc, a, lda, w, nb, m, scale, add, t)
	default:
		panic("cpu: not an integer layout")
	}
}
