package whisper

import "time"

// Tick is the resolution of predicted times.
const Tick = 20 * time.Millisecond

// Segment is text with its times in the window. Text keeps its leading space.
type Segment struct {
	Text       string
	Tokens     []int32 // of the text
	Start, End time.Duration
	Words      []Word // after Align
}

// Timed returns the tokens of a segment between those of its times, as the model predicts them.
func (m *Model) Timed(s Segment, o Options) []int32 {
	if o.NoTimes {
		return s.Tokens
	}
	at := func(d time.Duration) int32 { return m.TimesBegin + int32(d/Tick) }
	return append(append([]int32{at(s.Start)}, s.Tokens...), at(s.End))
}

// Segments divides the tokens of r into segments (openai/whisper, whisper/transcribe.py) and returns
// how much of the window is done: length, the audio in the window, or less if the last segment is
// incomplete.
//
//	<0.00> text <2.40><2.80> text <7.00><7.00>      the next window starts at 7.00
//	<0.00> text <2.40><2.80> text <7.00>            a single time at the end: nothing follows
//	<0.00> text                                     up to the end of the audio
func (m *Model) Segments(r *Result, length time.Duration) (out []Segment, done time.Duration) {
	tokens := r.Tokens
	isTime := func(i int) bool { return i >= 0 && i < len(tokens) && tokens[i] >= m.TimesBegin }
	at := func(i int) time.Duration { return min(time.Duration(tokens[i]-m.TimesBegin)*Tick, length) }
	add := func(from, to int, start, end time.Duration) {
		s := Segment{Start: start, End: max(start, end)}
		for _, id := range tokens[from:to] {
			if id < m.EndOfText {
				s.Tokens = append(s.Tokens, id)
			}
		}
		if s.Text = m.spell(s.Tokens); s.Text != "" {
			out = append(out, s)
		}
	}
	n := len(tokens)
	single := isTime(n-1) && !isTime(n-2)
	last := 0
	for i := 1; i <= n; i++ {
		if pair := isTime(i-1) && isTime(i); pair || i == n && single && last > 0 {
			add(last, i, at(last), at(i-1))
			last = i
		}
	}
	if last > 0 {
		if single {
			return out, length
		}
		if done = at(last - 1); done > 0 {
			return out, done
		}
		return out, length
	}
	start, end := time.Duration(0), length
	if isTime(0) {
		start = at(0)
	}
	if single && n > 1 && at(n-1) > start {
		end = at(n - 1)
	}
	add(0, n, start, end)
	return out, length
}
