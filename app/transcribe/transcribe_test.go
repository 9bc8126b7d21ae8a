package transcribe

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"pgregory.net/rapid"

	"soberano/app/host"
	"soberano/app/problem"
	"soberano/app/search"
	"soberano/app/store"
	"soberano/app/ui"
	"soberano/asr"
	"soberano/asr/audio"
	"soberano/models/registry"
)

// A bad file is reported with its name, the reason and the position; its text up to there is kept, and the other files are
// transcribed.
func TestABadFileLosesNothing(t *testing.T) {
	s := newStage(t, ui.Light, nil)
	bad := s.file("bad.wav", time.Minute)
	s.files[bad].fail, s.files[bad].failAt = &audio.Error{Path: bad, At: 640044, Kind: audio.CutOff, Reason: "the file is cut off: 17 bytes of audio are missing", Err: io.ErrUnexpectedEOF}, 25*time.Second
	s.page.Add([]string{s.file("first.wav", 20*time.Second), bad, "/nowhere/gone.wav", s.file("last.wav", 40*time.Second)})
	s.state("first.wav", store.Complete)
	s.state("last.wav", store.Complete)
	got := s.state("bad.wav", store.Failed)
	if got.Segments != 3 || got.Problem.Code != problem.AudioCutOff || wrong(got) != "The file is cut off: 17 bytes of audio are missing (at byte 640,044). Copy or download the file again." {
		t.Errorf("the bad file: %+v", got)
	}
	s.state("gone.wav", store.Failed)
	s.UntilShown("(at byte 640,044)", "The text up to 0:2", "is not at /nowhere/gone.wav.")
	s.model.mu.Lock()
	defer s.model.mu.Unlock()
	if s.model.opened != 4 {
		t.Errorf("the model was used %d times for four files", s.model.opened)
	}
	if s.model.closed != 4 {
		s.model.mu.Unlock()
		s.Until("the model to be let go of", func() bool { s.model.mu.Lock(); defer s.model.mu.Unlock(); return s.model.closed == 4 })
		s.model.mu.Lock()
	}
}

// A file whose model is removed waits for another model, and continues where it was.
func TestRemovedModel(t *testing.T) {
	s := newStage(t, ui.Light, nil)
	s.model.gate = make(chan struct{})
	s.page.Add([]string{s.file("talk.wav", 30*time.Second)})
	s.model.gate <- struct{}{}
	s.Until("a segment", func() bool {
		list, err := s.store.Transcripts()
		return err == nil && list[0].Segments == 1
	})
	s.mu.Lock()
	s.noModel = noModel
	s.mu.Unlock()
	s.model.mu.Lock()
	s.model.taken = host.ErrRemoved
	s.model.mu.Unlock()
	s.model.gate <- struct{}{}
	s.UntilShown("The files are waiting: there is no speech model yet.")
	s.mu.Lock()
	s.noModel = nil
	s.mu.Unlock()
	s.model.mu.Lock()
	s.model.taken = nil
	s.model.mu.Unlock()
	close(s.model.gate)
	s.page.Queue.Kick()
	if got := s.state("talk.wav", store.Complete); got.Segments < 3 || got.Heard < 29*time.Second || got.Note != "" {
		t.Errorf("got %+v", got)
	}
}

// A file with damaged sections is transcribed, and its transcript mentions the damage.
func TestDamageIsNoted(t *testing.T) {
	s := newStage(t, ui.Light, nil)
	path := s.file("worn.mp3", 20*time.Second)
	s.files[path].damage = audio.Damage{Places: 2, First: 7 * time.Second, Lost: 1200 * time.Millisecond}
	s.page.Add([]string{path})
	got := s.state("worn.mp3", store.Complete)
	if want := "The file is damaged in 2 places, the first at 0:00:07; about 1.2 s could not be read."; wrong(got) != want {
		t.Errorf("said %q, want %q", wrong(got), want)
	}
	s.page.open(got.ID)
	s.UntilShown("The file is damaged in 2 places")
	film := s.file("film.mkv", 20*time.Second)
	s.files[film].remarks = []audio.Remark{{Kind: audio.OtherTracks, Track: 2, Tracks: 3}}
	s.page.Add([]string{film})
	if got, want := wrong(s.state("film.mkv", store.Complete)), "The file has 3 tracks with sound; track 2 was transcribed."; got != want {
		t.Errorf("said %q, want %q", got, want)
	}
}

// What has sound but no text is shown at its time, stored and exported as such; the user can write there what they hear.
func TestUnheardIsShown(t *testing.T) {
	s := newStage(t, ui.Light, nil)
	s.model.silent = map[int]asr.Reason{0: asr.TooSoft, 2: asr.Unclear}
	s.page.Add([]string{s.file("call.wav", 30*time.Second)})
	id := s.state("call.wav", store.Complete).ID
	s.UntilShown("My guest has built four of them.") // the first words
	s.openFirst()
	s.Expect("0:00-0:09 was not heard: too soft.")
	s.Expect("0:20-0:29 was not heard: the speech could not be understood.")
	v := s.page.View
	s.Tap("Copy all")
	if s.copied != said[1]+"\n" {
		t.Errorf("copied %q", s.copied)
	}
	v.list.edit(2)
	if v.list.entry.Text != "" {
		t.Errorf("the note is edited: %q", v.list.entry.Text)
	}
	v.list.entry.SetText("It sank.")
	v.list.commit()
	if segments, err := s.store.Segments(id, 0); err != nil || len(segments) != 3 || segments[2].Text != "It sank." {
		t.Errorf("stored %+v, %v", segments, err)
	}
	v.exportAs("json")
	got := s.saved["/home/ada/Recordings/call.json"]
	if !strings.Contains(got, `"unheard":[{"start":0.2,"end":9.9,"reason":"too-soft"}]`) || !strings.Contains(got, "It sank.") {
		t.Errorf("exported %s", got)
	}
}

