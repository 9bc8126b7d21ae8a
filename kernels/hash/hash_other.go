//go:build !amd64

package hash

import "unsafe"

const best = generic

func (l level) compress(*Value, unsafe.Pointer, int, []uint32, *[16]uint32, uint32) {
	panic("hash: no such level")
}
