package jinja

import (
	"fmt"
	"slices"
	"strings"
)

// parser parses by recursive descent: statements in this file, expressions in expr.go.
type parser struct {
	toks  []token
	pos   int
	nest  int
	limit int // of nest
	loops int // for blocks around this place, within the macro
	uses  specials
	open  []string // statements around this place, for messages

	// unknown are errors for filters and tests that do not exist. Within an if they are no errors until
	// the template runs them.
	unknown []*Error
}

func (p *parser) cur() token { return p.toks[p.pos] }

func (p *parser) look() token { return p.toks[min(p.pos+1, len(p.toks)-1)] }

func (p *parser) next() token {
	t := p.cur()
	if t.kind != kEOF {
		p.pos++
	}
	return t
}

func (p *parser) fail(line int, format string, args ...any) {
	panic(&Error{Line: line, Reason: fmt.Sprintf(format, args...)})
}

func (t token) op(text string) bool   { return t.kind == kOp && t.text == text }
func (t token) name(text string) bool { return t.kind == kName && t.text == text }

func (p *parser) skipOp(text string) bool {
	ok := p.cur().op(text)
	if ok {
		p.pos++
	}
	return ok
}

func (p *parser) skipName(text string) bool {
	ok := p.cur().name(text)
	if ok {
		p.pos++
	}
	return ok
}

func (p *parser) want(ok bool, what string) token {
	if !ok {
		p.fail(p.cur().line, "expected %s, got %v", what, p.cur())
	}
	return p.next()
}

func (p *parser) wantOp(text string) token   { return p.want(p.cur().op(text), "'"+text+"'") }
func (p *parser) wantName(text string) token { return p.want(p.cur().name(text), "'"+text+"'") }
func (p *parser) wantKind(k kind) token      { return p.want(p.cur().kind == k, token{kind: k}.String()) }
func (p *parser) anyName() string            { return p.want(p.cur().kind == kName, "a name").text }

// deeper enters one more level of nesting, or fails; the caller calls the result to leave it.
func (p *parser) deeper() func() {
	if p.nest++; p.nest > p.limit {
		p.fail(p.cur().line, "nested more than %d levels deep", p.limit)
	}
	return func() { p.nest-- }
}

// template parses the whole template.
func (p *parser) template() []stmt {
	body := p.statements()
	if t := p.cur(); t.kind != kEOF {
		p.fail(t.line, "unexpected %v", t)
	}
	if len(p.unknown) > 0 {
		panic(p.unknown[0])
	}
	return body
}

// statements parses up to {% and one of the names in ends, which becomes the current token.
func (p *parser) statements(ends ...string) []stmt {
	defer p.deeper()()
	var body []stmt
	for {
		switch t := p.next(); t.kind {
		case kData:
			body = append(body, &textS{t.text})
		case kVarBegin:
			body = append(body, &printS{t.line, p.tuple(tupleRule{})})
			p.wantKind(kVarEnd)
		case kBlockBegin:
			if c := p.cur(); c.kind == kName && slices.Contains(ends, c.text) {
				return body
			}
			body = append(body, p.statement())
			p.wantKind(kBlockEnd)
		case kEOF:
			if len(ends) > 0 {
				p.fail(t.line, "unexpected end of the template: %q has no %q", p.open[len(p.open)-1], ends[len(ends)-1])
			}
			return body
		default:
			p.fail(t.line, "unexpected %v", t)
		}
	}
}

// body parses the rest of a block: the end of the tag, statements, and the name that ends them.
func (p *parser) body(ends ...string) ([]stmt, string) {
	p.skipOp(":")
	p.wantKind(kBlockEnd)
	b := p.statements(ends...)
	return b, p.next().text
}

func (p *parser) statement() stmt {
	t := p.want(p.cur().kind == kName, "the name of a statement")
	p.open = append(p.open, t.text)
	defer func() { p.open = p.open[:len(p.open)-1] }()
	switch t.text {
	case "if":
		return p.ifBlock(t.line)
	case "for":
		return p.forBlock(t.line)
	case "set":
		return p.set(t.line)
	case "macro":
		return p.macro()
	case "call":
		return p.callBlock(t.line)
	case "filter":
		return p.filterBlock(t.line)
	case "generation":
		return p.generation(t.line)
	case "with":
		return p.with(t.line)
	case "block":
		return p.block()
	case "print":
		return p.print(t.line)
	case "break", "continue":
		return p.jump(t)
	case "include", "import", "from", "extends":
		p.fail(t.line, "%q is refused: a chat template may not load other files", t.text)
	case "autoescape", "do", "trans", "debug":
		p.fail(t.line, "the statement %q is not supported", t.text)
	}
	if strings.HasPrefix(t.text, "end") || t.text == "else" || t.text == "elif" {
		p.fail(t.line, "unexpected %q", t.text)
	}
	p.fail(t.line, "unknown statement %q", t.text)
	return nil
}

func (p *parser) ifBlock(line int) stmt {
	s := &ifS{line: line}
	mark := len(p.unknown)
	for end := "elif"; end == "elif"; {
		s.tests = append(s.tests, p.tuple(tupleRule{noCond: true}))
		var b []stmt
		b, end = p.body("elif", "else", "endif")
		s.bodies = append(s.bodies, b)
		if end == "else" {
			s.orElse, _ = p.body("endif")
		}
	}
	p.unknown = p.unknown[:mark]
	return s
}

