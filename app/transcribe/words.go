package transcribe

// Times and failures in words.

import (
	"fmt"
	"slices"
	"strings"
	"time"

	words "soberano/app/problem"
	"soberano/app/store"
)

// clock is a place in the audio: 0:07, 12:34, 1:02:03.
func clock(d time.Duration) string {
	s := int64(d / time.Second)
	if s >= 3600 {
		return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
	}
	return fmt.Sprintf("%d:%02d", s/60, s%60)
}

// long is a length as people say it: 7 s, 12 min, 1 h 2 min.
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

// What failed, in sentences, as the command line says it too.
var reason, bare, sentence = words.Of, words.Bare, words.Sentence

// hopeless says whether a failed file can't be read however often it is tried: by its note,
// which is all that is left of the error at the next start.
func hopeless(t store.Transcript) bool {
	return t.Segments == 0 && slices.ContainsFunc([]string{"The file is empty.", "The file ends after ", "This is text, no sound", "Ffmpeg can't read it"},
		func(s string) bool { return strings.HasPrefix(t.Note, s) })
}
