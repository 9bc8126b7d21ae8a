package reply

import (
	"bytes"
	"encoding/json"
)

// Kind says what a part of an answer is.
type Kind string

// The kinds.
const (
	Text     Kind = ""         // the answer itself
	Thinking Kind = "thinking" // what the model writes before it answers
	Calls    Kind = "calls"    // calls of tools
)

// Part is a part of an answer. Parts of one kind in a row belong together.
type Part struct {
	Kind Kind
	Text string // of Calls: as the model wrote it, with its marks
	// Calls are the calls, of kind Calls.
	Calls []Call
}

// Call is a call of a tool. Arguments is a JSON object.
type Call struct {
	ID        string          `json:"id,omitempty"` // "" where the model names none
	Name      string          `json:"name"`
	Arguments json.RawMessage `json:"arguments"`
}

// object builds the JSON object of a call's arguments, in the order in which they were written.
type object struct{ b bytes.Buffer }

// set adds a member. value is JSON.
func (o *object) set(name string, value []byte) {
	if o.b.Len() > 0 {
		o.b.WriteByte(',')
	}
	o.b.Write(quoted(name))
	o.b.WriteByte(':')
	o.b.Write(value)
}

func (o *object) json() json.RawMessage { return json.RawMessage("{" + o.b.String() + "}") }

// quoted returns s as JSON, without escapes for HTML.
func quoted(s string) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil { // a string always encodes
		return []byte(`""`)
	}
	return bytes.TrimRight(b.Bytes(), "\n")
}

// compact returns a JSON value without white space between its parts; ok is false if it is not valid.
func compact(raw []byte) (out json.RawMessage, ok bool) {
	var b bytes.Buffer
	if !json.Valid(raw) || json.Compact(&b, raw) != nil {
		return nil, false
	}
	return b.Bytes(), true
}
