package reply

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
)

// parseJSON reads calls as JSON: an object, a list of objects, or several in a row.
func parseJSON(body string, _ TypeOf) ([]Call, bool) {
	body = strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(body), "<|/tool_call|>"))
	body = unfenced(body)
	d := json.NewDecoder(strings.NewReader(body))
	var calls []Call
	for {
		var raw json.RawMessage
		if err := d.Decode(&raw); err == io.EOF {
			return calls, len(calls) > 0
		} else if err != nil {
			return nil, false
		}
		var ok bool
		if calls, ok = appendJSON(calls, raw); !ok {
			return nil, false
		}
	}
}

// unfenced returns the text within a fenced block of code.
func unfenced(s string) string {
	if !strings.HasPrefix(s, "```") || !strings.HasSuffix(s, "```") || len(s) < 6 {
		return s
	}
	_, s, _ = strings.Cut(strings.TrimSuffix(s, "```"), "\n")
	return strings.TrimSpace(s)
}

// appendJSON appends the call of an object, or those of a list.
func appendJSON(calls []Call, raw json.RawMessage) ([]Call, bool) {
	if raw = bytes.TrimSpace(raw); len(raw) > 0 && raw[0] == '[' {
		var list []json.RawMessage
		if json.Unmarshal(raw, &list) != nil {
			return nil, false
		}
		for _, x := range list {
			if bytes.HasPrefix(bytes.TrimSpace(x), []byte("[")) {
				return nil, false
			}
			more, ok := appendJSON(calls, x)
			if !ok {
				return nil, false
			}
			calls = more
		}
		return calls, true
	}
	c, ok := jsonCall(raw)
	return append(calls, c), ok
}

// jsonCall reads a call in one of its forms:
//
//	{"name": f, "arguments": {…}}   {"name": f, "parameters": {…}}   {"tool_name": f, "parameters": {…}}
//	{"function": {"name": f, "arguments": {…}}}   {f: {…}}
//
// The arguments may be JSON within a string.
func jsonCall(raw json.RawMessage) (Call, bool) {
	var f struct {
		ID         string          `json:"id"`
		CallID     string          `json:"tool_call_id"`
		Name       string          `json:"name"`
		ToolName   string          `json:"tool_name"`
		Arguments  json.RawMessage `json:"arguments"`
		Parameters json.RawMessage `json:"parameters"`
		Function   json.RawMessage `json:"function"`
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(raw, &members) != nil || members == nil {
		return Call{}, false
	}
	if len(members) == 1 {
		for name, value := range members {
			if arguments, ok := jsonObject(value); ok && name != "function" {
				return Call{Name: name, Arguments: arguments}, name != ""
			}
		}
	}
	if json.Unmarshal(raw, &f) != nil {
		return Call{}, false
	}
	if len(f.Function) > 0 && f.Function[0] == '{' {
		c, ok := jsonCall(f.Function)
		c.ID = f.ID
		return c, ok
	}
	c := Call{ID: f.ID, Name: f.Name}
	if c.Name == "" {
		c.Name = f.ToolName
	}
	if c.ID == "" {
		c.ID = f.CallID
	}
	if f.Arguments == nil {
		f.Arguments = f.Parameters
	}
	if f.Arguments == nil {
		f.Arguments = json.RawMessage("{}")
	}
	var ok bool
	c.Arguments, ok = jsonObject(f.Arguments)
	return c, ok && c.Name != ""
}

// jsonObject returns an object, also one within a string; null is an empty one.
func jsonObject(raw json.RawMessage) (json.RawMessage, bool) {
	var text string
	if json.Unmarshal(raw, &text) == nil && text != "" {
		raw = json.RawMessage(text)
	}
	if string(raw) == "null" {
		raw = json.RawMessage("{}")
	}
	out, ok := compact(raw)
	return out, ok && out[0] == '{'
}

// parseLlama reads what Llama 3 writes: JSON, several objects separated by semicolons, or Python.
func parseLlama(body string, typeOf TypeOf) ([]Call, bool) {
	body = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(body), "<|python_tag|>"))
	if !strings.HasPrefix(body, "{") {
		return parsePython(body, typeOf)
	}
	d := json.NewDecoder(strings.NewReader(body))
	var calls []Call
	for {
		var raw json.RawMessage
		if d.Decode(&raw) != nil {
			return nil, false
		}
		c, ok := jsonCall(raw)
		var form struct{ Name string }
		if !ok || json.Unmarshal(raw, &form) != nil || form.Name == "" { // any other object is an answer
			return nil, false
		}
		calls = append(calls, c)
		body = strings.TrimLeft(body[d.InputOffset():], " \t\r\n;")
		if body == "" {
			return calls, true
		}
		d = json.NewDecoder(strings.NewReader(body))
	}
}

