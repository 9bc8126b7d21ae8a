package serve

import (
	"encoding/json"
	"strings"
)

// chatRequest is the body of POST /v1/chat/completions. Besides OpenAI's parameters it has those of llama.cpp's and vLLM's servers that
// models are often used with (top_k, min_p, repeat_penalty, repetition_penalty, chat_template_kwargs), and ownParameters.
type chatRequest struct {
	Model    string        `json:"model"`
	Messages []chatMessage `json:"messages"`

	Stream        bool           `json:"stream"`
	StreamOptions *streamOptions `json:"stream_options"`
	N             *int           `json:"n"`
	MaxTokens     *int           `json:"max_tokens"`
	MaxCompletion *int           `json:"max_completion_tokens"`
	Stop          texts          `json:"stop"`
	openAISampling
	ownParameters

	Tools             []chatTool      `json:"tools"`
	ToolChoice        *toolChoice     `json:"tool_choice"`
	ParallelToolCalls *bool           `json:"parallel_tool_calls"`
	ReasoningEffort   string          `json:"reasoning_effort"`
	Variables         map[string]any  `json:"chat_template_kwargs"`
	ResponseFormat    *responseFormat `json:"response_format"`
	guided
	Logprobs    bool     `json:"logprobs"`
	TopLogprobs *int     `json:"top_logprobs"`
	Modalities  []string `json:"modalities"`

	Audio        absent `json:"audio"`
	Functions    absent `json:"functions"`
	FunctionCall absent `json:"function_call"`
	Prediction   absent `json:"prediction"`
	Verbosity    absent `json:"verbosity"`
	WebSearch    absent `json:"web_search_options"`

	openAIIgnored
}

// openAIIgnored are parameters that do not change the answer of a model on this machine.
type openAIIgnored struct {
	User             json.RawMessage `json:"user"`
	Store            json.RawMessage `json:"store"`
	Metadata         json.RawMessage `json:"metadata"`
	ServiceTier      json.RawMessage `json:"service_tier"`
	PromptCacheKey   json.RawMessage `json:"prompt_cache_key"`
	CacheRetention   json.RawMessage `json:"prompt_cache_retention"`
	SafetyIdentifier json.RawMessage `json:"safety_identifier"`
}

// chatMessage is a message of a conversation.
type chatMessage struct {
	Role       string      `json:"role"`
	Content    chatContent `json:"content"`
	Name       string      `json:"name"`
	ToolCalls  []toolCall  `json:"tool_calls"`
	ToolCallID string      `json:"tool_call_id"`
	Reasoning  string      `json:"reasoning_content"`

	Refusal      absent          `json:"refusal"`
	Audio        absent          `json:"audio"`
	FunctionCall absent          `json:"function_call"`
	Annotations  json.RawMessage `json:"annotations"`
	// Fields that litellm returns with a message, for other services.
	ProviderFields json.RawMessage `json:"provider_specific_fields"`
	Images         absent          `json:"images"`
	ThinkingBlocks absent          `json:"thinking_blocks"`
}

// chatContent is a text, or a list of parts.
type chatContent []chatPart

// UnmarshalJSON implements json.Unmarshaler.
func (c *chatContent) UnmarshalJSON(raw []byte) error {
	if strings.HasPrefix(string(raw), "[") {
		var parts []chatPart
		if err := strict(raw, &parts); err != nil {
			return err
		}
		*c = parts
		return nil
	}
	var one *string
	if err := json.Unmarshal(raw, &one); err != nil || one == nil {
		return err
	}
	*c = chatContent{{Type: "text", Text: *one}}
	return nil
}

// chatPart is a part of a message.
type chatPart struct {
	Type     string     `json:"type"`
	Text     string     `json:"text"`
	ImageURL *chatImage `json:"image_url"`
	Refusal  string     `json:"refusal"`

	InputAudio   absent          `json:"input_audio"`
	File         absent          `json:"file"`
	CacheControl json.RawMessage `json:"cache_control"` // of litellm, for other services
}

type chatImage struct {
	URL    string          `json:"url"`
	Detail json.RawMessage `json:"detail"` // a model here sees an image in its own way
	Format json.RawMessage `json:"format"` // the file says it itself
}

// chatTool describes a tool.
type chatTool struct {
	Type     string          `json:"type"`
	Function json.RawMessage `json:"function"`
}

// toolCall is a call of a tool.
type toolCall struct {
	Index    *int         `json:"index,omitempty"`
	ID       string       `json:"id"`
	Type     string       `json:"type"`
	Function toolFunction `json:"function"`
}

type toolFunction struct {
	Name      string `json:"name"`
	Arguments string `json:"arguments"`
}

// toolChoice is "none", "auto" or "required", or names a tool.
type toolChoice struct {
	mode string // "none", "auto", "required", "function"
	name string
}

// UnmarshalJSON implements json.Unmarshaler.
func (t *toolChoice) UnmarshalJSON(raw []byte) error {
	if json.Unmarshal(raw, &t.mode) == nil {
		return nil
	}
	var named struct {
		Type     string `json:"type"`
		Function struct {
			Name string `json:"name"`
		} `json:"function"`
	}
	if err := json.Unmarshal(raw, &named); err != nil {
		return err
	}
	t.mode, t.name = named.Type, named.Function.Name
	return nil
}

// responseFormat is the form of the answer. The types regex, grammar and choice are not OpenAI's.
type responseFormat struct {
	Type       string          `json:"type"`
	JSONSchema *namedSchema    `json:"json_schema"`
	Schema     json.RawMessage `json:"schema"` // of llama.cpp's server, with the type json_object
	Regex      string          `json:"regex"`
	Grammar    string          `json:"grammar"`
	Choices    []string        `json:"choices"`
}

type namedSchema struct {
	Name        json.RawMessage `json:"name"`
	Description json.RawMessage `json:"description"`
	Strict      json.RawMessage `json:"strict"` // a schema is always kept
	Schema      json.RawMessage `json:"schema"`
}