// A recording of which nothing was heard says so, also if the sections without text are known.
func TestNothingHeard(t *testing.T) {
	s := newStage(t, ui.Light, nil)
	s.model.silent = map[int]asr.Reason{0: asr.NoSpeech}
	s.page.Add([]string{s.file("rain.wav", 10*time.Second)})
	s.state("rain.wav", store.Complete)
	s.UntilShown("No words were recognized.")
	s.openFirst()
	s.Expect("0:00-0:09 was not heard: there is sound, but no speech was recognised.")
}

// If the program ends during a file, the next start continues where it was, and the other files follow. The segments are the
// same as without the interruption.
func TestQueueAfterRestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "conversations.db")
	db, err := store.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	s := newStage(t, ui.Light, db)
	s.model.gate = make(chan struct{})
	s.lang = "de"
	s.page.Add([]string{s.file("long.wav", 2*time.Minute), s.file("next.wav", 10*time.Second)})
	s.page.Add([]string{s.file("next.wav", 10*time.Second)}) // is waiting already
	for range 5 {
		s.model.gate <- struct{}{}
	}
	s.Until("five segments", func() bool { got, err := db.Transcript(1); return err == nil && got.Segments == 5 })
	s.end()
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if db, err = store.Open(path); err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	again := newStage(t, ui.Light, db)
	defer again.end()
	again.file("long.wav", 2*time.Minute)
	again.file("next.wav", 10*time.Second)
	again.page.Queue.Kick()
	again.state("long.wav", store.Complete)
	again.state("next.wav", store.Complete)
	segments, err := db.Segments(1, 0)
	if err != nil {
		t.Fatal(err)
	}
	for i, g := range segments {
		if i > 0 && g.Start < segments[i-1].End-time.Second || g.End > 2*time.Minute {
			t.Errorf("segment %d is %v … %v after %v", i, g.Start, g.End, segments[max(0, i-1)].End)
		}
	}
	if last := segments[len(segments)-1]; len(segments) != 13 || last.End < 118*time.Second {
		t.Errorf("%d segments, the last ends at %v", len(segments), last.End)
	}
	if list, _ := db.Transcripts(); len(list) != 2 {
		t.Errorf("%d transcripts of 2 files", len(list))
	}
	if p := again.model.asked[0]; p.Language != "de" || p.Beam != beam || !slices.Equal(p.Vocabulary, []string{"Dashwoode"}) {
		t.Errorf("asked with %+v", p)
	}
}

// The times in the list are in ascending order, whatever times the model gives.
func TestTimesGoForward(t *testing.T) {
	s := newStage(t, ui.Light, nil)
	s.model.late = map[int]time.Duration{1: 12 * time.Second}
	s.page.Add([]string{s.file("talk.wav", time.Minute)})
	segments, err := s.store.Segments(s.state("talk.wav", store.Complete).ID, 0)
	if err != nil || len(segments) != 6 {
		t.Fatalf("%d segments: %v", len(segments), err)
	}
	for i, g := range segments {
		if i > 0 && g.Start < segments[i-1].Start || g.End < g.Start {
			t.Errorf("segment %d is %v … %v after %v", i, g.Start, g.End, segments[max(0, i-1)].Start)
		}
	}
}

// Cancel and the end of the program let the model write down what it has heard; a second Cancel ends at once.
func TestCancelKeepsWhatWasHeard(t *testing.T) {
	for _, c := range []string{"cancel", "twice", "close"} {
		s := newStage(t, ui.Light, nil)
		s.model.gate, s.model.rest = make(chan struct{}), make(chan struct{})
		s.page.Queue.stopTime, s.page.Queue.closeTime = time.Hour, time.Hour
		s.page.Add([]string{s.file("a.wav", time.Minute)})
		s.model.gate <- struct{}{}
		s.UntilShown("Transcribing")
		ended := make(chan struct{})
		switch c {
		case "close":
			go func() { s.page.Queue.Close(); close(ended) }()
		default:
			s.Tap("Cancel")
			s.UntilShown("Stopping. What has been heard is written down.")
			close(ended)
		}
		want := 2
		if c == "twice" {
			s.Tap("Cancel")
			want = 1
		} else {
			s.model.rest <- struct{}{}
		}
		<-ended
		state := store.Stopped
		if c == "close" {
			state = store.Partial
		}
		if got := s.state("a.wav", state); got.Segments != want {
			t.Errorf("%s: %d segments", c, got.Segments)
		}
	}
}

