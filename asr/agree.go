package asr

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	agreeingPasses = 3 // passes that have to agree
	heldBack       = 2 // words at the end of what they share that do not become stable yet
)

// localAgreement makes stable what successive passes over a growing utterance agree on
// (LocalAgreement: Macháček, Dabre and Bojar, Turning Whisper into a Real-Time Transcription
// System, 2023; there with two passes, here with three and the last two shared words held back):
//
//	pass 1   go for                                    stable
//	pass 2   go forward ten
//	pass 3   go forward ten meters please              ""
//	pass 4   go forward ten meters, please come        "go": all three continue with "forward ten"
//	pass 5   Go, forward ten meters.                   "go" stays: shown is "go forward ten meters."
//
// Words are held back because the last words that passes share may have been cut off in all of
// them. Texts are compared letter by letter, with punctuation and case: stable text never changes,
// and the final text begins with it, even if the last pass differs. Over the clips of testdata,
// passes every 0.64 s, 630 words:
//
//	passes, words held back  2, 1   2, 3   3, 1   3, 2   4, 2
//	words wrong (66 free)      68     70     66     67     67
//	finals changed, of 32      15     12     12      9      7    most in a comma or capital
//	words stable before end   406    358    320    301    260
type localAgreement struct {
	recent   []string // texts of the last passes, at most agreeingPasses-1
	language string   // of those
	stable   string
}

// add adds the text of a pass and returns it as it is shown, and how many bytes of it are stable.
func (a *localAgreement) add(text, language string) (string, int) {
	text = follow(a.stable, text)
	if language != a.language {
		a.recent, a.language = nil, language
	}
	a.recent = append(a.recent, text)
	if len(a.recent) < agreeingPasses {
		return text, len(a.stable)
	}
	if n := shared(a.recent); n > len(a.stable) {
		a.stable = text[:n]
	}
	a.recent = a.recent[1:]
	return text, len(a.stable)
}

// freeze returns the text of a pass as it is shown, without making more of it stable.
func (a *localAgreement) freeze(text string) (string, int) {
	a.recent = nil
	return follow(a.stable, text), len(a.stable)
}

// finish returns the text of the last pass as the final text, and resets a for the next
// utterance.
func (a *localAgreement) finish(text string) string {
	text = follow(a.stable, text)
	*a = localAgreement{}
	return text
}

// shared returns the length in bytes of the words that all texts begin with, less those held
// back.
func shared(texts []string) int {
	v := tokens(texts[0])
	k := len(v)
	for _, text := range texts[1:] {
		w := tokens(text)
		n := 0
		for n < min(k, len(w)) && v[n] == w[n] {
			n++
		}
		k = n
	}
	return len(strings.Join(v[:max(0, k-heldBack)], ""))
}

// tokens splits text into words, each with the space before it; in scripts without spaces
// between words, into letters.
func tokens(text string) []string {
	const (
		space = iota
		word
		letter // of such a script, and what punctuation follows it
	)
	var out []string
	from, before := 0, space
	for i, r := range text {
		kind := word
		switch {
		case unicode.IsSpace(r):
			kind = space
		case unspaced(r) || before == letter && unicode.IsPunct(r):
			kind = letter
		}
		if i > from && before != space && (kind != before || kind == letter && !unicode.IsPunct(r)) {
			out = append(out, text[from:i])
			from = i
		}
		before = kind
	}
	if from < len(text) {
		out = append(out, text[from:])
	}
	return out
}

// unspaced reports whether r is of a script without spaces between words.
func unspaced(r rune) bool {
	return unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar)
}

// follow returns text with stable as its beginning: if text begins differently, the words that
// correspond to those of stable are replaced.
func follow(stable, text string) string {
	if stable == "" || strings.HasPrefix(text, stable) && !joins(stable, text[len(stable):]) {
		return text
	}
	rest := tokens(text)
	rest = rest[aligned(tokens(stable), rest):]
	if len(rest) > 0 && joins(stable, rest[0]) {
		return stable + " " + strings.Join(rest, "")
	}
	return strings.TrimSpace(stable + strings.Join(rest, ""))
}

// joins reports whether the last word of a and the first word of b would become one word.
func joins(a, b string) bool {
	x, _ := utf8.DecodeLastRuneInString(a)
	y, _ := utf8.DecodeRuneInString(b)
	return !unspaced(x) && !unspaced(y) && !unicode.IsSpace(y) && !unicode.IsPunct(y) && b != ""
}

// aligned returns how many words at the start of w correspond to all of v: the number with the
// smallest edit distance in words; of several, the one closest to the length of v.
func aligned(v, w []string) int {
	row := make([]int, len(w)+1)
	for j := range row {
		row[j] = j
	}
	for i, x := range v {
		diagonal := row[0]
		row[0] = i + 1
		for j, y := range w {
			cost := 1
			if bare(x) == bare(y) {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, diagonal+cost)
		}
	}
	best := 0
	for j := range row {
		if row[j] < row[best] || row[j] == row[best] && abs(j-len(v)) < abs(best-len(v)) {
			best = j
		}
	}
	return best
}

func abs(n int) int { return max(n, -n) }

// bare returns a word for comparison: lower-case letters and digits only.
func bare(word string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, word)
}
