package chat

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"soberano/app/host"
	"soberano/app/markdown"
	"soberano/app/problem"
	"soberano/app/store"
	"soberano/engine"
	"soberano/engine/reply"
	"soberano/engine/sample"
	"soberano/engine/vision"
	"soberano/models"
	"soberano/models/registry"
)

// stage is the progress of a job.
type stage int

const (
	waiting stage = iota
	reading
	writing
	ended
)

// job is one answer, from the question on: it waits for a model and is then written. While it is written it is stored once a second,
// so that a kill loses at most one second of it.
//
//	waiting ──▶ reading (the prompt) ──▶ writing ──▶ complete · stopped · cut · failed
type job struct {
	conversation int64
	cancel       context.CancelFunc
	old          store.Message // the answer that the new one replaces; its ID is 0 if there is none
	closing      atomic.Bool   // the window is being closed
	overflow     engine.Overflow

	mu      sync.Mutex
	stage   stage
	message store.Message // the answer; its ID is 0 until its first words are stored
	stream  markdown.Stream
	joiner  reply.Joiner // of the parts of the answer to the text of stream
	usage   engine.Usage
	dirty   bool
	asked   bool                                     // a repaint was asked for and has not been done
	next    time.Time                                // no repaint is asked for before
	model   string                                   // the title of the model that answers
	blind   bool                                     // the model could not see images of the request, and got its text only
	sight   func(registry.Entry) host.Sight          // finds out whether a model can see images; nil: none can
	picture func(hash string) (*vision.Image, error) // decodes a stored image
	joined  bool                                     // the last message of the request holds earlier questions too, which have no answer
	saveErr error                                    // the answer could not be stored
	saved   time.Time
}

// progress is the state of a job as the screen shows it.
type progress struct {
	stage   stage
	message store.Message
	usage   engine.Usage
	blocks  []markdown.Block
	saveErr error
}

// turn returns the turn to which the answer belongs.
func (j *job) turn() int64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.message.Turn
}

// look returns the present state of the job; with whole, the complete text is parsed again.
func (j *job) look() progress {
	j.mu.Lock()
	defer j.mu.Unlock()
	p := progress{stage: j.stage, message: j.message, usage: j.usage, saveErr: j.saveErr}
	if j.stage == ended {
		p.blocks = j.stream.Finish()
	} else {
		p.blocks = j.stream.Blocks()
	}
	j.dirty = false
	return p
}

// run asks the model and records the answer; it returns when the job has ended.
func (j *job) run(ctx context.Context, r *Runner, s *store.Store, every time.Duration, repaint func()) {
	done := make(chan struct{})
	ticks := make(chan struct{})
	go func() {
		defer close(ticks)
		j.tick(s, every, repaint, done)
	}()
	var reason engine.Reason
	err := r.Ask(ctx, func(st Status) (engine.Request, error) { return j.request(s, st) },
		func(st Status, p engine.Piece) {
			j.mu.Lock()
			defer j.mu.Unlock()
			j.stage, j.usage, j.dirty = writing, p.Usage, true
			j.stream.Add(j.joiner.Add(reply.Part{Kind: p.Kind, Text: p.Text}))
			if p.Reason != "" {
				reason = p.Reason
			}
		})
	close(done)
	<-ticks
	j.end(s, err, reason)
	repaint()
}

// request returns the conversation up to the job's question in the form that templates expect: the roles alternate.
func (j *job) request(s *store.Store, st Status) (engine.Request, error) {
	messages, err := s.Messages(j.conversation)
	if err != nil {
		return engine.Request{}, err
	}
	messages = upTo(messages, j.turn())
	blind, err := j.blinded(messages, st)
	if err != nil {
		return engine.Request{}, err
	}
	list, places := turns(messages, !blind)
	images, err := j.images(places)
	if err != nil {
		return engine.Request{}, err
	}
	j.mu.Lock()
	j.blind = blind
	j.stage, j.dirty, j.message.Model, j.model = reading, true, st.Entry.Name, st.Entry.Title
	j.joined = len(list) > 0 && list[len(list)-1].Content != messages[len(messages)-1].Content
	j.mu.Unlock()
	r := engine.Request{Messages: list, Images: images, Sampling: sampling(st.Entry.Sampling), Overflow: j.overflow}
	if s.OnDisk() {
		r.Conversation = host.ConversationName(j.conversation)
	}
	return r, nil
}

// upTo returns the messages before the question of a turn and the question; all of them for turn 0.
func upTo(messages []store.Message, turn int64) []store.Message {
	for i, m := range messages {
		switch {
		case turn == 0 || m.Turn != turn:
		case m.Role == store.User:
			return messages[:i+1]
		default: // an answer without a question
			return messages[:i]
		}
	}
	return messages
}

// turns joins consecutive messages of one role, for example two questions if the answer between them failed. What a model thought
// before it answered is left out: models are not trained to read it again.
// With images it also returns where these are.
func turns(messages []store.Message, images bool) (list []engine.Message, places []place) {
	for _, m := range messages {
		if m.Role == store.Assistant {
			m.Content = markdown.WithoutThoughts(m.Content)
		}
		if !images {
			m.Images = nil
		}
		if m.Content == "" && len(m.Images) == 0 {
			continue
		}
		if n := len(list); n > 0 && list[n-1].Role == string(m.Role) {
			list[n-1].Content = below(list[n-1].Content, m.Content)
		} else {
			list = append(list, engine.Message{Role: string(m.Role), Content: m.Content})
		}
		for _, image := range m.Images {
			places = append(places, place{len(list) - 1, image.Hash})
		}
	}
	return list, places
}

