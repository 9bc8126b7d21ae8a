package engine

import (
	"context"
	"encoding/json"
	"errors"
	"regexp"
	"strings"
	"testing"

	"soberano/engine/arch/tiny"
	"soberano/engine/grammar"
	"soberano/engine/reply"
	"soberano/engine/sample"
)

// TestGrammar checks that the random answers of a small model have the form that is asked for, for several vocabularies, and that an answer that is cut says so.
func TestGrammar(t *testing.T) {
	schema := `{"type":"object","properties":{"name":{"type":"string","maxLength":12},"n":{"type":"integer","minimum":-5,"maximum":300},"tags":{"type":"array","items":{"enum":["a","b",null]},"maxItems":3}},"required":["name","n"]}`
	forms := []struct {
		spec grammar.Spec
		ok   func(string) bool
	}{
		{grammar.Spec{Schema: json.RawMessage(schema)}, func(s string) bool {
			var v struct {
				Name *string
				N    *int
			}
			return json.Unmarshal([]byte(s), &v) == nil && v.Name != nil && len([]rune(*v.Name)) <= 12 && v.N != nil && *v.N >= -5 && *v.N <= 300
		}},
		{grammar.Spec{Regex: `[a-f]{3}(-\d{2}){1,3}`}, regexp.MustCompile(`^[a-f]{3}(-\d{2}){1,3}$`).MatchString},
		{grammar.Spec{Choices: []string{"yes", "no", "perhaps é"}}, func(s string) bool { return s == "yes" || s == "no" || s == "perhaps é" }},
		{grammar.Spec{GBNF: `root ::= "(" root? ")" | "x"`}, func(s string) bool { return strings.Count(s, "(") == strings.Count(s, ")") && s != "" }},
	}
	for _, kind := range []string{"llama", "gpt2"} {
		m := openTiny(t, tiny.New(kind), settings{Context: 256})
		for i, f := range forms {
			r := Request{Prompt: "hello", Grammar: f.spec, MaxTokens: 200, N: 8, Sampling: sample.Params{Temperature: 1, Seed: uint64(i + 1)}}
			for choice, list := range pieces(t, m, r) {
				text, _, last := joined(t, list)
				if last.Reason == Length {
					continue // it is cut, and says so
				}
				if last.Reason != Ended || !f.ok(text) {
					t.Errorf("%s, form %d, choice %d: %q (%s)", kind, i, choice, text, last.Reason)
				}
			}
		}
		r := Request{Prompt: "hello", Grammar: grammar.Spec{Regex: "a{50}"}, MaxTokens: 3}
		if text, last, err := collect(m, context.Background(), r); err != nil || last.Reason != Length || strings.Trim(text, "a") != "" {
			t.Errorf("%s: %q, %s, %v", kind, text, last.Reason, err)
		}
		r.Grammar = grammar.Spec{Schema: json.RawMessage(`{"not": {}}`)}
		_, _, err := collect(m, context.Background(), r)
		var e *grammar.Error
		if !errors.As(err, &e) || e.Keyword != "not" {
			t.Errorf("%s: %v", kind, err)
		}
	}
}

// sayForced feeds an answer with logits that prefer the tokens of a text, in turn, and returns its pieces.
func sayForced(t *testing.T, m *Model, r Request, text string) (pieces []Piece) {
	t.Helper()
	answers, err := m.answers(context.Background(), r)
	if err != nil {
		t.Fatal(err)
	}
	a := answers[0]
	ids := m.Tokenize(text, false)
	for i := range 200 {
		logits := make([]float32, m.shape.Vocabulary)
		if i < len(ids) {
			logits[ids[i]] = 100
		}
		_, more, err := a.each(0, logits)
		if err != nil {
			t.Fatal(err)
		}
		if pieces = append(pieces, a.box.take()...); !more {
			return pieces
		}
	}
	t.Fatal("the answer does not end")
	return nil
}

// told joins the text of pieces by their kinds.
func told(pieces []Piece) map[reply.Kind]string {
	out := map[reply.Kind]string{}
	for _, p := range pieces {
		out[p.Kind] += p.Text
	}
	return out
}

// TestGrammarAfterThought checks that a thought which the template begins is free, that it can't end the answer, and that the answer has its form.
func TestGrammarAfterThought(t *testing.T) {
	m := withTemplate(t, `{% for m in messages %}{{ m.content }}{% endfor %}{# </think> #}assistant <think>`)
	r := Request{Messages: []Message{{Role: "user", Content: "hi"}}, Grammar: grammar.Spec{Choices: []string{"yes"}}}
	got := told(sayForced(t, m, r, "I am free</think>no way"))
	if got[reply.Text] != "yes" || !strings.Contains(got[reply.Thinking], "I am free") {
		t.Errorf("%q", got)
	}
	r.Continue = true
	r.Messages = append(r.Messages, Message{Role: "assistant", Content: "ye"})
	m = withTemplate(t, `{% for m in messages %}{{ m.content }}{% endfor %}`)
	if got := told(sayForced(t, m, r, "x")); got[reply.Text] != "s" {
		t.Errorf("the answer goes on with %q", got)
	}
	r.Messages[1].Content = "x"
	var e *grammar.Error
	if _, _, err := collect(m, context.Background(), r); !errors.As(err, &e) {
		t.Errorf("a beginning that does not fit: %v", err)
	}
}

// TestMaxThinking checks that a thought is closed after its tokens.
func TestMaxThinking(t *testing.T) {
	m := withTemplate(t, `{% for m in messages %}{{ m.content }}{% endfor %}{# </think> #}assistant <think>`)
	r := Request{Messages: []Message{{Role: "user", Content: "hi"}}, MaxThinking: 6, MaxTokens: 40}
	got := told(sayForced(t, m, r, "abcdefghijklmnopqrstuvwxyz0123456789"))
	if n := len(got[reply.Thinking]); n == 0 || n > 12 || got[reply.Text] == "" {
		t.Errorf("%q", got)
	}
	r.MaxThinking = 0
	if got := told(sayForced(t, m, r, "abcdefghijklmnopqrstuvwxyz0123456789")); got[reply.Text] != "" {
		t.Errorf("without a limit: %q", got)
	}
}
