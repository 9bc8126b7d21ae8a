package engine

import (
	"encoding/json"

	"soberano/engine/prompt/jinja"
	"soberano/engine/reply"
)

// extra returns what a chat template may read of a message besides its role and content, under the names of the transformers library:
// tool_calls, tool_call_id, name, reasoning_content.
func (m Message) extra() map[string]any {
	extra := map[string]any{}
	for name, text := range map[string]string{"reasoning_content": m.Thinking, "tool_call_id": m.CallID, "name": m.Name} {
		if text != "" {
			extra[name] = text
		}
	}
	var calls []any
	for _, c := range m.Calls {
		function := jinja.Object{{Name: "name", Value: c.Name}, {Name: "arguments", Value: c.Arguments}}
		calls = append(calls, jinja.Object{{Name: "id", Value: c.ID}, {Name: "type", Value: "function"}, {Name: "function", Value: function}})
	}
	if calls != nil {
		extra["tool_calls"] = calls
	}
	return extra
}

// toolTypes returns the types of the parameters of tools, which are JSON schemas as in Request.Tools:
//
//	[{"type": "function", "function": {"name": f, "parameters": {"properties": {p: {"type": "string"}}}}}]
//
// Of tools in another form no type is known; then reply takes a value for what it looks like.
func toolTypes(tools any) reply.TypeOf {
	type function struct {
		Name       string
		Parameters struct {
			Properties map[string]struct{ Type any }
		}
	}
	var list []struct {
		function
		Function function
	}
	types := map[[2]string]string{}
	raw, err := json.Marshal(tools)
	if err != nil || json.Unmarshal(raw, &list) != nil {
		return nil
	}
	for _, tool := range list {
		for _, f := range []function{tool.Function, tool.function} {
			for name, p := range f.Parameters.Properties {
				if text, ok := p.Type.(string); ok {
					types[[2]string{f.Name, name}] = text
				}
			}
		}
	}
	return func(tool, parameter string) string { return types[[2]string{tool, parameter}] }
}
