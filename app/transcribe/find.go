package transcribe

// Finding words in a transcript, whatever their case.

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// match is a place where the words stand, in bytes of a segment's text.
type match struct{ segment, from, to int }

// find lists all places of the words in the texts, in order, without overlaps.
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

// prefix is how many bytes of text are the words; 0 if it begins otherwise.
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

// fold is a character without its case, one for one, so that places stay true.
func fold(r rune) rune { return unicode.ToLower(unicode.ToUpper(r)) }
