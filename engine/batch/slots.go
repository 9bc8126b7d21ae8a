package batch

// worthCopying is how many cached tokens of another sequence are worth a copy rather
// than computing them again.
const worthCopying = 16

// admit waits until some slot has work; false means the queue has been closed and
// everything has ended.
func (q *Queue) admit() bool {
	for {
		q.mu.Lock()
		q.line = append(q.line, q.arrived...)
		q.arrived = nil
		closed := q.closed
		q.mu.Unlock()
		if closed != nil {
			q.endAll(closed)
			return false
		}
		q.dropCancelled()
		q.fill()
		for _, s := range q.slots {
			if s.ticket != nil {
				return true
			}
		}
		<-q.wake
	}
}

func (q *Queue) endAll(err error) {
	for _, t := range q.line {
		t.end(err)
	}
	q.line = nil
	for _, s := range q.slots {
		if s.ticket != nil {
			s.end(err)
		}
	}
}

func (q *Queue) dropCancelled() {
	kept := q.line[:0]
	for _, t := range q.line {
		if err := t.ctx.Err(); err != nil {
			t.end(err)
		} else {
			kept = append(kept, t)
		}
	}
	clear(q.line[len(kept):])
	q.line = kept
	for _, s := range q.slots {
		if s.ticket != nil && s.ticket.ctx.Err() != nil {
			s.end(s.ticket.ctx.Err())
		}
	}
}

// end frees a slot; its cache and tokens stay for the next request.
func (s *slot) end(err error) {
	t := s.ticket
	if t.req.Fresh {
		s.tokens = s.tokens[:0]
	}
	s.ticket, s.pending = nil, nil
	t.end(err)
}

// fill moves requests from the head of the line into slots while there are any.
func (q *Queue) fill() {
	for len(q.line) > 0 {
		t := q.line[0]
		s, cached, err := q.place(t.req)
		if err != nil {
			t.end(err)
		} else if s == nil {
			return // every slot is busy
		} else {
			s.ticket, s.used = t, q.steps
			s.tokens = s.tokens[:cached]
			s.pending = append([]int32(nil), t.req.Tokens[cached:]...)
			if t.req.Started != nil {
				t.req.Started(cached)
			}
		}
		q.line[0] = nil
		q.line = q.line[1:]
	}
}

// place chooses the slot for a request, and how many of its tokens are in its cache
// already. The best is an idle slot whose tokens are mostly the request's beginning;
// one that would lose most of another conversation is left alone while there is
// another way, and what they share is copied.
func (q *Queue) place(r Request) (to *slot, cached int, err error) {
	var source *slot // with the longest common beginning, busy or idle
	for _, s := range q.slots {
		if n := s.common(r); source == nil || n > cached {
			source, cached = s, n
		}
	}
	if source.ticket == nil && 2*cached >= len(source.tokens) {
		return source, source.back(cached), nil
	}
	if to = q.empty(); to == nil && len(q.slots) < q.most {
		if to, err = q.newSlot(); err != nil {
			to, err = nil, nil // no memory for another: share what there is
		}
	}
	if to == nil {
		to = q.oldest()
	}
	switch {
	case to == nil:
	case to == source || cached < worthCopying:
		cached = to.back(to.common(r))
	default:
		cached, err = to.follow(source, cached)
	}
	return to, cached, err
}

// back makes the slot's state one of n positions, or of none where it can't go back to n.
func (s *slot) back(n int) int {
	if !s.state.Truncate(n) {
		n = 0
		s.state.Truncate(n)
	}
	return n
}

// follow makes the slot's state the first n positions of another one's.
func (s *slot) follow(source *slot, n int) (int, error) {
	fork, err := source.state.Fork()
	if err != nil {
		return 0, err
	}
	if err := s.state.Close(); err != nil {
		return 0, err
	}
	s.state = fork
	s.tokens = append(s.tokens[:0], source.tokens[:n]...)
	return s.back(n), nil
}

// common counts the tokens that a request can take from the slot: those that both begin
// with, but at least the tokens whose logits are wanted remain to be computed.
func (s *slot) common(r Request) int {
	if r.Fresh {
		return 0
	}
	n := min(len(s.tokens), r.From)
	for i := range n {
		if s.tokens[i] != r.Tokens[i] {
			return i
		}
	}
	return n
}

func (q *Queue) empty() *slot {
	for _, s := range q.slots {
		if s.ticket == nil && len(s.tokens) == 0 {
			return s
		}
	}
	return nil
}

// oldest is the idle slot that was used least lately, nil if all are busy.
func (q *Queue) oldest() *slot {
	var old *slot
	for _, s := range q.slots {
		if s.ticket == nil && (old == nil || s.used < old.used) {
			old = s
		}
	}
	return old
}