// Cancel keeps the text, and Go on continues from there. Delete also works during the transcription, and so does Undo.
func TestCancelAndDelete(t *testing.T) {
	s := newStage(t, ui.Light, nil)
	s.model.gate = make(chan struct{})
	s.page.Add([]string{s.file("a.wav", time.Minute), s.file("b.wav", time.Minute)})
	s.model.gate <- struct{}{}
	s.UntilShown("Transcribing")
	s.Tap("Cancel")
	got := s.state("a.wav", store.Stopped)
	if got.Segments != 1 {
		t.Errorf("stopped with %d segments", got.Segments)
	}
	s.Until("the other file to begin", func() bool { id, _ := s.page.Queue.Now(); return id == 2 })
	s.model.gate <- struct{}{}
	b, err := s.store.Transcript(2)
	if err != nil {
		t.Fatal(err)
	}
	s.page.remove(b)
	s.Until("the queue to rest", func() bool { id, _ := s.page.Queue.Now(); return id == 0 })
	s.UntilShown("“b.wav” is deleted.")
	if _, err := s.store.Transcript(2); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("deleted: %v", err)
	}
	close(s.model.gate)
	s.Tap("Undo")
	s.state("b.wav", store.Complete)
	s.Tap("Continue")
	s.state("a.wav", store.Complete)
}

// Failed files don't accumulate: a failed file that is dropped again has one card, several are removed at once, and one that can
// never be read is not offered for another try first.
func TestFailedFiles(t *testing.T) {
	s := newStage(t, ui.Light, nil)
	bad := func(name string, kind audio.Kind, why string) string {
		path := s.file(name, time.Minute)
		s.files[path].fail = &audio.Error{Path: path, Kind: kind, Reason: why, Err: audio.ErrFormat}
		return path
	}
	cut := bad("cut off.mp3", audio.CutOff, "the file is cut off")
	s.files[cut].failAt = 15 * time.Second
	paths := []string{bad("empty.wav", audio.Empty, "the file is empty"), cut}
	states := func() (failed, all int) {
		list, err := s.store.Transcripts()
		if err != nil {
			t.Fatal(err)
		}
		for _, tr := range list {
			if tr.State == store.Failed {
				failed++
			}
		}
		return failed, len(list)
	}
	wait := func(n int) {
		t.Helper()
		s.Until("the failures", func() bool { failed, _ := states(); id, _ := s.page.Queue.Now(); return failed == n && id == 0 })
		s.Settle()
		if _, all := states(); all != n {
			t.Fatalf("%d cards of %d files", all, n)
		}
	}
	s.page.Add(paths)
	wait(2)
	if strings.Contains(s.Words(), "Remove all") {
		t.Error("two are removed at once")
	}
	s.page.Add(paths)
	wait(2)
	s.lang = "de" // a file without text is transcribed again; with text, a second transcript is made
	s.page.Add(paths[:1])
	wait(2)
	if got := s.state("empty.wav", store.Failed); got.Asked != "de" {
		t.Errorf("tried again with the language %q", got.Asked)
	}
	s.lang = ""
	s.page.Add([]string{bad("words.wav", audio.Text, `this is text, no sound: it begins with "Dear Ada"`), "/nowhere/moved.wav", s.file("good.wav", 5*time.Second)})
	s.state("good.wav", store.Complete)
	s.UntilShown("Remove all 4 that failed", "good.wav")
	s.Shot("failed")
	for name, main := range map[string]string{"empty.wav": "Remove", "words.wav": "Remove", "moved.wav": "Try again", "cut off.mp3": "Try again"} {
		row := s.page.cards[s.state(name, store.Failed).ID].row
		first := row.Objects[0].(*ui.Button)
		if first.Label != main || (first.Kind == ui.Primary) != (main == "Try again") {
			t.Errorf("%s: the main button is %s", name, first.Label)
		}
	}
	s.Tap("Remove all 4 that failed")
	s.Expect("4 files are removed.", "good.wav")
	if words := s.Words(); strings.Contains(words, "Not finished") || strings.Contains(words, "cut off") {
		t.Errorf("left is %s", words)
	}
	s.Tap("Undo")
	s.UntilShown("Remove all 4 that failed", "cut off.mp3")
}

// An error that says that a file is not a recording counts as permanent.
func TestHopeless(t *testing.T) {
	dir := t.TempDir()
	for text, want := range map[string]bool{"": true, "Dear Ada": true, "Dear Ada, the boat is ready. Yours, Charles": true, "RIFF\x00\x00\x00\x00WAVE": false} {
		path := filepath.Join(dir, "a.wav")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := OpenAudio(t.Context(), path, 0)
		if err == nil {
			t.Fatalf("%q is opened", text)
		}
		if got := problem.Of(err); got.Hopeless() != want {
			t.Errorf("%q: tried again in vain: %v", got.Text(), !want)
		}
	}
}

// Undo after deleting is visible wherever the list is scrolled to, and the list keeps its position.
func TestUndoIsInSight(t *testing.T) {
	s := newStage(t, ui.Light, nil)
	var paths []string
	for i := range 30 {
		paths = append(paths, s.file(fmt.Sprintf("memo %02d.wav", i), 5*time.Second))
	}
	s.page.Add(paths)
	s.state("memo 29.wav", store.Complete)
	s.Until("all rows", func() bool { return len(s.page.pasts) == 30 })
	s.Settle()
	s.page.pane.Page(1)
	s.page.pane.Page(1)
	place := func(o fyne.CanvasObject) float32 { return fyne.CurrentApp().Driver().AbsolutePositionForObject(o).Y }
	row := s.page.pasts[10]
	was := place(row)
	s.page.open(1)
	s.page.View.others().Items[3].Action()
	s.Expect("“memo 00.wav” is deleted.")
	s.Shot("undo-scrolled")
	if y := place(s.Button("Undo")); y < 0 || y > 690 {
		t.Errorf("Undo is at %v", y)
	}
	if now := place(row); was < 0 || was > 704 || now < was-1 || now > was+130 { // the list is shorter by a row, and by the line
		t.Errorf("the list has moved from %v to %v", was, now)
	}
	s.Tap("Undo")
	s.UntilShown("memo 00.wav")
	if strings.Contains(s.Words(), "Undo") {
		t.Error("it can be undone twice")
	}
	s.page.remove(s.state("memo 03.wav", store.Complete), s.state("memo 04.wav", store.Complete))
	s.Expect("2 files are removed.")
	s.Tap("Close")
	if words := s.Words(); strings.Contains(words, "removed") || strings.Contains(words, "memo 03.wav") {
		t.Errorf("shown is %s", words)
	}
}

