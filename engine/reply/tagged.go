package reply

import (
	"encoding/json"
	"strings"
)

// parseTagged reads what stands between <tool_call> and </tool_call>, of which families have three ways:
//
//	{"name": f, "arguments": {…}}                              Hermes, Qwen 2.5 and 3
//	<function=f><parameter=k>v</parameter></function>          Qwen 3 Coder and 3.5, Nemotron 3, Seed
//	<invoke name="f"><parameter name="k">v</parameter></invoke>   MiniMax, DeepSeek V3.2
//	f<arg_key>k</arg_key><arg_value>v</arg_value>              GLM
func parseTagged(body string, typeOf TypeOf) ([]Call, bool) {
	body = strings.TrimSpace(strings.ReplaceAll(body, "｜DSML｜", ""))
	switch {
	case strings.HasPrefix(body, "<function="), strings.HasPrefix(body, "<invoke "):
		return parseFunctions(body, typeOf)
	case strings.HasPrefix(body, "{"), strings.HasPrefix(body, "["), strings.HasPrefix(body, "```"):
		return parseJSON(body, typeOf)
	}
	return parseGLM(body, typeOf)
}

// parseFunction reads what follows "<function=": "name>{…}" or "name><parameter=k>v</parameter>".
func parseFunction(body string, typeOf TypeOf) ([]Call, bool) {
	return parseFunctions("<function="+body+"</function>", typeOf)
}

func parseFunctions(body string, typeOf TypeOf) ([]Call, bool) {
	var calls []Call
	for body = strings.TrimSpace(body); body != ""; body = strings.TrimSpace(body) {
		name, inner, rest, ok := element(body, "function", "invoke")
		if !ok {
			return nil, false
		}
		c := Call{Name: name}
		if inner = strings.TrimSpace(inner); strings.HasPrefix(inner, "{") {
			c.Arguments, ok = jsonObject([]byte(inner))
		} else {
			c.Arguments, ok = parameters(name, inner, typeOf)
		}
		if !ok {
			return nil, false
		}
		calls, body = append(calls, c), rest
	}
	return calls, len(calls) > 0
}

// parameters reads <parameter=k>v</parameter> in a row.
func parameters(tool, s string, typeOf TypeOf) (json.RawMessage, bool) {
	var o object
	for s = strings.TrimSpace(s); s != ""; s = strings.TrimSpace(s) {
		key, value, rest, ok := element(s, "parameter")
		if !ok {
			return nil, false
		}
		value = strings.TrimSuffix(strings.TrimPrefix(value, "\n"), "\n")
		o.set(key, valueOf(value, typeOf(tool, key)))
		s = rest
	}
	return o.json(), true
}

// element reads an element with one of the names, <name=x>…</name> or <name name="x" …>…</name>, at the beginning
// of s. x is not empty.
func element(s string, names ...string) (x, inner, rest string, ok bool) {
	for _, name := range names {
		tag, after, found := strings.Cut(s, ">")
		if !found {
			return "", "", "", false
		}
		if x, ok = strings.CutPrefix(tag, "<"+name+"="); !ok {
			if x, ok = strings.CutPrefix(tag, "<"+name+` name="`); ok {
				x, _, ok = strings.Cut(x, `"`)
			}
		}
		if !ok {
			continue
		}
		inner, rest, found = strings.Cut(after, "</"+name+">")
		x = strings.Trim(strings.TrimSpace(x), `"`)
		return x, inner, rest, found && x != ""
	}
	return "", "", "", false
}

// valueOf returns a value that was written without quotes, as JSON: a string, unless it is JSON of another type
// and the parameter is not known to be a string.
func valueOf(text, typ string) json.RawMessage {
	if typ != "string" {
		if raw, ok := compact([]byte(strings.TrimSpace(text))); ok && raw[0] != '"' {
			return raw
		}
	}
	return quoted(text)
}

func parseGLM(body string, typeOf TypeOf) ([]Call, bool) {
	name, rest := body, ""
	if i := strings.IndexByte(body, '<'); i >= 0 {
		name, rest = body[:i], body[i:]
	}
	name = strings.TrimSpace(name)
	if name == "" || strings.ContainsAny(name, " \t\n{}[]\"") {
		return nil, false
	}
	var o object
	for rest = strings.TrimSpace(rest); rest != ""; rest = strings.TrimSpace(rest) {
		after, ok := strings.CutPrefix(rest, "<arg_key>")
		key, after, ok2 := strings.Cut(after, "</arg_key>")
		value, ok3 := strings.CutPrefix(strings.TrimSpace(after), "<arg_value>")
		value, after, ok4 := strings.Cut(value, "</arg_value>")
		if !ok || !ok2 || !ok3 || !ok4 {
			return nil, false
		}
		key = strings.TrimSpace(key)
		o.set(key, valueOf(value, typeOf(name, key)))
		rest = after
	}
	return []Call{{Name: name, Arguments: o.json()}}, true
}
