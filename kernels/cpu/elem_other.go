//go:build !amd64 && !arm64

package cpu

func maxOf(lv level, x []float32) float32               { return maxOfGo(x) }
func expSum(lv level, x []float32, top float32) float32 { return expSumGo(x, top) }
func scaleTo(lv level, dst, x []float32, s float32)     { scaleToGo(dst, x, s) }
func addTo(lv level, dst, x []float32)                  { addToGo(dst, x) }
func sum(lv level, x []float32) float32                 { return sumGo(x) }
func squares(lv level, x []float32, mean float32) float32 {
	return squaresGo(x, mean)
}
func scaleMul(lv level, dst, x, w []float32, s float32) { scaleMulGo(dst, x, w, s) }
func affine(lv level, dst, x, gamma, beta []float32, mean, s float32) {
	affineGo(dst, x, gamma, beta, mean, s)
}
func silu(lv level, dst, x, up []float32)                        { siluGo(dst, x, up) }
func sigmoid(lv level, dst, x, up []float32)                     { sigmoidGo(dst, x, up) }
func geluTanh(lv level, dst, x, up []float32)                    { geluTanhGo(dst, x, up) }
func geluErf(lv level, dst, x, up []float32)                     { geluErfGo(dst, x, up) }
func addRows(lv level, c []float32, ldc int, b []float32, m int) { addRowsGo(c, ldc, b, m) }
func swiGLU7(lv level, dst, x, up []float32)                     { swiGLU7Go(dst, x, up) }
func softCap(lv level, dst, x []float32, limit float32)          { softCapGo(dst, x, limit) }

func addMedians(lv level, sum, x []float32, share float32) { addMediansGo(sum, x, share) }
