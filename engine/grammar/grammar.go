// Package grammar keeps the answer of a model in a language: a JSON schema, a regular expression, a grammar in GBNF or a set of choices.
//
//	Spec ─ parse ─▶ expressions ─▶ rules: automata over bytes that call each other ─ prune ─▶ Grammar
//	                                                                                            │
//	pieces of the tokens ─▶ Vocabulary: a prefix tree ──────────────────────────────────────▶ Decoder ─▶ Matcher, one for each answer
//
// A Matcher says before each token which tokens may follow, as a bit mask over the vocabulary, so that whatever is chosen, the answer
// is the beginning of a text of the language. It knows where the text may end.
package grammar

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// Spec is the form that an answer must have. At most one field is set; the zero value allows any text.
type Spec struct {
	// Schema is a JSON schema (draft 2020-12, and draft 7 where the same words have another form): the answer is a JSON value that is
	// valid by it. Properties come in the order of the schema. What a keyword that is not supported would restrict is an error.
	Schema json.RawMessage
	// Regex is a regular expression in the syntax of RE2 (regexp/syntax) that the whole answer matches.
	Regex string
	// GBNF is a grammar in the notation of llama.cpp, with a rule root.
	GBNF string
	// Choices are texts of which the answer is one.
	Choices []string
}

// IsZero reports whether the spec allows any text.
func (s Spec) IsZero() bool {
	return len(s.Schema) == 0 && s.Regex == "" && s.GBNF == "" && s.Choices == nil
}

// Key returns a string that only equal specs have in common.
func (s Spec) Key() string {
	return fmt.Sprintf("%q %q %q %q", s.Schema, s.Regex, s.GBNF, s.Choices)
}

// Error says what is wrong with a Spec.
type Error struct {
	Kind    string // "JSON schema", "regular expression", "grammar" or "choices"
	At      string // where: a JSON pointer, or a line and column; "" if it is the whole
	Keyword string // of a JSON schema: the keyword that is not supported, if this is the fault
	Reason  string
}

func (e *Error) Error() string {
	at, reason := short(e.At), short(e.Reason)
	if at == "" {
		return fmt.Sprintf("grammar: %s: %s", e.Kind, reason)
	}
	return fmt.Sprintf("grammar: %s, at %s: %s", e.Kind, at, reason)
}

// short returns the beginning of a text, which may have a whole expression in it.
func short(s string) string {
	if len(s) <= 300 {
		return s
	}
	return strings.ToValidUTF8(s[:300], "") + "…"
}

// Errors of a Matcher.
var (
	// ErrTooComplex means that the language is so ambiguous that following it takes too much memory.
	ErrTooComplex = errors.New("grammar: the grammar is too ambiguous to be followed")
	// ErrStuck means that no token of the vocabulary continues the text, though it may not end.
	ErrStuck = errors.New("grammar: no token of the vocabulary continues the text as the grammar wants it")
)

// Limits of what is parsed, so that every text is compiled or refused in bounded time and memory.
const (
	maxSource   = 1 << 20 // bytes of a schema, a grammar or all choices
	maxRegex    = 1 << 16 // bytes of a regular expression
	maxDepth    = 200     // nesting of parentheses, values and groups
	maxNodes    = 400_000 // of all automata
	maxProducts = 20_000  // states of an intersection
)

// Parse compiles a spec, which must not be zero. Its errors are of type *Error.
func Parse(s Spec) (*Grammar, error) {
	set := 0
	for _, is := range []bool{len(s.Schema) > 0, s.Regex != "", s.GBNF != "", s.Choices != nil} {
		if is {
			set++
		}
	}
	if set != 1 {
		return nil, &Error{Kind: "choices", Reason: fmt.Sprintf("%d of schema, regular expression, grammar and choices are given, expected one", set)}
	}
	switch {
	case len(s.Schema) > 0:
		return parseSchema(s.Schema)
	case s.Regex != "":
		return parseRegex(s.Regex)
	case s.GBNF != "":
		return parseGBNF(s.GBNF)
	}
	return parseChoices(s.Choices)
}

func parseChoices(choices []string) (*Grammar, error) {
	fail := func(reason string) error { return &Error{Kind: "choices", Reason: reason} }
	total := 0
	for _, c := range choices {
		total += len(c)
	}
	switch {
	case len(choices) == 0:
		return nil, fail("there are none")
	case total > maxSource:
		return nil, fail(fmt.Sprintf("they have more than %d bytes", maxSource))
	}
	var all alt
	for _, c := range choices {
		if strings.ToValidUTF8(c, "") != c {
			return nil, fail("one is not valid UTF-8")
		}
		all = append(all, literal(c))
	}
	b := newBuilder()
	b.rule("root", all)
	return b.finish("choices")
}
