package serve

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"soberano/engine"
	"soberano/engine/grammar"
	"soberano/engine/reply"
	"soberano/engine/sample"
	"soberano/engine/vision"
)

// anthropic is the form of Anthropic's Messages API (docs.anthropic.com/en/api/messages).
var anthropic = &dialect{name: "Anthropic", fail: func(f *failure) (int, any) { return f.status(), anthropicError(f) }}

type anthropicFailure struct {
	Type  string         `json:"type"`
	Error anthropicFault `json:"error"`
	ID    string         `json:"request_id"`
}

type anthropicFault struct {
	Type    string `json:"type"`
	Message string `json:"message"`
}

func anthropicError(f *failure) anthropicFailure {
	kind := map[class]string{invalid: "invalid_request_error", unauthorized: "authentication_error", forbidden: "permission_error", missing: "not_found_error",
		methodUnknown: "invalid_request_error", tooLarge: "request_too_large", overloaded: "rate_limit_error", unavailable: "overloaded_error"}[f.class]
	if kind == "" {
		kind = "api_error"
	}
	return anthropicFailure{"error", anthropicFault{kind, f.message}, newID("req_")}
}

// anthropicRequest is the body of POST /v1/messages and, without what concerns the answer, of /v1/messages/count_tokens.
type anthropicRequest struct {
	Model       string             `json:"model"`
	Messages    []anthropicMessage `json:"messages"`
	System      anthropicContent   `json:"system"`
	MaxTokens   *int               `json:"max_tokens"`
	Stop        []string           `json:"stop_sequences"`
	Stream      bool               `json:"stream"`
	Temperature *float64           `json:"temperature"`
	TopK        *int               `json:"top_k"`
	TopP        *float64           `json:"top_p"`
	Tools       []anthropicTool    `json:"tools"`
	ToolChoice  *anthropicChoice   `json:"tool_choice"`
	Thinking    *anthropicThinking `json:"thinking"`
	Output      *anthropicOutput   `json:"output_config"`
	besideParameters

	Container    absent          `json:"container"`
	Servers      absent          `json:"mcp_servers"`
	Context      absent          `json:"context_management"`
	Metadata     json.RawMessage `json:"metadata"`
	ServiceTier  json.RawMessage `json:"service_tier"`
	CacheControl json.RawMessage `json:"cache_control"`
}

type anthropicMessage struct {
	Role    string           `json:"role"`
	Content anthropicContent `json:"content"`
}

// anthropicContent is a text or a list of blocks.
type anthropicContent []anthropicBlock

// UnmarshalJSON implements json.Unmarshaler.
func (c *anthropicContent) UnmarshalJSON(raw []byte) error {
	if strings.HasPrefix(string(raw), "[") {
		return strict(raw, (*[]anthropicBlock)(c))
	}
	var one *string
	if err := json.Unmarshal(raw, &one); err != nil || one == nil {
		return err
	}
	*c = anthropicContent{{Type: "text", Text: *one}}
	return nil
}

// anthropicBlock is a part of a message of any type.
type anthropicBlock struct {
	Type      string           `json:"type"`
	Text      string           `json:"text"`
	Source    *anthropicSource `json:"source"`
	ID        string           `json:"id"`
	Name      string           `json:"name"`
	Input     json.RawMessage  `json:"input"`
	ToolUseID string           `json:"tool_use_id"`
	Content   anthropicContent `json:"content"`
	IsError   bool             `json:"is_error"`
	Thinking  string           `json:"thinking"`

	Signature    json.RawMessage `json:"signature"`
	CacheControl json.RawMessage `json:"cache_control"`
	Citations    json.RawMessage `json:"citations"` // of an answer, which is given back
	Caller       json.RawMessage `json:"caller"`
	Toolset      absent          `json:"toolset_name"`
	Title        absent          `json:"title"`
	Context      absent          `json:"context"`
	Data         absent          `json:"data"`
}

type anthropicSource struct {
	Type      string `json:"type"`
	MediaType string `json:"media_type"`
	Data      string `json:"data"`
	URL       string `json:"url"`
	FileID    string `json:"file_id"`
}

type anthropicTool struct {
	Type         string          `json:"type"`
	Name         string          `json:"name"`
	Description  string          `json:"description"`
	InputSchema  json.RawMessage `json:"input_schema"`
	CacheControl json.RawMessage `json:"cache_control"`
	Strict       absent          `json:"strict"`
}

type anthropicChoice struct {
	Type            string `json:"type"`
	Name            string `json:"name"`
	DisableParallel bool   `json:"disable_parallel_tool_use"`
}

