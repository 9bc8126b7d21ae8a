package whisper

import "time"

const (
	// slowest is how many tokens there are at least for each second of speech, where nothing is left
	// out. English has about four.
	slowest = 2.5
	// leastSpeech is how much speech a part of a text has at least to be checked.
	leastSpeech = 2500 * time.Millisecond
	// swallowed is how much speech in one token shows that words are left out.
	swallowed = 1500 * time.Millisecond
)

// swallows reports whether words are left out within a's text: there are few tokens for so much speech,
// and the alignment gives one of them more than a word takes, or ends long before the text's times. It happens where the same sentence is
// said again and again, and in beam search, which prefers short texts.
func (s *Slot) swallows(a *attempt, r *Result, o *Options) (bool, error) {
	if o.Quick || o.Translate || o.Speech == nil || !s.slow(a.tokens, o.Speech) {
		return false, nil
	}
	text, _ := s.textOf(a.tokens)
	l, err := s.locate(text, r, o, false)
	if err != nil || l == nil {
		return false, err
	}
	for i := range l.share {
		if time.Duration(l.speechIn(i, i+1))*Tick >= swallowed {
			return true, nil
		}
	}
	end := len(o.Speech)
	if i := lastTime(a.tokens, s.TimesBegin); i > 0 {
		end = min(end, int(a.tokens[i]-s.TimesBegin))
	}
	from := min(l.begins[len(l.share)], end)
	return time.Duration(count(o.Speech[from:end]))*Tick >= swallowed, nil
}

// count returns how many of b are set.
func count(b []bool) (n int) {
	for _, v := range b {
		if v {
			n++
		}
	}
	return n
}

// slow reports whether a part of tokens between times has few tokens for its speech; without times, all
// of them.
func (m *Model) slow(tokens []int32, speech []bool) bool {
	n, from := 0, 0
	few := func(to int) bool {
		to = min(to, len(speech))
		d := time.Duration(count(speech[min(from, to):to])) * Tick
		return n > 0 && d >= leastSpeech && float64(n) < slowest*d.Seconds()
	}
	for _, id := range tokens {
		switch {
		case id < m.EndOfText:
			n++
		case id >= m.TimesBegin:
			at := int(id - m.TimesBegin)
			if few(at) {
				return true
			}
			n, from = 0, at
		}
	}
	return few(len(speech))
}
