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
		want bool
	}{
		{[]string{" Go.", " go,", " go", " Go!", " go"}, true},
		{[]string{" go", " go", " go"}, false},
		{[]string{" one", " two", " three", " four"}, false},
		{[]string{" no", " no", " no", " I", " said", " no"}, false},
	} {
		var words []Word
		for _, w := range c.text {
			words = append(words, Word{Text: w})
		}
		if got := sameWord(words); got != c.want {
			t.Errorf("%q: %v", c.text, got)
		}
	}
}
