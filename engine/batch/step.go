package batch

// How much goes into one step.
const (
	// Chunk is the tokens of a step that only reads prompts: beyond a few hundred the
	// products get no faster, and a cancelled request has to wait for the step.
	Chunk = 512
	// mixed is the same while answers are under way, which pause for it.
	mixed = 128
	// wanted is the rows with logits that one sequence may have in a step: with a
	// vocabulary of 262,144 each takes a megabyte.
	wanted = 64
)

// run makes one step of all slots with work.
func (q *Queue) run() {
	q.steps++
	q.share()
	q.step.Reset()
	q.wants = q.wants[:0]
	for _, s := range q.slots {
		if s.ticket != nil {
			q.add(s)
		}
	}
	logits, err := q.model.Forward(&q.step)
	if err != nil {
		q.fail(err)
		return
	}
	for i, w := range q.wants {
		if w.slot.ticket == nil {
			continue // ended by an earlier row of this step
		}
		w.slot.give(w.pos, logits.Row(i), q.cap)
	}
}

// fail ends all requests of a step that failed. What it has left in their states counts
// for nothing.
func (q *Queue) fail(err error) {
	for _, s := range q.slots {
		if s.ticket != nil {
			s.back(0)
			s.tokens = s.tokens[:0]
			s.end(err)
		}
	}
}

// want is a row of a step whose logits go to a slot's request.
type want struct {
	slot *slot
	pos  int
}

// add puts a slot's share of its pending tokens into the step.
func (q *Queue) add(s *slot) {
	pos := len(s.tokens)
	s.used = q.steps
	row := q.step.Append(s.state, s.pending[:s.take], pos)
	for i := max(0, s.ticket.req.From-pos); i < s.take; i++ {
		q.step.Out = append(q.step.Out, row+i)
		q.wants = append(q.wants, want{s, pos + i})
	}
	s.tokens = append(s.tokens, s.pending[:s.take]...)
	s.pending = s.pending[s.take:]
}

// share decides how many pending tokens of each slot go into the step: one where one is
// pending, the rest of the step evenly among those that read a prompt.
func (q *Queue) share() {
	single, reading := 0, 0
	for _, s := range q.slots {
		switch {
		case s.ticket == nil:
		case len(s.pending) == 1:
			single++
		default:
			reading++
		}
	}
	room := Chunk
	if single > 0 {
		room = mixed
	}
	for _, s := range q.slots {
		if s.ticket == nil {
			continue
		}
		s.take = min(len(s.pending), max(1, room/max(1, reading)))
		// Positions before From cost no logits; of the others, only so many.
		s.take = min(s.take, max(0, s.ticket.req.From-len(s.tokens))+wanted)
	}
}

// give hands logits to the request and takes its next token.
func (s *slot) give(pos int, logits []float32, capacity int) {
	next, more, err := s.ticket.req.Each(pos, logits)
	last := pos == len(s.tokens)-1 && len(s.pending) == 0
	switch {
	case err != nil:
		s.end(err)
	case !last:
	case !more:
		s.end(nil)
	case len(s.tokens) >= capacity:
		s.end(ErrFull)
	default:
		s.pending = append(s.pending, next)
	}
}