// A recording that is added while the page is scrolled comes into view, and one that is in the queue already is named.
func TestAddedIsInSight(t *testing.T) {
	s := newStage(t, ui.Light, nil)
	s.model.gate = make(chan struct{})
	var paths []string
	for i := range 15 {
		paths = append(paths, s.file(fmt.Sprintf("memo %02d.wav", i), time.Minute))
	}
	s.page.Add(paths)
	s.UntilShown("memo 14.wav")
	s.Settle()
	y := func(name string) float32 {
		for _, c := range s.page.cards {
			if strings.HasSuffix(c.title.Text, name) {
				return fyne.CurrentApp().Driver().AbsolutePositionForObject(c.object).Y
			}
		}
		return -1
	}
	seen := func(name string) {
		t.Helper()
		s.Until(name+" in sight", func() bool { at := y(name); return at >= 0 && at < s.Win.Canvas().Size().Height-40 })
	}
	s.page.Add([]string{s.file("late.wav", time.Minute)})
	seen("late.wav")
	s.page.Scroll(-100)
	s.Settle()
	if at := y("late.wav"); at < s.Win.Canvas().Size().Height {
		t.Fatalf("the page is too short for this test: %v", at)
	}
	s.page.Scroll(100)
	s.page.Add(paths[:2])
	s.UntilShown("“memo 00.wav” and “memo 01.wav” are in the queue already.")
	seen("memo 00.wav")
	work := store.NewWorker(s.store, s.Post)
	t.Cleanup(func() { work.Close() })
	s.page.Work = work
	s.page.Add([]string{paths[4], s.file("new.wav", time.Minute)})
	s.page.Refuse([]string{"/a/x.bin"}, "")
	s.UntilShown("“memo 04.wav” is in the queue already. “x.bin” is not a recording.")
}

// Delete that is held deletes one transcript, and the next one gets the focus for the next press; Undo restores all of them.
func TestDeleteTranscriptHeld(t *testing.T) {
	s := newStage(t, ui.Light, nil)
	var paths []string
	for i := range 4 {
		paths = append(paths, s.file(fmt.Sprintf("memo %02d.wav", i), 5*time.Second))
	}
	s.page.Add(paths)
	s.state("memo 03.wav", store.Complete)
	s.Until("all rows", func() bool { return len(s.page.pasts) == 4 })
	s.Settle()
	c := s.Win.Canvas()
	titles := func() string {
		var list []string
		for _, t := range s.page.all {
			list = append(list, t.Title)
		}
		return strings.Join(list, " ")
	}
	defer ui.SetRepeats(false)
	hold := func() {
		for i := range 5 {
			ui.SetRepeats(i > 0)
			s.Key(fyne.KeyDelete)
			s.Settle()
		}
	}
	c.Focus(s.page.pasts[3])
	for _, want := range []string{"memo 03.wav memo 01.wav memo 00.wav", "memo 03.wav memo 00.wav", "memo 03.wav", ""} {
		hold()
		s.Until("the list", func() bool { return !s.page.reading })
		if got := titles(); got != want {
			t.Fatalf("left are %q, want %q", got, want)
		}
		if row, ok := c.Focused().(*past); want != "" && (!ok || !strings.Contains(want, row.t.Title)) {
			t.Fatalf("%T has the focus; left are %q", c.Focused(), want)
		}
	}
	s.Expect("4 files are removed.")
	s.page.Undo() // Ctrl+Z
	s.page.Undo() // there is nothing more
	s.UntilShown("memo 00.wav", "memo 01.wav", "memo 02.wav", "memo 03.wav")
}

