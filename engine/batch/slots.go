package batch

import (
	"slices"

	"soberano/engine/state"
)

// admit waits until some slot has work; false means the queue has been closed and
// everything has ended.
func (q *Queue) admit() bool {
	for {
		q.mu.Lock()
		for _, t := range q.arrived {
			t.due = q.rows + patience*int64(min(longest, q.mostTokens(t.req)))
		}
		q.line = append(q.line, q.arrived...)
		jobs, closed := q.jobs, q.closed
		q.arrived, q.jobs = nil, nil
		q.mu.Unlock()
		for _, j := range jobs {
			if closed != nil {
				j.done <- closed
				continue
			}
			j.done <- j.do()
		}
		if closed != nil {
			q.endAll(closed)
			return false
		}
		q.dropCancelled()
		q.fill()
		if len(q.slots) > 0 {
			return true
		}
		q.rest()
	}
}

func (q *Queue) endAll(err error) {
	for _, t := range q.line {
		t.end(err)
	}
	q.line = nil
	for _, s := range q.slots {
		q.end(s, err)
	}
}

func (q *Queue) dropCancelled() {
	q.line = slices.DeleteFunc(q.line, func(t *Ticket) bool {
		err := t.ctx.Err()
		if err != nil {
			t.end(err)
		}
		return err != nil
	})
	for _, s := range q.slots {
		if !s.ended() && s.ticket.ctx.Err() != nil {
			q.end(s, s.ticket.ctx.Err())
		}
	}
	q.slots = slices.DeleteFunc(q.slots, (*slot).ended)
}

// end ends a slot's request. What it has computed stays in the tree, unless it was to leave
// nothing.
func (q *Queue) end(s *slot, err error) {
	if s.ended() {
		return
	}
	t := s.ticket
	if !s.settle() || t.req.Discard {
		q.note(s.seq.Drop())
	} else {
		q.note(s.seq.End())
		q.remember(s)
	}
	s.ticket, s.pending = nil, nil
	t.end(err)
}

// note remembers the first error that belongs to no request, for Close.
func (q *Queue) note(err error) {
	if q.lost == nil {
		q.lost = err
	}
}

// fill moves requests from the line into slots while there is room for them.
func (q *Queue) fill() {
	for {
		next := q.next()
		if next < 0 {
			break
		}
		t := q.line[next]
		seq, err := q.begin(t.req)
		if err != nil && len(q.slots) > 0 {
			return // there may be memory for it when one of those has ended
		}
		if err != nil {
			if err = q.replaceDevice(err); err == nil {
				continue
			}
		}
		q.line = slices.Delete(q.line, next, next+1)
		if err != nil {
			t.end(err)
			continue
		}
		t.count(&q.running)
		cached := seq.State.Len()
		q.slots = append(q.slots, &slot{ticket: t, seq: seq, tokens: slices.Clone(t.req.Tokens), from: t.req.From, done: cached, pending: slices.Clone(t.req.Tokens[cached:])})
		if t.req.Started != nil {
			t.req.Started(cached)
		}
	}
	q.note(q.tree.Fit())
}

// Requests of the background are ordered by when they came and how many tokens they may have, so that short ones do not wait for long ones, nor long ones for ever: one goes first until
// patience rows of all requests are computed for each token that another may have less. All that may have longest tokens or more, as those without a limit, count as equally long.
const (
	patience = 32
	longest  = 512
)

// next returns the place in the line of the request to be admitted: the first of a person's, or else the one that is due first. It returns -1 if there is none, or no room for it.
func (q *Queue) next() int {
	if len(q.line) == 0 {
		return -1
	}
	next := slices.IndexFunc(q.line, func(t *Ticket) bool { return !t.req.Background })
	if next < 0 {
		next = 0
		for i, t := range q.line {
			if t.due < q.line[next].due {
				next = i
			}
		}
	}
	if !q.roomFor(q.line[next].req) {
		return -1
	}
	return next
}

// roomFor reports whether a request can be under way beside those that are: two of a person always, one of the background if nothing else is, others while the states of all fit
// into the room. Those of the background leave slots for a person.
func (q *Queue) roomFor(r Request) bool {
	person, bytes := 0, q.most(r)
	for _, s := range q.slots {
		bytes += q.most(s.ticket.req)
		if !s.ticket.req.Background {
			person++
		}
	}
	slots := len(q.slots)
	if r.Background {
		return slots == 0 || slots < mostSlots-reserved && bytes <= q.room
	}
	return person < reserved || slots < mostSlots && bytes <= q.room
}

// most returns the bytes that the state of a request takes in the end.
func (q *Queue) most(r Request) int64 {
	if n := q.mostTokens(r); n < q.cap {
		return q.size*int64(n)/int64(q.cap) + 1
	}
	return q.size
}

// mostTokens returns how many tokens the sequence of a request may have in the end.
func (q *Queue) mostTokens(r Request) int {
	if r.Most == 0 {
		return q.cap
	}
	return min(r.Most, q.cap)
}

// begin begins a request's sequence with what is known of its tokens; those whose logits are
// wanted remain to be computed.
func (q *Queue) begin(r Request) (*state.Sequence, error) {
	if r.Fresh {
		return q.tree.Fresh()
	}
	q.note(q.restore(r))
	if r.Discard {
		return q.tree.Branch(r.Key, r.Tokens, r.From)
	}
	return q.tree.Begin(r.Key, r.Tokens, r.From)
}
