package download

import (
	"testing"
	"time"
)

// TestProgress receives 1 MB a second for 10 s after 5 MB that were there, then 3 MB a second.
func TestProgress(t *testing.T) {
	now := time.Unix(0, 0)
	var got []Progress
	m := &meter{now: func() time.Time { return now }, report: func(p Progress) { got = append(got, p) }, p: Progress{Total: 100e6}}
	m.enter(Checking)
	m.at(5e6)
	m.enter(Receiving)
	if last := got[len(got)-1]; last.Done != 5e6 || last.Rate != 0 || last.Left() != 0 {
		t.Errorf("at the beginning: %+v", last)
	}
	before := len(got)
	for range 1000 {
		now = now.Add(10 * time.Millisecond)
		m.at(m.p.Done + 10_000)
	}
	last := got[len(got)-1]
	if last.Rate < 0.99e6 || last.Rate > 1.01e6 || last.Left().Round(time.Second) != 85*time.Second || last.Done != 15e6 {
		t.Errorf("after 10 s: %+v, %v left", last, last.Left())
	}
	if n := len(got) - before; n != 100 {
		t.Errorf("%d reports in 10 s", n)
	}
	if got := last.String(); got != "15% · 15 of 100 MB · 1 MB/s · 85 s left" {
		t.Errorf("in words: %s", got)
	}
	for range 600 {
		now = now.Add(10 * time.Millisecond)
		m.at(m.p.Done + 30_000)
	}
	if last := got[len(got)-1]; last.Rate < 2.9e6 || last.Rate > 3.1e6 {
		t.Errorf("6 s later: %+v", last)
	}
	m.enter(Waiting)
	if last := got[len(got)-1]; last.Phase != Waiting || last.Rate != 0 || last.String() != "33% · 33 of 100 MB" {
		t.Errorf("after the connection has ended: %+v", last)
	}
}
