// Package jinja renders templates in the Jinja language, in the dialect of chat templates.
//
// A chat template comes with a model file from anywhere, so the interpreter is made for hostile
// input: a template reaches nothing but the values it is given (no files, no objects, no clock
// except the time passed to Render), and every parse and render is bounded by Limits.
//
// The rendered Text tells for each byte whether the template wrote it or whether it comes from
// the values: see Text.
//
//	source ─ lex ─▶ tokens ─ parse ─▶ tree ─ exec, eval (a run with its limits) ─▶ Text
//	         lex.go            parse.go, expr.go    exec.go, eval.go
//
// The output is that of Jinja2 3.1.6 under an ImmutableSandboxedEnvironment with trim_blocks,
// lstrip_blocks and loopcontrols, with what the transformers library adds for chat templates:
// raise_exception, strftime_now, tojson without HTML escapes, and the generation tag. These are
// errors here instead of an answer: integers beyond 64 bits; include, import, extends and
// autoescape; the filters and globals that no chat template needs (urlize, xmlattr, wordwrap,
// striptags, pprint, random, lipsum).
//
// Spec: https://jinja.palletsprojects.com/en/stable/templates/
package jinja
