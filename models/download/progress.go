package download

import (
	"fmt"
	"time"

	"soberano/models"
)

// Phase is what a download is doing.
type Phase int

const (
	Checking   Phase = iota // what an earlier attempt has left is read
	Connecting              // a request was sent
	Receiving
	Waiting // for another attempt, after a failure
)

// Progress is the state of a download.
type Progress struct {
	Phase       Phase
	Done, Total int64   // bytes of the file
	Rate        float64 // bytes a second that arrive; 0: not known yet
}

// Left returns the time until the file is complete; 0 if it is not known.
func (p Progress) Left() time.Duration {
	if p.Rate <= 0 {
		return 0
	}
	return time.Duration(float64(p.Total-p.Done) / p.Rate * float64(time.Second))
}

// String returns the numbers: "34% · 0.8 of 2.5 GB · 12 MB/s · 2 min left". The last two are left out until they are known.
func (p Progress) String() string {
	text := fmt.Sprintf("%d%% · %s", 100*p.Done/max(1, p.Total), models.SizeOf(p.Done, p.Total))
	if p.Rate > 0 {
		text += fmt.Sprintf(" · %s/s · %s left", models.Size(int64(p.Rate)), models.Rounded(p.Left()))
	}
	return text
}

const (
	reportEvery = 100 * time.Millisecond
	rateWindow  = 5 * time.Second // the rate is the average of so long
)

// meter reports the progress of a download and measures its rate.
type meter struct {
	report  func(Progress)
	now     func() time.Time
	p       Progress
	last    time.Time // of the last report
	samples []sample  // since receiving began, those of the last rateWindow and one before
}

type sample struct {
	at   time.Time
	done int64
}

// enter reports another phase.
func (m *meter) enter(p Phase) {
	m.p.Phase, m.p.Rate, m.samples, m.last = p, 0, nil, time.Time{}
	m.at(m.p.Done)
}

// at reports that so many bytes are there, unless the last report was just before.
func (m *meter) at(done int64) {
	now := m.now()
	m.p.Done = done
	if now.Sub(m.last) < reportEvery && done < m.p.Total {
		return
	}
	m.last = now
	if m.p.Phase == Receiving {
		m.measure(now)
	}
	if m.report != nil {
		m.report(m.p)
	}
}

func (m *meter) measure(now time.Time) {
	m.samples = append(m.samples, sample{now, m.p.Done})
	for len(m.samples) > 2 && now.Sub(m.samples[1].at) > rateWindow {
		m.samples = m.samples[1:]
	}
	first := m.samples[0]
	if past := now.Sub(first.at); past >= time.Second {
		m.p.Rate = float64(m.p.Done-first.done) / past.Seconds()
	}
}
