package whisper

// What may be sampled next (openai/whisper, whisper/decoding.py):
//
//   - suppressed tokens never, a blank or the end not first;
//   - times come in pairs, <end of one><start of the next>, but for the first and the last;
//   - times never go back, and no segment is empty;
//   - the first token is a time of at most one second;
//   - if all times together are likelier than each text token, it is a time.

import "math"

// maxInitial is the latest first time, in steps of 20 ms: 1.0 s.
const maxInitial = 50

var never = float32(math.Inf(-1))

func forbid(logits []float32) {
	for i := range logits {
		logits[i] = never
	}
}

// allow applies the rules to the logits that follow tokens, those sampled so far.
func (m *Model) allow(logits []float32, tokens []int32) {
	for _, id := range m.suppress {
		logits[id] = never
	}
	begin := int(m.TimesBegin)
	if len(tokens) == 0 {
		for _, id := range m.suppressFirst {
			logits[id] = never
		}
		forbid(logits[:begin])
		forbid(logits[begin+maxInitial+1:])
		return
	}
	n := len(tokens)
	last := tokens[n-1] >= m.TimesBegin
	before := n < 2 || tokens[n-2] >= m.TimesBegin
	switch {
	case last && before:
		forbid(logits[begin:])
	case last:
		forbid(logits[:m.EndOfText])
	}
	for i := n - 1; i >= 0; i-- {
		if t := int(tokens[i]); t >= begin {
			if !last || before {
				t++ // a segment has to end after it starts
			}
			forbid(logits[begin:t])
			break
		}
	}
	if timeWins(logits, begin) {
		forbid(logits[:begin])
	}
}

// timeWins reports whether the times from begin on have a larger probability in sum than
// every token before them.
func timeWins(logits []float32, begin int) bool {
	text, times := never, never
	for _, v := range logits[:begin] {
		text = max(text, v)
	}
	for _, v := range logits[begin:] {
		times = max(times, v)
	}
	if math.IsInf(float64(times), -1) {
		return false
	}
	sum := 0.0
	for _, v := range logits[begin:] {
		sum += math.Exp(float64(v - times))
	}
	return float64(times)+math.Log(sum) > float64(text)
}

// logSumExp returns log Σ exp(v); all values are finite or -∞, one at least finite.
func logSumExp(logits []float32) float64 {
	top := never
	for _, v := range logits {
		top = max(top, v)
	}
	sum := 0.0
	for _, v := range logits {
		if v > top-30 { // the rest adds less than 1e-13 each
			sum += math.Exp(float64(v - top))
		}
	}
	return float64(top) + math.Log(sum)
}

// best returns the index of the largest logit.
func best(logits []float32) int32 {
	at := 0
	for i, v := range logits {
		if v > logits[at] {
			at = i
		}
	}
	return int32(at)
}

// loops reports whether tokens end in the same run of 1 to 12 tokens again and again:
// six times, or for short runs until 18 tokens are said.
func loops(tokens []int32) bool {
	for n := 1; n <= 12; n++ {
		if repeats(tokens, n) >= max(6, 18/n) {
			return true
		}
	}
	return false
}

// repeats returns how often the last n tokens stand at the end in a row.
func repeats(tokens []int32, n int) int {
	if len(tokens) < n {
		return 0
	}
	i := len(tokens) - 1
	for i-n >= 0 && tokens[i] == tokens[i-n] {
		i--
	}
	return (len(tokens)-1-i)/n + 1
}
