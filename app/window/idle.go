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
// GLFW for the next event instead; a posted function wakes it. With a chat open, that takes 0.2 % of a core, and 1.3 % while the caret
// blinks, after a key (AMD EPYC, drawing in software; an empty window of Fyne takes 1.4 %).
//
//	post ───▶ Fyne's queue ──▶ main loop ──▶ f       while it is awake
//	  ╰─────▶ empty event ──▶ wait returns           while it sleeps
//	later ──▶ the same, but the main thread sleeps again as soon as what f has changed is drawn
type idler struct {
	posts   atomic.Int64
	small   atomic.Bool // later has queued a function since this was false
	mu      sync.Mutex  // held while waiting changes, and while an event is posted for it
	waiting bool        // the main thread is in GLFW
	done    chan struct{}
	end     sync.Once
}

const (
	idleAfter = time.Second
	firstWait = 20 * time.Millisecond
	idleWait  = 500 * time.Millisecond // how long a function that Fyne itself has posted may be late
	drawTime  = 50 * time.Millisecond  // three rounds of Fyne's main loop
)

func newIdler() *idler { return &idler{done: make(chan struct{})} }

// post runs f later on the main goroutine. It may be called from any goroutine.
func (i *idler) post(f func()) {
	i.posts.Add(1)
	fyne.Do(f)
	i.wake()
}

// later runs f on the main goroutine after a time, for small changes such as those of a blinking caret.
func (i *idler) later(after time.Duration, f func()) {
	time.AfterFunc(after, func() {
		if i.closed() {
			return
		}
		fyne.Do(func() {
			if !i.closed() { // after the end of its main loop, Fyne would call f here, in the timer's goroutine
				f()
			}
		})
		i.small.Store(true)
		i.wake()
	})
}

// wake ends the wait of the main thread.
func (i *idler) wake() {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.waiting {
		glfw.PostEmptyEvent()
	}
}

// ending is how a wait of the main thread has ended.
type ending int

const (
	undisturbed ending = iota
	drawing            // a function of later is queued
	disturbed          // by an event or a posted function
)

// run lets the main thread sleep again and again, until close is called.
func (i *idler) run() {
	for posts := i.posts.Load(); i.pause(&posts); {
		for last, wait := undisturbed, firstWait; last != disturbed; {
			if last == drawing && !i.rest(drawTime) {
				return
			}
			ended := make(chan ending, 1)
			fyne.Do(func() { ended <- i.sleep(wait, posts) })
			select {
			case last = <-ended:
			case <-i.done:
				return
			}
			// What Fyne itself has posted, such as a tap that may be the first of two, is late by no more than the sleep has lasted.
			if wait = min(2*wait, idleWait); last == drawing {
				wait = firstWait
			}
		}
	}
}

// pause waits until no function was posted for a while; it returns false after close.
func (i *idler) pause(posts *int64) bool {
	for i.rest(idleAfter) {
		now := i.posts.Load()
		if now == *posts {
			return true
		}
		*posts = now
	}
	return false
}

// rest waits for a time; it returns false after close.
func (i *idler) rest(d time.Duration) bool {
	select {
	case <-i.done:
		return false
	case <-time.After(d):
		return true
	}
}

// sleep waits for an event on the main goroutine, unless a function was posted since posts were counted.
func (i *idler) sleep(wait time.Duration, posts int64) ending {
	if i.closed() { // Fyne's main loop may have ended, and GLFW with it
		return disturbed
	}
	i.set(true)
	defer i.set(false)
	began := time.Now()
	if i.posts.Load() == posts && !i.small.Load() {
		glfw.WaitEventsTimeout(wait.Seconds())
	}
	switch {
	case i.posts.Load() != posts:
		return disturbed
	case i.small.Swap(false):
		return drawing
	case time.Since(began) < wait:
		return disturbed
	}
	return undisturbed
}

func (i *idler) set(waiting bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.waiting = waiting
}

// close ends run, and later does nothing any more. It is called on the main goroutine before Fyne's main loop is told to end.
func (i *idler) close() { i.end.Do(func() { close(i.done) }) }

func (i *idler) closed() bool {
	select {
	case <-i.done:
		return true
	default:
		return false
	}
}
