package token

import "unicode"

// Characters of Unicode 15.1 and 16.0, by category, which the tables of package unicode (Unicode 15.0)
// do not have, but those of the vocabularies' own tokenizers do. Source: the Unicode Character
// Database, version 16.0.0.
var (
	newUpper = &unicode.RangeTable{
		R16: []unicode.Range16{
			{0x1c89, 0x1c89, 1}, {0xa7cb, 0xa7cc, 1}, {0xa7da, 0xa7da, 1}, {0xa7dc, 0xa7dc, 1},
		},
		R32: []unicode.Range32{
			{0x10d50, 0x10d65, 1},
		},
	}
	newLower = &unicode.RangeTable{
		R16: []unicode.Range16{
			{0x1c8a, 0x1c8a, 1}, {0xa7cd, 0xa7cd, 1}, {0xa7db, 0xa7db, 1},
		},
		R32: []unicode.Range32{
			{0x10d70, 0x10d85, 1},
		},
	}
	newModifier = &unicode.RangeTable{
		R32: []unicode.Range32{
			{0x10d4e, 0x10d4e, 1}, {0x10d6f, 0x10d6f, 1}, {0x16d40, 0x16d42, 1}, {0x16d6b, 0x16d6c, 1},
		},
	}
	newLetter = &unicode.RangeTable{
		R32: []unicode.Range32{
			{0x105c0, 0x105f3, 1}, {0x10d4a, 0x10d4d, 1}, {0x10d4f, 0x10d4f, 1}, {0x10ec2, 0x10ec4, 1}, {0x11380, 0x11389, 1},
			{0x1138b, 0x1138b, 1}, {0x1138e, 0x1138e, 1}, {0x11390, 0x113b5, 1}, {0x113b7, 0x113b7, 1}, {0x113d1, 0x113d1, 1},
			{0x113d3, 0x113d3, 1}, {0x11bc0, 0x11be0, 1}, {0x13460, 0x143fa, 1}, {0x16100, 0x1611d, 1}, {0x16d43, 0x16d6a, 1},
			{0x18cff, 0x18cff, 1}, {0x1e5d0, 0x1e5ed, 1}, {0x1e5f0, 0x1e5f0, 1}, {0x2ebf0, 0x2ee5d, 1},
		},
	}
	newMark = &unicode.RangeTable{
		R16: []unicode.Range16{
			{0x897, 0x897, 1},
		},
		R32: []unicode.Range32{
			{0x10d69, 0x10d6d, 1}, {0x10efc, 0x10efc, 1}, {0x113b8, 0x113c0, 1}, {0x113c2, 0x113c2, 1}, {0x113c5, 0x113c5, 1},
			{0x113c7, 0x113ca, 1}, {0x113cc, 0x113d0, 1}, {0x113d2, 0x113d2, 1}, {0x113e1, 0x113e2, 1}, {0x11f5a, 0x11f5a, 1},
			{0x1611e, 0x1612f, 1}, {0x1e5ee, 0x1e5ef, 1},
		},
	}
	newNumber = &unicode.RangeTable{
		R32: []unicode.Range32{
			{0x10d40, 0x10d49, 1}, {0x116d0, 0x116e3, 1}, {0x11bf0, 0x11bf9, 1}, {0x16130, 0x16139, 1}, {0x16d70, 0x16d79, 1},
			{0x1ccf0, 0x1ccf9, 1}, {0x1e5f1, 0x1e5fa, 1},
		},
	}
	newSymbol = &unicode.RangeTable{
		R16: []unicode.Range16{
			{0x2427, 0x2429, 1}, {0x2ffc, 0x2fff, 1}, {0x31e4, 0x31e5, 1}, {0x31ef, 0x31ef, 1},
		},
		R32: []unicode.Range32{
			{0x10d8e, 0x10d8f, 1}, {0x1cc00, 0x1ccef, 1}, {0x1cd00, 0x1ceb3, 1}, {0x1f8b2, 0x1f8bb, 1}, {0x1f8c0, 0x1f8c1, 1},
			{0x1fa89, 0x1fa89, 1}, {0x1fa8f, 0x1fa8f, 1}, {0x1fabe, 0x1fabe, 1}, {0x1fac6, 0x1fac6, 1}, {0x1fadc, 0x1fadc, 1},
			{0x1fadf, 0x1fadf, 1}, {0x1fae9, 0x1fae9, 1}, {0x1fbcb, 0x1fbef, 1},
		},
	}
	newPunct = &unicode.RangeTable{
		R16: []unicode.Range16{
			{0x1b4e, 0x1b4f, 1}, {0x1b7f, 0x1b7f, 1},
		},
		R32: []unicode.Range32{
			{0x10d6e, 0x10d6e, 1}, {0x113d4, 0x113d5, 1}, {0x113d7, 0x113d8, 1}, {0x11be1, 0x11be1, 1}, {0x16d6d, 0x16d6f, 1},
			{0x1e5ff, 0x1e5ff, 1},
		},
	}
)

// firstNew is the first character in the tables above.
const firstNew = 0x897

func isLetter(r rune) bool {
	return unicode.IsLetter(r) || r >= firstNew && unicode.In(r, newUpper, newLower, newModifier, newLetter)
}

func isNumber(r rune) bool { return unicode.IsNumber(r) || r >= firstNew && unicode.Is(newNumber, r) }

func isPunct(r rune) bool { return unicode.IsPunct(r) || r >= firstNew && unicode.Is(newPunct, r) }

func isSymbol(r rune) bool { return unicode.IsSymbol(r) || r >= firstNew && unicode.Is(newSymbol, r) }

// isCombining reports whether r matches \p{M}.
func isCombining(r rune) bool { return unicode.IsMark(r) || r >= firstNew && unicode.Is(newMark, r) }

// isOther reports whether r matches [^\s\p{L}\p{N}].
func isOther(r rune) bool { return !unicode.IsSpace(r) && !isLetter(r) && !isNumber(r) }

// isUpperOrBoth reports whether r matches [\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}].
func isUpperOrBoth(r rune) bool {
	return unicode.In(r, unicode.Lu, unicode.Lt, unicode.Lm, unicode.Lo, unicode.M) ||
		r >= firstNew && unicode.In(r, newUpper, newModifier, newLetter, newMark)
}

// isLowerOrBoth reports whether r matches [\p{Ll}\p{Lm}\p{Lo}\p{M}].
func isLowerOrBoth(r rune) bool {
	return unicode.In(r, unicode.Ll, unicode.Lm, unicode.Lo, unicode.M) ||
		r >= firstNew && unicode.In(r, newLower, newModifier, newLetter, newMark)
}
