package jinja

import (
	"slices"
	"strings"
)

// tupleRule says what p.tuple parses.
type tupleRule struct {
	simple     bool   // only names and literals: a target of an assignment
	namespaces bool   // with simple: also name.attr
	noCond     bool   // no "a if b else c": if is part of the statement
	parens     bool   // in brackets, so it may be empty
	end        string // this name also ends it
}

func (p *parser) tupleEnd(rule tupleRule) bool {
	c := p.cur()
	return c.kind == kVarEnd || c.kind == kBlockEnd || c.op(")") || rule.end != "" && c.name(rule.end)
}

// tuple parses one expression, or several with commas, which make a tuple.
func (p *parser) tuple(rule tupleRule) expr {
	var items []expr
	comma := false
	for {
		if len(items) > 0 {
			p.wantOp(",")
		}
		if p.tupleEnd(rule) {
			break
		}
		items = append(items, p.tupleItem(rule))
		if !p.cur().op(",") {
			break
		}
		comma = true
	}
	switch {
	case comma:
		return &tupleE{items}
	case len(items) == 1:
		return items[0]
	case !rule.parens:
		p.fail(p.cur().line, "expected an expression, got %v", p.cur())
	}
	return &tupleE{}
}

func (p *parser) tupleItem(rule tupleRule) expr {
	switch {
	case rule.simple:
		return p.primary(rule.namespaces)
	case rule.noCond:
		defer p.deeper()()
		return p.or()
	}
	return p.expression()
}

// expression parses an expression. The operators, from the lowest precedence to the highest:
//
//	a if b else c · or · and · not · == != < <= > >= in, not in · + - · ~ · * / // % · ** · -a +a
//	· a.b a[b] a(b) · a|filter, a is test
//
// Note that ~ has a higher precedence than +, and that -a|filter is the filter of -a.
func (p *parser) expression() expr {
	defer p.deeper()()
	mark := len(p.unknown)
	e := p.or()
	for p.cur().name("if") {
		c := &condE{line: p.next().line, a: e, test: p.or()}
		if p.skipName("else") {
			c.b = p.expression()
		}
		p.unknown = p.unknown[:mark]
		e = c
	}
	return e
}

func (p *parser) or() expr {
	e := p.and()
	for p.skipName("or") {
		e = &orE{e, p.and()}
	}
	return e
}

func (p *parser) and() expr {
	e := p.not()
	for p.skipName("and") {
		e = &andE{e, p.not()}
	}
	return e
}

func (p *parser) not() expr {
	if p.skipName("not") {
		defer p.deeper()()
		return &notE{p.not()}
	}
	return p.compare()
}

func (p *parser) compare() expr {
	c := &cmpE{line: p.cur().line, first: p.sum()}
	for {
		t := p.cur()
		switch {
		case t.kind == kOp && slices.Contains([]string{"==", "!=", "<", "<=", ">", ">="}, t.text):
			p.next()
			c.ops = append(c.ops, t.text)
		case t.name("in"):
			p.next()
			c.ops = append(c.ops, "in")
		case t.name("not") && p.look().name("in"):
			p.next()
			p.next()
			c.ops = append(c.ops, "not in")
		case len(c.ops) == 0:
			return c.first
		default:
			return c
		}
		c.rest = append(c.rest, p.sum())
	}
}

// binary parses operands with the operators ops between them, from the left.
func (p *parser) binary(operand func() expr, ops ...string) expr {
	e := operand()
	for t := p.cur(); t.kind == kOp && slices.Contains(ops, t.text); t = p.cur() {
		p.next()
		e = &binE{t.line, t.text, e, operand()}
	}
	return e
}

func (p *parser) sum() expr     { return p.binary(p.concat, "+", "-") }
func (p *parser) product() expr { return p.binary(p.power, "*", "/", "//", "%") }
func (p *parser) power() expr   { return p.binary(func() expr { return p.unary(true) }, "**") }

