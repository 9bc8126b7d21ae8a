package reply

import (
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf8"
)

// parsePython reads calls as Python writes them: [f(a=1, b="x"), g()], a call without brackets, or one a line
// (LFM2, OLMo 3, Llama 3.2 and 4). Arguments have names.
func parsePython(body string, _ TypeOf) ([]Call, bool) {
	p := &python{rest: strings.TrimSpace(body)}
	listed := p.take("[")
	var calls []Call
	for {
		c, ok := p.call()
		if !ok {
			return nil, false
		}
		calls = append(calls, c)
		for p.take(",") || p.take(";") {
		}
		if p.space(); p.rest == "" && !listed {
			return calls, true
		}
		if listed && p.take("]") {
			p.space()
			return calls, p.rest == ""
		}
		if p.rest == "" {
			return nil, false
		}
	}
}

// python reads Python from left to right.
type python struct {
	rest  string
	depth int
}

// deepest is how deeply values may be nested.
const deepest = 64

func (p *python) space() { p.rest = strings.TrimLeft(p.rest, " \t\r\n") }

// take reads a mark and reports whether it was there.
func (p *python) take(mark string) bool {
	p.space()
	rest, ok := strings.CutPrefix(p.rest, mark)
	p.rest = rest
	return ok
}

// name reads a name, which may have dots.
func (p *python) name() string {
	p.space()
	n := 0
	for n < len(p.rest) {
		if c := p.rest[n]; !isLetter(c) && c != '_' && c != '.' && c != '-' && (c < '0' || c > '9') && c < utf8.RuneSelf {
			break
		}
		n++
	}
	name := p.rest[:n]
	p.rest = p.rest[n:]
	return name
}

func (p *python) call() (c Call, ok bool) {
	c.Name = p.name()
	if c.Name == "" || !p.take("(") {
		return c, false
	}
	var o object
	for !p.take(")") {
		key := p.name()
		if key == "" || !p.take("=") {
			return c, false
		}
		value, ok := p.value()
		if !ok {
			return c, false
		}
		o.set(key, value)
		if !p.take(",") && !strings.HasPrefix(p.rest, ")") {
			return c, false
		}
	}
	c.Arguments = o.json()
	return c, true
}

// value reads a value and returns it as JSON.
func (p *python) value() (json.RawMessage, bool) {
	if p.depth++; p.depth > deepest {
		return nil, false
	}
	defer func() { p.depth-- }()
	p.space()
	if p.rest == "" {
		return nil, false
	}
	switch p.rest[0] {
	case '"', '\'':
		return p.text()
	case '[':
		return p.list()
	case '{':
		return p.dict()
	}
	word := p.name()
	if word == "" && strings.HasPrefix(p.rest, "+") {
		p.rest = p.rest[1:]
		word = p.name()
	}
	switch word {
	case "True", "true":
		return json.RawMessage("true"), true
	case "False", "false":
		return json.RawMessage("false"), true
	case "None", "null":
		return json.RawMessage("null"), true
	}
	if raw, ok := compact([]byte(word)); ok {
		return raw, true
	}
	if f, err := strconv.ParseFloat(word, 64); err == nil {
		raw, err := json.Marshal(f)
		return raw, err == nil
	}
	return nil, false
}

// text reads a string in single or double quotes.
func (p *python) text() (json.RawMessage, bool) {
	quote := p.rest[:1]
	if strings.HasPrefix(p.rest, strings.Repeat(quote, 3)) {
		quote = p.rest[:3]
	}
	var b strings.Builder
	s := p.rest[len(quote):]
	for s != "" {
		if rest, ok := strings.CutPrefix(s, quote); ok {
			p.rest = rest
			return quoted(b.String()), true
		}
		if s[0] != '\\' {
			b.WriteByte(s[0])
			s = s[1:]
			continue
		}
		if rest, ok := strings.CutPrefix(s, `\'`); ok {
			b.WriteByte('\'')
			s = rest
			continue
		}
		if rest, ok := strings.CutPrefix(s, `\/`); ok {
			b.WriteByte('/')
			s = rest
			continue
		}
		r, _, rest, err := strconv.UnquoteChar(s, '"')
		if err != nil { // Python keeps what is no escape
			b.WriteByte('\\')
			s = s[1:]
			continue
		}
		b.WriteRune(r)
		s = rest
	}
	return nil, false
}

func (p *python) list() (json.RawMessage, bool) {
	p.rest = p.rest[1:]
	out := []byte("[")
	for !p.take("]") {
		value, ok := p.value()
		if !ok {
			return nil, false
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(out, value...)
		if !p.take(",") && !strings.HasPrefix(p.rest, "]") {
			return nil, false
		}
	}
	return append(out, ']'), true
}

func (p *python) dict() (json.RawMessage, bool) {
	p.rest = p.rest[1:]
	var o object
	for !p.take("}") {
		p.space()
		if p.rest == "" || p.rest[0] != '"' && p.rest[0] != '\'' {
			return nil, false
		}
		raw, ok := p.text()
		var key string
		if !ok || json.Unmarshal(raw, &key) != nil || !p.take(":") {
			return nil, false
		}
		value, ok := p.value()
		if !ok {
			return nil, false
		}
		o.set(key, value)
		if !p.take(",") && !strings.HasPrefix(p.rest, "}") {
			return nil, false
		}
	}
	return o.json(), true
}
