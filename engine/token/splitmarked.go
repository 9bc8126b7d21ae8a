package token

import (
	"strings"
	"unicode"
)

// matches returns a splitter that makes a word of each match, and of each text between two matches.
// match returns the length of the match at the start of s, 0 if there is none; it must look at a
// limited number of characters to find that there is none.
func matches(match func(s string) int) splitter {
	return func(s string, emit func(string)) {
		from := 0 // end of the last match
		for at := 0; at < len(s); {
			n := match(s[at:])
			if n == 0 {
				_, n = decodeRune(s[at:])
				at += n
				continue
			}
			if from < at {
				emit(s[from:at])
			}
			emit(s[at : at+n])
			at += n
			from = at
		}
		if from < len(s) {
			emit(s[from:])
		}
	}
}

// isolateEach is isolate for several classes that have no character in common: [a]+|[b]+|….
func isolateEach(classes ...func(rune) bool) splitter {
	return matches(func(s string) int {
		for _, class := range classes {
			if n, _ := run(s, class, 0); n > 0 {
				return n
			}
		}
		return 0
	})
}

// spaced returns a splitter that makes a word of each match of \s?class+.
func spaced(class func(rune) bool) splitter {
	return matches(func(s string) int {
		if n, _ := run(s, class, 0); n > 0 {
			return n
		}
		r, lead := decodeRune(s)
		if !unicode.IsSpace(r) {
			return 0
		}
		if n, _ := run(s[lead:], class, 0); n > 0 {
			return lead + n
		}
		return 0
	})
}

// splitTrailing makes a word of the white space at the end of a text (\s+$).
func splitTrailing(s string, emit func(string)) {
	n := len(strings.TrimRightFunc(s, unicode.IsSpace))
	for _, w := range []string{s[:n], s[n:]} {
		if w != "" {
			emit(w)
		}
	}
}

// splitFields makes words of what is between white space, which it leaves out.
func splitFields(s string, emit func(string)) {
	for w := range strings.FieldsSeq(s) {
		emit(w)
	}
}

// splitLines makes words of [^\n]+|\n+.
func splitLines(s string, emit func(string)) {
	isolate(func(r rune) bool { return r == '\n' }, 1, 0)(s, emit)
}

// splitMarked is the pattern of DeepSeek V3, in which combining marks belong to words and a word of
// ASCII letters may begin with a mark of punctuation. after is as in rules.
//
//	[!-/:-@\[-`{-~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[after]*
//	|\s*[\r\n]+|\s+(?!\S)|\s+
func splitMarked(after string) splitter {
	r := &rules{other: isMarkOrSymbol, after: after}
	return matches(func(s string) int {
		if n := r.wordMarked(s); n > 0 {
			return n
		}
		if n := lines(s); n > 0 {
			return n
		}
		return leadingSpaces(s)
	})
}

// splitSpark is the pattern of Spark 2.5: as splitMarked, but each line break is a word, and none
// belongs to what is before it.
func splitSpark(s string, emit func(string)) {
	r := &rules{other: isMarkOrSymbol}
	matches(func(s string) int {
		if n := r.wordMarked(s); n > 0 {
			return n
		}
		if isLineBreak(rune(s[0])) {
			return 1
		}
		return leadingSpaces(s)
	})(s, emit)
}

func (r *rules) wordMarked(s string) int {
	if s[0] < 0x80 && isMarkOrSymbol(rune(s[0])) {
		if n, _ := run(s[1:], isASCIILetter, 0); n > 0 {
			return 1 + n
		}
	}
	lead := 0
	if c, n := decodeRune(s); !isLineBreak(c) && !isLetter(c) && !isMarkOrSymbol(c) {
		lead = n
	}
	for _, from := range []int{lead, 0} {
		if n, _ := run(s[from:], isLetterOrCombining, 0); n > 0 {
			return from + n
		}
	}
	return r.punctuation(s)
}

