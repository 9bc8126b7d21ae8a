package token

import (
	"strings"
	"unicode"
)

// splitter is a pre-tokenizer. It divides a text into words, within which byte-level BPE merges. It
// passes each word of s to emit, in order; joined, the words are s.
//
// The published pre-tokenizers are regular expressions with lookahead. A splitter is a scanner that
// reads each character a limited number of times, so its time is linear for any text.
//
//	GPT-2    's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
//	Llama 3  (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}
//	         | ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
//	Qwen 2   as Llama 3 with \p{N} for \p{N}{1,3}
//
// Other pre-tokenizers first separate runs of digits or punctuation and then split the rest like one
// of these. Sources: the tokenizer.json files of the models; llama.cpp, src/llama-vocab.cpp.
type splitter func(s string, emit func(word string))

// chain returns a splitter that passes the words of each splitter to the next one.
func chain(all ...splitter) splitter {
	if len(all) == 1 {
		return all[0]
	}
	first, rest := all[0], chain(all[1:]...)
	return func(s string, emit func(string)) {
		first(s, func(w string) { rest(w, emit) })
	}
}

// isolate returns a splitter that makes a word of each run of at least least characters in class, with
// at most most characters a word (0: no limit). The text between the runs is not split.
func isolate(class func(rune) bool, least, most int) splitter {
	return func(s string, emit func(string)) {
		from := 0 // start of the text after the last run
		for at := 0; at < len(s); {
			n, count := run(s[at:], class, most)
			if n == 0 {
				_, n = decodeRune(s[at:])
				at += n
				continue
			}
			if count >= least {
				if from < at {
					emit(s[from:at])
				}
				emit(s[at : at+n])
				from = at + n
			}
			at += n
		}
		if from < len(s) {
			emit(s[from:])
		}
	}
}

// run returns the length in bytes and in characters of the run of characters in class at the start
// of s. It has at most most characters (0: no limit).
func run(s string, class func(rune) bool, most int) (n, count int) {
	for n < len(s) && (most == 0 || count < most) {
		r, size := decodeRune(s[n:])
		if !class(r) {
			break
		}
		n += size
		count++
	}
	return n, count
}

func splitGPT2(s string, emit func(string)) {
	for len(s) > 0 {
		n := wordGPT2(s)
		emit(s[:n])
		s = s[n:]
	}
}

// wordGPT2 returns the length of the first word of s in bytes.
func wordGPT2(s string) int {
	if n := contraction(s, false); n > 0 {
		return n
	}
	lead := 0
	if s[0] == ' ' {
		lead = 1
	}
	for _, class := range []func(rune) bool{isLetter, isNumber, isOther} {
		if n, _ := run(s[lead:], class, 0); n > 0 {
			return lead + n
		}
	}
	return spaces(s)
}

// rules are the parameters of the patterns that follow Llama 3's and GPT-4o's. A nil class of letters
// or other characters means \p{L} and [^\s\p{L}\p{N}].
type rules struct {
	contractions bool            // Llama 3: 's|'t|… are words; GPT-4o: they belong to the word before them
	letter       func(rune) bool // letters of a word
	other        func(rune) bool // characters of punctuation
	digits       int             // most digits in a word; 0: no limit
	after        string          // characters that belong to the punctuation before them
	oneAfter     bool            // only one of them does
	upper, lower func(rune) bool // letters that begin and that end a word (GPT-4o)
	alone        func(rune) bool // characters of which a run is a word before all else (GPT-4o); nil: none
}

// splitLlama3 is the pattern of Llama 3 with other parameters.
func splitLlama3(r rules) splitter {
	return func(s string, emit func(string)) {
		for len(s) > 0 {
			n := r.wordLlama3(s)
			emit(s[:n])
			s = s[n:]
		}
	}
}

func (r *rules) wordLlama3(s string) int {
	if r.contractions {
		if n := contraction(s, true); n > 0 {
			return n
		}
	}
	if n := r.lettersWithLead(s); n > 0 {
		return n
	}
	return r.rest(s)
}

// lettersWithLead returns the length of a match of [^\r\n\p{L}\p{N}]?letter+ at the start of s.
func (r *rules) lettersWithLead(s string) int {
	letter := r.letter
	if letter == nil {
		letter = isLetter
	}
	for _, lead := range []int{leadingMark(s), 0} {
		if n, _ := run(s[lead:], letter, 0); n > 0 {
			return lead + n
		}
	}
	return 0
}

// leadingMark returns the length of a match of [^\r\n\p{L}\p{N}]? at the start of s.
func leadingMark(s string) int {
	r, n := decodeRune(s)
	if r == '\r' || r == '\n' || isLetter(r) || isNumber(r) {
		return 0
	}
	return n
}

