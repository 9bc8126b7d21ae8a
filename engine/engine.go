// Package engine runs language models: Open opens a model file, Generate answers a request.
//
// A request passes through these packages: messages → prompt (the file's chat template) → token →
// batch (queue, admission, reuse of the longest cached prefix) → arch.Forward on a kernels.Device →
// sample → token (holds back incomplete UTF-8 and possible stop strings) → Piece.
package engine

import (
	"errors"

	"soberano/engine/sample"
)

// Errors that callers branch on.
var (
	// ErrContextFull: prompt and answer do not fit in the context; see ContextError.
	ErrContextFull = errors.New("the context is full")
	// ErrClosed: the model has been closed.
	ErrClosed = errors.New("the model is closed")
)

// Options says how a model is opened. Zero values mean the default.
type Options struct {
	Context int // tokens of prompt and answer together; 0: the smaller of the model's own and 4096
}

// Message is one turn of a conversation. Role is "system", "user" or "assistant".
type Message struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

// Request asks for a continuation: of Messages through the chat template, or of Prompt as it is, or
// of Tokens. Exactly one of the three is set. Control tokens that Prompt spells are such tokens; those
// that Messages spell are text.
type Request struct {
	Messages []Message
	Prompt   string
	Tokens   []int32

	Sampling  sample.Params
	MaxTokens int      // 0: until the model ends or the context is full
	Stop      []string // the answer ends before the first of these; they are not returned
}

// Reason says why a generation ended.
type Reason string

const (
	Ended       Reason = "stop"    // the model's end token or a stop string
	Length      Reason = "length"  // MaxTokens
	ContextFull Reason = "context" // no room left for the next token
)

// Piece is a part of an answer, as soon as it is certain: whole UTF-8 characters that
// can't be the beginning of a stop string. The last one has Reason set.
type Piece struct {
	Text   string
	Reason Reason
	Usage  Usage
}

// Usage counts what a request has cost so far.
type Usage struct {
	Prompt    int // tokens of the prompt
	Cached    int // of them, found in the cache
	Generated int // tokens of the answer
	Context   int // tokens that fit
	// Seconds spent on the prompt and on generation.
	PromptSeconds, GenerateSeconds float64
}

// Info describes an opened model.
type Info struct {
	Name          string // general.name, or the file's name
	Family        string // "llama", "gemma3"
	Quantization  string // "Q4_1"
	Parameters    int64
	TrainContext  int
	Context       int // as opened
	Vocabulary    int
	Template      bool  // false: the file has no chat template and ChatML is used
	WeightBytes   int64 // on the device; the file's own pages are mapped and can be dropped
	CacheBytes    int64 // KV cache of one conversation at Context
	ScratchBytes  int64 // of the largest step
	Device        string
	License       string
	Quantizations map[string]int // tensors by storage type
}
