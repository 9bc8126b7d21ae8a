package token

import (
	"strings"
	"unicode"
)

// Classes of characters that the pre-tokenizers use beside those of unicode.go. Sources: as for splitter.

func isASCIIDigit(r rune) bool  { return r >= '0' && r <= '9' }
func isASCIILetter(r rune) bool { return r|0x20 >= 'a' && r|0x20 <= 'z' }
func isLineBreak(r rune) bool   { return r == '\n' || r == '\r' }

// isMark reports whether r matches [\p{P}\$\+<=>\^~\|]; isFalconMark accepts the backtick as well.
func isMark(r rune) bool       { return isPunct(r) || r < 128 && strings.ContainsRune("$+<=>^~|", r) }
func isFalconMark(r rune) bool { return isMark(r) || r == '`' }

// isChameleonMark reports whether r matches [\p{P}!-/:-@\[-`{-~].
func isChameleonMark(r rune) bool { return isPunct(r) || r < 128 && isMarkOrSymbol(r) }

// isMarkOrSymbol reports whether r matches [\p{P}\p{S}].
func isMarkOrSymbol(r rune) bool { return isPunct(r) || isSymbol(r) }

// isLetterOrCombining reports whether r matches [\p{L}\p{M}].
func isLetterOrCombining(r rune) bool { return isLetter(r) || isCombining(r) }

// isOtherThanCombining reports whether r matches [^\s\p{L}\p{M}\p{N}].
func isOtherThanCombining(r rune) bool { return isOther(r) && !isCombining(r) }

// isDecimal reports whether r matches \d. All new numbers are decimal digits.
func isDecimal(r rune) bool { return unicode.IsDigit(r) || r >= firstNew && unicode.Is(newNumber, r) }

// isWordCharacter reports whether r matches \w.
func isWordCharacter(r rune) bool {
	return isLetterOrCombining(r) || isDecimal(r) || unicode.In(r, unicode.Pc, unicode.Nl)
}

func isHan(r rune) bool         { return r >= 0x2e80 && unicode.Is(unicode.Han, r) }
func isUpperNotHan(r rune) bool { return isUpperOrBoth(r) && !isHan(r) }
func isLowerNotHan(r rune) bool { return isLowerOrBoth(r) && !isHan(r) }

// isHanOrKana reports whether r matches [一-龥぀-ゟ゠-ヿ].
func isHanOrKana(r rune) bool { return r >= 0x4e00 && r <= 0x9fa5 || r >= 0x3040 && r <= 0x30ff }

// isEastAsian reports whether r matches [一-龥ࠀ-一가-퟿].
func isEastAsian(r rune) bool { return r >= 0x800 && r <= 0x9fa5 || r >= 0xac00 && r <= 0xd7ff }

func isHangul(r rune) bool   { return r >= 0xac00 && r <= 0xd7a3 || r >= 0x3131 && r <= 0x318e }
func isBopomofo(r rune) bool { return r >= 0x3105 && r <= 0x312f }

// isCJKMark reports whether r matches [！…“”‘’—：；，、-〿︰-﹏].
func isCJKMark(r rune) bool {
	return r >= 0x3001 && r <= 0x303f || r >= 0xfe30 && r <= 0xfe4f || strings.ContainsRune("！…“”‘’—：；，", r)
}

// asian are the scripts whose runs AFMoE's pre-tokenizer separates: Thai, Lao, Myanmar, Hangul, Khmer,
// radicals, Kana and Han with what lies between.
var asian = &unicode.RangeTable{R16: []unicode.Range16{
	{0xe40, 0xeff, 1}, {0x1000, 0x109f, 1}, {0x1100, 0x11ff, 1}, {0x1780, 0x17ff, 1}, {0x2f00, 0x2fdf, 1}, {0x3040, 0x30ff, 1},
	{0x3400, 0x4dbf, 1}, {0x4e00, 0xfaff, 1}, {0xff65, 0xff9f, 1},
}}

func isAsian(r rune) bool { return unicode.Is(asian, r) }

// notDeepSeek are letters with case that the pattern of DeepSeek LLM does not list.
var notDeepSeek = &unicode.RangeTable{
	R16: []unicode.Range16{
		{0x560, 0x588, 1}, {0x10c7, 0x10ff, 1}, {0x1c80, 0x1c8f, 1}, {0x2d00, 0x2d2f, 1}, {0xa790, 0xa7ff, 1}, {0xab30, 0xab6f, 1},
	},
	R32: []unicode.Range32{
		{0x10570, 0x105ff, 1}, {0x10d50, 0x10d8f, 1}, {0x16e40, 0x16e7f, 1}, {0x1d400, 0x1dfff, 1},
	},
}

// isDeepSeekLetter reports whether r is one of the letters of DeepSeek LLM's pattern.
func isDeepSeekLetter(r rune) bool {
	return unicode.In(r, unicode.Lu, unicode.Ll, unicode.Lt) && !unicode.Is(notDeepSeek, r)
}

// isDeepSeekMark reports whether r matches [!-/:-~！-／：-～‘-‟　-。].
func isDeepSeekMark(r rune) bool {
	return r >= '!' && r <= '/' || r >= ':' && r <= '~' || r >= 0xff01 && r <= 0xff0f || r >= 0xff1a && r <= 0xff5e ||
		r >= 0x2018 && r <= 0x201f || r >= 0x3000 && r <= 0x3002
}

// wordBloom returns the length of a match of " ?[^(\s|.,!?…。，、।۔،)]+" at the start of s.
func wordBloom(s string) int {
	lead := 0
	if s[0] == ' ' {
		lead = 1
	}
	n, _ := run(s[lead:], func(r rune) bool {
		return !unicode.IsSpace(r) && !strings.ContainsRune("(|.,!?…。，、।۔،)", r)
	}, 0)
	if n == 0 {
		return 0
	}
	return lead + n
}

// wordChameleon returns the length of a match of <sentinel:[0-9]+>, IMGIMG[A-I]{1,4}Z, [\t\n], four or
// two spaces at the start of s.
func wordChameleon(s string) int {
	if rest, ok := strings.CutPrefix(s, "<sentinel:"); ok {
		if n, _ := run(rest, isASCIIDigit, 20); n > 0 && n < len(rest) && rest[n] == '>' {
			return len("<sentinel:") + n + 1
		}
	}
	if rest, ok := strings.CutPrefix(s, "IMGIMG"); ok {
		n, _ := run(rest, func(r rune) bool { return r >= 'A' && r <= 'I' }, 4)
		if n > 0 && n < len(rest) && rest[n] == 'Z' {
			return len("IMGIMG") + n + 1
		}
	}
	for _, blank := range []string{"\t", "\n", "    ", "  "} {
		if strings.HasPrefix(s, blank) {
			return len(blank)
		}
	}
	return 0
}
