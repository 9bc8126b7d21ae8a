package token

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// charsMap is SentencePiece's compiled map of characters (precompiled_charsmap): which sequences of
// bytes are replaced by which text. The longest sequence that a text begins with counts.
//
//	uint32 size | double array, size bytes | replacements, each ended by a zero byte
//
// The double array is a trie (Kanda 2018, XOR-compressed). Node 0 is the root. The child of node n for byte
// c is base(n) ^ c, if its label is c. A unit of 32 bits:
//
//	bit 31      a value: bits 0-30 are the offset of a replacement
//	bits 10-30  base, shifted left by 8 if bit 9 is set, relative to the unit's own index
//	bit 8       a sequence ends here: the unit at base has its value
//	bits 0-7    label
type charsMap struct {
	units    []uint32
	replaced string
}

func newCharsMap(b []byte) (*charsMap, error) {
	if len(b) == 0 {
		return &charsMap{}, nil
	}
	if len(b) < 4 || int64(binary.LittleEndian.Uint32(b)) > int64(len(b)-4) {
		return nil, fmt.Errorf("the map of characters is cut off")
	}
	n := int(binary.LittleEndian.Uint32(b)) / 4
	m := &charsMap{units: make([]uint32, n), replaced: string(b[4+4*n:])}
	for i := range m.units {
		m.units[i] = binary.LittleEndian.Uint32(b[4+4*i:])
	}
	return m, nil
}

// next returns the text for the beginning of s, which is not empty, and how many bytes of s it stands
// for. An invalid byte becomes U+FFFD.
func (m *charsMap) next(s string) (text string, n int) {
	if text, n := m.longest(s); n > 0 {
		return text, n
	}
	r, n := decodeRune(s)
	if r == '\uFFFD' && n == 1 {
		return "\uFFFD", 1
	}
	return s[:n], n
}

func (m *charsMap) longest(s string) (text string, n int) {
	if len(m.units) == 0 {
		return "", 0
	}
	node := base(m.units[0])
	for i := 0; i < len(s) && s[i] != 0; i++ {
		if node ^= uint32(s[i]); int(node) >= len(m.units) {
			break
		}
		unit := m.units[node]
		if unit&(1<<31|0xff) != uint32(s[i]) {
			break
		}
		node ^= base(unit)
		if unit&(1<<8) == 0 || int(node) >= len(m.units) {
			continue
		}
		if at := int(m.units[node] &^ (1 << 31)); at < len(m.replaced) {
			if end := strings.IndexByte(m.replaced[at:], 0); end >= 0 {
				text, n = m.replaced[at:at+end], i+1
			}
		}
	}
	return text, n
}

func base(unit uint32) uint32 { return unit >> 10 << (unit & (1 << 9) >> 6) }
