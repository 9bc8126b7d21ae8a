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

// preTokenizer is a pre-tokenizer with the other options that its name implies.
type preTokenizer struct {
	split        splitter
	ignoreMerges bool // words that are tokens are encoded without merges
	addBOS       bool // default if the file does not say
}

// preTokenizers are the known values of tokenizer.ggml.pre.
var preTokenizers = func() map[string]preTokenizer {
	var (
		digits   = isolate(isNumber, 1, 1)
		smol     = preTokenizer{split: chain(digits, splitGPT2)}
		gpt2     = preTokenizer{split: splitGPT2}
		llama3   = preTokenizer{split: splitLlama3(3, "\r\n"), ignoreMerges: true, addBOS: true}
		dbrx     = preTokenizer{split: splitLlama3(3, "\r\n")}
		glm4     = preTokenizer{split: splitLlama3(3, "\r\n"), ignoreMerges: true}
		qwen2    = preTokenizer{split: splitLlama3(1, "\r\n")}
		tekken   = preTokenizer{split: splitCased(1, false), ignoreMerges: true, addBOS: true}
		gpt4o    = preTokenizer{split: splitCased(3, true)}
		three    = isolate(isASCIIDigit, 3, 3)
		falcon   = preTokenizer{split: chain(isolate(isFalconMark, 1, 0), splitGPT2, three)}
		fallback = preTokenizer{split: chain(isolate(isMark, 1, 0), splitGPT2, isolate(isNumber, 1, 0), three)}
	)
	m := map[string]preTokenizer{"default": fallback, "falcon": falcon, "tekken": tekken}
	for p, names := range map[*preTokenizer]string{
		&smol:   "smollm starcoder refact command-r codeshell exaone minerva-7b mellum2",
		&gpt2:   "gpt-2 phi-2 mpt olmo jais trillion exaone4 gigachat mellum granite-docling a.x-4.0 modern-bert jina-es jina-de jina-v2-es jina-v2-de",
		&llama3: "llama3 llama-v3 llama-bpe falcon3 falcon-h1 pixtral midm-2.0 lfm2 jina-v5-nano",
		&dbrx:   "dbrx smaug-bpe chatglm-bpe",
		&glm4:   "glm4 glm5",
		&qwen2:  "qwen2 deepseek-r1-qwen kormo stablelm2 hunyuan megrez solar-open grok-2 f2llmv2",
		&gpt4o:  "gpt-4o llama4 kanana2 talkie",
	} {
		for name := range strings.FieldsSeq(names) {
			m[name] = *p
		}
	}
	return m
}()

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

// splitLlama3 is the pattern of Llama 3, with at most digits digits in a word. Characters in after
// belong to the punctuation before them.
func splitLlama3(digits int, after string) splitter {
	return func(s string, emit func(string)) {
		for len(s) > 0 {
			n := wordLlama3(s, digits, after)
			emit(s[:n])
			s = s[n:]
		}
	}
}

func wordLlama3(s string, digits int, after string) int {
	if n := contraction(s, true); n > 0 {
		return n
	}
	lead := leadingMark(s)
	if n, _ := run(s[lead:], isLetter, 0); n > 0 {
		return lead + n
	}
	return wordRest(s, digits, after)
}

// leadingMark returns the length of a match of [^\r\n\p{L}\p{N}]? at the start of s.
func leadingMark(s string) int {
	r, n := decodeRune(s)
	if r == '\r' || r == '\n' || isLetter(r) || isNumber(r) {
		return 0
	}
	return n
}

// wordRest returns the length of a match of the end of the newer patterns:
// \p{N}{1,digits}| ?[^\s\p{L}\p{N}]+[after]*|\s*[\r\n]+|\s+(?!\S)|\s+
func wordRest(s string, digits int, after string) int {
	if n, _ := run(s, isNumber, digits); n > 0 {
		return n
	}
	lead := 0
	if s[0] == ' ' {
		lead = 1
	}
	if n, _ := run(s[lead:], isOther, 0); n > 0 {
		n += lead
		return n + len(s[n:]) - len(strings.TrimLeft(s[n:], after))
	}
	n, _ := run(s, unicode.IsSpace, 0)
	if last := strings.LastIndexAny(s[:n], "\r\n"); last >= 0 {
		return last + 1
	}
	return spaces(s)
}

// splitCased is the pattern of GPT-4o and, without contractions, of Mistral's Tekken. In a word,
// capital letters come before small ones, so "CamelCase" is two words. Marks and letters without
// case belong to both classes.
//
//	[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|…)?
//	|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|…)?
//	|\p{N}{1,digits}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+
func splitCased(digits int, contractions bool) splitter {
	return func(s string, emit func(string)) {
		for len(s) > 0 {
			n := wordCased(s)
			if n == 0 {
				n = wordRest(s, digits, "\r\n/")
			} else if contractions && n < len(s) {
				n += contraction(s[n:], true)
			}
			emit(s[:n])
			s = s[n:]
		}
	}
}

// wordCased returns the length of the first word with the character that may precede it, or 0 if
// there is none. A combining mark may be that character or the first letter of the word.
func wordCased(s string) int {
	lead := leadingMark(s)
	for _, word := range []func(string) int{endsLower, startsUpper} {
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
func endsLower(s string) int {
	up, _ := run(s, isUpperOrBoth, 0)
	if low, _ := run(s[up:], isLowerOrBoth, 0); low > 0 {
		return up + low
	}
	both := 0 // end of the last character in s[:up] that belongs to both classes
	for at := 0; at < up; {
		r, n := decodeRune(s[at:])
		at += n
		if isLowerOrBoth(r) {
			both = at
		}
	}
	return both
}

// startsUpper returns the length of a match of upper+lower*.
func startsUpper(s string) int {
	up, _ := run(s, isUpperOrBoth, 0)
	if up == 0 {
		return 0
	}
	low, _ := run(s[up:], isLowerOrBoth, 0)
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

func isASCIIDigit(r rune) bool { return r >= '0' && r <= '9' }

// isMark reports whether r matches [\p{P}\$\+<=>\^~\|]; isFalconMark accepts the backtick as well.
func isMark(r rune) bool       { return isPunct(r) || r < 128 && strings.ContainsRune("$+<=>^~|", r) }
func isFalconMark(r rune) bool { return isMark(r) || r == '`' }
