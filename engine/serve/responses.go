package serve

import (
	"encoding/json"
	"fmt"
	"strings"

	"soberano/engine"
	"soberano/engine/reply"
	"soberano/engine/vision"
)

// responsesRequest is the body of POST /v1/responses.
type responsesRequest struct {
	Model             string             `json:"model"`
	Input             responsesInput     `json:"input"`
	Instructions      string             `json:"instructions"`
	MaxOutput         *int               `json:"max_output_tokens"`
	Temperature       *float64           `json:"temperature"`
	TopP              *float64           `json:"top_p"`
	TopLogprobs       *int               `json:"top_logprobs"`
	Stream            bool               `json:"stream"`
	StreamOptions     *streamOptions     `json:"stream_options"`
	Tools             []responsesTool    `json:"tools"`
	ToolChoice        *toolChoice        `json:"tool_choice"`
	ParallelToolCalls *bool              `json:"parallel_tool_calls"`
	Reasoning         *responsesThinking `json:"reasoning"`
	Text              *responsesText     `json:"text"`
	Truncation        string             `json:"truncation"`
	Include           []string           `json:"include"`
	ownParameters

	Background   absent `json:"background"`
	Conversation absent `json:"conversation"`
	Previous     absent `json:"previous_response_id"` // answers are not stored
	Prompt       absent `json:"prompt"`
	MaxToolCalls absent `json:"max_tool_calls"`
	Management   absent `json:"context_management"`

	openAIIgnored
}

type responsesThinking struct {
	Effort  string `json:"effort"`
	Summary absent `json:"summary"`
}

type responsesText struct {
	Format    *responsesFormat `json:"format"`
	Verbosity absent           `json:"verbosity"`
}

type responsesFormat struct {
	Type string `json:"type"`
	namedSchema
}

// responsesTool describes a tool.
type responsesTool struct {
	Type        string          `json:"type"`
	Name        string          `json:"name"`
	Description string          `json:"description,omitempty"`
	Parameters  json.RawMessage `json:"parameters,omitempty"`
	Strict      json.RawMessage `json:"strict,omitempty"`
}

// responsesInput is a text or a list of items.
type responsesInput []responsesItem

// UnmarshalJSON implements json.Unmarshaler.
func (r *responsesInput) UnmarshalJSON(raw []byte) error {
	if strings.HasPrefix(string(raw), "[") {
		return strict(raw, (*[]responsesItem)(r))
	}
	var one *string
	if err := json.Unmarshal(raw, &one); err != nil || one == nil {
		return err
	}
	*r = responsesInput{{Role: "user", Content: responsesContent{{Type: "input_text", Text: *one}}}}
	return nil
}

// responsesItem is an item of the input: a message, a call of a tool, the result of one, or a thought.
type responsesItem struct {
	Type      string           `json:"type"` // "": a message
	Role      string           `json:"role"`
	Content   responsesContent `json:"content"`
	CallID    string           `json:"call_id"`
	Name      string           `json:"name"`
	Arguments string           `json:"arguments"`
	Output    responsesContent `json:"output"`

	ID        json.RawMessage `json:"id"`
	Status    json.RawMessage `json:"status"`
	Phase     json.RawMessage `json:"phase"`
	Summary   json.RawMessage `json:"summary"`
	Namespace absent          `json:"namespace"`
	Caller    json.RawMessage `json:"caller"`
	Encrypted absent          `json:"encrypted_content"`
}

// responsesContent is a text or a list of parts.
type responsesContent []responsesPart

// UnmarshalJSON implements json.Unmarshaler.
func (c *responsesContent) UnmarshalJSON(raw []byte) error {
	if strings.HasPrefix(string(raw), "[") {
		return strict(raw, (*[]responsesPart)(c))
	}
	var one *string
	if err := json.Unmarshal(raw, &one); err != nil || one == nil {
		return err
	}
	*c = responsesContent{{Type: "input_text", Text: *one}}
	return nil
}

type responsesPart struct {
	Type     string `json:"type"`
	Text     string `json:"text"`
	ImageURL string `json:"image_url"`
	Refusal  string `json:"refusal"`

	Detail      json.RawMessage `json:"detail"`
	Annotations json.RawMessage `json:"annotations"`
	Logprobs    json.RawMessage `json:"logprobs"` // of an answer, which is given back
	FileID      absent          `json:"file_id"`
	Audio       absent          `json:"input_audio"`
}