type anthropicThinking struct {
	Type    string          `json:"type"`
	Budget  int             `json:"budget_tokens"`
	Display json.RawMessage `json:"display"`
}

type anthropicOutput struct {
	Effort string           `json:"effort"`
	Format *anthropicFormat `json:"format"`
}

type anthropicFormat struct {
	Type   string          `json:"type"`
	Schema json.RawMessage `json:"schema"`
}

// order returns what the request asks for, or a refusal.
func (r *anthropicRequest) order() (*order, error) {
	o := &order{}
	if r.MaxTokens == nil {
		return nil, refuse("max_tokens", "max_tokens: Field required")
	}
	var err error
	if o.request.MaxTokens, err = mostTokens(r.MaxTokens); err != nil {
		return nil, err
	}
	if err := within("temperature", r.Temperature, 0, 1); err != nil {
		return nil, err
	}
	if err := within("top_p", r.TopP, 0, 1); err != nil {
		return nil, err
	}
	for _, s := range r.Stop {
		if strings.TrimSpace(s) == "" {
			return nil, refuse("stop_sequences", "stop_sequences: each stop sequence must contain non-whitespace")
		}
	}
	o.request.Stop = r.Stop
	set(&o.settings, r.Temperature, func(p *sample.Params, v float64) { p.Temperature = float32(v) })
	set(&o.settings, r.TopP, func(p *sample.Params, v float64) { p.TopP = float32(v) })
	set(&o.settings, r.TopK, func(p *sample.Params, v int) { p.TopK = v })
	if err := r.form(o); err != nil {
		return nil, err
	}
	if err := r.besideParameters.into(o); err != nil {
		return nil, err
	}
	return o, r.prompt(o)
}

// form sets how much the model thinks, and the form of the answer.
func (r *anthropicRequest) form(o *order) error {
	if r.Thinking != nil {
		switch r.Thinking.Type {
		case "enabled", "adaptive":
			effort(&o.request, "medium")
			o.request.MaxThinking = max(0, r.Thinking.Budget)
		case "disabled":
			effort(&o.request, "none")
		default:
			return refuse("thinking", "thinking.type must be enabled, adaptive or disabled")
		}
	}
	if r.Output == nil {
		return nil
	}
	if r.Output.Effort != "" {
		effort(&o.request, r.Output.Effort)
	}
	if f := r.Output.Format; f != nil {
		if f.Type != "json_schema" || len(f.Schema) == 0 {
			return refuse("output_config.format", "output_config.format must be a json_schema")
		}
		o.request.Grammar = grammar.Spec{Schema: f.Schema}
	}
	return nil
}

// prompt puts the tools and the messages into the order.
func (r *anthropicRequest) prompt(o *order) error {
	if len(r.Messages) == 0 {
		return refuse("messages", "messages: at least one message is required")
	}
	if err := r.tools(o); err != nil {
		return err
	}
	if len(r.System) > 0 {
		text, err := r.System.text("system")
		if err != nil {
			return err
		}
		o.request.Messages = append(o.request.Messages, engine.Message{Role: "system", Content: text})
	}
	for i, m := range r.Messages {
		if m.Role != "user" && m.Role != "assistant" {
			return refuse(fmt.Sprintf("messages.%d.role", i), "messages.%d.role: must be user or assistant", i)
		}
		if err := m.read(o, fmt.Sprintf("messages.%d.content", i)); err != nil {
			return err
		}
	}
	if len(o.request.Messages) == 0 {
		return refuse("messages", "messages: they have no content")
	}
	last := o.request.Messages[len(o.request.Messages)-1]
	o.request.Continue = last.Role == "assistant" // the answer goes on from there
	if o.request.Continue && (last.Content == "" || len(last.Calls) > 0) {
		return refuse("messages", "messages: the last message of the assistant must be a text that the answer continues")
	}
	return nil
}

// tools puts the tools into the order, in the form of chat templates.
func (r *anthropicRequest) tools(o *order) error {
	if c := r.ToolChoice; c != nil {
		o.oneCall = c.DisableParallel
		switch c.Type {
		case "auto":
		case "none":
			return nil
		case "any":
			o.request.MustCall = true
		case "tool":
			if o.request.MustCall, o.request.Tool = true, c.Name; c.Name == "" {
				return refuse("tool_choice.name", "tool_choice.name: Field required")
			}
		default:
			return refuse("tool_choice.type", "tool_choice.type must be auto, any, tool or none")
		}
	}
	if len(r.Tools) == 0 {
		if o.request.MustCall {
			return refuse("tool_choice", "tool_choice: there are no tools to choose from")
		}
		return nil
	}
	type function struct {
		Name        string          `json:"name"`
		Description string          `json:"description"`
		Parameters  json.RawMessage `json:"parameters"`
	}
	type tool struct {
		Type     string   `json:"type"`
		Function function `json:"function"`
	}
	var list []tool
	for i, t := range r.Tools {
		if t.Type != "" && t.Type != "custom" || t.Name == "" || len(t.InputSchema) == 0 {
			return refuse(fmt.Sprintf("tools.%d", i), "tools.%d: only tools with a name and an input_schema are supported", i)
		}
		list = append(list, tool{"function", function{t.Name, t.Description, t.InputSchema}})
	}
	raw, err := json.Marshal(list)
	o.request.Tools = json.RawMessage(raw)
	return err
}

