package input

import "io"

// MaxGap is the longest silence, in seconds, that stands for samples whose loss is known only
// from the positions that a file states: a small file could state a gap of years.
const MaxGap = 3600

// Losses counts the samples that a decoder could not decode and supplies silence in their
// place, so that the times of what follows stay correct. It also keeps the decoder's remarks.
type Losses struct {
	count   int64
	zeros   []float32
	remarks []Remark
}

// RemarkKind classifies a Remark.
type RemarkKind string

// The kinds of a Remark.
const (
	NoEndMark   RemarkKind = "no-end-mark" // the file ends without the mark of its end, which may be missing
	EndsEarly   RemarkKind = "ends-early"  // the last Samples that the header states are missing, a second and a tenth of it at most
	Understated RemarkKind = "understated" // the header states Samples, and the file holds more, which was decoded
	OtherTracks RemarkKind = "tracks"      // the file has several tracks with sound
)

// Remark is something unusual about a file that was decoded to its end.
type Remark struct {
	Kind    RemarkKind
	Samples int64 // of a channel
	Track   int   // the decoded track, from 1 on
	Tracks  int   // number of tracks with sound
}

// Note adds a remark, unless there is one of its kind.
func (l *Losses) Note(r Remark) {
	for _, old := range l.remarks {
		if old.Kind == r.Kind {
			return
		}
	}
	l.remarks = append(l.remarks, r)
}

// Remarks returns the remarks on what was decoded so far.
func (l *Losses) Remarks() []Remark { return l.remarks }

// Ends returns how decoding ends where a file lacks the last samples that it states: with io.EOF and a
// remark if that is a second and a tenth of the file at most, else with err. done is how many were decoded.
func (l *Losses) Ends(missing, done int64, rate int, err error) error {
	if missing > int64(rate) || missing > (done+missing)/10 {
		return err
	}
	l.Note(Remark{Kind: EndsEarly, Samples: missing})
	return io.EOF
}

// Lose counts n samples of a channel as lost.
func (l *Losses) Lose(n int64) { l.count += n }

// Lost returns how many samples of a channel were lost.
func (l *Losses) Lost() int64 { return l.count }

// Silence counts up to n samples as lost and returns as many zeros, at most 8192.
func (l *Losses) Silence(n int64) []float32 {
	x := l.Zeros(n)
	l.Lose(int64(len(x)))
	return x
}

// Zeros returns up to n zeros, at most 8192, which do not count as lost.
func (l *Losses) Zeros(n int64) []float32 {
	if l.zeros == nil {
		l.zeros = make([]float32, 1<<13)
	}
	return l.zeros[:min(n, int64(len(l.zeros)))]
}
