//go:build !linux

package cpu

// askForTiles: whether Windows and the BSDs give tile registers to those who do not ask,
// or how to ask, has not been tried; macOS has no computer with them.
func askForTiles() bool { return false }
