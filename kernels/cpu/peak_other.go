//go:build !amd64 && !arm64

package cpu

func read(lv level, b []byte, ahead int) { readGo(b) }

func spin(lv level, r resource, n int) float64 { return spinGo(r, n) }