func (p *parser) concat() expr {
	parts := []expr{p.product()}
	for p.skipOp("~") {
		parts = append(parts, p.product())
	}
	if len(parts) == 1 {
		return parts[0]
	}
	return &concatE{parts}
}

func (p *parser) unary(filters bool) expr {
	var e expr
	if t := p.cur(); t.op("-") || t.op("+") {
		p.next()
		done := p.deeper()
		e = &signE{t.line, t.text == "-", p.unary(false)}
		done()
	} else {
		e = p.primary(false)
	}
	e = p.postfix(e)
	if filters {
		e = p.filtered(e)
	}
	return e
}

func (p *parser) primary(namespaces bool) expr {
	t := p.next()
	switch {
	case t.kind == kName:
		return p.nameOrConst(t, namespaces)
	case t.kind == kString:
		var b strings.Builder
		b.WriteString(t.text)
		for p.cur().kind == kString {
			b.WriteString(p.next().text)
		}
		return &constE{literal(b.String())}
	case t.kind == kInt || t.kind == kFloat:
		return &constE{t.num}
	case t.op("("):
		e := p.tuple(tupleRule{parens: true, simple: false})
		p.wantOp(")")
		return e
	case t.op("["):
		return p.listLiteral()
	case t.op("{"):
		return p.dictLiteral()
	}
	p.fail(t.line, "unexpected %v", t)
	return nil
}

func (p *parser) nameOrConst(t token, namespaces bool) expr {
	switch t.text {
	case "true", "True":
		return &constE{true}
	case "false", "False":
		return &constE{false}
	case "none", "None":
		return &constE{nil}
	case "caller":
		p.uses.caller = true
	case "kwargs":
		p.uses.kwargs = true
	case "varargs":
		p.uses.varargs = true
	}
	if namespaces && p.skipOp(".") {
		return &attrE{-1, &nameE{t.text}, p.anyName()} // line -1 marks a target of an assignment
	}
	return &nameE{t.text}
}

func (p *parser) listLiteral() expr {
	l := &listE{}
	for !p.cur().op("]") {
		if len(l.items) > 0 {
			p.wantOp(",")
			if p.cur().op("]") {
				break
			}
		}
		l.items = append(l.items, p.expression())
	}
	p.wantOp("]")
	return l
}

func (p *parser) dictLiteral() expr {
	d := &dictE{}
	for !p.cur().op("}") {
		if len(d.keys) > 0 {
			p.wantOp(",")
			if p.cur().op("}") {
				break
			}
		}
		d.keys = append(d.keys, p.expression())
		p.wantOp(":")
		d.vals = append(d.vals, p.expression())
	}
	p.wantOp("}")
	return d
}

func (p *parser) postfix(e expr) expr {
	for {
		t := p.cur()
		switch {
		case t.op("."):
			p.next()
			e = p.attribute(t.line, e)
		case t.op("["):
			p.next()
			e = p.subscript(t.line, e)
		case t.op("("):
			e = &callE{t.line, e, p.args()}
		default:
			return e
		}
	}
}

func (p *parser) attribute(line int, obj expr) expr {
	t := p.next()
	switch t.kind {
	case kName:
		return &attrE{line, obj, t.text}
	case kInt:
		return &itemE{line, obj, &constE{t.num}}
	}
	p.fail(t.line, "expected a name or number after '.', got %v", t)
	return nil
}

func (p *parser) subscript(line int, obj expr) expr {
	var keys []expr
	for !p.cur().op("]") {
		if len(keys) > 0 {
			p.wantOp(",")
		}
		keys = append(keys, p.subscriptKey())
	}
	p.wantOp("]")
	if len(keys) == 1 {
		return &itemE{line, obj, keys[0]}
	}
	return &itemE{line, obj, &tupleE{keys}}
}

