package batch

import (
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"soberano/engine/nn"
	"soberano/kernels"
)

// How much goes into one step.
const (
	// Chunk is the tokens of a step that only reads prompts: beyond a few hundred the
	// products get no faster, and a cancelled request has to wait for the step.
	Chunk = 512
	// mixed is the most of them while answers are under way, which pause for it, see pace.
	mixed = 128
	// leastMixed is the least of them, beyond which steps would get no shorter.
	leastMixed = 16
	// wanted is the rows with logits that one sequence may have in a step: with a
	// vocabulary of 262,144 each takes a megabyte.
	wanted = 64
)

// run makes one step of all slots.
func (q *Queue) run() {
	if q.share(); len(q.slots) == 0 {
		return
	}
	q.step.Reset()
	q.wants = q.wants[:0]
	for _, s := range q.slots {
		q.add(s)
	}
	began := q.now()
	logits, err := q.model.Forward(&q.step)
	q.pace(q.now().Sub(began))
	q.rows += int64(len(q.step.Tokens))
	if err == nil && q.replace != nil && !q.numbers(logits) {
		err = kernels.ErrNotANumber
	}
	if err != nil {
		q.stepFailed(err)
		return
	}
	for _, s := range q.slots {
		q.advance(s)
	}
	q.sample(logits)
	for _, s := range q.slots {
		q.keep(s)
	}
	q.slots = slices.DeleteFunc(q.slots, (*slot).ended)
	q.note(q.tree.Fit())
}

// fail ends all requests of a step that failed. What it has left in their states counts for
// nothing.
func (q *Queue) fail(err error) {
	for _, s := range q.slots {
		q.note(s.seq.Drop())
		s.ticket.end(err)
	}
	q.slots = q.slots[:0]
}

// want is a row of a step whose logits go to a slot's request.
type want struct {
	slot *slot
	pos  int
}

// add puts a slot's share of its pending tokens into the step.
func (q *Queue) add(s *slot) {
	pos := s.len()
	tokens := s.pending[:s.take]
	if len(s.draft) > 0 {
		tokens, s.ahead = append(slices.Clip(tokens), s.draft...), true
	}
	row := q.step.Append(s.seq.State, tokens, pos)
	s.want = len(q.wants)
	q.addImages(s, row, pos)
	if uses := s.ticket.req.Adapters; len(uses) > 0 {
		q.step.Adapted = append(q.step.Adapted, nn.Adapted{Row: row, N: len(tokens), Uses: uses})
	}
	for i := max(0, s.from-pos); i < len(tokens); i++ {
		q.step.Out = append(q.step.Out, row+i)
		q.wants = append(q.wants, want{s, pos + i})
	}
}

// addImages puts the rows of the images in a slot's share, and the positions of all its rows, into the step. The share begins at row, position pos of the sequence.
func (q *Queue) addImages(s *slot, row, pos int) {
	images := s.ticket.req.Images
	if slices.ContainsFunc(images, func(m Image) bool { return m.Across > 0 }) {
		for i := range s.take + len(s.draft) {
			q.step.Put(row+i, place(images, pos+i))
		}
	}
	for _, m := range images {
		from, to := max(m.At, pos), min(m.At+m.N, pos+s.take)
		if from >= to {
			continue
		}
		width := len(m.Values) / m.N
		q.step.Given = append(q.step.Given, nn.Given{Row: row + from - pos, Values: m.Values[(from-m.At)*width : (to-m.At)*width]})
		clear(q.step.Tokens[row+from-pos : row+to-pos])
		if m.Whole {
			q.step.Spans[len(q.step.Spans)-1].Whole = true
		}
	}
}

// wholeImages returns how many of take pending tokens to put into a step so that an image whose rows attend to each other is in a
// step of its own.
func (s *slot) wholeImages(take int) int {
	pos := s.len()
	for _, m := range s.ticket.req.Images {
		switch {
		case !m.Whole || m.At+m.N <= pos || m.At >= pos+take:
		case m.At > pos:
			return m.At - pos
		default:
			return m.At + m.N - pos
		}
	}
	return take
}

// advance tells a slot's sequence which pending tokens the step has added to its state.
func (q *Queue) advance(s *slot) {
	s.seq.Add(s.pending[:s.take]...)
	s.done, s.pending = s.done+s.take, s.pending[s.take:]
}

// keep takes the proposed tokens that were not chosen out of a slot's state, and puts the state into the tree, if it is worth a snapshot.
func (q *Queue) keep(s *slot) {
	if s.ended() || !s.settle() {
		return
	}
	if q.snapshot(s) {
		q.note(s.seq.Keep())
	}
}

// settle takes the proposed tokens that were not chosen out of the slot's state. It returns false if the device does not do so because it has failed; the next
// step will say why.
func (s *slot) settle() bool {
	s.draft = nil
	if s.ahead && s.seq.State.Truncate(s.done) {
		s.ahead = false
	}
	return !s.ahead
}

