package engine

import "sync"

// mailbox passes pieces from the queue's goroutine to the caller's, which may be slow. The queue
// never waits for it. It holds at most the pieces of one answer, which the context limits.
type mailbox struct {
	ready chan struct{} // holds one value while there are pieces to take

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
