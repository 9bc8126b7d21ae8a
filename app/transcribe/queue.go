package transcribe

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"soberano/app/host"
	"soberano/app/problem"
	"soberano/app/store"
	"soberano/asr"
	"soberano/models"
)

// beam is the number of hypotheses in the beam search. It is larger than for dictation, where a person waits for the text.
const beam = 5

// Queue transcribes files one after the other, in one goroutine that runs while a file is waiting. The state is in the store;
// the Queue itself holds only the file being transcribed.
//
//	Add ──▶ waiting ──▶ [open · skip the finished part · Transcribe ──▶ AddSegments …] ──▶ complete
//	                         a bad file: failed, with the reason; the next one begins
//	                         no model: nothing is lost, all files wait; Kick tries again
//	                         the store fails: the same; it is tried again every few seconds
//
// Its methods may be called from any goroutine.
type Queue struct {
	Config
	// The callbacks are called on the UI goroutine: OnState when the state of a transcript or the problem of the queue has changed,
	// OnProgress while a file is transcribed, OnSegment when segments were added.
	OnState    func()
	OnProgress func(id int64)

	mu      sync.Mutex
	now     *job  // the file being transcribed
	working bool  // the goroutine is running
	closed  bool  // no further file is begun
	blocked error // why no file can be transcribed: no speech model, a broken one, or an *unstoredError
	again   *time.Timer
	running sync.WaitGroup

	stopTime, closeTime time.Duration // after Stop and Close, in which what has been heard is written down
}

// NewQueue returns a queue that does nothing yet; Kick begins with the files left from an earlier run.
func NewQueue(c Config) *Queue {
	if c.Retry == 0 {
		c.Retry = retryTime
	}
	return &Queue{Config: c, stopTime: 10 * time.Second, closeTime: 3 * time.Second}
}

// Add adds files to the queue, each with the present choices. A file that is waiting or being transcribed is not added again,
// unless the choice of translation differs. A failed file is tried again in the same transcript, unless that has text and
// the file or the chosen language has changed. It returns the files that were in the queue already.
func (q *Queue) Add(paths []string) (already []string, err error) {
	list, err := q.Store.Transcripts()
	if err != nil {
		return nil, err
	}
	asked, translate := q.Language(), q.Translate() && q.englishOnly() == ""
	busy, failed := map[string]bool{}, map[string]store.Transcript{}
	for _, t := range list {
		switch {
		case t.Translate != translate || t.Track != 0:
		case t.State == store.Waiting || t.State == store.Partial:
			busy[t.Path] = true
		case t.State == store.Failed && (t.Segments == 0 || t.Asked == asked && unchanged(t)):
			failed[t.Path] = t
		}
	}
	there := maps.Clone(busy)
	for _, p := range paths {
		if busy[p] {
			if there[p] && !slices.Contains(already, p) {
				already = append(already, p)
			}
			continue
		}
		busy[p] = true
		if t, ok := failed[p]; ok {
			t = waiting(t)
			t.Asked = asked
			if err = q.Store.UpdateTranscript(t); err != nil {
				break
			}
			continue
		}
		if _, err = q.Store.AddTranscript(store.Transcript{Path: p, Title: filepath.Base(p), Asked: asked, Translate: translate}); err != nil {
			break
		}
	}
	q.Kick()
	return already, err
}

// unchanged reports whether the file is still the one that the transcript was made from.
func unchanged(t store.Transcript) bool {
	st, err := os.Stat(t.Path)
	return err != nil || st.ModTime().Before(t.Updated)
}

// Again continues a file that ended early, where its last segment ended.
func (q *Queue) Again(t store.Transcript) error {
	err := q.Store.UpdateTranscript(waiting(t))
	q.Kick()
	return err
}

// waiting returns t as a file that waits to be transcribed.
func waiting(t store.Transcript) store.Transcript {
	t.State, t.Problem, t.Remarks, t.Note = store.Waiting, problem.Problem{}, nil, ""
	return t
}

// Stop ends a file that is waiting or being transcribed; its segments are kept. What the model has taken in is written down
// before, for at most stopTime, unless Stop is called again.
func (q *Queue) Stop(t store.Transcript) error {
	if q.end(t.ID, q.stopTime) {
		q.state()
		return nil // the goroutine of the queue stores the state
	}
	t.State, t.Problem, t.Note = store.Stopped, problem.Problem{}, ""
	err := q.Store.UpdateTranscript(t)
	q.state()
	return err
}

