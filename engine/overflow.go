package engine

import (
	"context"
	"slices"
)

// Overflow says what is done if a prompt and its answer do not fit into the context. What is left out is counted in Usage.Dropped, and a Piece with
// the Notice Shortened says so before the text that is affected.
type Overflow string

const (
	// Refuse leaves nothing out: a prompt that leaves no space for an answer is a *ContextError, and an answer ends with the reason ContextFull.
	Refuse Overflow = "refuse"
	// DropMiddle leaves out a part between the beginning and the end of the prompt: of messages the oldest ones behind the system messages, so that
	// what remains begins with a message of the user; of a Prompt or Tokens what follows the first quarter of the context. An answer
	// ends with ContextFull.
	DropMiddle Overflow = "middle"
	// Rolling does the same, and where the context is full an answer goes on with the prompt and its own last part: the tokens between are left out and the
	// rest is computed again. Of a prompt that takes more than half of the context only the beginning stays; if it has images, the
	// answer ends with ContextFull. An answer without MaxTokens ends after ten times the context.
	Rolling Overflow = "rolling"
)

// Overflows returns the names of all ways.
func Overflows() []string { return []string{string(Refuse), string(DropMiddle), string(Rolling)} }

// mostRolled is how many times the context an answer may have if it has no limit.
const mostRolled = 10

// reserve returns how many tokens of a context of size a shortened prompt leaves for the answer at least.
func (r *Request) reserve(size int) int {
	if r.MaxTokens > 0 {
		return min(r.MaxTokens, max(1, size/4))
	}
	return max(1, size/8)
}

// shorten returns prompt p of r, or without a part of it if it leaves too little space for an answer. Parts have a size of at least a quarter of the context, so
// that the next turns of a conversation leave out the same part, and find what has been computed.
func (m *Model) shorten(ctx context.Context, r Request, p requestPrompt) (requestPrompt, error) {
	size, n := m.info.Context, len(p.tokens)
	over := n + r.reserve(size) - size
	if over <= 0 || size < 8 {
		return p, nil
	}
	block := size / 4
	drop := (over + block - 1) / block * block
	if len(r.Messages) > 0 {
		return m.shortenMessages(ctx, r, p, drop)
	}
	p.tokens = slices.Concat(p.tokens[:block], p.tokens[block+drop:])
	p.dropped = drop
	return p, nil
}

// shortenMessages leaves out the oldest messages behind the system messages until at least drop tokens are gone, or all but those from the last message of the user on.
func (m *Model) shortenMessages(ctx context.Context, r Request, p requestPrompt, drop int) (requestPrompt, error) {
	first := slices.IndexFunc(r.Messages, func(msg Message) bool { return msg.Role != "system" })
	var starts []int // where what remains may begin
	for i := first + 1; first >= 0 && i < len(r.Messages); i++ {
		if r.Messages[i].Role == "user" {
			starts = append(starts, i)
		}
	}
	if len(starts) == 0 {
		return p, nil
	}
	from := func(i int) (requestPrompt, error) {
		q, err := m.promptOf(ctx, r.keep(func(n int) bool { return n < first || n >= starts[i] }))
		q.dropped = len(p.tokens) - len(q.tokens)
		return q, err
	}
	lo, hi := 0, len(starts)-1
	for lo < hi {
		mid := (lo + hi) / 2
		q, err := from(mid)
		if err != nil {
			return q, err
		}
		if q.dropped >= drop {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	return from(lo)
}

// keep returns r with those messages, and their images, for which keep reports true.
func (r Request) keep(keep func(i int) bool) Request {
	var kept []Message
	var images []Attachment
	for i, msg := range r.Messages {
		if !keep(i) {
			continue
		}
		for _, a := range r.Images {
			if a.Message == i {
				images = append(images, Attachment{len(kept), a.Image})
			}
		}
		kept = append(kept, msg)
	}
	r.Messages, r.Images = kept, images
	return r
}

// head returns how many tokens of the prompt stay when the answer rolls.
func (a *answer) head() int {
	if a.prompt <= a.usage.Context/2 {
		return a.prompt
	}
	return a.usage.Context / 4
}

// rolls reports whether the answer goes on where the context is full.
func (a *answer) rolls() bool {
	return a.overflow == Rolling && a.usage.Context >= 8 && (len(a.images) == 0 || a.head() == a.prompt)
}

// roll leaves out the tokens between the head and the last quarter of the context. What remains is submitted again.
func (a *answer) roll() {
	head, tail := a.head(), len(a.history)-a.usage.Context/4
	a.usage.Dropped += tail - head
	a.history = slices.Concat(a.history[:head], a.history[tail:])
	a.again, a.proposer = true, nil // which knows tokens that are gone
	a.put(Piece{Choice: a.choice, Notice: Shortened, Usage: a.usage})
}
