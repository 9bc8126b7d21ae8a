package batch

import (
	"errors"
	"time"

	"soberano/engine/state"
	"soberano/kernels"
)

const (
	// saveAfter is how long the queue is idle before it saves states, so that a conversation with short pauses is saved once.
	saveAfter = 3 * time.Second
	// mostSaving is how long Close may take to save states.
	mostSaving = 2 * time.Second
)

// unsaved is the state of a conversation that is to be saved.
type unsaved struct {
	tokens []int32 // that the state holds
	prompt int     // how many of them are the prompt
}

// SetDisk has the states of conversations (Request.Conversation) kept on disk: they are saved when the queue is idle for some seconds, and by Close, and
// read when a request goes on where they end. identity identifies the model. It must be called before the first
// Submit. Nothing is kept of states that their device can't save, and that a state could not be saved only makes the next start slower.
func (q *Queue) SetDisk(disk *state.Disk, identity [32]byte) {
	q.disk, q.identity = disk, identity
}

// keeps reports whether the state of a request is kept on disk.
func (q *Queue) keeps(r *Request) bool {
	return q.disk != nil && r.Conversation != "" && r.Key == "" && len(r.Images) == 0 && !r.Discard
}

// remember notes that the state of a slot's request, which ends, is to be saved.
func (q *Queue) remember(s *slot) {
	if r := &s.ticket.req; q.keeps(r) && s.done > 0 {
		q.unsaved[r.Conversation] = unsaved{s.tokens[:s.done], len(r.Tokens)}
	}
}

// rest waits for something to do, and saves states meanwhile.
func (q *Queue) rest() {
	if len(q.unsaved) == 0 {
		<-q.wake
		return
	}
	select {
	case <-q.wake:
	case <-time.After(q.pause):
		q.save(q.asked)
	}
}

// asked reports whether there is something to do.
func (q *Queue) asked() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.arrived) > 0 || len(q.jobs) > 0 || q.closed != nil
}

// save saves what is unsaved until interrupted reports true; the rest remains unsaved.
func (q *Queue) save(interrupted func() bool) {
	for name, u := range q.unsaved {
		err := q.saveOne(name, u, interrupted)
		if errors.Is(err, state.ErrInterrupted) {
			return
		}
		delete(q.unsaved, name)
	}
}

// saveOne saves the state of a conversation. If states can't go back everywhere, it also saves the one from which the prompt can be answered again, as the next
// prompt may not have the whole answer.
func (q *Queue) saveOne(name string, u unsaved, interrupted func() bool) (err error) {
	var states []kernels.State
	defer func() {
		for _, st := range states {
			q.note(st.Close())
		}
	}()
	for _, n := range []int{len(u.tokens), min(u.prompt, len(u.tokens))} {
		st, err := q.tree.Known("", u.tokens[:n])
		if err != nil {
			return err
		}
		if st == nil {
			break
		}
		if states = append(states, st); q.tree.Rewinds() || st.Len() <= u.prompt {
			break
		}
	}
	return q.disk.Save(name, q.identity, u.tokens, states, interrupted)
}

// restore puts what is saved of a request's conversation into the tree, if it is worth more than what is there.
func (q *Queue) restore(r Request) error {
	if !q.keeps(&r) {
		return nil
	}
	wanted, have := r.Tokens[:r.From], 0
	known, err := q.tree.Known("", wanted)
	if err != nil {
		return err
	}
	if known != nil {
		have = known.Len()
		if err := known.Close(); err != nil {
			return err
		}
	}
	st, tokens, err := q.disk.Load(r.Conversation, q.identity, wanted, have, !q.drafts, q.tree.Empty)
	if err != nil || st == nil {
		return nil // what is wrong with a file only makes the start slower
	}
	return q.tree.Put("", tokens, st)
}
