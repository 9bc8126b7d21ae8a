package engine

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"soberano/engine/batch"
)

// choices runs the answers of one request. The first computes the prompt. When its first logits are there, the others choose their first tokens by
// them too and begin behind the prompt, whose state they fork.
type choices struct {
	queue   *batch.Queue
	answers []*answer
	ended   chan end // one for each answer that has ended
	tickets sync.WaitGroup
}

// end is the end of an answer.
type end struct {
	answer *answer
	err    error
}

// run yields the pieces of all answers as they come. It returns after all of them have ended.
func (c *choices) run(ctx context.Context, yield func(Piece, error) bool) {
	ctx, cancel := context.WithCancel(ctx)
	defer func() {
		cancel()
		c.tickets.Wait() // until then, the queue's goroutine uses the answers
	}()
	first := c.answers[0]
	if len(c.answers) > 1 {
		first.begun = func(logits []float32) { c.beginOthers(ctx, logits) }
	}
	c.submit(ctx, first)
	box := first.box
	for left := len(c.answers); left > 0; {
		var last end
		select {
		case <-box.ready:
		case last = <-c.ended:
			left--
		}
		for _, p := range box.take() {
			if !yield(p, nil) {
				return
			}
		}
		if last.err != nil {
			last.answer.yieldError(last.err, yield)
			return
		}
	}
}

// submit gives an answer to the queue.
func (c *choices) submit(ctx context.Context, a *answer) {
	a.again = false
	t := c.queue.Submit(ctx, a.request())
	c.tickets.Add(1)
	go func() {
		defer c.tickets.Done()
		<-t.Done()
		if a.again && t.Err() == nil {
			c.submit(ctx, a)
			return
		}
		c.ended <- end{a, t.Err()}
	}()
}

// beginOthers begins the other answers with the logits of the prompt's last token. It runs on the queue's goroutine while the first
// answer is under way.
func (c *choices) beginOthers(ctx context.Context, logits []float32) {
	first := c.answers[0]
	for _, a := range c.answers[1:] {
		a.usage.Cached = first.usage.Cached
		a.start = first.start.Add(-time.Duration(first.usage.PromptSeconds * float64(time.Second)))
		_, more, err := a.each(a.prompt-1, logits)
		if err != nil || !more && !a.again {
			c.ended <- end{a, err}
			continue
		}
		c.submit(ctx, a)
	}
}

// best returns a function that keeps the pieces of all answers until the last has ended, and then gives yield those of the n best, best
// first. An error ends all.
func (c *choices) best(n int, yield func(Piece, error) bool) func(Piece, error) bool {
	pieces := make([][]Piece, len(c.answers))
	left := len(c.answers)
	return func(p Piece, err error) bool {
		if err != nil {
			return yield(Piece{Usage: p.Usage}, err)
		}
		pieces[p.Choice] = append(pieces[p.Choice], p)
		if p.Reason != "" {
			left--
		}
		if left > 0 {
			return true
		}
		order := slices.Clone(c.answers)
		slices.SortStableFunc(order, func(a, b *answer) int { return -cmp.Compare(a.probs.mean(), b.probs.mean()) })
		for i, a := range order[:n] {
			for _, p := range pieces[a.choice] {
				p.Choice = i
				if !yield(p, nil) {
					return false
				}
			}
		}
		return true
	}
}
