// Package instance lets one process at a time have the window of a data folder, and lets the user's other processes talk to it by
// lines over a socket.
//
//	window.lock   held by the process with the window; the system releases it when the process ends, however that happens
//	window.sock   ← {"files":["/a/talk.mp3"]}: raise the window and open these files   → "shown", or "closing"
package instance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"soberano/models"
	"soberano/models/registry"
)

// Request is what a later start of the program asks of the window that is open: to be raised, and to open files.
type Request struct {
	Files []models.Path `json:"files,omitempty"` // absolute
}

// The answers to a Request.
const (
	Shown   = "shown"
	Closing = "closing" // the window will be gone soon: the later start waits, and opens its own
)

const name = "window"

// patience is how long a start waits for a window that is being opened or closed by another process.
const patience = 30 * time.Second

// Window is the right to have the window of a data folder.
type Window struct {
	lock   *os.File // nil where the folder can't be locked
	socket io.Closer

	mu      sync.Mutex
	handle  func(Request) string // nil: the window is not open yet
	waiting []Request            // from before that
}

// Open returns the right to have the window of a data folder. If another process has it, that process gets the request, and the
// result is nil.
func Open(ctx context.Context, dir string, r Request) (*Window, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return alone(), nil // the window shows why nothing can be stored
	}
	if full, err := filepath.EvalSymlinks(dir); err == nil {
		dir = full // the same folder has the same socket
	}
	line, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	for end := time.Now().Add(patience); ; {
		w, err := claim(dir)
		if err == nil {
			return w, nil
		}
		reply, err := Send(dir, name, string(line))
		switch {
		case err == nil && reply == Shown:
			return nil, nil
		case err == nil && reply != Closing:
			return nil, fmt.Errorf("a window of Soberano is open already, but %s", reply)
		case err != nil && !errors.Is(err, ErrNobody):
			return nil, fmt.Errorf("a window of Soberano is open already, but it can't be raised: %w", err)
		case time.Now().After(end):
			return nil, errors.New("a window of Soberano is open already, but it can't be raised: it is being opened or closed")
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// alone returns a Window of which later starts do not know.
func alone() *Window { return &Window{} }

// claim takes the lock and listens; it returns ErrTaken if another process has the window.
func claim(dir string) (*Window, error) {
	lock, err := registry.TryLock(filepath.Join(dir, name+".lock"))
	if errors.Is(err, registry.ErrLocked) {
		return nil, ErrTaken
	}
	if err != nil {
		return alone(), nil // a folder that can't be written, or a file system without locks
	}
	w := &Window{lock: lock}
	w.socket, err = Listen(dir, name, w.answer)
	if errors.Is(err, ErrTaken) { // on a system without locks
		return nil, errors.Join(err, lock.Close())
	}
	return w, nil // without a socket, later starts report that the window can't be raised
}

// answer handles a line of the socket.
func (w *Window) answer(line string) string {
	var r Request
	if err := json.Unmarshal([]byte(line), &r); err != nil {
		return "this Soberano does not understand the request"
	}
	w.mu.Lock()
	handle := w.handle
	if handle == nil {
		w.waiting = append(w.waiting, r)
	}
	w.mu.Unlock()
	if handle == nil {
		return Shown // as soon as it is open
	}
	return handle(r)
}

// Serve passes the requests to handle, from other goroutines, beginning with those that came before this call. handle returns the
// answer.
func (w *Window) Serve(handle func(Request) string) {
	w.mu.Lock()
	w.handle = handle
	waiting := w.waiting
	w.waiting = nil
	w.mu.Unlock()
	go func() {
		for _, r := range waiting {
			handle(r)
		}
	}()
}

// Close lets another process have the window.
func (w *Window) Close() (err error) {
	if w.socket != nil {
		err = w.socket.Close()
	}
	if w.lock != nil {
		err = errors.Join(err, w.lock.Close())
	}
	return err
}
