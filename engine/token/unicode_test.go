package token

import (
	"os"
	"strconv"
	"strings"
	"testing"
	"unicode"
)

// TestUnicode16 compares the classes of all characters with those of Unicode 16.
func TestUnicode16(t *testing.T) {
	data, err := os.ReadFile("testdata/unicode16.txt")
	if err != nil {
		t.Fatal(err)
	}
	category := make([]string, unicode.MaxRune+1)
	for line := range strings.Lines(string(data)) {
		f := strings.Fields(line)
		for _, span := range f[1:] {
			from, to, ranged := strings.Cut(span, "-")
			if !ranged {
				to = from
			}
			a, err1 := strconv.ParseInt(from, 16, 32)
			b, err2 := strconv.ParseInt(to, 16, 32)
			if err1 != nil || err2 != nil {
				t.Fatal(span)
			}
			for r := a; r <= b; r++ {
				category[r] = f[0]
			}
		}
	}
	wrong := 0
	for i, c := range category {
		r := rune(i)
		letter, mark := strings.HasPrefix(c, "L"), c == "M"
		both := c == "Lm" || c == "Lo" || mark
		for what, is := range map[string]bool{
			"letter":      isLetter(r) == letter,
			"number":      isNumber(r) == (c == "N"),
			"punctuation": isPunct(r) == (c == "P"),
			"symbol":      isSymbol(r) == (c == "S"),
			"combining":   isCombining(r) == mark,
			"other":       isOther(r) == !(unicode.IsSpace(r) || letter || c == "N"),
			"upper":       isUpperOrBoth(r) == (both || c == "Lu" || c == "Lt"),
			"lower":       isLowerOrBoth(r) == (both || c == "Ll"),
		} {
			if !is && wrong < 20 {
				wrong++
				t.Errorf("%U, category %q: %s", r, c, what)
			}
		}
	}
}

// TestNewLetters checks words of letters that Unicode 15.1 and 16 have added.
func TestNewLetters(t *testing.T) {
	for _, c := range []struct{ pre, text, want string }{
		{"gpt-2", "a\U00010D50b \U00016D43\U00016D44.", "a\U00010D50b| \U00016D43\U00016D44|."},
		{"llama3", "\U0002EBF0\U0002EBF1 \u1C89x", "\U0002EBF0\U0002EBF1| \u1C89x"},
		{"llama3", "\U0001CCF0\U0001CCF1\U0001CCF2\U0001CCF3", "\U0001CCF0\U0001CCF1\U0001CCF2|\U0001CCF3"},
		{"tekken", "\u1C8A\u1C89\u1C8A", "\u1C8A|\u1C89\u1C8A"},
	} {
		var words []string
		preTokenizers[c.pre].split(c.text, func(w string) { words = append(words, w) })
		if got := strings.Join(words, "|"); got != c.want {
			t.Errorf("%s: %q, expected %q", c.pre, got, c.want)
		}
	}
}
