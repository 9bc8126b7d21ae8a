//go:build cgo

package mic

import (
	"errors"
	"fmt"
	"time"

	"github.com/gordonklaus/portaudio"
)

// output is an open output device. Of PortAudio's blocking mode it uses only what does not block: it
// asks how many frames can be written and writes those.
type output struct {
	stream   *portaudio.Stream
	frames   int
	channels int
	buf      []float32 // [frames][channels]
}

// Play starts to play src on the system's default output. The speaker reads src until it is done.
func Play(src Samples) (*Speaker, error) {
	library.Lock()
	defer library.Unlock()
	if err := start(); err != nil {
		if errors.Is(err, ErrNone) { // no sound at all
			err = fmt.Errorf("mic: %w", ErrNoSpeaker)
		}
		return nil, err
	}
	d, err := portaudio.DefaultOutputDevice()
	if err != nil || d.MaxOutputChannels < 1 {
		_ = portaudio.Terminate()
		return nil, fmt.Errorf("mic: %w", ErrNoSpeaker)
	}
	var first error
	for _, rate := range []int{int(d.DefaultSampleRate), 48000, 44100, Rate} {
		for _, channels := range []int{2, 1} {
			out, err := openOutput(d, rate, channels)
			if err == nil {
				return sound(out, rate, out.stream.Info().OutputLatency, src), nil
			}
			if first == nil {
				first = err
			}
		}
	}
	_ = portaudio.Terminate()
	return nil, &Error{Kind: Busy, Device: d.Name, Err: first}
}

func openOutput(d *portaudio.DeviceInfo, rate, channels int) (*output, error) {
	if channels > d.MaxOutputChannels || rate < 1000 {
		return nil, portaudio.InvalidChannelCount
	}
	out := &output{frames: rate / 50, channels: channels}
	out.buf = make([]float32, out.frames*channels)
	p := portaudio.StreamParameters{SampleRate: float64(rate), FramesPerBuffer: out.frames}
	p.Output = portaudio.StreamDeviceParameters{Device: d, Channels: channels, Latency: max(d.DefaultHighOutputLatency, 100*time.Millisecond)}
	var err error
	if out.stream, err = portaudio.OpenStream(p, &out.buf); err != nil {
		return nil, err
	}
	if err := out.stream.Start(); err != nil {
		return nil, errors.Join(err, out.stream.Close())
	}
	return out, nil
}

func (out *output) room() (int, error) {
	n, err := out.stream.AvailableToWrite()
	if errors.Is(err, portaudio.OutputUnderflowed) {
		err = nil // buffers came too late; playing continues
	}
	if err != nil {
		err = fmt.Errorf("mic: the sound stopped: %w; was the loudspeaker unplugged?", told(err))
	}
	return n / out.frames, err
}

func (out *output) write(p []float32) error {
	for i, v := range p {
		for c := range out.channels {
			out.buf[i*out.channels+c] = v
		}
	}
	err := out.stream.Write()
	if err == nil || errors.Is(err, portaudio.OutputUnderflowed) {
		return nil
	}
	return told(err)
}

// close closes the device and terminates PortAudio.
func (out *output) close(gently bool) error {
	if gently {
		_ = out.stream.Stop() // waits for what was written; Close returns the same error
	}
	library.Lock()
	defer library.Unlock()
	if !gently {
		_ = out.stream.Abort()
	}
	return errors.Join(out.stream.Close(), portaudio.Terminate())
}
