// Package mic captures a microphone as 16 kHz mono, and plays 16 kHz mono.
//
//	device, at its own rate, buffers of 20 ms
//	│  one goroutine: polls every 5 ms, never blocks in the driver, mixes to mono, measures the
//	│  peak, resamples; allocates nothing once it runs
//	queue of 65 s
//	│  Read: nothing is lost if the consumer is busy for a minute
//	samples
//
// PortAudio reads its list of devices when it is initialised. Open and Devices therefore
// initialise it each time and see a microphone that was just plugged in, unless another stream
// is open. In builds without cgo, Open and Devices return ErrBuild.
package mic

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"soberano/asr/audio"
	"soberano/asr/audio/input"
	"soberano/models"
)

// Rate is the sample rate of what Stream.Read gives, in Hz.
const Rate = audio.Rate

// ErrNone is wrapped by errors for a machine without a microphone.
var ErrNone = errors.New("no microphone was found; plug one in, or allow one in the system's sound settings, and try again")

// ErrBuild is returned by a build that cannot capture.
var ErrBuild = errors.New("this program was built without microphone support; use the build with the window (make build)")

// Device is a microphone.
type Device struct {
	Name     string
	Default  bool
	Channels int // most that it has
	Rate     int // default, in Hz
}

const (
	queueSize = 1 << 20 // samples between capture and Read: 65 s, 4 MiB
	poll      = 5 * time.Millisecond
	silence   = 5 * time.Second // without a sample, after which the device counts as gone
	levels    = 3               // buffers of 20 ms of which Level returns the peak
)

// source is an open input device. Only the stream's goroutine calls it.
type source interface {
	// next returns the next buffer, interleaved, valid until the next call, or nil if there is
	// none yet. lost reports that the device dropped samples before it.
	next() (buf []float32, lost bool, err error)
	close() error
}

// Stream is an open microphone. Read is for one goroutine; the other methods may be called from
// any.
type Stream struct {
	Device Device

	src      source
	channels int
	stop     chan struct{} // closed by Close
	done     chan struct{} // closed when capture has ended
	once     sync.Once
	peaks    [levels]atomic.Uint32 // float32 bits
	heard    atomic.Bool           // there was sound, or noise
	frames   atomic.Int64          // captured, at the device's rate
	rate     int                   // the device's, in Hz
	split    [][]float32           // the samples of each channel
	mixer    *input.Mixer
	lost     atomic.Int64

	mu      sync.Mutex
	queue   []float32 // ring of queueSize
	head    int       // of the oldest sample
	count   int
	err     error         // why capture ended; set before done
	closing error         // error of closing the device after Close; set before done
	ready   chan struct{} // holds a value when there is something to read
}

// begin starts capturing from src.
func begin(d Device, src source, rate, channels int) *Stream {
	s := &Stream{Device: d, src: src, channels: channels, rate: rate, split: make([][]float32, channels), mixer: input.NewMixer(channels, rate), stop: make(chan struct{}), done: make(chan struct{}),
		queue: make([]float32, queueSize), ready: make(chan struct{}, 1)}
	go s.capture(audio.NewResampler(rate, Rate))
	return s
}

// capture runs until Close or an error.
func (s *Stream) capture(res *audio.Resampler) {
	defer close(s.done)
	tick := time.NewTicker(poll)
	defer tick.Stop()
	end := io.EOF
	last := time.Now()
	for turn, open := 0, true; open; {
		select {
		case <-s.stop:
			open = false
		case <-tick.C:
		}
		for range 64 { // limited, so that Close takes effect even if the device always has more
			buf, lost, err := s.src.next()
			if lost {
				s.lost.Add(1)
			}
			if err != nil {
				end, open = &Error{Kind: Stopped, Device: s.Device.Name, Err: err}, false
			}
			if len(buf) == 0 {
				break
			}
			last = time.Now()
			mono := s.mix(buf)
			top := peak(mono)
			s.peaks[turn%levels].Store(math.Float32bits(top))
			s.frames.Add(int64(len(mono)))
			if top > quietest {
				s.heard.Store(true)
			}
			turn++
			s.put(res.Push(mono))
		}
		if open && time.Since(last) > silence {
			end, open = &Error{Kind: Stopped, Device: s.Device.Name, Err: errSilent}, false
		}
	}
	s.put(res.Flush())
	for i := range s.peaks {
		s.peaks[i].Store(0)
	}
	s.mu.Lock()
	s.err = end
	s.mu.Unlock()
	s.wake() // before the device is closed, which takes time: the user waits for the last words
	if err := s.src.close(); err != nil && end == io.EOF {
		s.closing = fmt.Errorf("mic: closing %s: %w", models.Quote(s.Device.Name), err)
	}
}

