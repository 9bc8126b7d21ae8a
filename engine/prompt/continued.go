package prompt

import (
	"errors"
	"slices"
	"strings"
	"unicode"
)

// continuedTag marks the end of the last message in a rendered prompt. Its last character, a space, tells
// whether the template keeps the white space at the end of a message.
const continuedTag = "CONTINUED-ANSWER-MARK-7f3a "

// errNotContinued means that a template does not write the last message as it is.
var errNotContinued = errors.New("chat template: it does not write the last message as it is, so an answer can't be continued")

// renderContinued renders a prompt that ends with the content of the last message, as the transformers
// library does with continue_final_message.
func (t *Template) renderContinued(v Values) (Text, error) {
	n := len(v.Messages)
	if n == 0 {
		return nil, errNotContinued
	}
	content := v.Messages[n-1].Content
	v.Continue, v.Messages = false, slices.Clone(v.Messages)
	v.Messages[n-1].Content += continuedTag
	text, err := t.Render(v)
	if err != nil {
		return nil, err
	}
	whole := text.String()
	at := strings.LastIndex(whole, strings.TrimSpace(continuedTag))
	if at < 0 || !strings.Contains(whole[:at], strings.TrimSpace(content)) {
		return nil, errNotContinued
	}
	if !strings.HasPrefix(whole[at:], continuedTag) {
		at = len(strings.TrimRightFunc(whole[:at], unicode.IsSpace))
	}
	return cut(text, at), nil
}

// cut returns the first n bytes of a text.
func cut(text Text, n int) Text {
	var out Text
	for _, run := range text {
		if n == 0 {
			break
		}
		run.Text = run.Text[:min(n, len(run.Text))]
		n -= len(run.Text)
		out = append(out, run)
	}
	return out
}