// parseMistral reads what follows [TOOL_CALLS]: a list of objects, or
//
//	name[CALL_ID]id[ARGS]{…}[TOOL_CALLS]name[ARGS]{…}
func parseMistral(body string, typeOf TypeOf) ([]Call, bool) {
	if s := strings.TrimSpace(body); strings.HasPrefix(s, "[") || strings.HasPrefix(s, "{") {
		return parseJSON(s, typeOf)
	}
	var calls []Call
	for one := range strings.SplitSeq(body, "[TOOL_CALLS]") {
		name, arguments, ok := strings.Cut(one, "[ARGS]")
		if !ok { // without a mark the arguments begin with their bracket
			i := strings.IndexByte(one, '{')
			if i < 0 {
				return nil, false
			}
			name, arguments = one[:i], one[i:]
		}
		name, id, _ := strings.Cut(name, "[CALL_ID]")
		c := Call{ID: strings.TrimSpace(id), Name: strings.TrimSpace(name)}
		if c.Arguments, ok = jsonObject([]byte(strings.TrimSpace(arguments))); !ok || c.Name == "" {
			return nil, false
		}
		calls = append(calls, c)
	}
	return calls, true
}

// parseDeepSeek reads calls of DeepSeek R1 and V3.1:
//
//	<｜tool▁call▁begin｜>function<｜tool▁sep｜>name\n```json\n{…}\n```<｜tool▁call▁end｜>
//	<｜tool▁call▁begin｜>name<｜tool▁sep｜>{…}<｜tool▁call▁end｜>
func parseDeepSeek(body string, _ TypeOf) ([]Call, bool) {
	return between(body, "<｜tool▁call▁begin｜>", "<｜tool▁call▁end｜>", func(s string) (c Call, ok bool) {
		name, arguments, ok := strings.Cut(s, "<｜tool▁sep｜>")
		if !ok {
			return c, false
		}
		if strings.TrimSpace(name) == "function" {
			if name, arguments, ok = strings.Cut(arguments, "\n"); !ok {
				return c, false
			}
		}
		c.Name = strings.TrimSpace(name)
		c.Arguments, ok = jsonObject([]byte(unfenced(strings.TrimSpace(arguments))))
		return c, ok && c.Name != ""
	})
}

// parseKimi reads calls of Kimi K2:
//
//	<|tool_call_begin|>functions.name:0<|tool_call_argument_begin|>{…}<|tool_call_end|>
func parseKimi(body string, _ TypeOf) ([]Call, bool) {
	return between(body, "<|tool_call_begin|>", "<|tool_call_end|>", func(s string) (c Call, ok bool) {
		id, arguments, ok := strings.Cut(s, "<|tool_call_argument_begin|>")
		if !ok {
			return c, false
		}
		c.ID = strings.TrimSpace(id)
		name, _, _ := strings.Cut(c.ID, ":")
		c.Name = strings.TrimPrefix(name, "functions.")
		c.Arguments, ok = jsonObject([]byte(strings.TrimSpace(arguments)))
		return c, ok && c.Name != ""
	})
}

// parseSolar reads calls of Solar Open:
//
//	<|tool_call:begin|>id<|tool_call:name|>name<|tool_call:args|>{…}<|tool_call:end|>
func parseSolar(body string, _ TypeOf) ([]Call, bool) {
	return between(body, "<|tool_call:begin|>", "<|tool_call:end|>", func(s string) (c Call, ok bool) {
		id, rest, named := strings.Cut(s, "<|tool_call:name|>")
		name, arguments, given := strings.Cut(rest, "<|tool_call:args|>")
		if !named || !given {
			return c, false
		}
		c.ID, c.Name = strings.TrimSpace(id), strings.TrimSpace(name)
		c.Arguments, ok = jsonObject([]byte(strings.TrimSpace(arguments)))
		return c, ok && c.Name != ""
	})
}

// between reads a call of each text between begin and end; nothing but white space may be elsewhere. The last
// end may be missing.
func between(body, begin, end string, parse func(string) (Call, bool)) ([]Call, bool) {
	var calls []Call
	for body = strings.TrimSpace(body); body != ""; body = strings.TrimSpace(body) {
		rest, ok := strings.CutPrefix(body, begin)
		if !ok {
			return nil, false
		}
		one, after, _ := strings.Cut(rest, end)
		c, ok := parse(one)
		if !ok {
			return nil, false
		}
		calls, body = append(calls, c), after
	}
	return calls, len(calls) > 0
}
