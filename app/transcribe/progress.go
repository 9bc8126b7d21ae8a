package transcribe

import (
	"fmt"
	"time"

	"soberano/asr"
)

// metered is an audio source for the model that counts the samples read from it.
type metered struct {
	Audio
	j *job
}

func (m *metered) Read(p []float32) (int, error) {
	n, err := m.Audio.Read(p)
	m.j.read.Add(int64(n))
	return n, err
}

func samples(n int64) time.Duration { return time.Duration(n) * time.Second / asr.SampleRate }

// progress records how much of the whole audio is transcribed, never less than before, and reports it to the UI.
func (q *Queue) progress(j *job, done time.Duration) {
	j.heard.Store(max(j.heard.Load(), int64(done)))
	q.Post(func() {
		if q.OnProgress != nil {
			q.OnProgress(j.id)
		}
	})
}

// Progress is the progress of a file.
type Progress struct {
	Opening      bool          // the model is being opened
	Ending       bool          // the file was stopped, and what has been heard is written down
	Done, Length time.Duration // of the audio; Length 0: unknown
	From         time.Duration // where this run began
	Past         time.Duration // the time since this run began
}

func (j *job) progress() Progress {
	if j.opening {
		return Progress{Opening: true, Length: j.length}
	}
	done := time.Duration(j.heard.Load())
	if j.length > 0 {
		done = min(done, j.length)
	}
	return Progress{Ending: j.ending, Done: done, Length: j.length, From: j.from, Past: time.Since(j.began)}
}

// Text describes the progress: "Transcribing 34% · 12:01 of 35:20 · 4 min left". The remaining time is left out until it can be
// estimated.
func (p Progress) Text() string {
	switch {
	case p.Opening:
		return "Opening the speech model…"
	case p.Ending:
		return "Stopping. What has been heard is written down."
	case p.Length == 0:
		return "Transcribing · " + clock(p.Done) + " so far"
	case p.Done >= p.Length:
		return "Finishing…"
	}
	text := fmt.Sprintf("Transcribing %d%% · %s of %s", int(100*p.Share()), clock(p.Done), clock(p.Length))
	if run := p.Done - p.From; run > 0 && p.Past > 2*time.Second {
		text += " · " + long(time.Duration(float64(p.Past)*float64(p.Length-p.Done)/float64(run))) + " left"
	}
	return text
}

// Share returns how much of the audio is transcribed, 0 … 1.
func (p Progress) Share() float64 {
	if p.Length <= 0 {
		return 0
	}
	return min(1, float64(p.Done)/float64(p.Length))
}