// end ends a file if it is being transcribed, see job.end.
func (q *Queue) end(id int64, within time.Duration) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.now == nil || q.now.id != id {
		return false
	}
	q.now.stopped = true
	q.now.end(within)
	return true
}

// Delete hides a transcript; if it is being transcribed, that ends.
func (q *Queue) Delete(id int64) error {
	q.end(id, 0)
	err := q.Store.DeleteTranscript(id)
	q.state()
	return err
}

// Restore undoes Delete.
func (q *Queue) Restore(id int64) error {
	err := q.Store.RestoreTranscript(id)
	q.Kick()
	return err
}

// Kick starts the goroutine if it is not running. It is called when a file was added or a model became available.
func (q *Queue) Kick() {
	q.mu.Lock()
	q.blocked = nil
	if !q.working && !q.closed {
		q.working = true
		q.running.Add(1)
		go q.work()
	}
	q.mu.Unlock()
	q.state()
}

// Blocked returns why no file can be transcribed; nil if one can.
func (q *Queue) Blocked() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.blocked
}

// Now returns the file being transcribed and its progress.
func (q *Queue) Now() (id int64, p Progress) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.now == nil {
		return 0, p
	}
	return q.now.id, q.now.progress()
}

// Close ends the present file, which continues at the next start, and waits for that, as Stop but for at most closeTime.
func (q *Queue) Close() {
	q.mu.Lock()
	q.closed = true
	if q.again != nil {
		q.again.Stop()
	}
	if q.now != nil {
		q.now.end(q.closeTime)
	}
	q.mu.Unlock()
	q.running.Wait()
}

func (q *Queue) state() {
	q.Post(func() {
		if q.OnState != nil {
			q.OnState()
		}
	})
}

// work transcribes files until none is waiting, or there is no model.
func (q *Queue) work() {
	defer q.running.Done()
	for {
		t, j, ok := q.next()
		if !ok {
			q.state()
			return
		}
		speech, err := q.Speech(j.ctx)
		if err != nil {
			q.block(t, j, err)
			continue
		}
		q.state()
		err = q.write(speech, t, j)
		speech.Release()
		switch _, unstored := errors.AsType[*unstoredError](err); {
		case errors.Is(err, host.ErrRemoved): // the file continues with another model
		case unstored && !errors.Is(err, store.ErrNotFound):
			q.wait(err)
		default:
			q.finish(t, j, err)
		}
	}
}

// next takes the file that was interrupted, or else the one that has waited longest. Without one, the goroutine counts as
// ended.
func (q *Queue) next() (store.Transcript, *job, bool) {
	list, err := q.Store.Transcripts()
	q.mu.Lock()
	defer q.mu.Unlock()
	q.now = nil
	if err != nil && q.blocked == nil {
		q.blocked = err
	}
	if !q.closed && q.blocked == nil {
		var best store.Transcript
		for _, t := range list { // the latest file comes first
			if t.State == store.Partial || t.State == store.Waiting && best.State != store.Partial {
				best = t
			}
		}
		if best.ID != 0 {
			j := &job{id: best.ID, opening: true, length: best.Length}
			j.ctx, j.cancel = context.WithCancel(context.Background())
			j.reading, j.stop = context.WithCancel(j.ctx)
			q.now = j
			return best, j, true
		}
	}
	q.working = false
	return store.Transcript{}, nil, false
}

// unstoredError is the error of the store where something of a transcript could not be stored.
type unstoredError struct{ err error }

func (e *unstoredError) Error() string { return e.err.Error() }
func (e *unstoredError) Unwrap() error { return e.err }

// unstored marks an error of the store; nil stays nil.
func unstored(err error) error {
	if err == nil {
		return nil
	}
	return &unstoredError{err}
}

// wait stops the queue for a while because of an error of the store. The file continues where its last stored segment ended.
func (q *Queue) wait(err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return
	}
	q.blocked = err
	if q.again != nil {
		q.again.Stop()
	}
	q.again = time.AfterFunc(q.Retry, func() {
		q.mu.Lock()
		still := q.blocked == err
		q.mu.Unlock()
		if still {
			q.Kick()
		}
	})
}

