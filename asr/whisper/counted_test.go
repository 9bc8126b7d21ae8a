package whisper

import (
	"slices"
	"testing"
)

// TestStretches: words of about the same length with pauses between them are counted; a sentence is not.
func TestStretches(t *testing.T) {
	speech := func(lengths ...int) (out []bool) { // of speech and pause in turn
		for i, n := range lengths {
			out = append(out, slices.Repeat([]bool{i%2 == 0}, n)...)
		}
		return out
	}
	for _, c := range []struct {
		speech []bool
		want   int
	}{
		{nil, 0},
		{speech(20, 10, 22, 9, 18, 10, 20), 4},
		{speech(20, 10, 22, 2, 5, 10, 20), 3}, // a short gap belongs to the word
		{speech(20, 10, 60, 9, 8, 10, 20), 0},
		{speech(200), 1},
	} {
		if got := stretches(c.speech); got != c.want {
			t.Errorf("%d stretches, want %d", got, c.want)
		}
	}
}

// TestSameWord: a text that is one word again and again is told from others, whatever its marks and capital letters.
func TestSameWord(t *testing.T) {
	for _, c := range []struct {
		text []string
		want string
	}{
		{[]string{" Go.", " go,", " go", " Go!", " go"}, "go"},
		{[]string{" go", " go", " go"}, ""},
		{[]string{" one", " two", " three", " four"}, ""},
		{[]string{" no", " no", " no", " I", " said", " no"}, ""},
	} {
		var words []Word
		for _, w := range c.text {
			words = append(words, Word{Text: w})
		}
		if got := sameWord(words); got != c.want {
			t.Errorf("%q: %q", c.text, got)
		}
	}
}

// TestEndOfTwo: the second stretch of speech ends in the middle of the pause after it.
func TestEndOfTwo(t *testing.T) {
	for _, c := range []struct {
		speech string
		want   int
	}{
		{"..##....##......##..", 13}, {"..#.#.#...##......##..", 15}, {"..##....##", 10}, {"..##....##.....", 15}, {"", 0},
	} {
		speech := make([]bool, len(c.speech))
		for i, r := range c.speech {
			speech[i] = r == '#'
		}
		if got := endOfTwo(speech); got != c.want {
			t.Errorf("%s: %d, want %d", c.speech, got, c.want)
		}
	}
}

// TestInPlaceOf: a word takes the place of another one with its marks and its capital letter.
func TestInPlaceOf(t *testing.T) {
	for _, c := range []struct {
		old, word string
		first     bool
		want      string
	}{
		{" Dope,", "go", false, " Go,"}, {" dope.", "Go", true, " go."}, {" 5.", "Five", true, " Five."}, {" 5,", "Five", false, " five,"},
		{" Simes.", "5", false, " 5."}, {" US,", "Yes", false, " yes,"}, {"US,", "yes", true, "Yes,"}, {" us", "I", false, " I"}, {" us!", "USA", false, " USA!"},
	} {
		if got := inPlaceOf(c.old, c.word, c.first); got != c.want {
			t.Errorf("%q for %q: %q, want %q", c.word, c.old, got, c.want)
		}
	}
}
