package transcribe

import (
	"fmt"
	"path/filepath"
	"slices"

	"fyne.io/fyne/v2"

	"soberano/app/problem"
	"soberano/app/store"
)

// tracksOf returns which track of its file a transcript is of, and the number of tracks with sound; ok is false if there is only one,
// or if the file was not opened yet.
func tracksOf(t store.Transcript) (track, of int, ok bool) {
	for _, p := range append([]problem.Problem{t.Problem}, t.Remarks...) {
		if p.Code == problem.AudioTracks {
			return p.Args.Track, p.Args.Tracks, true
		}
	}
	return 0, 0, false
}

// tracks returns the menu of the tracks of a film.
func (p *Page) tracks(t store.Transcript) *fyne.Menu {
	track, of, _ := tracksOf(t)
	var items []*fyne.MenuItem
	for n := 1; n <= of; n++ {
		item := fyne.NewMenuItem(fmt.Sprintf("Track %d", n), func() {
			if n != track {
				p.addTrack(t, n)
			}
		})
		item.Checked = n == track
		items = append(items, item)
	}
	return fyne.NewMenu("", items...)
}

// addTrack transcribes another track of a film.
func (p *Page) addTrack(t store.Transcript, track int) {
	p.Close()
	p.do(func() error { return p.Queue.AddTrack(t, track) }, "The track could not be added to the queue")
}

// AddTrack adds another track of the file of a transcript to the queue, with the choices of that transcript, which is stopped if it
// is not finished. A track that is waiting or being transcribed is not added again.
func (q *Queue) AddTrack(t store.Transcript, track int) error {
	list, err := q.Store.Transcripts()
	if err != nil {
		return err
	}
	unfinished := func(o store.Transcript) bool { return o.State == store.Waiting || o.State == store.Partial }
	if slices.ContainsFunc(list, func(o store.Transcript) bool {
		return unfinished(o) && o.Path == t.Path && o.Track == track && o.Translate == t.Translate
	}) {
		return nil
	}
	if unfinished(t) && !q.end(t.ID, 0) {
		if err := q.Stop(t); err != nil {
			return err
		}
	}
	_, err = q.Store.AddTranscript(store.Transcript{Path: t.Path, Track: track, Title: fmt.Sprintf("%s, track %d", filepath.Base(t.Path), track),
		Asked: t.Asked, Translate: t.Translate})
	q.Kick()
	return err
}
