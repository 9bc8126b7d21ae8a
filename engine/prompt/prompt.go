// Package prompt turns a conversation into the text that a model was trained on, with the chat
// template of the model's file, or ChatML where the file has none.
//
// The text of a prompt tells which parts the template wrote and which come from the conversation:
// only the template's parts may become control tokens (token.Tokenizer.EncodeParts). The template
// language is that of package jinja.
package prompt

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"soberano/engine/prompt/jinja"
	"soberano/models"
)

// ChatML is the template for a model whose file has none.
const ChatML = `{% for message in messages %}{{ '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>\n' }}{% endfor %}` +
	`{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}`

// rwkvWorld is the template of the RWKV world models, whose files give its name only.
const rwkvWorld = `{{ bos_token }}{% for message in messages %}{{ {'system': 'System: ', 'user': 'User: '}.get(message.role, 'Assistant: ') }}` +
	`{{ message.content | trim ~ '\n\n' }}{% endfor %}{% if add_generation_prompt %}{{ 'Assistant:' }}{% endif %}`

// Message is one turn of a conversation. Extra holds what else a template may read of it
// (tool_calls, name, …), in the types that jinja.Template.Render takes.
type Message struct {
	Role    string
	Content string
	Extra   map[string]any
}

// Values are the variables of a template: messages, add_generation_prompt, bos_token, eos_token,
// tools, documents (None) and the names in Extra.
type Values struct {
	Messages            []Message
	AddGenerationPrompt bool
	Continue            bool   // the prompt ends with the content of the last message, which the answer continues
	BOS, EOS            string // spelled as in the vocabulary; "": the template sees an undefined variable
	Tools               any    // in the types that jinja.Template.Render takes, as Extra
	Extra               map[string]any
	Now                 time.Time // for strftime_now; zero: the time of the call
}

// Text is a rendered prompt; see jinja.Text.
type Text = jinja.Text

// Template is a parsed chat template. Many goroutines may render it at once.
type Template struct{ t *jinja.Template }

// Parse reads a chat template, or the name rwkv-world of one. An error of it wraps a *jinja.Error.
func Parse(template string) (*Template, error) {
	if template == "rwkv-world" {
		template = rwkvWorld
	}
	t, err := jinja.Parse(template, jinja.Limits{})
	if err != nil {
		return nil, failure(err)
	}
	return &Template{t}, nil
}

// Render returns the prompt. All text in v is data, except BOS, EOS and the roles in roles.
func (t *Template) Render(v Values) (Text, error) {
	if v.Continue {
		return t.renderContinued(v)
	}
	out, err := t.t.Render(v.vars(), v.Now)
	if err != nil {
		return nil, failure(err)
	}
	return out, nil
}

// Refused reports whether an error of Render means that the template itself refuses the conversation
// (raise_exception).
func Refused(err error) bool {
	e, ok := errors.AsType[*jinja.Error](err)
	return ok && e.Raised
}

// failure makes a message of an error of package jinja, whose reason may quote the template or the
// conversation.
func failure(err error) error {
	var e *jinja.Error
	if !errors.As(err, &e) {
		return fmt.Errorf("chat template: %w", err)
	}
	shown := *e
	shown.Reason = models.Printable(e.Reason)
	if e.Raised {
		return fmt.Errorf("chat template: it refuses this conversation: %w", &shown)
	}
	return fmt.Errorf("chat template: %w", &shown)
}

// roles are the words for speakers that chat templates know. They count as the template's text,
// because some templates spell control tokens with them: '<|' + message.role + '|>'. Any other role
// is data.
var roles = map[string]bool{
	"system": true, "developer": true, "user": true, "assistant": true, "model": true,
	"tool": true, "function": true, "ipython": true, "observation": true,
}

func role(name string) any {
	if roles[name] {
		return jinja.Trusted(name)
	}
	return name
}

// vars returns the template's variables.
func (v Values) vars() map[string]any {
	vars := map[string]any{"documents": nil, "add_generation_prompt": v.AddGenerationPrompt, "tools": v.Tools}
	if v.BOS != "" {
		vars["bos_token"] = jinja.Trusted(v.BOS)
	}
	if v.EOS != "" {
		vars["eos_token"] = jinja.Trusted(v.EOS)
	}
	messages := make([]jinja.Object, len(v.Messages))
	for i, m := range v.Messages {
		messages[i] = m.object()
	}
	vars["messages"] = messages
	for name, value := range v.Extra {
		vars[name] = value
	}
	return vars
}

// reasoningNames are the names of what a model thought before a message. Under any of them it is given to templates as
// reasoning_content and, unless they are told something else under that name, as thinking: so does the transformers library.
var reasoningNames = []string{"reasoning_content", "thinking", "reasoning"}

// object is the message as the template sees it: role, content, then Extra sorted by name.
func (m Message) object() jinja.Object {
	extra := m.Extra
	for _, name := range reasoningNames {
		if thought := m.Extra[name]; thought != nil {
			extra = maps.Clone(m.Extra)
			extra["reasoning_content"] = thought
			if _, set := extra["thinking"]; !set {
				extra["thinking"] = thought
			}
			break
		}
	}
	o := jinja.Object{{Name: "role", Value: role(m.Role)}, {Name: "content", Value: m.Content}}
	for _, name := range slices.Sorted(maps.Keys(extra)) {
		o = append(o, jinja.Field{Name: name, Value: extra[name]})
	}
	return o
}
