package serve

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"

	"soberano/engine"
	"soberano/engine/reply"
	"soberano/engine/vision"
)

// order returns what the request asks for, or a refusal.
func (r *chatRequest) order() (*order, error) {
	s, err := r.settings()
	if err != nil {
		return nil, err
	}
	o := &order{settings: s}
	if o.request.N, err = choices(r.N); err != nil {
		return nil, err
	}
	if o.request.MaxTokens, err = mostTokens(r.MaxCompletion, r.MaxTokens); err != nil {
		return nil, err
	}
	if err := r.ownParameters.into(o); err != nil {
		return nil, err
	}
	if o.request.Stop, err = stops(r.Stop); err != nil {
		return nil, err
	}
	if o.request.Grammar, err = r.spec(r.ResponseFormat); err != nil {
		return nil, err
	}
	for _, m := range r.Modalities {
		if m != "text" {
			return nil, unsupportedParameter("modalities")
		}
	}
	if o.request.Logprobs = r.Logprobs; r.TopLogprobs != nil {
		o.request.TopLogprobs = *r.TopLogprobs
	}
	if n := o.request.TopLogprobs; n < 0 || n > mostTop || n > 0 && !r.Logprobs {
		return nil, refuse("top_logprobs", "The parameter \"top_logprobs\" must be from 0 to %d, and needs \"logprobs\".", mostTop)
	}
	o.request.Variables = maps.Clone(r.Variables)
	effort(&o.request, r.ReasoningEffort)
	if err := r.tools(o); err != nil {
		return nil, err
	}
	return o, r.conversation(o)
}

// mostTop is the largest number of probable tokens that a request may ask for.
const mostTop = 20

// choices checks the number of answers; nil: one.
func choices(n *int) (int, error) {
	switch {
	case n == nil:
		return 1, nil
	case *n < 1 || *n > mostChoices:
		return 0, refuse("n", "The parameter \"n\" must be from 1 to %d.", mostChoices)
	}
	return *n, nil
}

// mostTokens returns the first of the limits that is set; 0: there is none.
func mostTokens(limits ...*int) (int, error) {
	for _, n := range limits {
		if n == nil {
			continue
		}
		if *n < 1 {
			return 0, refuse("max_tokens", "The largest number of tokens must be at least 1.")
		}
		return *n, nil
	}
	return 0, nil
}

// mostStops is the largest number of stop strings.
const mostStops = 4

// stops checks stop strings.
func stops(list []string) ([]string, error) {
	if len(list) > mostStops {
		return nil, refuse("stop", "The parameter \"stop\" may have at most %d strings.", mostStops)
	}
	for _, s := range list {
		if s == "" {
			return nil, refuse("stop", "A stop string is empty.")
		}
	}
	return list, nil
}

// effort sets the variables with which chat templates are told how much a model is to think; "": as the template has it.
func effort(r *engine.Request, level string) {
	if level == "" {
		return
	}
	if r.Variables == nil {
		r.Variables = map[string]any{}
	}
	thinks := level != "none"
	r.Variables["enable_thinking"], r.Variables["thinking"] = thinks, thinks
	if thinks {
		r.Variables["reasoning_effort"] = level
	}
}

// tools puts the tools into the order.
func (r *chatRequest) tools(o *order) error {
	o.oneCall = r.ParallelToolCalls != nil && !*r.ParallelToolCalls
	mode := "auto"
	if r.ToolChoice != nil && r.ToolChoice.mode != "" {
		mode = r.ToolChoice.mode
	}
	for i, t := range r.Tools {
		if t.Type != "function" || len(t.Function) == 0 {
			return refuse(fmt.Sprintf("tools[%d]", i), "A tool must be a function; only these are supported.")
		}
	}
	must := mode == "required" || mode == "function"
	switch {
	case !must && mode != "none" && mode != "auto":
		return refuse("tool_choice", "\"tool_choice\" is \"auto\", \"none\", \"required\" or a function.")
	case must && len(r.Tools) == 0:
		return refuse("tool_choice", "There are no tools to choose from.")
	case len(r.Tools) == 0 || mode == "none":
		return nil
	}
	raw, err := json.Marshal(r.Tools)
	if err != nil {
		return err
	}
	o.request.Tools = json.RawMessage(raw)
	if o.request.MustCall = must; must {
		o.request.Tool = r.ToolChoice.name
	}
	return nil
}

// conversation puts the messages into the order.
func (r *chatRequest) conversation(o *order) error {
	if len(r.Messages) == 0 {
		return refuse("messages", "There are no messages.")
	}
	for i, m := range r.Messages {
		msg, err := m.read(o, i)
		if err != nil {
			return err
		}
		o.request.Messages = append(o.request.Messages, msg)
	}
	return nil
}

// read returns message number at, and puts its images into the order.
func (m *chatMessage) read(o *order, at int) (engine.Message, error) {
	msg := engine.Message{Role: m.Role, Name: m.Name, CallID: m.ToolCallID, Thinking: m.Reasoning}
	switch m.Role {
	case "system", "user", "assistant", "tool":
	case "developer":
		msg.Role = "system"
	default:
		return msg, refuse(fmt.Sprintf("messages[%d].role", at), "The role of a message must be system, developer, user, assistant or tool.")
	}
	for _, c := range m.ToolCalls {
		arguments := json.RawMessage(c.Function.Arguments)
		if !json.Valid(arguments) {
			return msg, refuse(fmt.Sprintf("messages[%d].tool_calls", at), "The arguments of a call must be JSON.")
		}
		msg.Calls = append(msg.Calls, reply.Call{ID: c.ID, Name: c.Function.Name, Arguments: arguments})
	}
	var err error
	msg.Content, err = m.Content.read(o, at)
	return msg, err
}

// read returns the text of message number at, and puts its images into the order.
func (c chatContent) read(o *order, at int) (string, error) {
	param := fmt.Sprintf("messages[%d].content", at)
	var all []string
	for _, p := range c {
		switch {
		case p.Type == "text":
			all = append(all, p.Text)
		case p.Type == "refusal":
			all = append(all, p.Refusal)
		case p.Type == "image_url" && p.ImageURL != nil:
			if err := o.attach(param, at, func() (*vision.Image, error) { return dataURL(param, p.ImageURL.URL) }); err != nil {
				return "", err
			}
		default:
			return "", refuse(param, "Parts of the type %s are not supported.", quoted(p.Type))
		}
	}
	return strings.Join(all, "\n"), nil
}