func sampling(s registry.Sampling) sample.Params {
	return sample.Params{Temperature: s.Temperature, TopK: s.TopK, TopP: s.TopP, MinP: s.MinP, Repeat: s.Repeat}
}

// tick repaints new text and stores it once a second.
func (j *job) tick(s *store.Store, every time.Duration, repaint func(), done <-chan struct{}) {
	t := time.NewTicker(every)
	defer t.Stop()
	for {
		select {
		case <-done:
			return
		case <-t.C:
		}
		if j.due() {
			repaint()
		}
		if time.Since(j.saved) > time.Second {
			j.save(s, store.Partial)
		}
	}
}

// due reports whether to ask for a repaint now: there is something new, and the repaint before has been done some time ago.
func (j *job) due() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	if !j.dirty || j.asked || time.Now().Before(j.next) {
		return false
	}
	j.asked = true
	return true
}

// paint does a repaint that was asked for. The next one waits three times as long as this one takes, so that the window can be
// used while a very long answer is written.
func (j *job) paint(repaint func()) {
	began := time.Now()
	repaint()
	j.mu.Lock()
	defer j.mu.Unlock()
	j.asked, j.next = false, time.Now().Add(3*time.Since(began))
}

// save stores the answer so far. Only the job's own goroutines call it, one at a time.
func (j *job) save(s *store.Store, state store.State) {
	j.mu.Lock()
	m := j.message
	m.Content, m.State = j.stream.Source(), state
	m.Tokens = j.usage.Prompt + j.usage.Generated
	nothing := state == store.Partial && m.Content == j.message.Content
	j.mu.Unlock()
	if nothing {
		return
	}
	var err error
	if m.ID == 0 {
		m, err = s.Append(m)
	} else {
		err = s.Update(m)
	}
	j.saved = time.Now()
	j.mu.Lock()
	j.message, j.saveErr = m, err
	j.mu.Unlock()
}

// stops are the reasons for which the user or the program ends an answer.
var stops = []struct {
	is   error
	code problem.Code
}{{context.Canceled, problem.None}, {errSwitched, problem.ModelSwitched}, {host.ErrRemoved, problem.ModelRemoved}, {engine.ErrClosed, problem.ProgramClosed}, {host.ErrClosed, problem.ProgramClosed}}

// stopped reports whether an answer was ended by the user or the program, and why if it was not the user's wish.
func (j *job) stopped(err error) (why problem.Code, ok bool) {
	for _, s := range stops {
		if !errors.Is(err, s.is) {
			continue
		}
		if s.code == problem.None && j.closing.Load() {
			return problem.ProgramClosed, true
		}
		return s.code, true
	}
	return problem.None, false
}

func (j *job) end(s *store.Store, err error, reason engine.Reason) {
	state := store.Complete
	why, wasStopped := j.stopped(err)
	switch {
	case wasStopped:
		state, err = store.Stopped, nil
	case err != nil:
		state = store.Failed
	case reason == engine.ContextFull:
		state = store.Cut
	}
	j.mu.Lock()
	if wasStopped {
		j.message.Problem = problem.Problem{Code: why}
	} else if state == store.Cut {
		j.message.Problem = problem.Problem{Code: problem.ContextFull, Args: problem.Args{Context: j.usage.Context}}
	} else if err != nil {
		if full, ok := errors.AsType[*engine.ContextError](err); ok && j.joined {
			err = &engine.ContextError{Prompt: full.Prompt, Context: full.Context} // the size of the question alone is not known
		}
		j.message.Problem, j.message.Note = problem.Of(err), models.PrintableLines(err.Error())
	}
	switch {
	case state != store.Complete:
	case j.blind:
		j.message.Problem = problem.Problem{Code: problem.ImagesLeftOut}
	case j.usage.Dropped > 0:
		j.message.Problem = problem.Problem{Code: problem.MessagesLeftOut}
	}
	if j.message.Problem.Code != problem.None {
		j.message.Problem.Args.Model = j.model
	}
	unbegun := state == store.Stopped && j.message.ID == 0 && strings.TrimSpace(j.stream.Source()) == ""
	j.message.State = state
	j.mu.Unlock()
	// An answer of which there is nothing replaces none, and a question that waits for a model when the window is closed stays
	// without an answer.
	if !(unbegun && (j.closing.Load() || j.old.ID != 0)) {
		j.save(s, state)
	}
	j.mu.Lock()
	j.stage = ended
	j.mu.Unlock()
}

// result returns the answer that is shown after the end of the job: its own, or the old one if it was stopped before it began.
func (p progress) result(old store.Message) (store.Message, []markdown.Block) {
	if old.ID != 0 && p.message.ID == 0 && p.message.State == store.Stopped && p.saveErr == nil {
		return old, markdown.Parse(old.Content)
	}
	return p.message, p.blocks
}
