package engine

import (
	"encoding/json"
	"errors"
	"strings"

	"soberano/engine/grammar"
	"soberano/engine/reply"
	"soberano/engine/token"
)

// ErrNoTool means that a request needs a call of a tool that it does not have.
var ErrNoTool = errors.New("engine: the request has no such tool")

// tool is a tool as in Request.Tools, in either of the usual forms.
type tool struct {
	Name       string
	Parameters json.RawMessage
	Function   struct {
		Name       string
		Parameters json.RawMessage
	}
}

// callSpec returns the form of a call of a request's tools, for Request.MustCall.
func (r *Request) callSpec() (grammar.Spec, error) {
	if len(r.Messages) == 0 || r.Continue || !r.Grammar.IsZero() {
		return grammar.Spec{}, &grammar.Error{Kind: "call of a tool", Reason: "a request that must be answered by a call has messages, does not continue an answer and asks for no other form"}
	}
	raw, err := json.Marshal(r.Tools)
	if err != nil {
		return grammar.Spec{}, err
	}
	var tools []tool
	if err := json.Unmarshal(raw, &tools); err != nil {
		return grammar.Spec{}, err
	}
	var functions []grammar.Function
	for _, t := range tools {
		f := grammar.Function{Name: t.Name, Parameters: t.Parameters}
		if t.Function.Name != "" {
			f = grammar.Function(t.Function)
		}
		if f.Name != "" && (r.Tool == "" || r.Tool == f.Name) {
			functions = append(functions, f)
		}
	}
	if functions == nil {
		return grammar.Spec{}, ErrNoTool
	}
	schema, err := grammar.CallSchema(functions)
	return grammar.Spec{Schema: schema}, err
}

// forcedCall is the state of an answer that must be a call.
type forcedCall struct {
	must bool
	mark string // that the model writes before a call
	text strings.Builder
}

// beginCall makes the model write the mark before the call.
func (a *answer) beginCall() {
	if a.call.must && a.call.mark != "" {
		a.form.forced = a.tok.Encode(a.call.mark, token.Options{ParseSpecial: true})
	}
}

// callParts keeps the text of a call until it is complete. A call that was cut is text.
func (a *answer) callParts(text string, last bool) []reply.Part {
	a.call.text.WriteString(text)
	if !last {
		return nil
	}
	whole := a.call.text.String()
	var call reply.Call
	body := whole[max(0, strings.Index(whole, "{")):]
	if json.Unmarshal([]byte(body), &call) != nil || call.Name == "" || call.Arguments == nil {
		return []reply.Part{{Text: whole}}
	}
	return []reply.Part{{Kind: reply.Calls, Text: whole, Calls: []reply.Call{{Name: call.Name, Arguments: call.Arguments}}}}
}