func (p *parser) subscriptKey() expr {
	s := &sliceE{}
	if !p.cur().op(":") {
		e := p.expression()
		if !p.cur().op(":") {
			return e
		}
		s.start = e
	}
	p.wantOp(":")
	end := func() bool { return p.cur().op("]") || p.cur().op(",") }
	if !p.cur().op(":") && !end() {
		s.stop = p.expression()
	}
	if p.skipOp(":") && !end() {
		s.step = p.expression()
	}
	return s
}

// args parses the arguments of a call with their brackets.
func (p *parser) args() argsE {
	var a argsE
	open := p.wantOp("(")
	valid := func(ok bool) {
		if !ok {
			p.fail(open.line, "invalid syntax for function call expression")
		}
	}
	for first := true; !p.cur().op(")"); first = false {
		if !first {
			p.wantOp(",")
			if p.cur().op(")") {
				break
			}
		}
		switch t := p.cur(); {
		case p.skipOp("*"):
			valid(a.star == nil && a.dstar == nil)
			a.star = p.expression()
		case p.skipOp("**"):
			valid(a.dstar == nil)
			a.dstar = p.expression()
		case t.kind == kName && p.look().op("="):
			valid(a.dstar == nil && !slices.Contains(a.names, t.text))
			p.next()
			p.next()
			a.names = append(a.names, t.text)
			a.named = append(a.named, p.expression())
		default:
			valid(a.star == nil && a.dstar == nil && len(a.names) == 0)
			a.pos = append(a.pos, p.expression())
		}
	}
	p.wantOp(")")
	return a
}

// filtered parses the filters, tests and calls after an expression.
func (p *parser) filtered(e expr) expr {
	for {
		t := p.cur()
		switch {
		case t.op("|"):
			e = p.filters(e)
		case t.name("is"):
			e = p.test(e)
		case t.op("("):
			e = &callE{t.line, e, p.args()}
		default:
			return e
		}
	}
}

func (p *parser) filters(e expr) expr {
	for p.skipOp("|") {
		e = p.filter(e)
	}
	return e
}

func (p *parser) dotted() string {
	name := p.anyName()
	for p.skipOp(".") {
		name += "." + p.anyName()
	}
	return name
}

func (p *parser) filter(in expr) expr {
	f := &filterE{line: p.cur().line, in: in, name: p.dotted()}
	if p.cur().op("(") {
		f.args = p.args()
	}
	if !known(filters, f.name) && !lacking[f.name] {
		p.unknown = append(p.unknown, &Error{Line: f.line, Reason: "no filter named '" + f.name + "'"})
	}
	return f
}

func (p *parser) test(in expr) expr {
	t := &testE{line: p.next().line, in: in}
	negated := p.skipName("not")
	t.name = p.dotted()
	if p.cur().op("(") {
		t.args = p.args()
	} else if p.testArg() {
		if p.cur().name("is") {
			p.fail(t.line, "tests can't be chained with is")
		}
		done := p.deeper()
		t.args.pos = []expr{p.postfix(p.primary(false))}
		done()
	}
	if !known(tests, t.name) {
		p.unknown = append(p.unknown, &Error{Line: t.line, Reason: "no test named '" + t.name + "'"})
	}
	if negated {
		return &notE{t}
	}
	return t
}

// testArg tells whether an argument without brackets follows a test's name.
func (p *parser) testArg() bool {
	switch t := p.cur(); t.kind {
	case kName:
		return t.text != "else" && t.text != "or" && t.text != "and"
	case kString, kInt, kFloat:
		return true
	default:
		return t.op("[") || t.op("{")
	}
}

// lacking are the filters of Jinja2 that this package lacks. A template with one is refused where the filter is
// evaluated, since it may be in a part that is not rendered.
var lacking = map[string]bool{"pprint": true, "random": true, "striptags": true, "urlize": true, "wordwrap": true, "xmlattr": true}

// known tells whether name is in the table.
func known[T any](table map[string]T, name string) bool {
	_, ok := table[name]
	return ok
}
