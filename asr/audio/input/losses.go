package input

// MaxGap is the longest silence, in seconds, that stands for samples whose loss is known only
// from the positions that a file states: a small file could state a gap of years.
const MaxGap = 3600

// Losses counts the samples that a decoder could not decode and supplies silence in their
// place, so that the times of what follows stay correct.
type Losses struct {
	count int64
	zeros []float32
}

// Lose counts n samples of a channel as lost.
func (l *Losses) Lose(n int64) { l.count += n }

// Lost returns how many samples of a channel were lost.
func (l *Losses) Lost() int64 { return l.count }

// Silence counts up to n samples as lost and returns as many zeros, at most 8192.
func (l *Losses) Silence(n int64) []float32 {
	if l.zeros == nil {
		l.zeros = make([]float32, 1<<13)
	}
	n = min(n, int64(len(l.zeros)))
	l.Lose(n)
	return l.zeros[:n]
}