// rest returns the length of a match of the end of the newer patterns:
// \p{N}{1,digits}| ?other+[after]*|\s*[\r\n]+|\s+(?!\S)|\s+
func (r *rules) rest(s string) int {
	if n, _ := run(s, isNumber, r.digits); n > 0 {
		return n
	}
	if n := r.punctuation(s); n > 0 {
		return n
	}
	if n := lines(s); n > 0 {
		return n
	}
	return spaces(s)
}

// punctuation returns the length of a match of " ?other+[after]*" at the start of s.
func (r *rules) punctuation(s string) int {
	other := r.other
	if other == nil {
		other = isOther
	}
	lead := 0
	if s[0] == ' ' {
		lead = 1
	}
	n, _ := run(s[lead:], other, 0)
	if n == 0 {
		return 0
	}
	n += lead
	trailing := len(s[n:]) - len(strings.TrimLeft(s[n:], r.after))
	if r.oneAfter {
		trailing = min(trailing, 1)
	}
	return n + trailing
}

// lines returns the length of a match of \s*[\r\n]+ at the start of s: white space up to its last line
// break.
func lines(s string) int {
	n, _ := run(s, unicode.IsSpace, 0)
	return strings.LastIndexAny(s[:n], "\r\n") + 1
}

// splitCased is the pattern of GPT-4o and, without contractions, of Mistral's Tekken. In a word,
// capital letters come before small ones, so "CamelCase" is two words. Marks and letters without
// case belong to both classes.
//
//	[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|…)?
//	|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|…)?
//	|\p{N}{1,digits}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+
func splitCased(r rules) splitter {
	if r.upper == nil {
		r.upper, r.lower = isUpperOrBoth, isLowerOrBoth
	}
	return func(s string, emit func(string)) {
		for len(s) > 0 {
			n := 0
			if r.alone != nil {
				n, _ = run(s, r.alone, 0)
			}
			if n > 0 {
				emit(s[:n])
				s = s[n:]
				continue
			}
			if n = r.wordCased(s); n == 0 {
				n = r.rest(s)
			} else if r.contractions && n < len(s) {
				n += contraction(s[n:], true)
			}
			emit(s[:n])
			s = s[n:]
		}
	}
}

// wordCased returns the length of the first word with the character that may precede it, or 0 if
// there is none. A combining mark may be that character or the first letter of the word.
func (r *rules) wordCased(s string) int {
	lead := leadingMark(s)
	for _, word := range []func(string) int{r.endsLower, r.startsUpper} {
		for _, from := range []int{lead, 0} {
			if n := word(s[from:]); n > 0 {
				return from + n
			}
		}
	}
	return 0
}

// endsLower returns the length of a match of upper*lower+. Characters without case belong to both
// classes. So if a run ends with capitals, the last character without case in it can be the match of
// lower+, and the capitals after it start a new word.
func (r *rules) endsLower(s string) int {
	up, _ := run(s, r.upper, 0)
	if low, _ := run(s[up:], r.lower, 0); low > 0 {
		return up + low
	}
	both := 0 // end of the last character in s[:up] that belongs to both classes
	for at := 0; at < up; {
		c, n := decodeRune(s[at:])
		at += n
		if r.lower(c) {
			both = at
		}
	}
	return both
}

// startsUpper returns the length of a match of upper+lower*.
func (r *rules) startsUpper(s string) int {
	up, _ := run(s, r.upper, 0)
	if up == 0 {
		return 0
	}
	low, _ := run(s[up:], r.lower, 0)
	return up + low
}

// spaces returns the length of a match of \s+(?!\S)|\s+: white space, without its last character if a
// word follows. If s does not start with white space, it is the length of one character.
func spaces(s string) int {
	last := 0
	n := 0
	for n < len(s) {
		r, size := decodeRune(s[n:])
		if !unicode.IsSpace(r) {
			break
		}
		last = n
		n += size
	}
	if n == 0 {
		_, n = decodeRune(s)
		return n
	}
	if n < len(s) && last > 0 {
		return last
	}
	return n
}

// contraction returns the length of a match of 's|'t|'re|'ve|'m|'ll|'d at the start of s.
func contraction(s string, anyCase bool) int {
	if len(s) < 2 || s[0] != '\'' {
		return 0
	}
	s = s[1:min(len(s), 3)]
	if anyCase {
		s = strings.ToLower(s)
	}
	for _, c := range []string{"s", "t", "re", "ve", "m", "ll", "d"} {
		if strings.HasPrefix(s, c) {
			return 1 + len(c)
		}
	}
	return 0
}
