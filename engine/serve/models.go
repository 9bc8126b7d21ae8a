package serve

import (
	"context"
	"io"
	"iter"
	"time"

	"soberano/engine"
	"soberano/engine/sample"
)

// Kind says what a model can do.
type Kind string

// The kinds.
const (
	Chat      Kind = "chat"      // continues texts and conversations
	Embedding Kind = "embedding" // makes vectors of texts
	Reranker  Kind = "reranker"  // scores documents for a query
	Speech    Kind = "speech"    // writes down recordings
)

// Model describes a model that can be opened.
type Model struct {
	ID           string // by which requests name it
	Kind         Kind
	Title        string
	Format       string // of its files: "gguf"
	Family       string
	Quantization string
	Parameters   int64
	Bytes        int64  // of its files
	Context      int    // tokens, by its training
	Digest       string // the hash that identifies its first file; "": not known
	License      string
	Added        time.Time
	Base         string        // of a chat model with an adapter: the ID of the model without it; "": it has none
	Sampling     sample.Params // recommended; what a request does not set
}

// Models opens models by the names that requests give. Its methods may be called from any goroutine. Their errors are *ModelError
// where the caller can do something about them, and the context's.
type Models interface {
	// List returns the models that can be opened, the default one of each kind first.
	List() ([]Model, error)
	// Named describes the model of any kind that a name chooses in requests, which List need not contain.
	Named(name string) (Model, error)
	// Chat opens a chat model, with what is used beside it; "" is the default one.
	Chat(ctx context.Context, name string, with Beside) (Lease[Generator], error)
	// Requests returns how many answers of all opened chat models wait to be begun, and how many are under way.
	Requests() (waiting, running int)
	// Encoder opens a model of kind Embedding or Reranker; "" is the default one.
	Encoder(ctx context.Context, kind Kind, name string) (Lease[Encoder], error)
	// Transcribe writes down a recording with a speech model; "" is the default one.
	Transcribe(ctx context.Context, name string, r Recording) (Transcription, error)
}

// Beside is what a request uses beside its chat model.
type Beside struct {
	Adapters []AdapterChoice // in the place of the one that the name of the model chooses, if there are any
	Draft    string          // the name of a smaller chat model that proposes tokens, see engine.Draft; "": none does
}

// AdapterChoice chooses an adapter by its name, or by its number in the list of all, from 0.
type AdapterChoice struct {
	ID    string
	Scale float32
}

// Lease is one use of an opened model. It must be released.
type Lease[M any] struct {
	Model M
	// Adapters and Draft are those of a chat model that the request chooses.
	Adapters []engine.AdapterUse
	Draft    *engine.Draft

	About  Model
	Within func(context.Context) (context.Context, context.CancelFunc) // a context that also ends when the model is to be closed
	Free   func()
}

// Generator is a chat model, as *engine.Model.
type Generator interface {
	Generate(ctx context.Context, r engine.Request) iter.Seq2[engine.Piece, error]
	PromptTokens(r engine.Request) ([]int32, error)
	Tokenize(text string, special bool) []int32
	TokenText(id int32) string
	TokenBytes(id int32) []byte
	Info() engine.Info
	Sees() bool
}

// Encoder is an embedding model or a reranker, as *engine.Encoder.
type Encoder interface {
	Tokens(text string) []int32
	PairTokens(query, document string) ([]int32, error)
	Encode(ctx context.Context, texts ...[]int32) ([][]float32, error)
	Labels() []string
	Info() engine.Info
}

// Recording is a recording to write down.
type Recording struct {
	Path        string // of its file
	Language    string // code; "": detected
	Prompt      string // text that might precede it
	Temperature float32
	Tempered    bool          // Temperature is set
	Translate   bool          // into English
	Words       bool          // with the times of words
	Heard       func(Segment) // called for each segment as soon as it is certain; nil: not called
}

// Transcription is what was said in a recording.
type Transcription struct {
	Model    string
	Language string // its name in English, lower case; "": nothing was said
	Duration time.Duration
	Text     string
	Segments []Segment
	// Write writes it as subtitles: "srt" or "vtt".
	Write func(w io.Writer, format string) error
}

// Segment is a part of a transcription.
type Segment struct {
	Text                              string
	Start, End                        time.Duration
	AvgLogprob, NoSpeech, Compression float64
	Temperature                       float32
	Words                             []Word
}

// Word is a word of a segment.
type Word struct {
	Text       string
	Start, End time.Duration
}

// Cause says why a model can't be used.
type Cause int

// The causes.
const (
	Unknown      Cause = iota // there is no such model
	WrongKind                 // it has another kind than the route needs
	Unavailable               // it can't be opened at present, for lack of memory or because the program ends
	Broken                    // its file can't be opened
	Unreadable                // the recording can't be read
	Language                  // the speech model does not know the language
	WrongAdapter              // an adapter is not known or does not fit the model
	WrongDraft                // a model is not known or can't propose tokens for the other
)

// ModelError says why a model can't be used. Its text is for people.
type ModelError struct {
	Cause Cause
	Model string // its name; "": the default one
	Text  string
	Err   error
}

func (e *ModelError) Error() string { return e.Text }

// Unwrap returns the cause.
func (e *ModelError) Unwrap() error { return e.Err }