// An edit is stored, also by leaving the segment; Escape discards it. Exports contain the edited text.
func TestEditAndExport(t *testing.T) {
	s := newStage(t, ui.Light, nil)
	s.page.Add([]string{s.file("talk.wav", 30*time.Second)})
	id := s.state("talk.wav", store.Complete).ID
	s.UntilShown("Welcome to the show.")
	s.openFirst()
	v := s.page.View
	text := func(i int) string {
		segments, err := s.store.Segments(id, 0)
		if err != nil {
			t.Fatal(err)
		}
		return segments[i].Text
	}
	v.list.edit(1)
	v.list.entry.SetText("  My guest has\nbuilt five of them.  ")
	v.list.entry.TypedKey(&fyne.KeyEvent{Name: fyne.KeyReturn})
	if got := text(1); got != "My guest has built five of them." {
		t.Errorf("kept %q", got)
	}
	row := v.list.rows.Row(0).(*segment)
	x := fyne.MeasureText("Welcome to the sh", ui.TextSize, fyne.TextStyle{}).Width
	row.text.Tapped(&fyne.PointEvent{Position: fyne.NewPos(x, 10)})
	if got := v.list.entry.Caret(); v.list.editing != 0 || got < 16 || got > 18 {
		t.Errorf("a click behind the 17th letter puts the cursor at %d", got)
	}
	v.list.entry.SetText("Nothing of the kind.")
	v.list.entry.TypedKey(&fyne.KeyEvent{Name: fyne.KeyEscape})
	if got := text(0); got != said[0] {
		t.Errorf("after Escape %q", got)
	}
	v.Undo()
	if got := text(1); got != said[1] || v.segments[1].Text != said[1] {
		t.Errorf("undone: %q", got)
	}
	v.Undo() // there is nothing more
	v.Redo()
	if got := text(1); got != "My guest has built five of them." {
		t.Errorf("redone: %q", got)
	}
	v.list.edit(0)
	v.list.entry.TypedShortcut(&fyne.ShortcutUndo{})
	if got := text(1); got != said[1] || v.list.editing >= 0 {
		t.Errorf("undone in another segment: %q", got)
	}
	v.Redo()
	v.list.edit(2)
	v.list.entry.SetText("The first one sank.")
	s.page.Close()
	if got := text(2); got != "The first one sank." {
		t.Errorf("after leaving %q", got)
	}
	s.page.open(id)
	v.others().Items[0].Action()
	s.Expect("Renamed talk.wav")
	v.rename("talk.wav")
	s.Tap("Copy all")
	if !strings.Contains(s.copied, "built five of them.") {
		t.Errorf("copied %q", s.copied)
	}
	for _, f := range []string{"txt", "srt", "vtt", "json", "tsv", "lrc", "md"} {
		v.exportAs(f)
		got, ok := s.saved["/home/ada/Recordings/talk."+f]
		if !ok || !strings.Contains(got, "built five of them.") || !strings.Contains(got, "The first one sank.") {
			t.Errorf("%s: %q", f, got)
		}
	}
	if got := s.saved["/home/ada/Recordings/talk.json"]; strings.Count(got, `"words"`) != 1 {
		t.Errorf("words of edited segments are told: %s", got)
	}
}

// After an export its path is shown and, for an unfinished recording, how far it goes. After a failed one the reason is shown,
// with the file's name as given.
func TestWhereItWasSaved(t *testing.T) {
	s := newStage(t, ui.Light, nil)
	s.model.gate = make(chan struct{})
	s.page.Add([]string{s.file("lj.wav", time.Minute)})
	s.model.gate <- struct{}{}
	s.model.gate <- struct{}{}
	s.Until("a segment", func() bool { got, err := s.store.Transcript(1); return err == nil && got.Segments == 2 })
	s.page.open(1)
	v := s.page.View
	v.exportAs("srt")
	s.Expect("Saved as /home/ada/Recordings/lj.srt, with what is written down so far: until 0:19.")
	s.Shot("saved")
	for err, want := range map[error]string{
		&fs.PathError{Op: "open", Path: "/home/ada/Recordings/lj.txt", Err: syscall.ENOENT}: "/home/ada/Recordings/lj.txt could not be written: there is no folder /home/ada/Recordings.",
		&fs.PathError{Op: "open", Path: "/home/ada/Recordings/lj.txt", Err: syscall.EROFS}:  "/home/ada/Recordings/lj.txt could not be written: read-only file system.",
	} {
		s.unsaved = err
		v.exportAs("txt")
		s.Expect(want)
		if strings.Contains(s.Words(), "Saved") {
			t.Error("it is said to be saved")
		}
	}
	s.Shot("unsaved")
	s.unsaved = nil
	s.page.Close()
	s.Tap("Cancel")
	s.state("lj.wav", store.Stopped)
	s.page.open(1)
	v.exportAs("srt")
	s.Expect("Saved as /home/ada/Recordings/lj.srt, until 0:19, where the transcript ends.")
	v.Find()
	if strings.Contains(s.Words(), "Saved") {
		t.Error("that it was saved is said for ever")
	}
	close(s.model.gate)
	s.page.Close()
	s.Tap("Continue")
	s.state("lj.wav", store.Complete)
	s.page.open(1)
	v.exportAs("srt")
	s.Expect("Saved as /home/ada/Recordings/lj.srt.")
}

// The same recording can be transcribed again in another language; the first transcript stays.
func TestSameRecordingTwice(t *testing.T) {
	s := newStage(t, ui.Light, nil)
	s.page.Add([]string{s.file("talk.wav", 5*time.Second)})
	s.page.open(s.state("talk.wav", store.Complete).ID)
	s.lang = "de"
	s.page.View.others().Items[1].Action()
	s.Until("both", func() bool {
		list, err := s.store.Transcripts()
		return err == nil && len(list) == 2 && list[0].State == store.Complete && list[0].Asked == "de" && list[1].Segments == 1
	})
}

