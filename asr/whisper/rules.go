package whisper

// What may be sampled next (openai/whisper, whisper/decoding.py):
//
//   - suppressed tokens never, a blank or the end not first;
//   - times come in pairs, <end of one><start of the next>, but for the first and the last;
//   - times never go back, and no segment is empty;
//   - the first token is a time of at most one second;
//   - if all times together are likelier than each text token, it is a time.
//
// And one of ours: where somebody speaks on (Options.Voiced) and the model knows what would
// come, the end does not follow two times. It leaves out a sentence that it takes to be cut
// off by the end of the window.
//
// Without times (Options.NoTimes) all but the first rule fall away, and no time is sampled.

import (
	"math"
	"time"
)

const (
	// unheard is how much speech may be left out: times are not exact.
	unheard = 600 * time.Millisecond
	// known is how likely the first word of a sentence has to be, if one comes: in testdata it
	// is 0.7 and more where one was left out, under 0.2 where only a time was early.
	known = 0.5
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

// open are the tokens that may come next: those from from on, one after the other, but
// for the logits that are never.
type open struct {
	from   int
	logits []float32
	all    float64 // log Σ exp(logits): what log-probabilities are taken from
}

// logit and prob return the logit and the log-probability of a token among them.
func (o *open) logit(id int32) float64 { return float64(o.logits[int(id)-o.from]) }
func (o *open) prob(id int32) float64  { return o.logit(id) - o.all }

// allow applies the rules to the logits that follow tokens, those sampled so far. Of the
// 50,000 words few are forbidden one by one: all of them, or all times, are left out.
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
		if time.Duration(tokens[n-1]-m.TimesBegin)*Tick+unheard < o.Voiced {
			m.goOn(logits)
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

// goOn forbids the end if the model knows what comes instead.
func (m *Model) goOn(logits []float32) {
	text, end := logits[:m.TimesBegin], logits[m.EndOfText]
	logits[m.EndOfText] = never
	if top, some := m.best(text); !some || math.Exp(float64(text[top])-m.pool.LogSumExp(text)) < known {
		logits[m.EndOfText] = end
	}
}

// lastTime returns where the last time in tokens is, or -1.
func lastTime(tokens []int32, begin int32) int {
	i := len(tokens) - 1
	for i >= 0 && tokens[i] < begin {
		i--
	}
	return i
}

// rate returns the tokens from … to.
func (m *Model) rate(logits []float32, from, to int) open {
	part := logits[from:to]
	return open{from: from, logits: part, all: m.pool.LogSumExp(part)}
}

// timeWins reports whether all times have a larger probability in sum than every token
// from from on before them.
func (m *Model) timeWins(logits []float32, from int) bool {
	text := logits[from:m.TimesBegin]
	top, some := m.best(text)
	times := m.pool.LogSumExp(logits[m.TimesBegin:])
	return !math.IsInf(times, -1) && (!some || times > float64(text[top]))
}

// best returns the index of the largest logit, 0 and false where there is none.
func (m *Model) best(logits []float32) (int32, bool) {
	var at [1]int32
	n := m.pool.Largest(at[:], logits)
	return at[0], n > 0
}
