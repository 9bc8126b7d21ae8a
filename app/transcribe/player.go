package transcribe

import (
	"context"
	"errors"
	"sync"
	"time"
)

// player plays the sound of one file. Each call of play starts a session: it opens the file, skips to a position and plays
// until it is paused, moved or at the end. Reports of earlier sessions are ignored.
//
//	idle ──play(from)──▶ skipping ──▶ playing ──▶ at the end, or paused: idle, at its position
//
// The fields and methods are for the UI goroutine.
type player struct {
	open   func(ctx context.Context, path string, track int) (Audio, error)
	speak  func(Audio) (Speaker, error)
	post   func(func())
	onMove func()      // the position changed, or the playback started or stopped
	onFail func(error) // the sound could not be played

	path    string
	track   int           // see store.Transcript
	at      time.Duration // the position
	playing bool
	going   bool // skipping to the position
	slow    bool // skipping takes so long that it is shown
	cancel  context.CancelFunc
	serial  int
	running sync.WaitGroup
}

// patience is how long skipping may take before it is shown.
const patience = 500 * time.Millisecond

// every is the interval between two reports of the position.
const every = 100 * time.Millisecond

// play skips to a position and plays from there.
func (p *player) play(from time.Duration) {
	p.halt()
	p.at, p.playing, p.going, p.slow = from, true, true, false
	ctx, cancel := context.WithCancel(context.Background())
	p.cancel = cancel
	serial, path, track := p.serial, p.path, p.track
	time.AfterFunc(patience, func() {
		p.say(serial, func() { p.slow = p.going; p.onMove() })
	})
	p.running.Add(1)
	go func() {
		defer p.running.Done()
		defer cancel()
		err := p.session(ctx, serial, path, track, from)
		p.say(serial, func() {
			p.playing, p.going = false, false
			if err != nil && !errors.Is(err, context.Canceled) {
				p.onFail(err)
			}
			p.onMove()
		})
	}()
	p.onMove()
}

// halt ends the session without a report.
func (p *player) halt() {
	p.serial++
	if p.cancel != nil {
		p.cancel()
		p.cancel = nil
	}
	p.playing, p.going = false, false
}

// pause stops the playback and keeps the position.
func (p *player) pause() {
	p.halt()
	p.onMove()
}

// seek moves to a position; a playback continues there.
func (p *player) seek(to time.Duration) {
	to = max(0, to)
	if p.playing {
		p.play(to)
		return
	}
	p.at = to
	p.onMove()
}

// say runs f on the UI goroutine, unless another session was started meanwhile.
func (p *player) say(serial int, f func()) {
	p.post(func() {
		if p.serial == serial {
			f()
		}
	})
}

func (p *player) session(ctx context.Context, serial int, path string, track int, from time.Duration) (err error) {
	src, err := p.open(ctx, path, track)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, src.Close()) }()
	if err := errors.Join(src.Skip(from), ctx.Err()); err != nil {
		return err
	}
	s, err := p.speak(src)
	if err != nil {
		return err
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return s.Close()
		case <-s.Done():
			at := from + s.Played()
			p.say(serial, func() { p.at = at })
			return s.Err()
		case <-tick.C:
			at := from + s.Played()
			p.say(serial, func() { p.at, p.going = at, false; p.onMove() })
		}
	}
}

// close ends the playback and waits until the device is closed.
func (p *player) close() {
	p.halt()
	p.running.Wait()
}