// The choice of translation belongs to each file: the queue contains both kinds, also of one recording, and each transcript says
// whether it is translated.
func TestTranslation(t *testing.T) {
	s := newStage(t, ui.Light, nil)
	s.noModel = noModel
	talk := s.file("talk.wav", 5*time.Second)
	s.page.Add([]string{talk})
	s.page.translate.Tapped(&fyne.PointEvent{})
	if !s.english {
		t.Fatal("the choice does nothing")
	}
	s.page.Add([]string{talk, s.file("call.wav", 5*time.Second), talk})
	s.page.translate.Tapped(&fyne.PointEvent{})
	s.page.Add([]string{talk})
	s.UntilShown("into English · waiting, number 2", "into English · waiting, number 3")
	s.english = true // files in the queue keep their choice
	s.model.heard = "de"
	s.mu.Lock()
	s.noModel = nil
	s.mu.Unlock()
	s.page.Queue.Kick()
	s.state("call.wav", store.Complete)
	list, err := s.store.Transcripts()
	if err != nil || len(list) != 3 {
		t.Fatalf("%d transcripts, %v", len(list), err)
	}
	s.model.mu.Lock()
	for i, want := range []bool{false, true, true} {
		if got := s.model.asked[i].Translate; got != want || list[2-i].Translate != want {
			t.Errorf("file %d: asked to translate: %v, want %v", i, got, want)
		}
	}
	s.model.mu.Unlock()
	s.UntilShown("5 s · into English · today")
	v := s.page.View
	s.page.open(list[1].ID)
	s.Expect("German, translated to English · whisper base")
	v.exportAs("md")
	v.exportAs("json")
	if md := s.saved["/home/ada/Recordings/talk.md"]; !strings.Contains(md, "German, translated to English · 0:05") {
		t.Errorf("exported %s", md)
	}
	if js := s.saved["/home/ada/Recordings/talk.json"]; !strings.Contains(js, `"task":"translate","language":"de"`) {
		t.Errorf("exported %s", js)
	}
	s.page.open(list[2].ID)
	if s.Expect("German · whisper base"); strings.Contains(s.Words(), "translated") {
		t.Errorf("not translated, but\n%s", s.Words())
	}
}

// A model for English only can't translate: the page says so, and files for which translation was chosen wait for another model.
func TestEnglishOnly(t *testing.T) {
	s := newStage(t, ui.Light, nil)
	s.english, s.title, s.languages = true, "Whisper base.en", registry.EnglishAlone
	s.page.Add([]string{s.file("talk.wav", 5*time.Second)})
	s.state("talk.wav", store.Complete)
	s.UntilShown("Whisper base.en supports English only and can't translate.")
	if s.page.translate.Tapped(&fyne.PointEvent{}); !s.page.translate.Disabled() || s.page.translate.Checked || !s.english {
		t.Errorf("disabled: %v, checked: %v, chosen: %v", s.page.translate.Disabled(), s.page.translate.Checked, s.english)
	}
	if s.model.asked[0].Translate {
		t.Error("it is asked to translate")
	}
	s.mu.Lock()
	s.title, s.languages = "Whisper base", registry.ManyLanguages
	s.mu.Unlock()
	s.page.Refresh()
	if s.page.translate.Disabled() || !s.page.translate.Checked || strings.Contains(s.Words(), "English only") {
		t.Errorf("with a model of many languages:\n%s", s.Words())
	}
}

// Tapping a time plays from there; the segment being played is marked; Space pauses; a missing file is reported.
func TestPlaying(t *testing.T) {
	s := newStage(t, ui.Light, nil)
	path := s.file("talk.wav", 5*time.Minute)
	s.page.Add([]string{path})
	id := s.state("talk.wav", store.Complete).ID
	s.page.open(id)
	v := s.page.View
	v.list.rows.Row(3).(*segment).time.Tapped(nil)
	playing := func() *speaker { s.mu.Lock(); defer s.mu.Unlock(); return s.speaker }
	s.Until("the sound", func() bool { return playing() != nil })
	v.player.going, v.player.slow = true, true
	v.moved()
	s.Expect("going to 0:30")
	if v.list.playing != 3 || !v.player.playing {
		t.Errorf("segment %d is heard", v.list.playing)
	}
	first := playing()
	first.to(10500 * time.Millisecond)
	s.Until("the next segment", func() bool { return v.list.playing == 4 })
	v.list.TypedKey(&fyne.KeyEvent{Name: fyne.KeySpace})
	<-first.Done()
	if v.player.playing || v.player.at < 40*time.Second {
		t.Errorf("paused at %v, playing: %v", v.player.at, v.player.playing)
	}
	v.slide.Tapped(&fyne.PointEvent{Position: fyne.NewPos(v.slide.Size().Width*0.9, 4)})
	if at := v.player.at; at < 265*time.Second || at > 275*time.Second {
		t.Errorf("a click at nine tenths of five minutes goes to %v", at)
	}
	v.PlayPause()
	s.Until("the sound again", func() bool { return playing() != first })
	s.mu.Lock()
	if n := len(s.played); n != 2 || s.played[0] != 30*time.Second+200*time.Millisecond || s.played[1] < 265*time.Second {
		t.Errorf("played from %v", s.played)
	}
	s.mu.Unlock()
	playing().to(30 * time.Second)
	playing().Close()
	s.Until("the end", func() bool { return !v.player.playing })
	s.mu.Lock()
	delete(s.files, path)
	s.mu.Unlock()
	v.PlayFrom(0)
	s.UntilShown("It can't be played. The file is not at " + path + ".")
}

// An opened transcript grows while its recording is transcribed.
func TestTheViewGrows(t *testing.T) {
	s := newStage(t, ui.Light, nil)
	s.model.gate = make(chan struct{})
	s.page.Add([]string{s.file("a.wav", time.Minute)})
	s.model.gate <- struct{}{}
	s.UntilShown("Open")
	s.Tap("Open")
	s.UntilShown("Welcome to the show.")
	s.model.gate <- struct{}{}
	s.UntilShown("My guest has built four of them.", "Transcribing")
	close(s.model.gate)
	s.UntilShown("1 min · English · whisper base")
}

