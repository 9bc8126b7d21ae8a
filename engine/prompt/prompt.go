// Package prompt turns a conversation into the text a model was trained on, by the chat
// template that the model file brings along.
//
// Such a template is a program in Jinja, written for Python. This package is an
// interpreter of that language for hostile input: a template comes with a file from
// anywhere. It reaches nothing but the values it is given (no files, no objects, no
// clock except Values.Now), and every render is bounded in steps, depth, memory and output.
//
//	text ─ lex ─▶ tokens ─ parse ─▶ tree ─ exec, eval (a run with its budget) ─▶ prompt
//	              lex.go            parse.go, expr.go    exec.go, eval.go
//
// What a template prints is what Jinja2 3.1.6 prints under an ImmutableSandboxedEnvironment
// with trim_blocks, lstrip_blocks and loopcontrols, plus what the transformers library adds for
// chat templates: raise_exception, strftime_now, tojson without HTML escapes, and the
// generation tag. Differences, all of them errors here instead of an answer: integers
// beyond 64 bits; include, import, extends and autoescape; the filters and globals that no
// chat template needs (urlize, xmlattr, wordwrap, striptags, pprint, random, lipsum).
//
// Spec: https://jinja.palletsprojects.com/en/stable/templates/
package prompt

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// ChatML is the template for a model whose file has none.
const ChatML = `{% for message in messages %}{{ '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>\n' }}{% endfor %}` +
	`{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}`

// Message is one turn of a conversation. Extra holds what else a template may read of it
// (tool_calls, name, …), in the types that Values.Extra takes.
type Message struct {
	Role    string
	Content string
	Extra   map[string]any
}

// Values is what a template sees: messages, add_generation_prompt, bos_token, eos_token,
// tools, documents (None) and the names in Extra.
//
// Tools and Extra take nil, bool, Go's integers and floats, string, slices and maps with
// string keys of those (a map's keys are sorted), and json.RawMessage (keys in their order).
type Values struct {
	Messages            []Message
	AddGenerationPrompt bool
	BOS, EOS            string // "": the template sees an undefined variable
	Tools               any
	Extra               map[string]any
	Now                 time.Time // for strftime_now; zero: the time of the call
}

// Limits bound what a template may use. A zero field means its default.
type Limits struct {
	Source int   // bytes of the template; 1 MiB
	Nest   int   // nesting of brackets and statements in the template; 200
	Steps  int64 // expressions and statements evaluated, items visited, parts of texts searched; 10 million
	Depth  int   // nesting of evaluation, macros included; 4000
	Memory int64 // bytes of all texts and lists made during a render, kept or not; 256 MiB
	Output int   // bytes of the rendered prompt; 64 MiB
	Range  int   // items of one range(); 100,000, as in Jinja2's sandbox
}

func (l Limits) filled() Limits {
	def := Limits{1 << 20, 200, 10_000_000, 4000, 256 << 20, 64 << 20, 100_000}
	fill(&l.Source, def.Source)
	fill(&l.Nest, def.Nest)
	fill(&l.Steps, def.Steps)
	fill(&l.Depth, def.Depth)
	fill(&l.Memory, def.Memory)
	fill(&l.Output, def.Output)
	fill(&l.Range, def.Range)
	return l
}

func fill[T int | int64](field *T, def T) {
	if *field <= 0 {
		*field = def
	}
}

// Error says where and why a template failed. Inside the package it travels as a panic, as
// in text/template, so that the interpreter reads like the language; Parse and Render catch it.
type Error struct {
	Line   int // of the template, from 1
	Reason string
	Raised bool // the template itself refused, by raise_exception(Reason)
}

func (e *Error) Error() string {
	if e.Raised {
		return fmt.Sprintf("chat template: it refuses this conversation (line %d): %s", e.Line, e.Reason)
	}
	return fmt.Sprintf("chat template: line %d: %s", e.Line, e.Reason)
}

// catch turns a panic with an *Error into *err, and lets others through.
func catch(err *error) {
	switch p := recover().(type) {
	case nil:
	case *Error:
		*err = p
	default:
		panic(p)
	}
}

// Template is a parsed template; it may be rendered by many goroutines at once.
type Template struct {
	body   []stmt
	limits Limits
}

// Parse reads a template under the default limits. The error is an *Error.
func Parse(template string) (*Template, error) { return ParseLimits(template, Limits{}) }

// ParseLimits reads a template that will be parsed and rendered within limits.
func ParseLimits(template string, limits Limits) (t *Template, err error) {
	defer catch(&err)
	limits = limits.filled()
	if len(template) > limits.Source {
		return nil, &Error{Line: 1, Reason: fmt.Sprintf("the template has %d bytes, more than %d", len(template), limits.Source)}
	}
	if !utf8.ValidString(template) {
		return nil, &Error{Line: 1, Reason: "the template is not valid UTF-8"}
	}
	p := &parser{toks: lex(template), limit: limits.Nest}
	return &Template{body: p.template(), limits: limits}, nil
}

// Render gives the prompt. The error is an *Error, or says which of the values can't be used.
func (t *Template) Render(v Values) (out string, err error) {
	r := &run{limits: t.limits, out: new(strings.Builder), now: v.Now, line: 1}
	if r.now.IsZero() {
		r.now = time.Now()
	}
	defer catch(&err)
	vars, err := v.vars()
	if err != nil {
		return "", err
	}
	r.root = &scope{many: vars, up: &scope{many: globals}}
	r.block(t.body, r.root)
	if r.out.Len() > r.limits.Output {
		r.fail("the prompt has more than %d bytes", r.limits.Output)
	}
	return r.out.String(), nil
}
