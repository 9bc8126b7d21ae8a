// Package asr is speech recognition: Open a Whisper model, Transcribe a file, Listen to a
// microphone.
//
//	Source ─▶ segmenter (vad) ─▶ windows of up to 30 s ─▶ mel ─▶ whisper ─▶ Segment
//	          └ silence is left out; times are those of the whole audio
//
// Transcribe decodes several windows of a file side by side, in memory that does not grow with
// the length of the file. Listen transcribes a microphone utterance by utterance and yields text
// that may still change while someone speaks.
package asr

import (
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"soberano/asr/mel"
	"soberano/asr/whisper"
	"soberano/engine/token"
	"soberano/kernels"
	"soberano/kernels/cpu"
	"soberano/models"
)

// SampleRate is the rate of all audio inside this package, in Hz.
const SampleRate = 16000

// Options says how a model is opened. Zero values mean the default.
type Options struct {
	// Pool computes on the host what is made of the device's results. It must outlive the
	// model; a device of the CPU should use the same one. nil: the caller's thread alone.
	Pool *cpu.Pool
	// Replace returns another device after the one in use has failed with cause: then the model is loaded onto it, and what was under way
	// is transcribed there from the beginning of the window that was decoded. It is called once, by the goroutine that transcribes. nil: a
	// failure ends what is under way.
	Replace func(cause error) (kernels.Device, error)
}

// Segment is a part of the transcript, without spaces around it; final texts are joined with a
// space. A segment that is not Final is replaced by the next one, which may have no text. A final
// segment has text and never changes.
type Segment struct {
	Text       string
	Start, End time.Duration // from the beginning of the audio
	Language   string
	Sure       float64 // probability of Language, if it was detected
	Final      bool
	Stable     int // bytes at the start of Text with which every segment that replaces this one begins

	Words       []Word  // in order, if Params.Words is set
	AvgLogprob  float64 // mean log-probability of the window's tokens
	NoSpeech    float64 // probability, by the model, that nobody speaks in the window
	Compression float64 // compression ratio of the window's text by zlib
	Temperature float32 // at which the window was decoded
	Looped      bool    // the model repeated itself; the text was cut
}

// Word is a word of a segment.
type Word struct {
	Text       string        // with the space before it, if there is one; the words joined are the segment's text
	Start, End time.Duration // from the beginning of the audio
	Prob       float64       // mean probability of its tokens
}

// Source is a stream of samples, 16 kHz mono from -1 to 1, such as asr/audio's Source. Read fills
// p with the next samples, waiting for at least one, and returns how many. At the end it returns
// io.EOF, alone or together with the last samples.
type Source interface {
	Read(p []float32) (int, error)
}

// ErrLanguage is wrapped by errors for a language that the model does not know.
var ErrLanguage = errors.New("the model does not support the language")

// Info describes an opened model.
type Info struct {
	Name         string // for people: "Whisper base", "Whisper tiny, English"
	Size         string // as published: "tiny", "base", "small", "medium", "large"; "": another
	Version3     bool   // of large: v3, with 128 mel bins
	Turbo        bool   // large with a decoder of four layers
	Distilled    bool   // with fewer layers in the decoder than in the encoder
	Multilingual bool
	Languages    []string // codes: "en", "de", …; see LanguageName
	Mels         int
	WeightBytes  int64
	Device       string
}

// Model is an opened speech model. Its methods may be called by several goroutines; the network
// runs for one of them at a time.
type Model struct {
	file *models.File
	dev  kernels.Device
	net  *whisper.Model
	pool *cpu.Pool
	text *token.Tokenizer
	mel  *mel.Filter
	turn chan struct{} // holds a value while the network is in use

	slots []*whisper.Slot // unused; guarded by turn
	done  chan struct{}   // closed by Close
	once  sync.Once
	err   error // of Close

	mu   sync.Mutex // guards info.Device, which changes when the device is replaced
	info Info
}

// Open loads a Whisper model onto a device: whisper.cpp's ggml file, an APR file, or a directory in
// CTranslate2's or Hugging Face's form. It takes over f and dev: Close closes them, and so does Open
// if it fails. The error names the file and what to do.
//
// Transcription is as accurate with weights in 8 bits (cpu.Bits8) as in float32, and faster: see
// SPEED.md.
func Open(f *models.File, dev kernels.Device, o Options) (*Model, error) {
	m, err := open(f, dev, o)
	if err != nil {
		return nil, errors.Join(err, dev.Close(), f.Close())
	}
	return m, nil
}