// After a longer transcript, a shorter one can be opened, whatever the state of the first was: searched, scrolled to its end,
// being edited, being played.
func TestAShorterOneIsOpened(t *testing.T) {
	s := newStage(t, ui.Light, nil)
	long := fill(t, s.store, 60)
	s.page.Add([]string{s.file("short.wav", 15*time.Second)})
	short := s.state("short.wav", store.Complete).ID
	v := s.page.View
	for name, do := range map[string]func(){
		"found":          func() { v.Find(); v.finder.entry.SetText("mayor") },
		"nothing found":  func() { v.Find(); v.finder.entry.SetText("zebra") },
		"edited":         func() { v.list.edit(59); v.list.entry.SetText("The end, in other words.") },
		"edited, wider":  func() { v.list.edit(59); s.Win.Resize(fyne.NewSize(700, 500)) },
		"found and sung": func() { v.Find(); v.finder.entry.SetText("mayor"); v.player.at = v.segments[59].Start; v.moved() },
		"told":           func() { v.tell("Something is wrong.") },
	} {
		s.page.open(long)
		v.list.TypedKey(&fyne.KeyEvent{Name: fyne.KeyEnd})
		do()
		v.list.rows.Reveal(59)
		if name != "edited, wider" {
			s.page.Close()
		}
		s.page.open(short)
		s.Win.Resize(fyne.NewSize(944, 704))
		if words := s.Words(); !strings.Contains(words, "My guest has built four of them.") || strings.Contains(words, "of 10") {
			t.Errorf("%s: opened is\n%s", name, words)
		}
		if name == "edited" {
			if g, err := s.store.Segments(long, 59); err != nil || g[0].Text != "The end, in other words." {
				t.Errorf("%s: kept %+v, %v", name, g, err)
			}
		}
	}
}

// A segment is stored while it is being edited, since the program may be killed. Esc brings its earlier text back, also after the
// storing has failed once.
func TestStoredWhileEdited(t *testing.T) {
	s := newStage(t, ui.Light, nil)
	s.page.Add([]string{s.file("talk.wav", 30*time.Second)})
	id := s.state("talk.wav", store.Complete).ID
	s.UntilShown("Welcome to the show.")
	s.page.open(id)
	l := s.page.View.list
	stored := func(want string) {
		t.Helper()
		s.Until("“"+want+"” to be stored", func() bool {
			g, err := s.store.Segments(id, 1)
			return err == nil && g[0].Text == want
		})
	}
	l.edit(1)
	l.entry.SetText("The first  boat sank.")
	stored("The first boat sank.")
	l.entry.TypedRune('!')
	stored("!The first boat sank.")
	if l.editing != 1 || l.entry.Text != "!The first  boat sank." {
		t.Errorf("storing has changed what is edited: %d, %q", l.editing, l.entry.Text)
	}
	l.entry.TypedKey(&fyne.KeyEvent{Name: fyne.KeyEscape})
	stored(said[1])
	s.Expect(said[1])
	l.edit(1)
	l.entry.SetText("Another text.")
	stored("Another text.")
	l.commit()
	stored("Another text.")
	s.page.View.Undo() // the whole edit
	stored(said[1])
}

// A segment that is being edited keeps its position while the transcript grows, also at the end of the list. Scrolled out of
// sight it still accepts typed text. Nothing is lost.
func TestEditingWhileItGrows(t *testing.T) {
	s := newStage(t, ui.Light, nil)
	s.model.gate = make(chan struct{})
	s.page.Add([]string{s.file("a.wav", time.Hour)})
	hear := func(n int) {
		had := len(s.page.View.segments)
		for range n {
			s.model.gate <- struct{}{}
		}
		if s.page.View.shown() {
			s.Until("segments", func() bool { return len(s.page.View.segments) >= had+n-1 })
		}
	}
	hear(40)
	id, _ := s.page.Queue.Now()
	s.page.open(id)
	hear(2)
	v := s.page.View
	v.list.move(len(v.segments) - 1)
	hear(4)
	if !v.list.rows.InSight(len(v.segments) - 1) {
		t.Fatal("the end isn't followed")
	}
	i := len(v.segments) - 3
	v.list.edit(i)
	at := func() float32 {
		row := v.list.rows.Row(i)
		if row == nil || !row.Visible() {
			t.Fatalf("the line is out of sight:\n%s", s.Words())
		}
		return fyne.CurrentApp().Driver().AbsolutePositionForObject(row).Y
	}
	was := at()
	hear(12)
	if now := at(); now < was-1 || now > was+1 || v.list.editing != i || s.Win.Canvas().Focused() != v.list.entry {
		t.Errorf("the line has moved from %v to %v; line %d is edited, %T has the keyboard", was, now, v.list.editing, s.Win.Canvas().Focused())
	}
	s.Shot("edit-grows")
	v.list.entry.SetText("Edited")
	v.list.entry.TypedKey(&fyne.KeyEvent{Name: fyne.KeyPageDown})
	for range 8 {
		v.list.rows.Page(-0.9)
	}
	hear(3)
	if v.list.rows.InSight(i) || v.list.editing != i {
		t.Fatalf("in sight: %v; line %d is edited", v.list.rows.InSight(i), v.list.editing)
	}
	for _, r := range " ÄÖ" {
		s.Win.Canvas().Focused().TypedRune(r)
	}
	at()
	s.Shot("edit-back")
	s.Expect("Edited ÄÖ")
	v.list.entry.TypedKey(&fyne.KeyEvent{Name: fyne.KeyReturn})
	if g, err := s.store.Segments(id, i); err != nil || g[0].Text != "Edited ÄÖ" || v.segments[i].Text != "Edited ÄÖ" {
		t.Errorf("kept %+v, %v", g[0], err)
	}
	v.list.edit(i)
	v.list.entry.SetText("Left alone")
	for range 8 {
		v.list.rows.Page(-0.9)
	}
	s.page.Close()
	if g, err := s.store.Segments(id, i); err != nil || g[0].Text != "Left alone" {
		t.Errorf("kept %+v, %v", g[0], err)
	}
}

