//go:build !amd64 && !arm64

package cpu

func supports(l level) bool { return l == generic }
