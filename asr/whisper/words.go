package whisper

import (
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Word is a word of a segment, with the space before it.
type Word struct {
	Text       string
	Start, End time.Duration // in the window
	Prob       float64       // mean probability of its tokens

	tokens int
}

func (w *Word) length() time.Duration { return w.End - w.Start }

// Punctuation that ends a sentence, that belongs to the word after it, and to the word before it.
const (
	sentenceEnds = ".。!！?？"
	opening      = "\"'“¿([{-"
	closing      = "\"'.。,，!！?？:：”)]}、"
)

// unspaced lists the languages without spaces between words.
var unspaced = []string{"zh", "ja", "th", "lo", "my", "yue"}

// words divides text into words (openai/whisper, whisper/tokenizer.py and whisper/timing.py). Its
// tokens begin at the frames begins, of which the last is the end.
//
//	" Mr"  " D" "ash" "wood" ","        tokens
//	" Mr"  " Dashwood"       ","        words: each begins with a space or is a punctuation mark
//	" Mr"  " Dashwood,"                 place joins marks to the words that they belong to
//
// Text in languages without spaces is divided into characters.
func (m *Model) words(text []int32, begins []int, probs []float64, language string) []Word {
	parts := m.characters(text)
	if !slices.Contains(unspaced, language) {
		parts = spaced(parts)
	}
	var out []Word
	at := 0
	for _, w := range parts {
		w.Start, w.End = time.Duration(begins[at])*Tick, time.Duration(begins[at+w.tokens])*Tick
		for _, p := range probs[at : at+w.tokens] {
			w.Prob += p / float64(w.tokens)
		}
		at += w.tokens
		out = append(out, w)
	}
	return out
}

// characters groups tokens to whole characters; the last group may be incomplete.
func (m *Model) characters(text []int32) (out []Word) {
	from := 0
	for i := range text {
		b := m.text.Decode(text[from : i+1])
		if utf8.Valid(b) || i == len(text)-1 || i-from >= utf8.UTFMax {
			out = append(out, Word{Text: strings.ToValidUTF8(string(b), "\uFFFD"), tokens: i + 1 - from})
			from = i + 1
		}
	}
	return out
}

// spaced joins parts of words to words.
func spaced(parts []Word) (out []Word) {
	for i, p := range parts {
		bare := strings.TrimSpace(p.Text)
		mark := len(bare) == 1 && bare[0] < utf8.RuneSelf && (unicode.IsPunct(rune(bare[0])) || unicode.IsSymbol(rune(bare[0])))
		if i == 0 || mark || strings.HasPrefix(p.Text, " ") {
			out = append(out, p)
			continue
		}
		last := &out[len(out)-1]
		last.Text += p.Text
		last.tokens += p.tokens
	}
	return out
}

// place assigns words to the segments of their tokens and corrects their times. A pause tends to be
// part of the word beside it: words at the ends of sentences and segments are limited to twice the
// median length.
func place(words []Word, segments []Segment, spoken time.Duration) {
	typical := median(words)
	trim(words, 2*typical)
	words = joinMarks(words)
	for i := range segments {
		s := &segments[i]
		for n := 0; len(words) > 0 && n < len(s.Tokens); words = words[1:] {
			n += words[0].tokens
			if words[0].Text != "" {
				s.Words = append(s.Words, words[0])
			}
		}
		if len(s.Words) == 0 {
			continue
		}
		s.fitEnds(typical, spoken)
		if i > 0 {
			s.notBefore(segments[i-1].End)
		}
		spoken = s.End
	}
}

// median returns the median length of the words that are longer than zero, at most 0.7 s.
func median(words []Word) time.Duration {
	var all []time.Duration
	for _, w := range words {
		if w.length() > 0 {
			all = append(all, w.length())
		}
	}
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	return min((all[(len(all)-1)/2]+all[len(all)/2])/2, 700*time.Millisecond)
}

// trim shortens punctuation that ends a sentence, and the words after it, to most.
func trim(words []Word, most time.Duration) {
	ends := func(w Word) bool { return w.Text != "" && strings.Contains(sentenceEnds, w.Text) }
	for i := 1; i < len(words); i++ {
		switch w := &words[i]; {
		case w.length() <= most:
		case ends(*w):
			w.End = w.Start + most
		case ends(words[i-1]):
			w.Start = w.End - most
		}
	}
}

// joinMarks joins punctuation to the words that it belongs to.
func joinMarks(words []Word) []Word {
	for i := len(words) - 2; i >= 0; i-- { // marks before a word
		if w := words[i]; strings.HasPrefix(w.Text, " ") && strings.Contains(opening, strings.TrimSpace(w.Text)) {
			words[i+1] = join(w, words[i+1], words[i+1])
			words = slices.Delete(words, i, i+1)
		}
	}
	var out []Word
	for _, w := range words { // marks behind one
		if n := len(out); n > 0 && !strings.HasSuffix(out[n-1].Text, " ") && strings.Contains(closing, w.Text) {
			out[n-1] = join(out[n-1], w, out[n-1])
			continue
		}
		out = append(out, w)
	}
	return out
}

// join returns a and b as one word, with the times of word.
func join(a, b, word Word) Word {
	word.Text, word.tokens = a.Text+b.Text, a.tokens+b.tokens
	return word
}

// fitEnds corrects the first and the last word, which may include pauses, by the segment's times, and
// the segment's times by them. typical is the median length of a word; spoken is when the previous
// segment ended.
func (s *Segment) fitEnds(typical, spoken time.Duration) {
	first, last := &s.Words[0], &s.Words[len(s.Words)-1]
	most := 2 * typical
	if first.End-spoken > 4*typical {
		s.afterPause(most)
	}
	if s.Start < first.End && s.Start-500*time.Millisecond > first.Start {
		first.Start = max(0, min(first.End-typical, s.Start))
	} else {
		s.Start = first.Start
	}
	if s.End > last.Start && s.End+500*time.Millisecond < last.End {
		last.End = max(last.Start+typical, s.End)
	} else {
		s.End = last.End
	}
	first.Text = strings.TrimLeft(first.Text, " ")
}

// afterPause shortens the first two words to most each, if together they are too long.
func (s *Segment) afterPause(most time.Duration) {
	first := &s.Words[0]
	long := first.length() > most
	if len(s.Words) > 1 {
		second := &s.Words[1]
		if long = long || second.End-first.Start > 2*most; long && second.length() > most {
			second.Start = max(second.End/2, second.End-most)
			first.End = second.Start
		}
	}
	if long {
		first.Start = max(0, first.End-most)
	}
}

// notBefore moves times before t, the end of the previous segment, to t.
func (s *Segment) notBefore(t time.Duration) {
	s.Start, s.End = max(s.Start, t), max(s.End, t)
	for i := range s.Words {
		w := &s.Words[i]
		w.Start, w.End = max(w.Start, t), max(w.End, t)
	}
}
