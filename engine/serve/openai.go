package serve

import (
	"encoding/json"
	"net/http"
	"strings"
)

// openAI is the form of OpenAI's interface (github.com/openai/openai-openapi).
var openAI = &dialect{name: "OpenAI", fail: func(f *failure) (int, any) { return f.status(), openAIError(f) }}

// openAIFailure is the body of a failure.
type openAIFailure struct {
	Error openAIFault `json:"error"`
}

type openAIFault struct {
	Message string  `json:"message"`
	Type    string  `json:"type"`
	Param   *string `json:"param"`
	Code    *string `json:"code"`
}

func openAIError(f *failure) openAIFailure {
	kind := "invalid_request_error"
	switch f.class {
	case overloaded:
		kind = "rate_limit_error"
	case unavailable, generation, incomplete:
		kind = "server_error"
	case unauthorized:
		kind = "authentication_error"
	}
	return openAIFailure{openAIFault{f.message, kind, text(f.param), text(f.code)}}
}

// text returns nil for "".
func text(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// openAIFails tells a failure within a stream.
func openAIFails(s *stream, f *failure) {
	if s.send("", openAIError(f)) == nil {
		_ = s.send("", "[DONE]") // the client may be gone
	}
}

// openAIModel describes a model.
type openAIModel struct {
	ID      string `json:"id"`
	Object  string `json:"object"`
	Created int64  `json:"created"`
	OwnedBy string `json:"owned_by"`
	Kind    Kind   `json:"kind"`
	Title   string `json:"title"`
	Context int    `json:"context_length,omitempty"`
	Parent  string `json:"parent,omitempty"` // of a model with an adapter, as in vLLM's server: the model without it
}

type openAIModels struct {
	Object string        `json:"object"`
	Data   []openAIModel `json:"data"`
}

func openAIModelOf(m Model) openAIModel {
	return openAIModel{m.ID, "model", max(0, m.Added.Unix()), "local", m.Kind, m.Title, m.Context, m.Base}
}

// openAIList answers GET /v1/models.
func openAIList(c *call) error {
	list, err := c.models.List()
	if err != nil {
		return err
	}
	out := openAIModels{Object: "list", Data: []openAIModel{}}
	for _, m := range list {
		out.Data = append(out.Data, openAIModelOf(m))
	}
	return c.reply(http.StatusOK, out)
}

// openAIOne answers GET /v1/models/{model}.
func openAIOne(c *call) error {
	m, err := c.models.Named(c.r.PathValue("model"))
	if err != nil {
		return err
	}
	return c.reply(http.StatusOK, openAIModelOf(m))
}

// quoted returns a name between quotation marks.
func quoted(name string) string {
	b, err := json.Marshal(name)
	if err != nil { // a string always encodes
		return name
	}
	return string(b)
}

// texts is a text or a list of texts.
type texts []string

// UnmarshalJSON implements json.Unmarshaler.
func (t *texts) UnmarshalJSON(raw []byte) error {
	if strings.HasPrefix(string(raw), "[") {
		return json.Unmarshal(raw, (*[]string)(t))
	}
	var one *string
	if err := json.Unmarshal(raw, &one); err != nil || one == nil {
		return err
	}
	*t = texts{*one}
	return nil
}

// openAIUsage counts tokens.
type openAIUsage struct {
	Prompt     int                `json:"prompt_tokens"`
	Completion int                `json:"completion_tokens"`
	Total      int                `json:"total_tokens"`
	Details    openAIUsageDetails `json:"prompt_tokens_details"`
	Dropped    int                `json:"dropped_tokens,omitempty"` // left out, since the context was full; not OpenAI's
}

type openAIUsageDetails struct {
	Cached int `json:"cached_tokens"`
}

func (g *generating) openAIUsage() *openAIUsage {
	prompt, cached, generated := g.usage()
	return &openAIUsage{prompt, generated, prompt + generated, openAIUsageDetails{cached}, g.dropped()}
}

// streamOptions are the options of a stream.
type streamOptions struct {
	IncludeUsage       bool   `json:"include_usage"`
	IncludeObfuscation absent `json:"include_obfuscation"`
}
