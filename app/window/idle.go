package window

import (
	"sync"
	"sync/atomic"
	"time"

	"fyne.io/fyne/v2"
	"github.com/go-gl/glfw/v3.3/glfw"
)

// idler lets the main thread sleep while nothing happens. Fyne's main loop looks for events 60 times a second, which costs more than one
// percent of a core while the window is idle. After a while without events and posted functions, the main thread waits in
// GLFW for the next event instead; a posted function wakes it.
//
//	post ──▶ Fyne's queue ──▶ main loop ──▶ f        while it is awake
//	  ╰────▶ empty event ──▶ wait returns            while it sleeps
type idler struct {
	posts   atomic.Int64
	mu      sync.Mutex // held while waiting changes, and while an event is posted for it
	waiting bool       // the main thread is in GLFW
	done    chan struct{}
}

const (
	idleAfter = 6 * time.Second // longer than a caret blinks
	firstWait = 20 * time.Millisecond
	idleWait  = 500 * time.Millisecond // how long a function that Fyne itself has posted may be late
)

func newIdler() *idler { return &idler{done: make(chan struct{})} }

// post runs f later on the main goroutine. It may be called from any goroutine.
func (i *idler) post(f func()) {
	i.posts.Add(1)
	fyne.Do(f)
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.waiting {
		glfw.PostEmptyEvent()
	}
}

// run lets the main thread sleep again and again, until close is called.
func (i *idler) run() {
	wait, posts := firstWait, i.posts.Load()
	for {
		if wait == firstWait && !i.pause(&posts) {
			return
		}
		slept := make(chan bool, 1)
		fyne.Do(func() { slept <- i.sleep(wait, posts) })
		select {
		case idle := <-slept:
			if wait = firstWait; idle {
				wait = idleWait
			}
		case <-i.done:
			return
		}
	}
}

// pause waits until no function was posted for a while; it returns false after close.
func (i *idler) pause(posts *int64) bool {
	for {
		select {
		case <-i.done:
			return false
		case <-time.After(idleAfter):
		}
		if now := i.posts.Load(); now != *posts {
			*posts = now
			continue
		}
		return true
	}
}

// sleep waits for an event on the main goroutine, unless a function was posted since posts were counted. It returns false if something
// has happened.
func (i *idler) sleep(wait time.Duration, posts int64) bool {
	i.set(true)
	defer i.set(false)
	if i.posts.Load() != posts {
		return false
	}
	began := time.Now()
	glfw.WaitEventsTimeout(wait.Seconds())
	return time.Since(began) >= wait && i.posts.Load() == posts
}

func (i *idler) set(waiting bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.waiting = waiting
}

// close ends run.
func (i *idler) close() { close(i.done) }
