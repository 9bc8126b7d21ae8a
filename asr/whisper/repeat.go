package whisper

import (
	"math"
	"slices"
	"time"
)

const (
	// shortestToken and shortestShare are the least length of a repetition: for each of its tokens,
	// and of the median length of the repetitions. Where a speaker repeats a sentence, the alignment
	// gives each the time it takes; repetitions of the model alone get next to none.
	shortestToken = 40 * time.Millisecond
	shortestShare = 0.3
	// leastHeld is the least share of the attention that is at a repetition. Where the same words are
	// said many times, the attention to one of them is spread over the others, down to a tenth;
	// to noise it is spread over all of the audio.
	leastHeld = 0.06
	// sentence is the least number of tokens of a repetition that is no word.
	sentence = 4
	// wellHeld is the share from which on a sentence is certainly spoken: noise has 0.25 at most.
	wellHeld = 0.35
	// mostUnspoken is the share of repetitions that are not spoken from which on all of them are a
	// loop. A repetition of the speaker that the model continues is stopped soon, see checkEvery.
	mostUnspoken = 0.4
	// checkEvery is after how many further tokens a repetition that was spoken is checked again.
	checkEvery = 24
)

// repetition is a sequence of n tokens of a text that follows itself: text[from:from+n·times].
type repetition struct{ from, n, times int }

// to returns the end of the repetition.
func (r repetition) to() int { return r.from + r.n*r.times }

// repetitions returns the repetitions in text, in order and without overlap: sequences that occur
// three times or more in a row, or twice if they have four tokens or more.
func repetitions(text []int32) (out []repetition) {
	for at := 0; at < len(text); {
		r := longest(text, at)
		if r.times == 0 {
			at++
			continue
		}
		out = append(out, r)
		at = r.to()
	}
	return out
}

// longest returns the repetition that begins at token at and covers most tokens; of several, the one
// of the shortest sequence.
func longest(text []int32, at int) (best repetition) {
	for n := 1; at+2*n <= len(text); n++ {
		end := at + n
		for end < len(text) && text[end] == text[end-n] {
			end++
		}
		r := repetition{at, n, (end - at) / n}
		if (r.times >= 3 || r.times == 2 && n >= sentence) && r.n*r.times > best.n*best.times {
			best = r
		}
	}
	return best
}

// recurs returns where four tokens are that occur a second time, without overlap, and where that is;
// zeros if there are none.
func recurs(text []int32) (from, again int) {
	const n = 4
	seen := map[[n]int32]int{}
	for i := 0; i+n <= len(text); i++ {
		key := [n]int32(text[i:])
		if at, ok := seen[key]; !ok {
			seen[key] = i
		} else if i-at >= n {
			return at, i
		}
	}
	return 0, 0
}

// textOf returns the text tokens among tokens, and the place of each.
func (m *Model) textOf(tokens []int32) (text []int32, at []int) {
	for i, id := range tokens {
		if id < m.EndOfText {
			text, at = append(text, id), append(at, i)
		}
	}
	return text, at
}

// unspoken returns which of the repetitions of r are not in the audio: those that the alignment gives
// no time, or to which hardly any attention goes.
func (r repetition) unspoken(a *alignment) (out []int) {
	length := func(k int) int { return a.begins[r.from+(k+1)*r.n] - a.begins[r.from+k*r.n] }
	var all []int
	for k := range r.times {
		all = append(all, length(k))
	}
	slices.Sort(all)
	// Repetitions of the model alone may be more than half: the median is that of the longer half.
	usual := all[len(all)-1-len(all)/4]
	for k := range r.times {
		if a.empty(r.from+k*r.n, r.from+(k+1)*r.n) || float64(length(k)) < shortestShare*float64(usual) {
			out = append(out, k)
		}
	}
	return out
}

// parts returns the parts of tokens between times, as ranges of text tokens.
func (m *Model) parts(tokens []int32) (out [][2]int) {
	from, n := 0, 0
	for _, id := range tokens {
		if id < m.EndOfText {
			n++
		} else if id >= m.TimesBegin && n > from {
			out, from = append(out, [2]int{from, n}), n
		}
	}
	if n > from {
		out = append(out, [2]int{from, n})
	}
	return out
}

