package whisper

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"soberano/engine/token"
)

// clearWord is the least mean log-probability of words that replace a repeated one.
const clearWord = -0.8

// Reword replaces the word of which the text of r consists again and again by the one that was heard where its
// first two are decoded by themselves. A word that is said many times is often heard as another one, because
// what the model has written is more to it than the sound:
//
//	the window          go go go go go go go   →  "Dope, dope, dope, dope, dope, dope, dope."
//	its first two       go go                  →  "Go! Go!"
//	reworded                                      "Go, go, go, go, go, go, go."
//
// Nothing is changed unless apart is one word, or twice the same one, and clear.
func (m *Model) Reword(r, apart *Result) {
	text, _ := m.textOf(apart.Tokens)
	words := m.wordsOf(text)
	if len(words) == 0 || len(words) > 2 || apart.Looped || apart.Temperature > 0 || apart.AvgLogprob < clearWord {
		return
	}
	word := bare(words[0].Text)
	if word == "" || word == r.Repeated || bare(words[len(words)-1].Text) != word {
		return
	}
	spelled := strings.TrimFunc(words[0].Text, notLetter)
	var tokens, part []int32
	first := true // of a sentence
	end := func() {
		at := 0
		for _, w := range m.wordsOf(part) {
			if ids := part[at : at+w.tokens]; bare(w.Text) == r.Repeated {
				tokens = append(tokens, m.text.Encode(inPlaceOf(w.Text, spelled, first), token.Options{})...)
			} else {
				tokens = append(tokens, ids...)
			}
			at += w.tokens
			first = strings.ContainsAny(w.Text, ".!?")
		}
		part = nil
	}
	for _, id := range r.Tokens {
		if id < m.EndOfText {
			part = append(part, id)
			continue
		}
		end()
		tokens = append(tokens, id)
	}
	end()
	r.Tokens, r.Text = tokens, m.spell(tokens)
	r.Repeated, r.Ratio = word, ratio(r.Text)
}

func notLetter(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) }

// inPlaceOf returns word with the spaces and marks around old. Its first letter is large if that of old is; where old does
// not tell (a number, "US"), if it is the first word of a sentence. Words without small letters stay as they are.
func inPlaceOf(old, word string, first bool) string {
	core := strings.TrimFunc(old, notLetter)
	before, after, _ := strings.Cut(old, core)
	letter, n := utf8.DecodeRuneInString(word)
	if rest := word[n:]; rest != "" && rest == strings.ToLower(rest) {
		head, k := utf8.DecodeRuneInString(core)
		large := unicode.IsUpper(head)
		if tail := core[k:]; !unicode.IsLetter(head) || tail != strings.ToLower(tail) {
			large = first
		}
		if letter = unicode.ToLower(letter); large {
			letter = unicode.ToUpper(letter)
		}
	}
	return before + string(letter) + word[n:] + after
}
