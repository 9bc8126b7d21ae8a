package engine

import "sync"

// mailbox carries pieces from the queue's goroutine to a caller's, who may be slow: the
// queue never waits for one, and what lies here is at most a context full of tokens.
type mailbox struct {
	ready chan struct{} // holds one value while there is something to take

	mu     sync.Mutex
	pieces []Piece
}

func (b *mailbox) put(p Piece) {
	b.mu.Lock()
	b.pieces = append(b.pieces, p)
	b.mu.Unlock()
	select {
	case b.ready <- struct{}{}:
	default:
	}
}

func (b *mailbox) take() []Piece {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.pieces
	b.pieces = nil
	return p
}
