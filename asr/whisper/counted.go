package whisper

import (
	"slices"
	"time"
)

const (
	// countLeast is the fewest times that a word is said for it to be counted by the stretches of speech.
	countLeast = 4
	// countShare is the least share of a text that is the word, and of the stretches that are alike.
	countShare = 0.8
	// stretchGap is the shortest pause between two stretches.
	stretchGap = 60 * time.Millisecond
	// countHeld is the least mean share of the attention that is at the words.
	countHeld = 0.1
)

// counted examines a text that is one word again and again. The model often can't end it: where the speech consists of
// stretches of about the same length, with pauses between them, there are as many words as stretches.
//
//	speech   ▂▇▅▁▁▂▇▅▁▁▂▇▅▁▁▂▇▅▁     four stretches
//	text     go go go go go go go …  four words are kept, if the alignment gives each its time
//
// Where there are far fewer words, shorter windows may have all.
//
// It returns false if a is no such text, or if its words are not where the speech is.
func (s *Slot) counted(a *attempt, r *Result, o *Options) (bool, error) {
	said := stretches(o.Speech)
	if said < countLeast || slices.Contains(unspaced, r.Language) {
		return false, nil
	}
	text, at := s.textOf(a.tokens)
	words := s.wordsOf(text)
	word := sameWord(words)
	if word == "" {
		return false, nil
	}
	n, ends := 0, []int{0}
	for _, w := range words {
		n += w.tokens
		ends = append(ends, n)
	}
	kept := min(said, len(words))
	l, err := s.locate(text[:ends[kept]], r, o, false)
	if err != nil || l == nil || ends[kept] > len(l.share) || l.held(0, ends[kept]) < countHeld {
		return false, err
	}
	empty := 0
	for i := range kept {
		if l.empty(ends[i], ends[i+1]) {
			empty++
		}
	}
	if float64(empty) > mostUnspoken*float64(kept) {
		return false, nil
	}
	a.looped, a.repeats, a.word = false, true, word
	a.fewer = float64(len(words)) < countShare*float64(said)
	if kept == len(words) {
		return true, nil
	}
	drop := make([]bool, len(text))
	mark(drop[ends[kept]:])
	if l, err = s.locate(text, r, o, true); err != nil || len(l.probs) < len(text) {
		return false, err
	}
	s.remove(a, at, drop, l)
	return true, nil
}

// wordsOf divides text into words, with the marks that follow them.
func (m *Model) wordsOf(text []int32) (out []Word) {
	for _, w := range spaced(m.characters(text)) {
		if n := len(out); n > 0 && bare(w.Text) == "" {
			out[n-1].Text, out[n-1].tokens = out[n-1].Text+w.Text, out[n-1].tokens+w.tokens
			continue
		}
		out = append(out, w)
	}
	return out
}

// sameWord returns the word, without case and marks, that most of words are, or "".
func sameWord(words []Word) (word string) {
	count := map[string]int{}
	for _, w := range words {
		b := bare(w.Text)
		if count[b]++; count[b] > count[word] {
			word = b
		}
	}
	if count[word] < countLeast || float64(count[word]) < countShare*float64(len(words)) {
		return ""
	}
	return word
}

// endOfTwo returns the Tick in the middle of the pause after the second stretch of speech, or the end.
func endOfTwo(speech []bool) int {
	n, gap := 0, int(stretchGap/Tick)
	for i := 1; i < len(speech); i++ {
		if !speech[i-1] || speech[i] || slices.Contains(speech[i:min(i+gap, len(speech))], true) {
			continue
		}
		if n++; n == 2 {
			next := slices.Index(speech[i:], true)
			if next < 0 {
				break
			}
			return i + next/2
		}
	}
	return len(speech)
}

// stretches returns how many stretches of about the same length there are in speech, a value for each Tick; 0 if they are
// not alike.
func stretches(speech []bool) int {
	var lengths []int
	length, gap := 0, 0
	for _, spoken := range append(slices.Clone(speech), make([]bool, int(stretchGap/Tick)+1)...) {
		switch {
		case spoken:
			length, gap = length+gap+1, 0
		case length > 0:
			if gap++; time.Duration(gap)*Tick >= stretchGap {
				lengths, length, gap = append(lengths, length), 0, 0
			}
		}
	}
	if len(lengths) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(lengths))
	usual, alike := sorted[len(sorted)/2], 0
	for _, n := range lengths {
		if 2*n >= usual && n <= 2*usual {
			alike++
		}
	}
	if float64(alike) < countShare*float64(len(lengths)) {
		return 0
	}
	return alike
}