// block keeps the state of the file, since the error is not caused by it.
func (q *Queue) block(t store.Transcript, j *job, err error) {
	q.mu.Lock()
	stopped := j.stopped
	if !stopped {
		q.blocked = err
	}
	q.mu.Unlock()
	if stopped {
		q.finish(t, j, context.Canceled)
	}
}

// write transcribes one file.
func (q *Queue) write(speech Speech, t store.Transcript, j *job) error {
	defer j.cancel()
	src, err := q.Open(j.reading, t.Path, t.Track)
	if err != nil {
		return err
	}
	defer src.Close()
	length := src.Duration()
	if err := src.Skip(t.Heard); err != nil {
		return err
	}
	q.mu.Lock()
	j.began, j.from, j.length, j.opening = time.Now(), t.Heard, length, false
	j.heard.Store(int64(t.Heard))
	q.mu.Unlock()
	t.State, t.Length, t.Model, t.Remarks = store.Partial, length, speech.Name(), nil
	for _, p := range problem.OfRecording(src) {
		if p.Code == problem.AudioTracks { // known from the beginning, so that another track can be chosen
			t.Remarks = append(t.Remarks, p)
		}
	}
	if err := q.Store.UpdateTranscript(t); err != nil {
		return unstored(err)
	}
	q.state()
	p := asr.Params{Language: t.Asked, Translate: t.Translate, Beam: beam, Words: true, Vocabulary: q.Words(), Stop: j.reading.Done(),
		Progress: func(done time.Duration) { q.progress(j, t.Heard+done) }}
	last := time.Duration(0) // the start of the previous segment
	add := func(g store.Segment) error {
		if g.Start < last { // aligning the words may have moved the previous segment too far
			g.Start, g.End = last, max(last, g.End)
		}
		last = g.Start
		return unstored(q.Store.AddSegments(t.ID, g))
	}
	var failed error // to store a section without text
	p.Unheard = func(u asr.Unheard) {
		u.Start, u.End = u.Start+t.Heard, u.End+t.Heard
		failed = errors.Join(failed, add(keptUnheard(u)))
	}
	for s, err := range speech.Transcribe(j.ctx, &metered{src, j}, p) {
		if err = errors.Join(err, failed); err != nil {
			return err
		}
		if t.Language == "" && s.Language != "" {
			t.Language = s.Language
			if err := q.Store.UpdateTranscript(t); err != nil {
				return unstored(err)
			}
		}
		if err := add(kept(s, t.Heard)); err != nil {
			return err
		}
		q.progress(j, t.Heard+s.End)
	}
	if failed != nil {
		return failed
	}
	j.remarks = problem.OfRecording(src)
	if t.Length == 0 { // the length was unknown and is known after reading the file
		t.Length = j.from + samples(j.read.Load())
		return unstored(q.Store.UpdateTranscript(t))
	}
	return nil
}

// kept converts a segment for the store, and adds after to its times.
func kept(s asr.Segment, after time.Duration) store.Segment {
	s.Start, s.End = s.Start+after, s.End+after
	for i := range s.Words {
		s.Words[i].Start, s.Words[i].End = s.Words[i].Start+after, s.Words[i].End+after
	}
	g := store.Segment{Start: s.Start, End: s.End, Text: s.Text}
	if details, err := json.Marshal(s); err == nil { // a probability may be NaN, which JSON can't represent
		g.Details = string(details)
	}
	return g
}

// finish stores how a file ended.
func (q *Queue) finish(t store.Transcript, j *job, err error) {
	now, readErr := q.Store.Transcript(t.ID)
	if errors.Is(readErr, store.ErrNotFound) {
		return // deleted meanwhile; after Restore it continues
	}
	q.mu.Lock()
	closing, stopped := q.closed, j.stopped
	q.mu.Unlock()
	t = now
	t.Problem, t.Note = problem.Problem{}, ""
	switch {
	case err != nil && stopped:
		t.State = store.Stopped
	case err != nil && closing:
		return // it continues at the next start
	case err != nil:
		t.State, t.Problem, t.Note = store.Failed, problem.OfFile(t.Path, err), models.PrintableLines(err.Error())
	default:
		t.State, t.Remarks = store.Complete, nil
		if len(j.remarks) > 0 {
			t.Problem, t.Remarks = j.remarks[0], j.remarks[1:]
		}
	}
	if err := errors.Join(readErr, q.Store.UpdateTranscript(t)); err != nil {
		q.wait(&unstoredError{err})
	}
}
