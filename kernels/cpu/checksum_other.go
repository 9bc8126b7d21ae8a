//go:build !amd64 && !arm64

package cpu

func checksumOf(lv level, b []byte) checksum { return checksumGo(b) }
