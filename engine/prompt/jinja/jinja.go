package jinja

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// Limits bound what a template may use. A zero field means its default.
type Limits struct {
	Source int   // bytes of the template; 1 MiB
	Nest   int   // nesting of brackets and statements in the template; 200
	Steps  int64 // expressions and statements evaluated, items visited, parts of texts searched; 10 million
	Depth  int   // nesting of evaluation, macros included; 4000
	Memory int64 // bytes of all texts and lists made during a render, kept or not, without the origins of texts, which can double it; 256 MiB
	Output int   // bytes of the rendered text; 64 MiB
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

// Error says where and why a template failed. Inside the package it travels as a panic, as in
// text/template, so that the interpreter reads like the language; Parse and Render recover it.
type Error struct {
	Line   int // of the template, from 1
	Reason string
	Raised bool // the template called raise_exception(Reason)
}

func (e *Error) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Reason) }

// catch turns a panic with an *Error into *err; other panics continue.
func catch(err *error) {
	switch p := recover().(type) {
	case nil:
	case *Error:
		*err = p
	default:
		panic(p)
	}
}

// Template is a parsed template. Many goroutines may render it at once.
type Template struct {
	body   []stmt
	limits Limits
}

// Parse reads a template, which is then rendered under the same limits. The error is an *Error.
func Parse(source string, limits Limits) (t *Template, err error) {
	defer catch(&err)
	limits = limits.filled()
	if len(source) > limits.Source {
		return nil, &Error{Line: 1, Reason: fmt.Sprintf("the template has %d bytes, more than %d", len(source), limits.Source)}
	}
	if !utf8.ValidString(source) {
		return nil, &Error{Line: 1, Reason: "the template is not valid UTF-8"}
	}
	p := &parser{toks: lex(source), limit: limits.Nest}
	return &Template{body: p.template(), limits: limits}, nil
}

// Render renders the template with vars as its global variables and now as the time that
// strftime_now tells; the zero time means the time of the call. A variable may be nil, a bool, an
// integer or float of Go, a string, Trusted, Object, json.Number, json.RawMessage (its keys stay
// in order), and slices and maps with string keys of those (a map's keys are sorted).
//
// The error is an *Error, or names the variable that a template can't use.
func (t *Template) Render(vars map[string]any, now time.Time) (out Text, err error) {
	if now.IsZero() {
		now = time.Now()
	}
	r := &run{limits: t.limits, out: new(builder), now: now, line: 1}
	defer catch(&err)
	root := make(map[string]value, len(vars))
	for _, name := range sortedKeys(vars) {
		if root[name], err = convert(vars[name], 0); err != nil {
			return nil, fmt.Errorf("variable %q: %w", name, err)
		}
	}
	r.root = &scope{many: root, up: &scope{many: globals}}
	r.block(t.body, r.root)
	return r.out.str().runs(), nil
}

// Text is rendered text as runs of bytes of the same origin. No run is empty, and neighbours
// differ in origin.
//
// A byte is the template's if it comes from text in the template's source or from a Trusted
// value; it is data if it comes from any other text in the variables, the keys of objects
// included. Every operation of the language keeps the origin of each byte that it copies. What it
// replaces (a letter by its upper case, a quote by its escape) has the origin of what was
// replaced. What it adds counts as the template's: the digits of a number, True, the brackets and
// quotes of a printed list, padding. The one exception is a character made from its number
// ("%c"): it is data.
type Text []Run

// Run is a part of a Text.
type Run struct {
	Text     string
	Template bool // the template wrote it; otherwise it is data
}

// String returns the whole text.
func (t Text) String() string {
	var b strings.Builder
	for _, run := range t {
		b.WriteString(run.Text)
	}
	return b.String()
}

// Trusted is a string variable that counts as the template's own text.
type Trusted string

// Object is a variable with named fields, in their order: a dict of the template.
type Object []Field

// Field is an entry of an Object.
type Field struct {
	Name  string
	Value any
}
