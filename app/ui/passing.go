package ui

import (
	"time"

	"fyne.io/fyne/v2"
)

// PassingTime is how long a message stays that does not have to be closed.
const PassingTime = 15 * time.Second

// Passing removes a message after a while. While an object in the message has the focus, the message stays. Its methods are for the UI
// goroutine.
type Passing struct {
	Post  func(func()) // runs a function later on the UI goroutine
	Time  time.Duration
	timer *time.Timer
}

// NewPassing returns a Passing for PassingTime.
func NewPassing(post func(func())) *Passing { return &Passing{Post: post, Time: PassingTime} }

// Start calls remove after p.Time, in the place of what an earlier Start was to remove.
func (p *Passing) Start(message fyne.CanvasObject, remove func()) {
	p.Stop()
	var timer *time.Timer
	timer = time.AfterFunc(p.Time, func() {
		p.Post(func() {
			switch {
			case p.timer != timer:
			case hasFocus(message):
				p.Start(message, remove)
			default:
				p.timer = nil
				remove()
			}
		})
	})
	p.timer = timer
}

// Stop keeps the message.
func (p *Passing) Stop() {
	if p.timer != nil {
		p.timer.Stop()
		p.timer = nil
	}
}

// hasFocus reports whether something inside an object has the focus.
func hasFocus(o fyne.CanvasObject) bool {
	c := canvasOf(o)
	if c == nil {
		return false
	}
	focused, ok := c.Focused().(fyne.CanvasObject)
	return ok && Inside(o, focused)
}
