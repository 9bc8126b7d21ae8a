package transcribe

import (
	"fmt"
	"time"

	"soberano/app/problem"
	"soberano/app/store"
)

// clock formats a position in the audio.
func clock(d time.Duration) string { return problem.Clock(d) }

// long formats a duration: 7 s, 12 min, 1 h 2 min.
func long(d time.Duration) string {
	switch {
	case d >= 59*time.Minute+30*time.Second:
		m := int(d.Round(time.Minute) / time.Minute)
		if m%60 == 0 {
			return fmt.Sprintf("%d h", m/60)
		}
		return fmt.Sprintf("%d h %d min", m/60, m%60)
	case d >= 59*time.Second+500*time.Millisecond:
		return fmt.Sprintf("%.0f min", d.Minutes())
	}
	return fmt.Sprintf("%.0f s", max(1, d.Seconds()))
}

// wrong returns why a transcript failed, or the remarks on a complete one; "" if there is neither.
func wrong(t store.Transcript) string {
	if t.Problem.Code == problem.None {
		return t.Note // the text in rows of older schema versions
	}
	words := t.Problem.Text()
	for _, p := range t.Remarks {
		if t.State == store.Complete {
			words += " " + p.Text()
		}
	}
	return words
}
