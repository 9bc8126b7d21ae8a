package serve

import (
	"encoding/json"
	"errors"

	"soberano/engine/grammar"
)

// guided are the parameters for the form of an answer under the names of llama.cpp's and vLLM's servers.
type guided struct {
	Grammar       string          `json:"grammar"` // GBNF
	GuidedJSON    json.RawMessage `json:"guided_json"`
	GuidedRegex   string          `json:"guided_regex"`
	GuidedChoice  []string        `json:"guided_choice"`
	GuidedGrammar string          `json:"guided_grammar"`
}

// anyObject is the schema of any JSON object.
var anyObject = json.RawMessage(`{"type":"object"}`)

// spec returns the form that the request wants. f may be nil.
func (g *guided) spec(f *responseFormat) (out grammar.Spec, err error) {
	out = grammar.Spec{GBNF: g.Grammar, Regex: g.GuidedRegex, Choices: g.GuidedChoice}
	if string(g.GuidedJSON) != "null" {
		out.Schema = g.GuidedJSON
	}
	if g.GuidedGrammar != "" {
		out.GBNF = g.GuidedGrammar
	}
	if f == nil || f.Type == "text" {
		return out, nil
	}
	if !out.IsZero() {
		return out, refuse("response_format", "The form of the answer is given twice.")
	}
	switch {
	case f.Type == "json_object" && len(f.Schema) > 0:
		out.Schema = f.Schema
	case f.Type == "json_object":
		out.Schema = anyObject
	case f.Type == "json_schema" && f.JSONSchema != nil && len(f.JSONSchema.Schema) > 0:
		out.Schema = f.JSONSchema.Schema
	case f.Type == "json_schema" && len(f.Schema) > 0:
		out.Schema = f.Schema
	case f.Type == "regex" && f.Regex != "":
		out.Regex = f.Regex
	case f.Type == "grammar" && f.Grammar != "":
		out.GBNF = f.Grammar
	case f.Type == "choice" && len(f.Choices) > 0:
		out.Choices = f.Choices
	default:
		return out, refuse("response_format", "The parameter \"response_format\" must be text, json_object, json_schema with a schema, regex, grammar or choice.")
	}
	return out, nil
}

// badForm returns the failure of a form that can't be followed; nil for other errors.
func badForm(err error) *failure {
	wrong, ok := errors.AsType[*grammar.Error](err)
	if !ok {
		return nil
	}
	text := "The " + wrong.Kind + " can't be followed"
	if wrong.At != "" {
		text += ", at " + wrong.At
	}
	return &failure{class: invalid, code: "invalid_format", param: "response_format", err: err, message: text + ": " + wrong.Reason + "."}
}

// tgiGrammar is a form as text-generation-inference names it.
type tgiGrammar struct {
	Type  string          `json:"type"`
	Value json.RawMessage `json:"value"`
}

// spec returns the form; g may be nil.
func (g *tgiGrammar) spec() (grammar.Spec, error) {
	if g == nil {
		return grammar.Spec{}, nil
	}
	var text string
	isText := json.Unmarshal(g.Value, &text) == nil
	var named struct {
		Schema json.RawMessage `json:"schema"`
	}
	switch {
	case g.Type == "regex" && isText:
		return grammar.Spec{Regex: text}, nil
	case g.Type == "json" && isText:
		return grammar.Spec{Schema: json.RawMessage(text)}, nil
	case g.Type == "json" && len(g.Value) > 0:
		return grammar.Spec{Schema: g.Value}, nil
	case g.Type == "json_schema" && json.Unmarshal(g.Value, &named) == nil && len(named.Schema) > 0:
		return grammar.Spec{Schema: named.Schema}, nil
	}
	return grammar.Spec{}, refuse("grammar", "grammar is not valid: the type must be json, json_schema or regex, with a value")
}