// After End no goroutine of the page is running, whatever its state was.
func TestNothingIsLeftRunning(t *testing.T) {
	before := runtime.NumGoroutine()
	s := newStage(t, ui.Light, nil)
	s.model.gate = make(chan struct{})
	done := s.file("done.wav", 5*time.Second)
	s.page.Add([]string{done, s.file("a.wav", time.Minute), s.file("b.wav", time.Minute)})
	s.model.gate <- struct{}{}
	s.page.open(s.state("done.wav", store.Complete).ID)
	s.page.View.PlayFrom(0)
	s.Until("the sound", func() bool { s.mu.Lock(); defer s.mu.Unlock(); return s.speaker != nil })
	s.end()
	for end := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before+1; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			buf := make([]byte, 1<<18)
			t.Fatalf("%d goroutines before, %d after\n%s", before, runtime.NumGoroutine(), buf[:runtime.Stack(buf, true)])
		}
	}
}

// Words are found in one segment, or where one ends and the next begins, and the right part of each text is marked.
func TestFind(t *testing.T) {
	texts := []string{"", "Das Caf\u00e9 in der STRASSE", "nach Berlin und", "", "zurück zum cafe\u0301", "人工", "智能"}
	for words, want := range map[string][]match{
		"café":      {{1, 4, 1, 9}, {4, 12, 4, 18}},
		"straße":    {{1, 17, 1, 24}},
		"und  zur":  {{2, 12, 4, 3}},
		"der stras": {{1, 13, 1, 22}},
		"SSE NACH":  {{1, 21, 2, 4}},
		"人工智能":      {{5, 0, 6, 6}},
		"absent":    nil, " ": nil,
	} {
		if got := find(texts, words); !slices.Equal(got, want) {
			t.Errorf("%q: %v, expected %v", words, got, want)
		}
	}
	rapid.Check(t, func(rt *rapid.T) {
		letters := rapid.StringOf(rapid.SampledFrom([]rune("aAbBäÄß İıﬁ\u00ad")))
		texts, words := rapid.SliceOf(letters).Draw(rt, "texts"), letters.Draw(rt, "words")
		segment, end := 0, 0
		for _, m := range find(texts, words) {
			if m.segment < segment || m.segment == segment && m.from < end || m.last < m.segment || m.from > len(texts[m.segment]) || m.to > len(texts[m.last]) {
				rt.Fatalf("%+v", m)
			}
			part := ""
			for i := m.segment; i <= m.last; i++ {
				from, to := m.within(i, texts[i])
				part += texts[i][from:to] + "\n"
			}
			if !strings.Contains(search.Key(part), search.Key(words)) {
				rt.Fatalf("%+v: %q", m, part)
			}
			segment, end = m.last, m.to
		}
	})
}

func TestWords(t *testing.T) {
	for d, want := range map[time.Duration]string{7 * time.Second: "7 s", time.Minute: "1 min", 35*time.Minute + 20*time.Second: "35 min", time.Hour: "1 h", 95 * time.Minute: "1 h 35 min", 59*time.Minute + 40*time.Second: "1 h"} {
		if got := long(d); got != want {
			t.Errorf("%v is %q, want %q", d, got, want)
		}
	}
	if got := clock(10*time.Hour + 2*time.Minute + 3*time.Second + 999*time.Millisecond); got != "10:02:03" {
		t.Error(got)
	}
	p := Progress{Done: 10 * time.Minute, Length: 40 * time.Minute, From: 5 * time.Minute, Past: time.Minute}
	if got := p.Text(); got != "Transcribing 25% · 10:00 of 40:00 · 6 min left" {
		t.Error(got)
	}
}

// A page with five hundred dropped files can still be drawn.
func TestManyFiles(t *testing.T) {
	s := newStage(t, ui.Light, nil)
	s.noModel = noModel
	var paths []string
	for i := range 500 {
		paths = append(paths, s.file(fmt.Sprintf("memo %03d.wav", i), time.Minute))
	}
	began := time.Now()
	s.page.Add(paths)
	s.UntilShown("480 more files are waiting.")
	t.Logf("added and drawn in %v", time.Since(began))
}

// A change of the writing direction in a file's name is made visible.
func TestHostileName(t *testing.T) {
	s := newStage(t, ui.Light, nil)
	path := s.file("talk\u202evaw.exe", time.Second)
	s.page.Add([]string{path})
	s.Until("the transcript", func() bool { id, _ := s.page.Queue.Now(); return id == 0 && s.page.Waiting() == 0 })
	s.Settle()
	s.Expect(`talk\u202evaw.exe`)
	s.page.Refuse([]string{"/a/b\u202egpj.txt"}, "")
	s.Expect(`“b\u202egpj.txt” is not a recording.`)
	if strings.Contains(s.Words(), "\u202e") {
		t.Errorf("shown is %q", s.Words())
	}
}
