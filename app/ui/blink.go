package ui

import (
	"time"

	"fyne.io/fyne/v2"
)

// blink makes a caret blink: it is visible and invisible for half a second each, and stays visible when nothing was typed for
// five seconds, since each change draws the whole window again. Fyne fades its caret in and out 60 times a second.
type blink struct {
	show      func(on bool)
	animation *fyne.Animation // nil: the caret does not blink
	touched   time.Time
	on        bool
}

const (
	blinkTime = 500 * time.Millisecond
	blinkLong = 5 * time.Second
)

// start shows the caret and makes it blink for a while: something was typed, or the caret was moved.
func (b *blink) start() {
	b.touched = time.Now()
	b.set(true)
	if b.animation == nil {
		// An animation calls tick before each frame; a frame is drawn only if something has changed.
		b.animation = &fyne.Animation{Duration: time.Hour, RepeatCount: fyne.AnimationRepeatForever, Curve: fyne.AnimationLinear,
			Tick: func(float32) { b.tick(time.Now()) }}
		b.animation.Start()
	}
}

// stop ends the blinking.
func (b *blink) stop() {
	if b.animation != nil {
		b.animation.Stop()
		b.animation = nil
	}
}

func (b *blink) tick(now time.Time) {
	since := now.Sub(b.touched)
	b.set(since > blinkLong || since/blinkTime%2 == 0)
	if since > blinkLong {
		b.stop()
	}
}

func (b *blink) set(on bool) {
	if b.on != on {
		b.on = on
		if b.show != nil {
			b.show(on)
		}
	}
}