// leadingSpaces is spaces for a text that may begin with something else; then it returns 0.
func leadingSpaces(s string) int {
	if r, _ := decodeRune(s); !unicode.IsSpace(r) {
		return 0
	}
	return spaces(s)
}

// groupDigits returns a splitter that divides each run of digits into groups of three, counted from its
// end: 1 234 567. With bounded, only runs count that no letter, digit or underscore follows
// (\d{1,3}(?=(?:\d{3})*\b)).
func groupDigits(digit func(rune) bool, bounded bool) splitter {
	return func(s string, emit func(string)) {
		from := 0
		for at := 0; at < len(s); {
			n, count := run(s[at:], digit, 0)
			if n == 0 {
				_, n = decodeRune(s[at:])
				at += n
				continue
			}
			if bounded && at+n < len(s) {
				if r, _ := decodeRune(s[at+n:]); isWordCharacter(r) {
					at += n
					continue
				}
			}
			if from < at {
				emit(s[from:at])
			}
			for most := (count-1)%3 + 1; n > 0; most = 3 {
				size, _ := run(s[at:], digit, most)
				emit(s[at : at+size])
				at, n = at+size, n-size
			}
			from = at
		}
		if from < len(s) {
			emit(s[from:])
		}
	}
}

// splitPhrases is the pattern of EXAONE's mixtures: as Llama 3's, with words that may extend over
// single spaces.
//
//	(?i:'s|…)|[^\r\n\p{L}\p{N}]?(?:\p{L}\p{M}*(?: \p{L}\p{M}*)*)+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]?|\s*[\r\n]|…
func splitPhrases(r rules) splitter {
	return func(s string, emit func(string)) {
		for len(s) > 0 {
			n := contraction(s, true)
			if lead := leadingMark(s); n == 0 {
				if n = phrase(s[lead:]); n > 0 {
					n += lead
				}
			}
			if n == 0 {
				n = r.rest(s)
			}
			emit(s[:n])
			s = s[n:]
		}
	}
}

// phrase returns the length of a match of (?:\p{L}\p{M}*(?: \p{L}\p{M}*)*)+ at the start of s.
func phrase(s string) int {
	n := 0
	for n < len(s) {
		c, size := decodeRune(s[n:])
		switch {
		case isLetter(c), n > 0 && isCombining(c):
			n += size
			continue
		case n > 0 && c == ' ' && n+1 < len(s):
			if next, size := decodeRune(s[n+1:]); isLetter(next) {
				n += 1 + size
				continue
			}
		}
		break
	}
	return n
}

// splitJais2 is the pattern of Llama 3 with white space in words of 512, 256, …, 4, 2 or 1 characters:
// \s{512}(?!\S)|\s{256}(?!\S)|…|\s{4}(?!\S)|\s{1,2}(?!\S)|\s.
func splitJais2(s string, emit func(string)) {
	r := rules{contractions: true, digits: 3, after: "\r\n"}
	blank := 0    // number of characters of white space at the start of s, which has no line break
	last := false // they end the text
	for len(s) > 0 {
		n := 0
		if blank == 0 {
			if n = lines(s); n == 0 {
				var size int
				size, blank = run(s, unicode.IsSpace, 0)
				last = size == len(s)
			}
		}
		if n == 0 && blank > 1 {
			var count int
			n, count = blankWord(s, blank, last)
			blank -= count
		} else if n == 0 {
			n, blank = r.wordLlama3(s), 0
		}
		emit(s[:n])
		s = s[n:]
	}
}

// blankWord returns the length in bytes and characters of the first word of s, which begins with blank
// characters of white space, at least 2; last says whether nothing follows them.
func blankWord(s string, blank int, last bool) (n, count int) {
	for count = 512; count > 1; count /= 2 {
		if count < blank || count == blank && last {
			break
		}
	}
	n, _ = run(s, unicode.IsSpace, count)
	return n, count
}
