// Package engine runs language models: Open opens a model file, Generate answers a request.
//
// A request passes through these packages: messages → prompt (the file's chat template) → token →
// batch (queue, admission, reuse of the longest cached prefix) → arch.Forward on a kernels.Device →
// sample → token (holds back incomplete UTF-8 and possible stop strings) → reply (thoughts, text, calls) → Piece.
package engine

import (
	"errors"

	"soberano/engine/grammar"
	"soberano/engine/reply"
	"soberano/engine/sample"
	"soberano/engine/state"
	"soberano/engine/vision"
	"soberano/kernels"
)

// Errors that callers branch on.
var (
	// ErrContextFull means that prompt and answer do not fit in the context; see ContextError.
	ErrContextFull = errors.New("the context is full")
	// ErrClosed means that the model has been closed.
	ErrClosed = errors.New("the model is closed")
)

// Options are the options of Open. Zero values are the defaults.
type Options struct {
	Context int // largest number of tokens of prompt and answer together; 0: the model's own limit, but at most 4096
	// Vision opens the encoder of the images in messages, when the first image comes. The Model closes it. nil: there is none.
	Vision func() (*Vision, error)
	// Replace returns another device after the one in use has failed with cause: then the model is loaded onto it, and everything under
	// way continues there. It is called at most once, by any goroutine, which closes the first device later. nil: a failure ends what is
	// under way.
	Replace func(cause error) (kernels.Device, error)
	// Disk keeps what is computed for Request.Conversation across restarts; nil: nothing is kept. GPUs keep nothing.
	Disk *state.Disk
}

// Message is one turn of a conversation. Role is "system", "user", "assistant", or "tool" for the result of a call.
type Message struct {
	Role     string       `json:"role"`
	Content  string       `json:"content"`
	Thinking string       `json:"thinking,omitempty"` // what the assistant thought before it
	Calls    []reply.Call `json:"calls,omitempty"`    // the calls of tools that the assistant made
	CallID   string       `json:"call_id,omitempty"`  // of a tool: the ID of the call that it answers
	Name     string       `json:"name,omitempty"`     // of the tool, or of who speaks
}

// Attachment is an image of a message, which the model sees before the message's text.
type Attachment struct {
	Message int // index of the message
	Image   *vision.Image
}

// Request asks for a continuation of Messages, through the chat template, of Prompt, unchanged, or
// of Tokens. Exactly one of the three must be set. A control token that is spelled in Prompt becomes
// that token; spelled in Messages it stays text.
type Request struct {
	Messages []Message
	Prompt   string
	Tokens   []int32
	// Images belong to Messages, in their order. They need Options.Vision.
	Images []Attachment

	// Continue: the last message, of the assistant, is the beginning of the answer, which goes on from there.
	Continue bool
	// Tools are the tools that the chat template describes, as JSON schemas decoded into maps, slices and
	// strings (see prompt.Values). The answer's calls are Pieces of kind reply.Calls.
	Tools any
	// MustCall: the answer to messages is one call of one of Tools, or if Tool is set, of the one with this name, with arguments that are valid by its
	// parameters. An answer that is cut is text. The error is ErrNoTool if there is no such tool, and a *grammar.Error if the parameters can't be followed.
	MustCall bool
	Tool     string
	// Variables are further variables of the chat template, such as enable_thinking.
	Variables map[string]any

	// Conversation is the name, of lower-case letters and digits, under which Options.Disk keeps what is computed for the request, so that the next one of the
	// conversation only computes what is new, also after a restart; "": nothing is kept there, nor is it of requests with images, adapters or several
	// continuations.
	Conversation string

	// Adapters change the model for this request. Each is one of the model, see LoadAdapter.
	Adapters []AdapterUse

	Sampling  sample.Params
	MaxTokens int      // 0: no limit but the context
	Stop      []string // the answer ends before the first of these strings; the string itself is not returned

	// Grammar is the form of the answer; the zero value allows any. The answer is then text only, without calls, and a text of that form, unless
	// it ends for the reason Length or ContextFull or at a stop string. Thoughts that the template or the format of the model asks for come
	// before it, as always. Where the form allows nothing more, the answer ends with the reason Ended.
	Grammar grammar.Spec
	// MaxThinking is the largest number of tokens of the thoughts before an answer to messages; then the thought is closed. 0: no limit.
	MaxThinking int

	// N is the number of continuations, which share the computed prompt and differ by Piece.Choice, 0 … N-1; 0: one. With a seed,
	// continuation i is that of Seed+i alone.
	N int
	// BestOf, if it is larger than N, is the number of continuations of which the N with the largest mean logarithm of their tokens'
	// probabilities are returned, best first, when all have ended; 0: N.
	BestOf int
	// Logprobs: pieces have their tokens, with the logarithms of their probabilities, and TopLogprobs of the most probable tokens.
	Logprobs    bool
	TopLogprobs int // at most MaxTop

	// Background lets the requests of a person go first, as those of other programs do.
	Background bool
	// Overflow says what is done if prompt and answer do not fit into the context; "" is Refuse.
	Overflow Overflow
	// Propose says whether tokens that the text may repeat are computed in one step with the token before them (propose.Text).
	Propose Propose
	// Draft, if not nil, proposes what its model would write as well (propose.Draft), whatever the sampling is, unless Propose is ProposeNever, there are several continuations, or the
	// request has images.
	Draft *Draft
}

