package models

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits of Printable, in characters: of the whole result, and of the end that is kept if
// the middle is left out.
const (
	maxPrintable  = 200
	printableTail = 60
)

// Printable makes untrusted text safe for a message: the name of a file, a key or a value of
// its metadata, the output of another program. Characters that a terminal or a window would
// interpret instead of showing (control characters, escape sequences, changes of the writing
// direction, invisible characters) and bytes that are not UTF-8 are escaped as in Go: \x1b,
// \u202e. In a text of more than 200 characters the middle is left out; the beginning and
// the extension of a file name remain. Backslashes are not escaped.
func Printable(s string) string { return cut(s, 0, maxPrintable) }

// Quote returns Printable(s) in double quotes; quotes inside are escaped.
func Quote(s string) string { return `"` + cut(s, '"', maxPrintable) + `"` }

// cut escapes s and leaves out the middle if there are more than most characters. If the
// character quote is not 0, it is escaped with a backslash.
func cut(s string, quote rune, most int) string {
	var head strings.Builder
	keep, n, rest := 0, 0, s // keep is the length of head that stays if s is too long
	for rest != "" {
		r, size := utf8.DecodeRuneInString(rest)
		unit := escape(r, rest[:size], quote)
		if n += utf8.RuneCountInString(unit); n <= most-printableTail-1 {
			keep = head.Len() + len(unit)
		}
		if n > most {
			return head.String()[:keep] + "…" + tail(s, quote)
		}
		head.WriteString(unit)
		rest = rest[size:]
	}
	return head.String()
}

// tail returns at most printableTail characters of the end of s, escaped.
func tail(s string, quote rune) string {
	end := ""
	for n := 0; s != ""; {
		r, size := utf8.DecodeLastRuneInString(s)
		unit := escape(r, s[len(s)-size:], quote)
		if n += utf8.RuneCountInString(unit); n > printableTail {
			break
		}
		end = unit + end
		s = s[:len(s)-size]
	}
	return end
}

// escape returns the escaped form of the character r, whose bytes are raw.
func escape(r rune, raw string, quote rune) string {
	switch {
	case r == utf8.RuneError && len(raw) == 1, !unicode.IsPrint(r):
		q := strconv.Quote(raw)
		return q[1 : len(q)-1]
	case r == quote && quote != 0:
		return `\` + raw
	}
	return raw
}

// maxLine is the largest number of characters of a line that PrintableLines keeps.
const maxLine = 2000

// PrintableLines makes a message safe that may contain untrusted text. It is the last step
// before a message is shown. It works line by line, and a line may be longer than a result of
// Printable.
func PrintableLines(s string) string {
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		lines[i] = cut(line, 0, maxLine)
	}
	return strings.Join(lines, "\n")
}

// Directs reports whether r is a character that embeds, overrides or isolates a direction of writing, or an obsolete one that
// changes the shape of the text after it. Source: Unicode Standard Annex #9, and chapter 23.3 of the standard.
func Directs(r rune) bool {
	return r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x206f
}
