package reply

import (
	"encoding/json"
	"strings"
)

// quoteGemma stands for a quotation mark in calls of Gemma 4.
const quoteGemma = `<|"|>`

// parseGemma reads a call of Gemma 4: call:name{key:<|"|>text<|"|>,other:1,list:[…],inner:{…}}.
func parseGemma(body string, _ TypeOf) ([]Call, bool) {
	rest, ok := strings.CutPrefix(strings.TrimSpace(body), "call:")
	if !ok {
		return nil, false
	}
	i := strings.IndexByte(rest, '{')
	if i < 0 {
		return nil, false
	}
	name := strings.TrimSpace(rest[:i])
	g := &gemma{rest: rest[i:]}
	arguments, ok := g.value()
	return []Call{{Name: name, Arguments: arguments}}, ok && name != "" && strings.TrimSpace(g.rest) == ""
}

type gemma struct {
	rest  string
	depth int
}

func (g *gemma) take(mark string) bool {
	g.rest = strings.TrimLeft(g.rest, " \t\r\n")
	rest, ok := strings.CutPrefix(g.rest, mark)
	g.rest = rest
	return ok
}

// until reads up to the first character in marks, which is not read.
func (g *gemma) until(marks string) string {
	i := strings.IndexAny(g.rest, marks)
	if i < 0 {
		i = len(g.rest)
	}
	s := g.rest[:i]
	g.rest = g.rest[i:]
	return strings.TrimSpace(s)
}

// text reads what follows a quotation mark.
func (g *gemma) text() (string, bool) {
	text, rest, ok := strings.Cut(g.rest, quoteGemma)
	g.rest = rest
	return text, ok
}

// value reads a value and returns it as JSON.
func (g *gemma) value() (json.RawMessage, bool) {
	if g.depth++; g.depth > deepest {
		return nil, false
	}
	defer func() { g.depth-- }()
	switch {
	case g.take(quoteGemma):
		text, ok := g.text()
		return quoted(text), ok
	case g.take("{"):
		return g.object()
	case g.take("["):
		return g.list()
	}
	word := g.until(",]}")
	return valueOf(word, ""), word != ""
}

func (g *gemma) object() (json.RawMessage, bool) {
	var o object
	for !g.take("}") {
		key, ok := "", true
		if g.take(quoteGemma) {
			key, ok = g.text()
		} else {
			key = g.until(":,}")
		}
		if !ok || !g.take(":") {
			return nil, false
		}
		value, ok := g.value()
		if !ok {
			return nil, false
		}
		o.set(key, value)
		if !g.take(",") && !strings.HasPrefix(g.rest, "}") {
			return nil, false
		}
	}
	return o.json(), true
}

func (g *gemma) list() (json.RawMessage, bool) {
	out := []byte("[")
	for !g.take("]") {
		value, ok := g.value()
		if !ok {
			return nil, false
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(out, value...)
		if !g.take(",") && !strings.HasPrefix(g.rest, "]") {
			return nil, false
		}
	}
	return append(out, ']'), true
}
