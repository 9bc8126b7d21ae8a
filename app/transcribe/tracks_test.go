package transcribe

import (
	"strings"
	"testing"
	"time"

	"soberano/app/problem"
	"soberano/app/store"
	"soberano/app/ui"
	"soberano/asr/audio"
)

// All remarks on a recording are shown and stored.
func TestAllRemarksAreShown(t *testing.T) {
	s := newStage(t, ui.Light, nil)
	path := s.file("worn.mp3", 20*time.Second)
	s.files[path].damage = audio.Damage{Places: 2, First: 7 * time.Second, Lost: 1200 * time.Millisecond}
	s.files[path].remarks = []audio.Remark{{Kind: audio.NoEndMark}, {Kind: audio.EndsEarly, Length: 3 * time.Second}}
	s.page.Add([]string{path})
	id := s.state("worn.mp3", store.Complete).ID
	s.page.open(id)
	s.UntilShown("The file is damaged in 2 places", "no mark of its end", "The file ends 3.0 s before")
	s.Shot("remarks-light")
	if got, err := s.store.Transcript(id); err != nil || len(got.Remarks) != 2 || got.Remarks[1].Code != problem.AudioEndsEarly {
		t.Errorf("stored: %+v, %v", got.Remarks, err)
	}
}

// Of a film with several tracks another one can be chosen, when it is finished and while it is transcribed. Each track is a transcript
// of its own, whose sound is that track.
func TestChooseATrack(t *testing.T) {
	for _, m := range []ui.Mode{ui.Light, ui.Dark} {
		s := newStage(t, m, nil)
		film := s.file("film.mkv", 20*time.Second)
		s.files[film].remarks = []audio.Remark{{Kind: audio.OtherTracks, Track: 2, Tracks: 3}}
		s.page.Add([]string{film})
		first := s.state("film.mkv", store.Complete)
		s.page.open(first.ID)
		s.UntilShown("The file has 3 tracks with sound; track 2 was transcribed.", "Tracks")
		s.Shot("tracks-" + string(m))
		menu := s.page.tracks(s.page.View.t)
		if len(menu.Items) != 3 || !menu.Items[1].Checked || menu.Items[2].Label != "Track 3" {
			t.Fatalf("the menu is %+v", menu.Items)
		}
		s.files[film].remarks[0].Track = 3
		menu.Items[2].Action()
		second := s.state("film.mkv, track 3", store.Complete)
		if second.Track != 3 || s.tracks[len(s.tracks)-1] != 3 || second.Path != film {
			t.Errorf("track %d of %s was opened: %v", second.Track, second.Path, s.tracks)
		}
		s.page.open(second.ID)
		s.UntilShown("track 3 was transcribed")
		s.page.View.PlayPause()
		s.Until("the sound", func() bool { s.mu.Lock(); defer s.mu.Unlock(); return len(s.played) > 0 })
		if got := s.tracks[len(s.tracks)-1]; got != 3 {
			t.Errorf("played is track %d", got)
		}
		s.page.View.PlayPause()
		s.page.View.transcribeAgain()
		s.Until("the track again", func() bool {
			list, err := s.store.Transcripts()
			return err == nil && len(list) == 3 && list[0].Track == 3
		})
	}
}

// While a film is transcribed its card offers the other tracks; choosing one stops it and keeps what there is.
func TestChooseATrackEarly(t *testing.T) {
	s := newStage(t, ui.Light, nil)
	s.model.gate = make(chan struct{})
	film := s.file("film.mkv", 60*time.Second)
	s.files[film].remarks = []audio.Remark{{Kind: audio.OtherTracks, Track: 1, Tracks: 2}}
	s.page.Add([]string{film})
	s.model.gate <- struct{}{}
	s.UntilShown("Tracks")
	s.Shot("tracks-early-light")
	t1 := s.state("film.mkv", store.Partial)
	s.page.tracks(t1).Items[1].Action()
	stopped := s.state("film.mkv", store.Stopped)
	second := s.state("film.mkv, track 2", store.Partial)
	close(s.model.gate)
	s.state("film.mkv, track 2", store.Complete)
	if stopped.Segments == 0 || second.Track != 2 || strings.Contains(s.Words(), "could not") {
		t.Errorf("%d segments, track %d; shown:\n%s", stopped.Segments, second.Track, s.Words())
	}
}

// The offer to undo a deletion goes away after a while.
func TestUndoGoesAway(t *testing.T) {
	s := newStage(t, ui.Light, nil)
	s.page.passing.Time = 30 * time.Millisecond
	s.page.Add([]string{s.file("a.wav", 10*time.Second)})
	s.page.remove(s.state("a.wav", store.Complete))
	s.UntilShown("is deleted.")
	s.Until("the end of the message", func() bool { return !strings.Contains(s.Words(), "is deleted.") })
}
