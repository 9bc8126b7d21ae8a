package token

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// wordPiece is WordPiece (Schuster and Nakajima 2012; BERT, arXiv:1810.04805). Words are separated by white
// space, marks of punctuation, and Chinese characters, which are words of their own. A word becomes the longest
// token that it begins with, then the longest that the rest begins with, and so on; if that fails, the
// whole word is unknown.
//
//	file              "embeddings" → embed ##ding ##s
//	GGUF spelling                    ▁embed ding s
type wordPiece struct {
	tokens      *prefixes
	first, rest node // where tokens begin that begin a word, and those that continue one
	unknown     int32
	longest     int // characters of the longest word that is not unknown; 0: no limit
	normalize   bertNormalizer
}

// newWordPiece returns WordPiece for a vocabulary whose tokens have the prefix first at the beginning of a
// word and the prefix rest within one.
func newWordPiece(t *Tokenizer, first, rest string, unknown int32, n bertNormalizer) *wordPiece {
	var all []spelling
	for i, text := range t.texts {
		if id := t.ordinary(text); id == int32(i) {
			all = append(all, spelling{text, id})
		}
	}
	w := &wordPiece{tokens: newPrefixes(all), unknown: unknown, normalize: n}
	w.first, w.rest = w.after(first), w.after(rest)
	return w
}

// after returns the node of the tokens that begin with prefix.
func (w *wordPiece) after(prefix string) node {
	p := w.tokens.begin()
	for i := 0; i < len(prefix); i++ {
		w.tokens.step(&p, prefix[i])
	}
	return p
}

func (w *wordPiece) encode(dst []int32, text string) []int32 {
	splitBERT(w.normalize.apply(text), func(word string) { dst = w.encodeWord(dst, word) })
	return dst
}

func (w *wordPiece) encodeWord(dst []int32, word string) []int32 {
	begin := len(dst)
	if w.longest > 0 && utf8.RuneCountInString(word) > w.longest {
		return w.appendUnknown(dst)
	}
	for from := w.first; word != ""; from = w.rest {
		n, id := w.tokens.longest(from, word)
		if id == none {
			return w.appendUnknown(dst[:begin])
		}
		dst, word = append(dst, id), word[n:]
	}
	return dst
}

func (w *wordPiece) appendUnknown(dst []int32) []int32 {
	if w.unknown == none {
		return dst
	}
	return append(dst, w.unknown)
}

// splitBERT makes words of what is between white space, which it leaves out, and of each mark of punctuation.
func splitBERT(s string, emit func(string)) {
	from := 0
	for at := 0; at < len(s); {
		r, n := decodeRune(s[at:])
		blank := unicode.IsSpace(r)
		if blank || isBERTMark(r) {
			if from < at {
				emit(s[from:at])
			}
			if !blank {
				emit(s[at : at+n])
			}
			from = at + n
		}
		at += n
	}
	if from < len(s) {
		emit(s[from:])
	}
}

func isBERTMark(r rune) bool { return isPunct(r) || r < 128 && isSymbol(r) }

// bertNormalizer are the options of BERT's normalizer.
type bertNormalizer struct {
	clean        bool // remove control characters
	chinese      bool // separate Chinese characters by spaces
	stripAccents bool
	lowercase    bool
}

func (n bertNormalizer) apply(s string) string {
	s = validText(s)
	var b strings.Builder
	b.Grow(len(s) + len(s)/2)
	for _, r := range s {
		switch {
		case n.clean && isBERTControl(r):
		case n.clean && unicode.IsSpace(r):
			b.WriteByte(' ')
		case n.chinese && isBERTChinese(r):
			b.WriteByte(' ')
			b.WriteRune(r)
			b.WriteByte(' ')
		default:
			b.WriteRune(r)
		}
	}
	s = b.String()
	if n.stripAccents {
		s = stripMarks(norm.NFD.String(s))
	}
	if n.lowercase {
		s = lower(s)
	}
	return s
}

// stripMarks removes the nonspacing marks.
func stripMarks(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) || r >= firstNew && unicode.Is(newMark, r) {
			return -1
		}
		return r
	}, s)
}

// lower maps each character to its small form; 'İ' has one of two characters.
func lower(s string) string {
	return strings.ToLower(strings.ReplaceAll(s, "İ", "i\u0307"))
}

func isBERTControl(r rune) bool {
	switch r {
	case '\t', '\n', '\r':
		return false
	case 0, utf8.RuneError:
		return true
	}
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co)
}

// isBERTChinese reports whether BERT's tokenizer takes r for a Chinese character. The seventh range begins at
// U+2B920 in Hugging Face's tokenizers, not at U+2B820.
func isBERTChinese(r rune) bool {
	return r >= 0x4e00 && r <= 0x9fff || r >= 0x3400 && r <= 0x4dbf || r >= 0x20000 && r <= 0x2a6df || r >= 0x2a700 && r <= 0x2b73f ||
		r >= 0x2b740 && r <= 0x2b81f || r >= 0x2b920 && r <= 0x2ceaf || r >= 0xf900 && r <= 0xfaff || r >= 0x2f800 && r <= 0x2fa1f
}
