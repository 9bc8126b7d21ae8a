package mic

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"soberano/asr/audio"
)

// ErrNoSpeaker is wrapped by errors for a machine without a loudspeaker.
var ErrNoSpeaker = errors.New("no loudspeaker was found; plug one in, or choose one in the system's sound settings, and try again")

// Samples is a stream of samples to play, 16 kHz mono from -1 to 1. Read fills p with the next ones
// and returns io.EOF at the end.
type Samples interface {
	Read(p []float32) (int, error)
}

// outlet is an open output device. Only the speaker's goroutine calls it.
type outlet interface {
	// room returns how many buffers can be written without waiting.
	room() (int, error)
	// write plays a buffer of len(p) = rate/50 samples.
	write(p []float32) error
	// close closes the device; gently: after what was written has been played.
	close(gently bool) error
}

// Speaker plays one stream from its beginning to its end; to play from another position, close it
// and start another. Its methods may be called from any goroutine.
//
//	Samples ─▶ one goroutine: asks every 5 ms how much the device takes, never blocks in the
//	           driver, resamples, writes buffers of 20 ms ─▶ the system's default output
type Speaker struct {
	dst     outlet
	rate    int
	delay   time.Duration // from write until it is audible
	stop    chan struct{} // closed by Close
	done    chan struct{} // closed when the device is closed
	once    sync.Once
	written atomic.Int64 // samples of the source, without the silence at the end
	last    atomic.Int64 // time of the last write, in ns since began
	began   time.Time
	err     error // why it ended; set before done
}

// sound starts playing src on dst.
func sound(dst outlet, rate int, delay time.Duration, src Samples) *Speaker {
	s := &Speaker{dst: dst, rate: rate, delay: delay, stop: make(chan struct{}), done: make(chan struct{}), began: time.Now()}
	go s.run(src)
	return s
}

func (s *Speaker) run(src Samples) {
	defer close(s.done)
	p := pump{src: src, res: audio.NewResampler(Rate, s.rate), size: s.rate / 50, in: make([]float32, Rate/50)}
	tick := time.NewTicker(poll)
	defer tick.Stop()
	for {
		select {
		case <-s.stop:
			s.err = closing(s.dst.close(false))
			return
		case <-tick.C:
		}
		n, err := s.dst.room()
		for ; n > 0 && err == nil; n-- {
			var buf []float32
			if buf, err = p.next(); buf == nil {
				break
			}
			if e := s.dst.write(buf); e != nil {
				err = fmt.Errorf("mic: the sound stopped: %w; was the loudspeaker unplugged?", e)
			}
			s.written.Store(p.taken)
			s.last.Store(int64(time.Since(s.began)))
		}
		if err != nil {
			if err == io.EOF {
				err = nil
			}
			s.err = errors.Join(err, s.dst.close(err == nil))
			return
		}
	}
}

// closing wraps an error of closing the device.
func closing(err error) error {
	if err != nil {
		return fmt.Errorf("mic: closing the loudspeaker: %w", err)
	}
	return nil
}

// pump divides a source into buffers at the device's rate.
type pump struct {
	src   Samples
	res   *audio.Resampler
	size  int // of a buffer
	in    []float32
	out   []float32 // resampled, not returned yet
	taken int64     // samples of the source
	err   error     // of the source
}

// next returns a full buffer, the last one filled up with silence, and after that the source's
// error, usually io.EOF.
func (p *pump) next() ([]float32, error) {
	for len(p.out) < p.size && p.err == nil {
		var n int
		n, p.err = p.src.Read(p.in)
		p.taken += int64(n)
		p.out = append(p.out, p.res.Push(p.in[:n])...)
		if p.err != nil {
			p.out = append(p.out, p.res.Flush()...)
		}
	}
	if len(p.out) == 0 {
		return nil, p.err
	}
	buf := make([]float32, p.size)
	n := copy(buf, p.out)
	p.out = p.out[:copy(p.out, p.out[n:])]
	return buf, nil
}

// Played returns how much of the source has been audible.
func (s *Speaker) Played() time.Duration {
	whole := time.Duration(s.written.Load()) * time.Second / Rate
	select {
	case <-s.done:
		return whole
	default:
	}
	waiting := s.delay - (time.Since(s.began) - time.Duration(s.last.Load()))
	return max(0, whole-max(0, waiting))
}

// Done returns a channel that is closed when the source has been played, after Close, and when the
// device fails.
func (s *Speaker) Done() <-chan struct{} { return s.done }

// Err returns why the speaker ended, once Done is closed: nil at the end of the source and after
// Close.
func (s *Speaker) Err() error {
	select {
	case <-s.done:
		return s.err
	default:
		return nil
	}
}

// Close stops the sound and closes the device; after it, the source is not read. It may be called
// more than once.
func (s *Speaker) Close() error {
	s.once.Do(func() { close(s.stop) })
	select {
	case <-s.done:
		return s.err
	case <-time.After(3 * time.Second):
		return errors.New("mic: the loudspeaker could not be closed in time")
	}
}