// mix returns the frames of buf, mixed to mono.
func (s *Stream) mix(buf []float32) []float32 {
	for c := range s.split {
		s.split[c] = s.split[c][:0]
		for at := c; at < len(buf)/s.channels*s.channels; at += s.channels {
			s.split[c] = append(s.split[c], buf[at])
		}
	}
	return s.mixer.Mix(s.split)
}

func peak(x []float32) float32 {
	var top float32
	for _, v := range x {
		top = max(top, v, -v)
	}
	return min(top, 1)
}

// put queues samples; what does not fit is dropped and counted once.
func (s *Stream) put(x []float32) {
	s.mu.Lock()
	n := min(len(x), queueSize-s.count)
	at := (s.head + s.count) % queueSize
	k := copy(s.queue[at:], x[:n])
	copy(s.queue, x[k:n])
	s.count += n
	s.mu.Unlock()
	if n < len(x) {
		s.lost.Add(1)
	}
	if n > 0 {
		s.wake()
	}
}

func (s *Stream) wake() {
	select {
	case s.ready <- struct{}{}:
	default:
	}
}

// Read waits for samples (16 kHz mono, -1 to 1) and returns how many it wrote to p. After Close it
// returns what was captured before and then io.EOF; if the device fails or disappears, an error.
// When ctx ends it returns ctx's error, and the stream continues.
func (s *Stream) Read(ctx context.Context, p []float32) (int, error) {
	for {
		s.mu.Lock()
		n, err := s.take(p), s.err
		s.mu.Unlock()
		if n > 0 || len(p) == 0 {
			return n, nil
		}
		if err != nil {
			return 0, err
		}
		select {
		case <-s.ready:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}

// take moves samples from the queue to p.
func (s *Stream) take(p []float32) int {
	n := min(len(p), s.count)
	k := copy(p[:n], s.queue[s.head:])
	copy(p[k:n], s.queue)
	s.head = (s.head + n) % queueSize
	s.count -= n
	return n
}

// Level returns the peak of about the last 60 ms, 0 to 1.
func (s *Stream) Level() float32 {
	var top float32
	for i := range s.peaks {
		top = max(top, math.Float32frombits(s.peaks[i].Load()))
	}
	return top
}

// quietest is the peak up to which a device sends no sound: one step of 16 bits and a half, which the
// noise of every microphone exceeds. mutedAfter is how long that has to last.
const (
	quietest   = 1.5 / (1 << 15)
	mutedAfter = 2 * time.Second
)

// Muted returns an *Error of kind Muted if nothing that was captured since Open was any sound, for two seconds or
// more: someone has muted the microphone or pulled its plug.
func (s *Stream) Muted() error {
	if s.heard.Load() || s.frames.Load() < int64(mutedAfter.Seconds()*float64(s.rate)) {
		return nil
	}
	return &Error{Kind: Muted, Device: s.Device.Name}
}

// Overflows returns how often samples were lost, because the machine was too slow for the device
// or because Read was not called for more than a minute.
func (s *Stream) Overflows() int { return int(s.lost.Load()) }

// Close ends the capture and closes the device; what was captured can still be read. It may be
// called more than once.
func (s *Stream) Close() error {
	s.once.Do(func() { close(s.stop) })
	select {
	case <-s.done:
	case <-time.After(3 * time.Second):
		return fmt.Errorf("mic: %s could not be closed in time", models.Quote(s.Device.Name))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != io.EOF {
		return s.err
	}
	return s.closing
}