// text returns the text of blocks that may only be texts.
func (c anthropicContent) text(param string) (string, error) {
	var all []string
	for _, b := range c {
		if b.Type != "text" {
			return "", refuse(param, "%s: blocks of the type %s are not supported", param, quoted(b.Type))
		}
		all = append(all, b.Text)
	}
	return strings.Join(all, "\n"), nil
}

// read adds a message to the order. The results of calls become messages of their own. Messages of one role in a row are one message.
func (m *anthropicMessage) read(o *order, param string) error {
	msg := engine.Message{Role: m.Role}
	at := len(o.request.Messages) // where msg will be
	results := slices.ContainsFunc(m.Content, func(b anthropicBlock) bool { return b.Type == "tool_result" })
	if n := at - 1; n >= 0 && o.request.Messages[n].Role == m.Role && len(o.request.Messages[n].Calls) == 0 && !results {
		msg, at = o.request.Messages[n], n
		o.request.Messages = o.request.Messages[:n]
	}
	var all []string
	if msg.Content != "" {
		all = append(all, msg.Content)
	}
	for _, b := range m.Content {
		switch {
		case b.Type == "text":
			all = append(all, b.Text)
		case b.Type == "thinking":
			msg.Thinking += b.Thinking
		case b.Type == "redacted_thinking":
		case b.Type == "image" && b.Source != nil:
			if err := o.attach(param, at, func() (*vision.Image, error) { return b.Source.image(param) }); err != nil {
				return err
			}
		case b.Type == "tool_use" && m.Role == "assistant":
			if !json.Valid(b.Input) {
				return refuse(param, "%s: the input of a tool_use must be JSON", param)
			}
			msg.Calls = append(msg.Calls, reply.Call{ID: b.ID, Name: b.Name, Arguments: b.Input})
		case b.Type == "tool_result" && m.Role == "user" && len(all) == 0:
			text, err := b.Content.text(param)
			if err != nil {
				return err
			}
			if b.IsError {
				text = "Error: " + text
			}
			o.request.Messages = append(o.request.Messages, engine.Message{Role: "tool", Content: text, CallID: b.ToolUseID, Name: o.called(b.ToolUseID)})
			at++
		default:
			return refuse(param, "%s: blocks of the type %s are not supported here", param, quoted(b.Type))
		}
	}
	msg.Content = strings.Join(all, "\n")
	if m.Role == "assistant" || msg.Content != "" || o.sees(at) {
		o.request.Messages = append(o.request.Messages, msg)
	}
	return nil
}

// sees reports whether message number at has images.
func (o *order) sees(at int) bool {
	for _, a := range o.request.Images {
		if a.Message == at {
			return true
		}
	}
	return false
}

// called returns the name of the tool of a call; "" if there is no such call.
func (o *order) called(id string) string {
	for _, m := range o.request.Messages {
		for _, c := range m.Calls {
			if c.ID == id {
				return c.Name
			}
		}
	}
	return ""
}

func (s *anthropicSource) image(param string) (*vision.Image, error) {
	if s.Type != "base64" {
		return nil, refuse(param, "%s: images have to be in the request, in base64: this program makes no connections to fetch them", param)
	}
	return base64Image(param, s.Data)
}

// anthropicCount answers POST /v1/messages/count_tokens.
func anthropicCount(c *call) error {
	var r anthropicRequest
	if err := c.parse(&r); err != nil {
		return err
	}
	o := &order{}
	if err := r.form(o); err != nil {
		return err
	}
	if err := r.prompt(o); err != nil {
		return err
	}
	g, err := c.generate(r.Model, o)
	if err != nil {
		return err
	}
	defer g.close()
	ids, err := g.lease.Model.PromptTokens(g.request)
	if err != nil {
		return err
	}
	return c.reply(http.StatusOK, anthropicTokens{len(ids)})
}

type anthropicTokens struct {
	Input int `json:"input_tokens"`
}
