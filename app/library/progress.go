package library

import (
	"fmt"
	"time"

	"soberano/models"
)

// progressText describes progress on total bytes after that time: "Checking 64% · 1.6 of 2.5 GB · 2 s left". The remaining time
// is left out until it can be estimated.
func progressText(verb string, done, total int64, past time.Duration) string {
	if total <= 0 || done >= total {
		return "Finishing…" // the written data is being synced to the disk
	}
	share := float64(done) / float64(total)
	text := fmt.Sprintf("%s %d%% · %s", verb, int(100*share), models.SizeOf(done, total))
	if past > time.Second && share > 0 {
		text += " · " + left(time.Duration(float64(past)*(1-share)/share)) + " left"
	}
	return text
}

// left returns the remaining time, rounded according to its precision.
func left(d time.Duration) string {
	switch {
	case d >= 90*time.Minute:
		return fmt.Sprintf("%.0f h", d.Hours())
	case d >= 90*time.Second:
		return fmt.Sprintf("%.0f min", d.Minutes())
	}
	return fmt.Sprintf("%.0f s", max(1, d.Seconds()))
}