// examine checks by the sound whether the repetitions in a's text are the speaker's or a loop of the
// model, and removes those that are not spoken:
//
//	text        go go go go go go go go │ go go go …       a repetition of the speaker that the model
//	alignment   ├─┼──┼─┼─┼──┼─┼──┼─┼──┤ ╫                  could not end: the rest has no time
//	text        thank you │ thank you thank you …          a loop: nearly all of it has no time
//	alignment   ├────────┤ ╫
//
// A text of which no sequence is repeated exactly, but that compresses more than MaxRatio, is checked
// by its parts between times; a sentence that begins like another one, for whether it has time. Where most of a repetition was not spoken, all of it is removed and a is
// marked as looped; its mean log-probability is then that of the remaining text.
func (s *Slot) examine(a *attempt, r *Result, o *Options) error {
	if done, err := s.counted(a, r, o); done || err != nil {
		return err
	}
	text, at := s.textOf(a.tokens)
	found := repetitions(text)
	from, again := recurs(text)
	if len(text) == 0 || len(found) == 0 && again == 0 && a.ratio <= o.MaxRatio {
		a.looped = false
		return nil
	}
	l, err := s.locate(text, r, o, false)
	if err != nil || l == nil {
		return err
	}
	drop := make([]bool, len(l.share))
	a.looped = false
	for _, x := range found {
		if x.to() > len(l.share) {
			break
		}
		unsaid := x.unspoken(l)
		loop := float64(len(unsaid)) > mostUnspoken*float64(x.times) && !x.certain(l, unsaid)
		unsaid = s.beyond(x, l, unsaid)
		a.looped, a.repeats = a.looped || loop, a.repeats || len(unsaid) == 0 && x.n >= sentence
		for k := range x.times {
			if loop || slices.Contains(unsaid, k) {
				mark(drop[x.from+k*x.n:][:x.n])
			}
		}
	}
	if to := min(2*again-from, len(drop)); len(found) == 0 && again > 0 && again < to && l.empty(again, to) {
		mark(drop[again:to])
	}
	if a.ratio > o.MaxRatio {
		for _, p := range s.parts(a.tokens) {
			if p[1] <= len(drop) && l.empty(p[0], p[1]) {
				mark(drop[p[0]:p[1]])
				a.looped = true
			}
		}
	}
	if !slices.Contains(drop, true) {
		return nil
	}
	if l, err = s.locate(text, r, o, true); err == nil {
		s.remove(a, at, drop, l)
	}
	return err
}

// beyond adds to unsaid, repetitions of r, a word, that are not spoken, the last ones that are too many for
// the bursts of sound at them: the model often can't end a repetition.
func (s *Slot) beyond(r repetition, a *alignment, unsaid []int) []int {
	from, to := a.begins[r.from], min(a.begins[r.to()], len(s.levels))
	if r.n >= sentence || from >= to {
		return unsaid
	}
	said := bursts(s.levels[from:to])
	for k := r.times - 1; k >= 0 && r.times-len(unsaid) > max(said, 1); k-- {
		if !slices.Contains(unsaid, k) {
			unsaid = append(unsaid, k)
		}
	}
	return unsaid
}

// certain reports whether those of r that are not in unsaid are certainly spoken.
func (r repetition) certain(a *alignment, unsaid []int) bool {
	if r.n < sentence || len(unsaid) == r.times {
		return false
	}
	for k := range r.times {
		if !slices.Contains(unsaid, k) && a.held(r.from+k*r.n, r.from+(k+1)*r.n) < wellHeld {
			return false
		}
	}
	return true
}

func mark(b []bool) {
	for i := range b {
		b[i] = true
	}
}

// empty reports whether the alignment gives text tokens [from, to) no time, or words more than they take,
// or hardly any attention goes there. (A sentence may have taken the time of others that are left out.)
func (a *alignment) empty(from, to int) bool {
	n := time.Duration(to - from)
	if time.Duration(a.begins[to]-a.begins[from])*Tick < n*shortestToken || a.held(from, to) < leastHeld {
		return true
	}
	return a.speech != nil && n < sentence && time.Duration(a.speechIn(from, to))*Tick > n*longToken
}

// remove removes the text tokens that drop marks, which are at tokens at, from a.
func (s *Slot) remove(a *attempt, at []int, drop []bool, l *alignment) {
	gone := map[int]bool{}
	sum, n := 0.0, 0
	for i, d := range drop {
		if gone[at[i]] = d; !d {
			sum, n = sum+math.Log(max(l.probs[i], 1e-12)), n+1
		}
	}
	var tokens []int32
	for i, id := range a.tokens {
		if !gone[i] {
			tokens = append(tokens, id)
		}
	}
	a.tokens, a.text = tokens, s.spell(tokens)
	a.ratio, a.avg = ratio(a.text), sum/float64(max(1, n))
}

// loop reports whether h ends in repetitions that the audio does not hold. Repetitions that are
// spoken are checked again after checkEvery tokens.
func (s *Slot) loop(h *hypothesis, r *Result, o *Options) (bool, error) {
	if len(h.tokens) < h.spoken || !loops(h.tokens) {
		return false, nil
	}
	text, _ := s.textOf(h.tokens)
	l, err := s.locate(text, r, o, false)
	if err != nil || l == nil {
		return true, err
	}
	h.spoken = len(h.tokens) + checkEvery
	for _, x := range repetitions(text) {
		if x.to() > len(l.share) {
			break
		}
		if unsaid := x.unspoken(l); x.to() > len(text)-x.n && len(unsaid) > 1 {
			return true, nil
		}
	}
	return false, nil
}
