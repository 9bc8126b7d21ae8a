package transcribe

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// match is an occurrence of the words; from and to are byte offsets in a segment's text.
type match struct{ segment, from, to int }

// find returns all occurrences of the words in the texts, ignoring case, in order and without overlaps.
func find(texts []string, words string) (all []match) {
	words = strings.TrimSpace(words)
	if words == "" {
		return nil
	}
	want := []rune(words)
	first := fold(want[0])
	for i, text := range texts {
		for from := 0; from < len(text); {
			r, n := utf8.DecodeRuneInString(text[from:])
			if fold(r) == first {
				if to := prefix(text[from:], want); to > 0 {
					all = append(all, match{i, from, from + to})
					from += to
					continue
				}
			}
			from += n
		}
	}
	return all
}

// prefix returns the number of bytes of text that match the words; 0 if it does not begin with them.
func prefix(text string, want []rune) int {
	at := 0
	for _, w := range want {
		r, n := utf8.DecodeRuneInString(text[at:])
		if n == 0 || fold(r) != fold(w) {
			return 0
		}
		at += n
	}
	return at
}

// fold removes the case of a character. It maps one character to one, so that positions stay valid.
func fold(r rune) rune { return unicode.ToLower(unicode.ToUpper(r)) }
