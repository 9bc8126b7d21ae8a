package token

import (
	"strings"
	"unicode/utf8"
)

// decodeRune decodes the character at the start of s, which must not be empty, in the way of the
// reference implementations of the vocabularies: the first byte determines the length of a character,
// and surrogates and overlong forms are accepted. It returns the character and its length in bytes, or
// U+FFFD and 1 for an invalid byte.
func decodeRune(s string) (r rune, n int) {
	c := s[0]
	switch {
	case c < 0x80:
		return rune(c), 1
	case c < 0xc0 || c >= 0xf8:
		return utf8.RuneError, 1
	case c < 0xe0:
		r, n = rune(c&0x1f), 2
	case c < 0xf0:
		r, n = rune(c&0x0f), 3
	default:
		r, n = rune(c&0x07), 4
	}
	if n > len(s) {
		return utf8.RuneError, 1
	}
	for i := 1; i < n; i++ {
		if s[i]&0xc0 != 0x80 {
			return utf8.RuneError, 1
		}
		r = r<<6 | rune(s[i]&0x3f)
	}
	if r > utf8.MaxRune {
		return utf8.RuneError, 1
	}
	return r, n
}

// validText returns s with invalid bytes replaced by U+FFFD and overlong forms by the shortest ones.
func validText(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	b.Grow(len(s) + len(s)/2)
	for len(s) > 0 {
		r, n := decodeRune(s)
		if r >= 0xd800 && r < 0xe000 && n == 3 {
			b.WriteString(s[:n]) // a surrogate, which is kept
		} else {
			b.WriteRune(r)
		}
		s = s[n:]
	}
	return b.String()
}