// snapshot reports whether a slot's state is worth a snapshot: where states can't go back
// everywhere, at the ends of chunks, for whoever begins alike, and at the end of a prompt, for
// another answer to it. (The end of an answer is kept when its request ends.)
func (q *Queue) snapshot(s *slot) bool {
	switch n := s.len(); {
	case q.tree.Rewinds(), s.ticket.req.Discard:
		return false
	case n == len(s.ticket.req.Tokens) && n >= q.forget:
		return true
	default:
		return n%Chunk == 0
	}
}

// share decides how many pending tokens of each slot go into the step: one where one is
// pending, the rest of the step evenly among those that read a prompt.
func (q *Queue) share() {
	single, reading := 0, 0
	for _, s := range q.slots {
		if len(s.pending) == 1 {
			single++
		} else {
			reading++
		}
	}
	room := Chunk
	if single > 0 {
		room = q.beside
	}
	for _, s := range q.slots {
		s.take = min(len(s.pending), max(1, room/max(1, reading)))
		// Positions before From cost no logits; of the others, only so many.
		s.take = min(s.take, max(0, s.from-s.len())+wanted)
		if !q.tree.Rewinds() {
			// Chunks end where those of other requests do, so that their snapshots serve all.
			s.take = min(s.take, Chunk-s.len()%Chunk)
		}
		s.take = s.wholeImages(s.take)
	}
	q.propose()
}

// pace adapts how many tokens of prompts go into a step beside answers to the time that the last step took, so that a step takes about as long as the fastest one that had mixed of them. Behind
// many tokens attention makes each take longer: with SmolLM2 twice as long after 3,500.
func (q *Queue) pace(took time.Duration) {
	answers, reading := 0, 0
	for _, s := range q.slots {
		if len(s.pending) == 1 {
			answers++
		} else {
			reading += s.take
		}
	}
	if answers == 0 || reading < q.beside*3/4 {
		return // it is the end of a prompt, of which nothing can be learnt
	}
	if reading >= mixed*3/4 {
		q.fastest = min(q.fastest, took)
	}
	most := float64(q.fastest) * 9 / 8 // times vary
	q.beside = max(leastMixed, min(mixed, int(float64(reading)*most/float64(max(1, took)))&^7))
}

// mostDraft is the largest number of proposed tokens in a step.
const mostDraft = kernels.Few - 1

// propose asks the only request under way for tokens that may follow. An error ends it.
func (q *Queue) propose() {
	if len(q.slots) != 1 || !q.drafts {
		return
	}
	s := q.slots[0]
	if s.ticket.req.Draft == nil || len(s.pending) != 1 || s.from > s.len() {
		return
	}
	most := min(mostDraft, q.cap-s.len()-1)
	if !q.tree.Rewinds() {
		most = min(most, Chunk-s.len()%Chunk-1) // see share
	}
	if most <= 0 {
		return
	}
	var err error
	if s.draft, err = s.ticket.req.Draft(most); err != nil {
		s.draft = nil
		q.end(s, err)
		q.slots = q.slots[:0]
	}
}

// sample gives each request the logits of its rows in this step, several requests side by side, and ends those that are at their end.
func (q *Queue) sample(logits *kernels.Rows) {
	side(len(q.slots), func(i int) {
		s := q.slots[i]
		for n := s.want; n < len(q.wants) && q.wants[n].slot == s && !s.over; n++ {
			if pos := q.wants[n].pos; pos < s.len() { // else a row before it has chosen another token than the proposed one
				q.give(s, pos, logits.Row(n))
			}
		}
	})
	for _, s := range q.slots {
		if s.over {
			q.end(s, s.err)
		}
	}
}

// side calls do for 0 … n-1, on as many goroutines as run at a time, and returns when all calls have returned.
func side(n int, do func(i int)) {
	var next atomic.Int64
	work := func() {
		for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
			do(i)
		}
	}
	var all sync.WaitGroup
	for range min(n, runtime.GOMAXPROCS(0)) - 1 {
		all.Go(work)
	}
	work()
	all.Wait()
}

// give hands logits to the request and takes its next token. It changes nothing but the slot.
func (q *Queue) give(s *slot, pos int, logits []float32) {
	next, more, err := s.ticket.req.Each(pos, logits)
	last := pos == s.len()-1 && len(s.pending) == 0
	switch {
	case err != nil:
		s.over, s.err = true, err
	case !last:
	case !more:
		s.over = true
	case s.len() >= q.cap:
		s.over, s.err = true, ErrFull
	case len(s.draft) > 0 && s.draft[0] == next: // the state has it already
		s.seq.Add(next)
		s.tokens, s.draft, s.done = append(s.tokens, next), s.draft[1:], s.done+1
	default:
		s.pending, s.tokens = append(s.pending, next), append(s.tokens, next)
	}
}
