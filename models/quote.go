package models

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits of Printable, in characters: of the result, and of what is kept of the end where
// the middle is left out.
const (
	mostPrintable = 200
	printableTail = 60
)

// Printable makes text from outside fit for a message: the name of a file, a key or a value
// of its metadata, what another program writes. Characters that a terminal or a window would
// obey instead of showing (control characters, escape sequences, changes of the writing
// direction, invisible ones) and bytes that are no UTF-8 are escaped as in Go: \x1b, \u202e.
// Of more than 200 characters the middle is left out, so that the beginning and a file's
// extension stay. A backslash is kept as it is.
func Printable(s string) string { return cut(s, 0, mostPrintable) }

// Quote is Printable between double quotes; quotes inside are escaped.
func Quote(s string) string { return `"` + cut(s, '"', mostPrintable) + `"` }

// cut escapes s, also the character quote with a backslash if it is not 0, and leaves out the
// middle of more than most characters.
func cut(s string, quote rune, most int) string {
	var head strings.Builder
	keep, n, rest := 0, 0, s // keep is the length of head up to which it is kept if s is too long
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

// escape returns what stands for the character r, whose bytes are raw.
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

// mostLine is how many characters PrintableLines keeps of a line.
const mostLine = 2000

// PrintableLines makes a message harmless that may quote text from outside, as the last step
// before it is shown: line by line, with more room than Printable has.
func PrintableLines(s string) string {
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		lines[i] = cut(line, 0, mostLine)
	}
	return strings.Join(lines, "\n")
}
