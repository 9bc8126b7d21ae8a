package ui

import "time"

// blink makes a caret blink: it is visible and invisible for half a second each, and stays visible when nothing was typed for
// two seconds, since each change draws the whole window again. (Fyne fades its caret in and out 60 times a second.)
type blink struct {
	show    func(on bool)
	ticking int // number of the timer that is running; 0: the caret does not blink
	timers  int // number of timers so far
	touched time.Time
	on      bool
}

const (
	blinkTime = 500 * time.Millisecond
	blinkLong = 2 * time.Second
)

// Later runs f on the UI goroutine after a time. It is set by the window, which need not look for events 60 times a second
// meanwhile, as it does during an animation of Fyne. Without it carets do not blink.
var Later func(after time.Duration, f func())

// start shows the caret and makes it blink for a while: something was typed, or the caret was moved.
func (b *blink) start() {
	b.touched = time.Now()
	b.set(true)
	b.wait(blinkTime)
}

// stop ends the blinking.
func (b *blink) stop() { b.ticking = 0 }

// wait calls tick after a time, instead of the call that was waited for.
func (b *blink) wait(after time.Duration) {
	if Later == nil {
		return
	}
	b.timers++
	number := b.timers
	b.ticking = number
	Later(after, func() {
		if b.ticking == number {
			b.tick(time.Now())
		}
	})
}

func (b *blink) tick(now time.Time) {
	since := now.Sub(b.touched)
	if since > blinkLong {
		b.stop()
		b.set(true)
		return
	}
	b.set(since/blinkTime%2 == 0)
	b.wait(blinkTime - since%blinkTime)
}

func (b *blink) set(on bool) {
	if b.on != on {
		b.on = on
		if b.show != nil {
			b.show(on)
		}
	}
}