func open(f *models.File, dev kernels.Device, o Options) (*Model, error) {
	pool := o.Pool
	if pool == nil {
		var err error
		if pool, err = cpu.NewPool(1); err != nil { // has no workers to end
			return nil, err
		}
	}
	text, err := whisper.Text(f)
	if err != nil {
		return nil, err
	}
	net, err := whisper.New(dev, pool, f, text)
	if err != nil {
		return nil, err
	}
	if err := checkText(f, text, net.Specials); err != nil {
		return nil, err
	}
	if err := dev.Loaded(); err != nil {
		return nil, err
	}
	maps.DeleteFunc(f.Aux, func(name string, _ []byte) bool { return name != "config.json" }) // megabytes of vocabularies that have been read
	f.Forget()
	m := &Model{file: f, dev: dev, net: net, pool: pool, text: text, mel: mel.New(net.Mels), turn: make(chan struct{}, 1), done: make(chan struct{})}
	m.mel.Threads = pool.Threads()
	m.info = describe(f, net, dev)
	if o.Replace != nil {
		net.SetReplace(func(cause error) error { return m.replace(o.Replace, cause) })
	}
	return m, nil
}

// replace moves the model to a device that open opens, and closes the one that has failed with cause.
func (m *Model) replace(open func(error) (kernels.Device, error), cause error) error {
	dev, err := open(cause)
	if err != nil {
		return err
	}
	if err := m.net.MoveTo(dev); err != nil {
		return errors.Join(err, dev.Close())
	}
	m.file.Forget()
	_ = m.dev.Close() // it has failed
	m.mu.Lock()
	defer m.mu.Unlock()
	m.dev, m.info.Device = dev, dev.Name()
	return nil
}

// Check reports whether Open can open f, which stays open. It runs the same code as Open, on a device
// that loads nothing, so that only small tensors of f are read. Open can still fail for lack of
// memory. The error is a *models.FileError of kind models.ErrUnsupported or models.ErrCorrupt.
func Check(f *models.File) error {
	text, err := whisper.Text(f)
	if err != nil {
		return err
	}
	special, err := whisper.Check(f, text)
	if err != nil {
		return err
	}
	return checkText(f, text, special)
}

// checkText reports whether a tokenizer belongs to the network of f.
func checkText(f *models.File, text *token.Tokenizer, special whisper.Specials) error {
	if id, ok := text.ID("<|startoftranscript|>"); !ok || id != special.Start {
		return models.Corrupt(f.Path, "has the tokenizer of another model: <|startoftranscript|> is token %d, expected %d", id, special.Start)
	}
	return nil
}

func describe(f *models.File, net *whisper.Model, dev kernels.Device) Info {
	info := sized(net.Dims)
	info.Multilingual, info.Languages, info.Mels, info.Device = net.Multilingual, net.Codes(), net.Mels, dev.Name()
	info.Name = info.title(net.Dims)
	for _, t := range f.Tensors {
		info.WeightBytes += int64(len(t.Data))
	}
	return info
}

// sized returns which of the published models has these dimensions.
func sized(d whisper.Dims) Info {
	i := Info{Size: map[int]string{4: "tiny", 6: "base", 12: "small", 24: "medium", 32: "large"}[d.EncLayers]}
	i.Version3 = i.Size != "" && d.Mels == 128
	i.Turbo = d.DecLayers == 4 && d.EncLayers == 32
	i.Distilled = i.Size != "" && !i.Turbo && d.DecLayers != d.EncLayers
	return i
}

// title names the model for people, once the other fields are set.
func (i Info) title(d whisper.Dims) string {
	name := i.Size
	switch {
	case name == "":
		name = fmt.Sprintf("%d × %d", d.EncLayers, d.State)
	case i.Version3:
		name += "-v3"
	}
	if i.Turbo {
		name += " turbo"
	}
	if i.Distilled {
		name = "distilled " + name
	}
	if !i.Multilingual {
		name += ", English"
	}
	return "Whisper " + name
}

// Info describes the model.
func (m *Model) Info() Info {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.info
}

// Close waits for the step that is running and frees the model. Calls in progress end with
// ErrClosed. It may be called more than once.
func (m *Model) Close() error {
	m.once.Do(func() {
		close(m.done)
		m.turn <- struct{}{} // never released
		m.err = errors.Join(m.dev.Close(), m.file.Close())
	})
	return m.err
}
