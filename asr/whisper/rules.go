package whisper

import (
	"math"
	"time"
)

const (
	// timeTolerance is how much speech may follow the last time: times are not exact.
	timeTolerance = 600 * time.Millisecond
	// confident is how likely the next word has to be for suppressEnd: in testdata it is 0.7 and
	// more where a sentence was left out, below 0.2 where only a time was early.
	confident = 0.5
)

var never = float32(math.Inf(-1))

func forbidEach(logits []float32, ids []int32) {
	for _, id := range ids {
		logits[id] = never
	}
}

func forbid(logits []float32) {
	for i := range logits {
		logits[i] = never
	}
}

// open holds the tokens that may be sampled next: those from from on whose logit is not never.
type open struct {
	from   int
	logits []float32
	all    float64 // log Σ exp(logits), the denominator of log-probabilities
}

// logit and prob return the logit and the log-probability of a token among them.
func (o *open) logit(id int32) float64 { return float64(o.logits[int(id)-o.from]) }
func (o *open) prob(id int32) float64  { return o.logit(id) - o.all }

// allow applies the rules to the logits that follow tokens, those sampled so far
// (openai/whisper, whisper/decoding.py):
//
//   - suppressed tokens are never sampled, a blank or the end not first;
//   - times come in pairs, <end of one><start of the next>, except the first and the last;
//   - times never decrease, and no segment is empty;
//   - the first token is a time of at most one second;
//   - if all times together are likelier than each text token, the next token is a time.
//
// A further rule is not in openai/whisper: if speech continues (Options.Voiced) and the model is
// confident of the next word, the end does not follow two times. Otherwise the model leaves out a
// sentence that the end of the window seems to cut off.
//
// Without times (Options.NoTimes) only the first rule applies, and no time is sampled.
//
// Few tokens are forbidden one by one. Usually all of the text, or all times, are excluded by the
// returned range.
func (m *Model) allow(logits []float32, tokens []int32, o *Options) open {
	forbidEach(logits, m.suppress)
	forbidEach(logits, o.Suppress)
	begin, n := int(m.TimesBegin), len(tokens)
	if n == 0 {
		forbidEach(logits, m.suppressFirst)
	}
	switch {
	case o.NoTimes:
		return m.rate(logits, 0, begin)
	case n == 0:
		return m.rate(logits, begin, min(begin+int(o.MaxInitial/Tick)+1, m.Vocab))
	}
	last := tokens[n-1] >= m.TimesBegin
	before := n < 2 || tokens[n-2] >= m.TimesBegin
	if last && before {
		if time.Duration(tokens[n-1]-m.TimesBegin)*Tick+timeTolerance < o.Voiced {
			m.suppressEnd(logits)
		}
		return m.rate(logits, 0, begin)
	}
	if i := lastTime(tokens, m.TimesBegin); i >= 0 {
		t := int(tokens[i])
		if !last {
			t++ // a segment has to end after it starts
		}
		forbid(logits[begin:t])
	}
	from := 0
	if last {
		from = int(m.EndOfText)
	}
	if m.timeWins(logits, from) {
		from = begin
	}
	return m.rate(logits, from, m.Vocab)
}

// suppressEnd forbids the end token if the model is confident of another one.
func (m *Model) suppressEnd(logits []float32) {
	text, end := logits[:m.TimesBegin], logits[m.EndOfText]
	logits[m.EndOfText] = never
	if top, some := m.best(text); !some || math.Exp(float64(text[top])-m.pool.LogSumExp(text)) < confident {
		logits[m.EndOfText] = end
	}
}

// lastTime returns the index of the last time in tokens, or -1.
func lastTime(tokens []int32, begin int32) int {
	i := len(tokens) - 1
	for i >= 0 && tokens[i] < begin {
		i--
	}
	return i
}

// rate returns tokens [from, to) as open.
func (m *Model) rate(logits []float32, from, to int) open {
	part := logits[from:to]
	return open{from: from, logits: part, all: m.pool.LogSumExp(part)}
}

// timeWins reports whether the probability of all times together is larger than that of each text
// token from from on.
func (m *Model) timeWins(logits []float32, from int) bool {
	text := logits[from:m.TimesBegin]
	top, some := m.best(text)
	times := m.pool.LogSumExp(logits[m.TimesBegin:])
	return !math.IsInf(times, -1) && (!some || times > float64(text[top]))
}

// best returns the index of the largest logit, or 0 and false if all are never.
func (m *Model) best(logits []float32) (int32, bool) {
	var at [1]int32
	n := m.pool.Largest(at[:], logits)
	return at[0], n > 0
}
