package transcribe

import (
	"errors"
	"maps"
	"time"

	"soberano/app/problem"
	"soberano/app/store"
)

// place is a segment of a transcript.
type place struct {
	transcript int64
	number     int
}

// edits holds the edits that could not be stored, in place of the stored texts, until the store accepts them.
type edits struct {
	page   *Page
	texts  map[place]string
	told   string // what the page or the transcript says about them
	timer  *time.Timer
	closed bool
}

// retryTime is how long after a failure of the store what could not be stored is tried again.
const retryTime = 5 * time.Second

// store stores a text of a segment, or keeps it here if that fails.
func (u *edits) store(at place, text string) {
	if _, failed := u.texts[at]; failed {
		u.texts[at] = text
	}
	u.page.Work.Do(func(s *store.Store) error { return s.EditSegment(at.transcript, at.number, text) }, func(err error) {
		if err == nil || errors.Is(err, store.ErrNotFound) {
			u.done(at)
			return
		}
		u.texts[at] = text
		u.tell(at, "What you wrote could not be saved yet. "+problem.Text(err)+" It is tried again every few seconds.")
		u.later()
	})
}

// done forgets an edit that is stored, and says no more that some are not if it was the last one.
func (u *edits) done(at place) {
	delete(u.texts, at)
	if len(u.texts) > 0 || u.told == "" {
		return
	}
	v, p := u.page.View, u.page
	if v.told == u.told {
		v.tell("")
	}
	if p.words == u.told {
		p.words = ""
		p.Refresh()
	}
	u.told = ""
}

// tell says at the transcript, or on the page if the user has left it, that an edit could not be stored.
func (u *edits) tell(at place, words string) {
	u.told = words
	if v := u.page.View; v.shown() && v.t.ID == at.transcript {
		v.tell(words)
		return
	}
	u.page.words = words
	u.page.Refresh()
}

// later tries again after a while.
func (u *edits) later() {
	if u.timer != nil || u.closed {
		return
	}
	u.timer = time.AfterFunc(u.page.Retry, func() {
		u.page.Post(func() {
			u.timer = nil
			u.again()
		})
	})
}

// again tries once more to store what could not be.
func (u *edits) again() {
	for at, text := range maps.Clone(u.texts) {
		u.store(at, text)
	}
}

// apply replaces the texts of segments by those that could not be stored.
func (u *edits) apply(transcript int64, list []store.Segment) {
	for i := range list {
		if text, ok := u.texts[place{transcript, list[i].Number}]; ok {
			list[i].Text = text
		}
	}
}

// end tries no more.
func (u *edits) end() {
	u.closed = true
	if u.timer != nil {
		u.timer.Stop()
	}
}
