package serve

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"

	"soberano/engine"
	"soberano/engine/prompt"
	"soberano/engine/sample"
)

// class is the kind of a failure; dialects have names of their own for it.
type class int

const (
	invalid       class = iota // the request
	unauthorized               // no key, or a wrong one
	forbidden                  // by Host or Origin
	missing                    // a model or a route
	tooLarge                   // the body
	overloaded                 // too many requests
	unavailable                // the model can't be opened at present
	generation                 // failed during the generation
	incomplete                 // the generation ended without an end
	methodUnknown              // of a known path
)

// failure is an error that is told to the client.
type failure struct {
	class   class
	code    string // such as "model_not_found"; "": none
	param   string // the parameter that is wrong; "": none
	message string
	err     error
}

func (f *failure) Error() string { return f.message }
func (f *failure) Unwrap() error { return f.err }

// status returns the HTTP status of a failure, as most dialects have it.
func (f *failure) status() int {
	switch f.class {
	case invalid:
		return http.StatusBadRequest
	case unauthorized:
		return http.StatusUnauthorized
	case forbidden:
		return http.StatusForbidden
	case missing:
		return http.StatusNotFound
	case methodUnknown:
		return http.StatusMethodNotAllowed
	case tooLarge:
		return http.StatusRequestEntityTooLarge
	case overloaded:
		return http.StatusTooManyRequests
	case unavailable:
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

// refuse returns the failure of a request with a wrong parameter.
func refuse(param, format string, args ...any) error {
	return &failure{class: invalid, param: param, message: fmt.Sprintf(format, args...)}
}

// unsupported returns the failure of a request with a parameter that can't be followed.
func unsupportedParameter(param string) error {
	return &failure{class: invalid, code: "unsupported_parameter", param: param, message: fmt.Sprintf("The parameter %q is not supported here.", param)}
}

// failureOf returns the failure for an error.
func failureOf(err error) *failure {
	if f, ok := errors.AsType[*failure](err); ok {
		return f
	}
	if m, ok := errors.AsType[*ModelError](err); ok {
		return modelFailure(m)
	}
	if f := badForm(err); f != nil {
		return f
	}
	if c, ok := errors.AsType[*engine.ContextError](err); ok {
		return &failure{class: invalid, code: "context_length_exceeded", param: "messages", err: err,
			message: fmt.Sprintf("This model's context holds %d tokens with the answer; the prompt has %d. Shorten it.", c.Context, c.Prompt)}
	}
	if p, ok := errors.AsType[*sample.ParamError](err); ok {
		return &failure{class: invalid, param: p.Name, err: err, message: "The parameter " + strings.TrimPrefix(p.Error(), "sample: ") + "."}
	}
	if l, ok := errors.AsType[*engine.TooLongError](err); ok {
		return &failure{class: invalid, code: "context_length_exceeded", param: "input", err: err, message: l.Error()}
	}
	if large, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return &failure{class: tooLarge, err: err, message: fmt.Sprintf("The body is larger than %d bytes.", large.Limit)}
	}
	switch {
	case errors.Is(err, sample.ErrNoLogits):
		return &failure{class: generation, err: err, message: "The model gave no finite logits, so no token could be chosen."}
	case prompt.Refused(err):
		return &failure{class: invalid, param: "messages", err: err, message: err.Error()}
	case errors.Is(err, engine.ErrNoTool):
		return &failure{class: invalid, param: "tool_choice", err: err, message: "There is no tool with this name."}
	case errors.Is(err, engine.ErrNoVision):
		return &failure{class: invalid, code: "no_vision", param: "messages", err: err, message: "This model can't see images."}
	case errors.Is(err, engine.ErrClosed), errors.Is(err, errStopping):
		return &failure{class: unavailable, err: err, message: "The program is closing, or the model was removed."}
	case errors.Is(err, context.DeadlineExceeded):
		return &failure{class: unavailable, err: err, message: "The time for this request is over."}
	}
	return &failure{class: generation, err: err, message: withoutFolders(err.Error())}
}

// folders matches the folders of an absolute path, which may have spaces in their names, at the beginning of a text or behind a space, quotation mark or parenthesis.
var folders = regexp.MustCompile(`(^|[\s"'(])(?:[A-Za-z]:)?[\\/]+[^\s:\\/][^:\n]*[\\/]`)

// withoutFolders returns a text without the folders of the paths in it: a client is not told where files are.
func withoutFolders(text string) string { return folders.ReplaceAllString(text, "$1") }

func modelFailure(m *ModelError) *failure {
	f := &failure{class: generation, param: "model", message: m.Text, err: m}
	if m.Err != nil {
		f.message = withoutFolders(m.Text)
	}
	switch m.Cause {
	case Unknown:
		f.class, f.code = missing, "model_not_found"
	case WrongKind:
		f.class, f.code = invalid, "model_not_suitable"
	case Unavailable:
		f.class = unavailable
	case Unreadable:
		f.class, f.param = invalid, "file"
	case WrongAdapter:
		f.class, f.param = invalid, "lora"
	case WrongDraft:
		f.class, f.param = invalid, "draft_model"
	case Language:
		f.class, f.param = invalid, "language"
	}
	return f
}

// dialect is the form of answers of a known interface.
type dialect struct {
	name string
	// fail returns the status and the body of a failure.
	fail func(f *failure) (status int, body any)
}

// writeJSON writes a whole answer.
func writeJSON(w http.ResponseWriter, status int, v any) error {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	return encode(w, v)
}

// encode writes v as JSON in one line, with a line end.
func encode(w interface{ Write([]byte) (int, error) }, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}
