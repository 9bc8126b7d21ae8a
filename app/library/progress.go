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
		text += " · " + models.Rounded(time.Duration(float64(past)*(1-share)/share)) + " left"
	}
	return text
}