// order returns what the request asks for, or a refusal.
func (r *responsesRequest) order() (*order, error) {
	s, err := (&openAISampling{Temperature: r.Temperature, TopP: r.TopP}).settings()
	if err != nil {
		return nil, err
	}
	o := &order{settings: s}
	if o.request.MaxTokens, err = mostTokens(r.MaxOutput); err != nil {
		return nil, err
	}
	switch r.Truncation {
	case "", "disabled":
	case "auto":
		o.request.Overflow = engine.DropMiddle
	default:
		return nil, refuse("truncation", "The parameter \"truncation\" must be auto or disabled.")
	}
	if err := r.ownParameters.into(o); err != nil {
		return nil, err
	}
	if err := r.include(o); err != nil {
		return nil, err
	}
	if r.Reasoning != nil {
		effort(&o.request, r.Reasoning.Effort)
	}
	if r.Text != nil && r.Text.Format != nil {
		f := r.Text.Format
		if o.request.Grammar, err = (&guided{}).spec(&responseFormat{Type: f.Type, JSONSchema: &f.namedSchema}); err != nil {
			return nil, err
		}
	}
	tools, err := r.tools()
	if err != nil {
		return nil, err
	}
	if err := (&chatRequest{Tools: tools, ToolChoice: r.ToolChoice, ParallelToolCalls: r.ParallelToolCalls}).tools(o); err != nil {
		return nil, err
	}
	return o, r.conversation(o)
}

// include sets what is told besides the answer.
func (r *responsesRequest) include(o *order) error {
	for _, what := range r.Include {
		switch what {
		case "message.output_text.logprobs":
			o.request.Logprobs = true
		case "reasoning.encrypted_content": // there is none: thoughts are given as they are
		default:
			return unsupportedParameter("include")
		}
	}
	if r.TopLogprobs != nil {
		if n := *r.TopLogprobs; n < 0 || n > mostTop || n > 0 && !o.request.Logprobs {
			return refuse("top_logprobs", "The parameter \"top_logprobs\" must be from 0 to %d, and needs message.output_text.logprobs in \"include\".", mostTop)
		}
		o.request.TopLogprobs = *r.TopLogprobs
	}
	return nil
}

// tools returns the tools in the form of chat completions.
func (r *responsesRequest) tools() (list []chatTool, err error) {
	type function struct {
		Name        string          `json:"name"`
		Description string          `json:"description,omitempty"`
		Parameters  json.RawMessage `json:"parameters,omitempty"`
	}
	for i, t := range r.Tools {
		if t.Type != "function" || t.Name == "" {
			return nil, refuse(fmt.Sprintf("tools[%d]", i), "A tool must be a function; only these are supported.")
		}
		raw, err := json.Marshal(function{t.Name, t.Description, t.Parameters})
		if err != nil {
			return nil, err
		}
		list = append(list, chatTool{"function", raw})
	}
	return list, nil
}

// conversation puts the items into the order.
func (r *responsesRequest) conversation(o *order) error {
	if len(r.Input) == 0 {
		return refuse("input", "There is no input.")
	}
	if r.Instructions != "" {
		o.request.Messages = append(o.request.Messages, engine.Message{Role: "system", Content: r.Instructions})
	}
	thought := ""
	for i, item := range r.Input {
		if item.Type == "reasoning" {
			text, err := item.Content.read(o, i)
			if err != nil {
				return err
			}
			thought += text
			continue
		}
		if err := item.read(o, i, thought); err != nil {
			return err
		}
		thought = ""
	}
	return nil
}

// read adds item number i to the order. Calls in a row belong to one message. thought is what the model thought before the item.
func (m *responsesItem) read(o *order, i int, thought string) error {
	param := fmt.Sprintf("input[%d]", i)
	list := &o.request.Messages
	switch m.Type {
	case "", "message":
		role := m.Role
		switch role {
		case "user", "assistant", "system":
		case "developer":
			role = "system"
		default:
			return refuse(param+".role", "The role of a message must be user, assistant, system or developer.")
		}
		text, err := m.Content.read(o, i)
		*list = append(*list, engine.Message{Role: role, Content: text, Thinking: thought})
		return err
	case "function_call":
		if !json.Valid([]byte(m.Arguments)) {
			return refuse(param, "The arguments of a call must be JSON.")
		}
		call := reply.Call{ID: m.CallID, Name: m.Name, Arguments: json.RawMessage(m.Arguments)}
		if n := len(*list) - 1; n >= 0 && (*list)[n].Role == "assistant" {
			(*list)[n].Calls = append((*list)[n].Calls, call)
			return nil
		}
		*list = append(*list, engine.Message{Role: "assistant", Calls: []reply.Call{call}, Thinking: thought})
		return nil
	case "function_call_output":
		text, err := m.Output.read(o, i)
		*list = append(*list, engine.Message{Role: "tool", Content: text, CallID: m.CallID, Name: o.called(m.CallID)})
		return err
	}
	return refuse(param+".type", "Items of the type %s are not supported.", quoted(m.Type))
}

// read returns the text of a content, and adds its images to the message that comes next.
func (c responsesContent) read(o *order, i int) (string, error) {
	param := fmt.Sprintf("input[%d].content", i)
	var all []string
	for _, p := range c {
		switch p.Type {
		case "input_text", "output_text", "text", "reasoning_text":
			all = append(all, p.Text)
		case "refusal":
			all = append(all, p.Refusal)
		case "input_image":
			if err := o.attach(param, len(o.request.Messages), func() (*vision.Image, error) { return dataURL(param, p.ImageURL) }); err != nil {
				return "", err
			}
		default:
			return "", refuse(param, "Parts of the type %s are not supported.", quoted(p.Type))
		}
	}
	return strings.Join(all, "\n"), nil
}
