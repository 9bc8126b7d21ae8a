// Package asr is speech to text: Open a Whisper model, Transcribe a file, Listen to a
// microphone.
//
//	Source ─▶ vad: which 32 ms are speech ─▶ windows of 30 s ─▶ mel ─▶ whisper ─▶ Segment
//	               └ what is not speech is left out; times are of the whole audio
//
// Files (Transcribe, transcribe.go) are heard several windows at a time, in memory that does
// not grow with their length. A microphone (Listen, listen.go) is heard utterance by utterance, with
// text that may still change while someone speaks.
package asr

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"soberano/asr/mel"
	"soberano/asr/whisper"
	"soberano/engine/nn"
	"soberano/engine/token"
	"soberano/kernels"
	"soberano/kernels/cpu"
	"soberano/models"
	"soberano/models/registry"
)

// SampleRate is the rate of all audio inside this package, in Hz.
const SampleRate = 16000

// Options says how a model is opened. Zero values mean the default.
type Options struct {
	Threads int  // 0: physical cores, from 4 up one less
	Exact   bool // float32 throughout
	// Packed is the folder that keeps repacked weights for the next start; "": they are not kept.
	Packed string
}

// Segment is a stretch of text, without spaces around it: final texts are joined with a
// space. A segment that is not Final may be replaced by the next one, also by one
// without text; a final one has text and is never taken back.
type Segment struct {
	Text       string
	Start, End time.Duration // from the beginning of the audio
	Language   string
	Sure       float64 // probability of Language, where Transcribe detected it
	Final      bool
	Stable     int // bytes at the start of Text that every segment which replaces this one starts with

	Words       []Word  // with Params.Words, in order
	AvgLogprob  float64 // mean log-probability of the window's tokens
	NoSpeech    float64 // probability that the model gives to nobody speaking in the window
	Compression float64 // how much zlib compresses the window's text
	Temperature float32 // at which the window was decoded
	Looped      bool    // the model ran in circles here; the text was cut
}

// Word is a word of a segment.
type Word struct {
	Text       string        // with the space before it, where there is one: together they are the text
	Start, End time.Duration // from the beginning of the audio
	Prob       float64       // mean probability of its tokens
}

// Source is a stream of samples, 16 kHz mono from -1 to 1: a file (asr/audio) or a
// microphone (asr/mic). Read fills p with the next ones, waiting for at least one, and
// returns how many; io.EOF comes at the end, perhaps along with the last ones.
type Source interface {
	Read(p []float32) (int, error)
}

// ErrLanguage is returned for a language that the model doesn't know.
var ErrLanguage = errors.New("the model doesn't know the language")

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

// Model is an opened speech model. Its methods may be called by several goroutines; the
// network serves one window of audio after the other.
type Model struct {
	file *models.File
	dev  kernels.Device
	net  *whisper.Model
	text *token.Tokenizer
	mel  *mel.Filter
	info Info
	turn chan struct{} // holds a value while the network is used

	slots []*whisper.Slot // unused; they belong to who uses the network
	done  chan struct{}   // closed by Close
	once  sync.Once
	err   error // of Close
}

// Open opens the Whisper model at path: whisper.cpp's ggml file, an APR file, or a
// directory in CTranslate2's or Hugging Face's form. The error names the file and what to do.
func Open(path string, o Options) (*Model, error) {
	f, err := registry.Read(path)
	if err != nil {
		return nil, err
	}
	m, err := open(f, o)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return m, nil
}

func open(f *models.File, o Options) (*Model, error) {
	text, err := whisper.Text(f)
	if err != nil {
		return nil, err
	}
	// Words are heard as well in 8 bits as in float32, and faster: see SPEED.md.
	dev, err := nn.OpenPacked(f, o.Packed, cpu.Options{Threads: o.Threads, Exact: o.Exact, Floats: cpu.Bits8})
	if err != nil {
		return nil, err
	}
	net, err := whisper.New(dev, f, text)
	if err != nil {
		return nil, errors.Join(err, dev.Close())
	}
	dev.Loaded()
	clear(f.Aux) // megabytes of vocabularies, which are understood
	if id, ok := text.ID("<|startoftranscript|>"); !ok || id != net.Start {
		return nil, errors.Join(models.Corrupt(f.Path, "has the tokenizer of another model: <|startoftranscript|> is token %d, expected %d", id, net.Start), dev.Close())
	}
	m := &Model{file: f, dev: dev, net: net, text: text, mel: mel.New(net.Mels), turn: make(chan struct{}, 1), done: make(chan struct{})}
	m.mel.Threads = o.Threads
	if o.Threads == 0 {
		m.mel.Threads = 2
	}
	m.info = describe(f, net, dev)
	return m, nil
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

// sized tells which of the published models has these dimensions.
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
func (m *Model) Info() Info { return m.info }

// Close waits for the window that is being heard and frees the model. Calls that are still
// going on end with an error. It may be called more than once.
func (m *Model) Close() error {
	m.once.Do(func() {
		close(m.done)
		m.turn <- struct{}{} // kept: nobody uses the network any more
		m.err = errors.Join(m.dev.Close(), m.file.Close())
	})
	return m.err
}