func (p *parser) forBlock(line int) stmt {
	s := &forS{line: line, target: p.target(targetRule{end: "in"})}
	if s.target.names("loop") {
		p.fail(line, "can't assign to the special variable loop in a for-loop's target")
	}
	p.wantName("in")
	s.iter = p.tuple(tupleRule{noCond: true, end: "recursive"})
	if p.skipName("if") {
		s.test = p.expression()
	}
	s.recursive = p.skipName("recursive")
	p.loops++
	var end string
	s.body, end = p.body("endfor", "else")
	p.loops--
	if end == "else" {
		s.none, _ = p.body("endfor")
	}
	return s
}

func (p *parser) print(line int) stmt {
	var parts []expr
	for p.cur().kind != kBlockEnd {
		if len(parts) > 0 {
			p.wantOp(",")
		}
		parts = append(parts, p.expression())
	}
	return &printS{line, &concatE{parts}}
}

func (p *parser) jump(t token) stmt {
	if p.loops == 0 {
		p.fail(t.line, "%q outside of a loop", t.text)
	}
	if t.text == "break" {
		return &jumpS{breakLoop}
	}
	return &jumpS{continueLoop}
}

func (p *parser) set(line int) stmt {
	t := p.target(targetRule{namespaces: true})
	if p.skipOp("=") {
		return &setS{line, t, p.tuple(tupleRule{})}
	}
	s := &setBlockS{line: line, target: t}
	if p.cur().op("|") {
		s.filter = p.filters(&nameE{bodyName})
	}
	s.body, _ = p.body("endset")
	return s
}

func (p *parser) filterBlock(line int) stmt {
	s := &filterS{line: line, filter: p.filters(p.filter(&nameE{bodyName}))}
	s.body, _ = p.body("endfilter")
	return s
}

func (p *parser) generation(line int) stmt {
	s := &filterS{line: line}
	s.body = p.function(func() []stmt { b, _ := p.body("endgeneration"); return b })
	return s
}

// function parses a body that is a function of its own, out of which no break leads.
func (p *parser) function(body func() []stmt) []stmt {
	loops := p.loops
	p.loops = 0
	defer func() { p.loops = loops }()
	return body()
}

// define parses a macro's parameters (if any) and, after head, its body.
func (p *parser) define(name, end string, head func()) *macroDef {
	d := &macroDef{name: name}
	outer := p.uses
	p.uses = specials{}
	if name != "" || p.cur().op("(") {
		p.signature(d)
	}
	head()
	d.body = p.function(func() []stmt { b, _ := p.body(end); return b })
	d.uses = p.uses
	p.uses.add(outer)
	return d
}

func (p *parser) signature(d *macroDef) {
	p.wantOp("(")
	for !p.cur().op(")") {
		if len(d.params) > 0 {
			p.wantOp(",")
		}
		t := p.target(targetRule{nameOnly: true})
		if slices.Contains(d.params, t.name) {
			p.fail(t.line, "two parameters are named %q", t.name)
		}
		switch {
		case p.skipOp("="):
			d.defaults = append(d.defaults, p.expression())
		case len(d.defaults) > 0:
			p.fail(t.line, "non-default argument follows default argument")
		case t.name == "caller":
			p.fail(t.line, "the parameter caller needs a default")
		}
		d.params = append(d.params, t.name)
	}
	p.wantOp(")")
}

func (p *parser) macro() stmt {
	t := p.target(targetRule{nameOnly: true})
	return &macroS{p.define(t.name, "endmacro", func() {})}
}

func (p *parser) callBlock(line int) stmt {
	s := &callS{line: line}
	s.def = p.define("", "endcall", func() {
		call, ok := p.expression().(*callE)
		if !ok {
			p.fail(line, "expected a call")
		}
		s.call = call
	})
	return s
}

func (p *parser) with(line int) stmt {
	s := &withS{line: line}
	for p.cur().kind != kBlockEnd {
		if len(s.targets) > 0 {
			p.wantOp(",")
		}
		s.targets = append(s.targets, p.target(targetRule{}))
		p.wantOp("=")
		s.values = append(s.values, p.expression())
	}
	s.body, _ = p.body("endwith")
	return s
}

func (p *parser) block() stmt {
	name := p.anyName()
	p.skipName("scoped")
	s := &blockS{}
	s.body = p.function(func() []stmt { b, _ := p.body("endblock"); return b })
	p.skipName(name)
	return s
}

// names tells whether the target assigns to name.
func (t target) names(name string) bool {
	return t.name == name || slices.ContainsFunc(t.parts, func(t target) bool { return t.names(name) })
}

type targetRule struct {
	namespaces, nameOnly bool
	end                  string // the name that ends a tuple without brackets
}

// target parses what is assigned to.
func (p *parser) target(rule targetRule) target {
	line := p.cur().line
	if rule.nameOnly {
		return p.assignable(line, &nameE{p.anyName()})
	}
	return p.assignable(line, p.tuple(tupleRule{simple: true, namespaces: rule.namespaces, end: rule.end}))
}

func (p *parser) assignable(line int, e expr) target {
	switch e := e.(type) {
	case *nameE:
		if !slices.Contains([]string{"true", "false", "none", "True", "False", "None"}, e.name) {
			return target{name: e.name, line: line}
		}
	case *attrE:
		if n, ok := e.obj.(*nameE); ok && e.line < 0 {
			return target{name: n.name, attr: e.name, line: line}
		}
	case *tupleE:
		t := target{parts: []target{}, line: line}
		for _, item := range e.items {
			t.parts = append(t.parts, p.assignable(line, item))
		}
		return t
	}
	p.fail(line, "can't assign to this")
	return target{}
}
