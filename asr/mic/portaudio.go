//go:build cgo

package mic

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/gordonklaus/portaudio"
)

// library guards PortAudio's global state: initialisation, termination, opening and closing of
// streams.
var library sync.Mutex

// start initialises PortAudio; the caller holds library. If it returns nil, Terminate has to be
// called once.
func start() error {
	quiet()
	if !configured() {
		return fmt.Errorf("mic: %w (the configuration of ALSA names no device)", ErrNone)
	}
	if err := portaudio.Initialize(); err != nil {
		return fmt.Errorf("mic: starting PortAudio: %w", err)
	}
	return nil
}

// inputs returns the microphones, and PortAudio's description of each.
func inputs() ([]Device, []*portaudio.DeviceInfo, error) {
	all, err := portaudio.Devices()
	if err != nil {
		return nil, nil, fmt.Errorf("mic: listing devices: %w", err)
	}
	standard, err := portaudio.DefaultInputDevice()
	if err != nil {
		standard = nil // there may be others
	}
	var list []Device
	var infos []*portaudio.DeviceInfo
	for _, d := range all {
		if d.MaxInputChannels > 0 {
			list = append(list, Device{Name: d.Name, Default: d == standard, Channels: d.MaxInputChannels, Rate: int(d.DefaultSampleRate)})
			infos = append(infos, d)
		}
	}
	if len(list) == 0 {
		return nil, nil, fmt.Errorf("mic: %w", ErrNone)
	}
	return list, infos, nil
}

// Devices returns the microphones, or an error that wraps ErrNone if there is none.
func Devices() ([]Device, error) {
	library.Lock()
	defer library.Unlock()
	if err := start(); err != nil {
		return nil, err
	}
	defer func() { _ = portaudio.Terminate() }()
	list, _, err := inputs()
	return list, err
}

// Open starts to capture the microphone with that name; "" is the system's default.
func Open(name string) (*Stream, error) {
	library.Lock()
	defer library.Unlock()
	if err := start(); err != nil {
		return nil, err
	}
	s, err := open(name)
	if err != nil {
		_ = portaudio.Terminate()
	}
	return s, err
}

func open(name string) (*Stream, error) {
	list, infos, err := inputs()
	if err != nil {
		return nil, err
	}
	at := -1
	var names []string
	for i, d := range list {
		names = append(names, d.Name)
		if at < 0 && (d.Name == name || name == "" && d.Default) {
			at = i
		}
	}
	if at < 0 && name != "" {
		return nil, &Error{Kind: Missing, Device: name, Others: names}
	}
	at = max(at, 0) // no default: the first
	var first error
	for _, rate := range []int{list[at].Rate, 48000, 44100, 16000} {
		for _, channels := range []int{1, 2} {
			in, err := openInput(infos[at], rate, channels)
			if err == nil {
				return begin(list[at], in, rate, channels), nil
			}
			if first == nil {
				first = err
			}
		}
	}
	return nil, &Error{Kind: Busy, Device: list[at].Name, Err: first}
}

// inputDevice is an open input device. Of PortAudio's blocking mode it uses only what does not block: it
// asks how many frames are available and reads those.
type inputDevice struct {
	stream *portaudio.Stream
	frames int
	buf    []float32 // [frames][channels]
}

func openInput(d *portaudio.DeviceInfo, rate, channels int) (*inputDevice, error) {
	if channels > d.MaxInputChannels || rate < 1000 {
		return nil, portaudio.InvalidChannelCount
	}
	in := &inputDevice{frames: rate / 50}
	in.buf = make([]float32, in.frames*channels)
	p := portaudio.StreamParameters{SampleRate: float64(rate), FramesPerBuffer: in.frames}
	p.Input = portaudio.StreamDeviceParameters{Device: d, Channels: channels, Latency: max(d.DefaultHighInputLatency, 100*time.Millisecond)}
	var err error
	if in.stream, err = portaudio.OpenStream(p, &in.buf); err != nil {
		return nil, err
	}
	if err := in.stream.Start(); err != nil {
		return nil, errors.Join(err, in.stream.Close())
	}
	return in, nil
}

func (in *inputDevice) next() ([]float32, bool, error) {
	n, err := in.stream.AvailableToRead()
	lost := errors.Is(err, portaudio.InputOverflowed)
	if err != nil && !lost {
		return nil, false, told(err)
	}
	if n < in.frames {
		return nil, lost, nil
	}
	err = in.stream.Read()
	if errors.Is(err, portaudio.InputOverflowed) {
		return in.buf, true, nil
	}
	if err != nil {
		return nil, lost, told(err)
	}
	return in.buf, lost, nil
}

// close closes the device and terminates PortAudio.
func (in *inputDevice) close() error {
	library.Lock()
	defer library.Unlock()
	_ = in.stream.Abort() // Close returns the same error
	return errors.Join(in.stream.Close(), portaudio.Terminate())
}