// Propose says when tokens are proposed. The distribution of answers is the same with and without. On devices that are not batch-invariant (kernels.BatchInvariant) it is the same but for
// rounding: they may add up the values of several tokens in another order than those of one.
type Propose int

const (
	ProposeAuto   Propose = iota // not if the answer could be expected again, with a seed or without a random choice, and the device is not batch-invariant
	ProposeNever                 // one token at a time is computed
	ProposeAlways                // whatever the sampling is
)

// Proposals names the values of Propose, for flags and parameters.
func Proposals() map[string]Propose {
	return map[string]Propose{"auto": ProposeAuto, "off": ProposeNever, "on": ProposeAlways}
}

// Reason says why a generation ended.
type Reason string

const (
	Ended       Reason = "stop"    // the model's end token or a stop string
	Length      Reason = "length"  // MaxTokens
	ContextFull Reason = "context" // no space left for the next token
)

// Notice says what was done otherwise than a request asks.
type Notice string

// SystemInUser means that the chat template refuses system messages: the text of each was put before
// the user message that follows it.
const SystemInUser Notice = "system-in-user"

// Shortened means that a part of the prompt or of the answer was left out, because the context is full; see Overflow and Usage.Dropped.
const Shortened Notice = "shortened"

// Piece is a part of an answer. It is returned as soon as it is certain: it holds complete UTF-8
// characters that can't be the beginning of a stop string, or of a mark between thoughts, text and calls.
// The last Piece has Reason set. A Piece with a Notice has no text: one on the whole answer comes first.
type Piece struct {
	Choice int        // the continuation of which it is a part, see Request.N
	Kind   reply.Kind // of Text; a continuation of Prompt or Tokens has text only
	Text   string
	Calls  []reply.Call // of kind reply.Calls
	Reason Reason
	Stop   string // the stop string of the request that ended the answer; "": none did
	Usage  Usage
	Notice Notice
	// Tokens are the tokens that were chosen since the piece before it, if Request.Logprobs is set. They may be more or fewer than
	// those of Text, since text is held back and marks are left out; of a whole answer they are all, with the token that ends it.
	Tokens []Token
}

// Token is a token of an answer, with the natural logarithm of its probability in the distribution that the model gives, before bias,
// penalties and every other stage of sampling, as the API of OpenAI defines it.
type Token struct {
	TokenProb
	Control bool        // it stands for no text, as the token that ends an answer; Text is its spelling
	Top     []TokenProb // the most probable tokens, best first
}

// TokenProb is a token and its probability.
type TokenProb struct {
	ID      int32
	Text    string // the bytes that it adds to a text, which may be a part of a character
	Logprob float64
}

// Usage counts what a request has used so far.
type Usage struct {
	Prompt    int // tokens of the prompt
	Cached    int // tokens of the prompt that were found in the cache
	Dropped   int // tokens that were left out of prompt and answer, see Overflow
	Generated int // tokens of the answer
	Context   int // size of the context, in tokens
	Proposed  int // tokens that were computed because they might follow
	Accepted  int // those of them that are in the answer
	// Seconds taken by the prompt and by the generation.
	PromptSeconds, GenerateSeconds float64
}

// Info describes an opened model.
type Info struct {
	Name          string // general.name, or the file's name
	Family        string // "llama", "gemma3"
	Quantization  string // "Q4_1"
	Parameters    int64
	TrainContext  int
	Context       int // the context that the model was opened with
	Vocabulary    int
	Template      bool  // false: the file has no chat template, and ChatML is used
	WeightBytes   int64 // on the device; the file's pages are mapped and the system can drop them
	CacheBytes    int64 // KV cache of one conversation that fills the context
	ScratchBytes  int64 // of the largest step
	Device        string
	License       string
	Quantizations map[string]int // number of tensors by storage type
	// Warning says in sentences what the file lacks, such as a chat template that can be read; "" if
	// it lacks nothing.
	Warning string
}
