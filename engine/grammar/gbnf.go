package grammar

import (
	"fmt"
	"strconv"
	"unicode/utf8"
)

// parseGBNF compiles a grammar in the notation of llama.cpp:
//
//	root  ::= "yes" | "no" rest*     # alternatives, a sequence, a comment
//	rest  ::= [a-z0-9] | [^\n] | .   # a character of a set, of all others, any
//	twice ::= ("a" "b"){2} "c"{0,5}  # groups, repetitions: * + ? {n} {n,} {n,m}
//
// Literals and sets have the escapes \n \r \t \\ \" \[ \] \xHH \uHHHH \UHHHHHHHH.
func parseGBNF(text string) (*Grammar, error) {
	p := &gbnf{text: text, b: newBuilder(), numbers: map[string]int{}, defined: map[string]bool{}}
	if len(text) > maxSource {
		return nil, &Error{Kind: "grammar", Reason: fmt.Sprintf("it has %d bytes, at most %d are compiled", len(text), maxSource)}
	}
	if !utf8.ValidString(text) {
		return nil, &Error{Kind: "grammar", Reason: "it is not valid UTF-8"}
	}
	p.number("root") // the first rule is the whole text
	for p.space(true); p.at < len(p.text) && p.err == nil; p.space(true) {
		p.definition()
	}
	if p.err == nil {
		p.checkDefined()
	}
	if p.err != nil {
		return nil, p.err
	}
	return p.b.finish("grammar")
}

// gbnf is a parser. After the first fault, err is set and the rest of the text is skipped.
type gbnf struct {
	text    string
	at      int
	b       *builder
	numbers map[string]int // of rules
	order   []string
	defined map[string]bool
	depth   int
	err     error
}

func (p *gbnf) fail(format string, args ...any) {
	if p.err == nil {
		line, column := 1, 1
		for _, r := range p.text[:p.at] {
			column++
			if r == '\n' {
				line, column = line+1, 1
			}
		}
		p.err = &Error{Kind: "grammar", At: fmt.Sprintf("line %d, column %d", line, column), Reason: fmt.Sprintf(format, args...)}
	}
	p.at = len(p.text)
}

// number returns the number of a rule, which may be defined later.
func (p *gbnf) number(name string) int {
	n, ok := p.numbers[name]
	if !ok {
		n = p.b.declare(name)
		p.numbers[name] = n
		p.order = append(p.order, name)
	}
	return n
}

func (p *gbnf) checkDefined() {
	for _, name := range p.order {
		if !p.defined[name] {
			p.err = &Error{Kind: "grammar", At: "rule " + name, Reason: "the rule is not defined"}
			return
		}
	}
}

func (p *gbnf) peek() byte {
	if p.at < len(p.text) {
		return p.text[p.at]
	}
	return 0
}

// take moves behind a text if it is next.
func (p *gbnf) take(s string) bool {
	if len(p.text)-p.at >= len(s) && p.text[p.at:p.at+len(s)] == s {
		p.at += len(s)
		return true
	}
	return false
}

// space skips white space and comments, with lines also over line ends.
func (p *gbnf) space(lines bool) {
	for p.at < len(p.text) {
		switch c := p.text[p.at]; {
		case c == ' ' || c == '\t', lines && (c == '\n' || c == '\r'):
			p.at++
		case c == '#':
			for p.at < len(p.text) && p.text[p.at] != '\n' && p.text[p.at] != '\r' {
				p.at++
			}
		default:
			return
		}
	}
}

func (p *gbnf) name() string {
	from := p.at
	for c := p.peek(); c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_'; c = p.peek() {
		p.at++
	}
	return p.text[from:p.at]
}

func (p *gbnf) definition() {
	name := p.name()
	if name == "" {
		p.fail("the name of a rule is missing")
		return
	}
	p.space(false)
	if !p.take("::=") {
		p.fail("::= is missing after the name of rule %s", name)
		return
	}
	if p.defined[name] {
		p.fail("rule %s is defined twice", name)
		return
	}
	p.defined[name] = true
	p.space(true)
	e := p.alternatives(false)
	if c := p.peek(); p.err == nil && c != 0 && c != '\n' && c != '\r' {
		p.fail("%q is not expected here", c)
	}
	if p.err == nil {
		p.b.define(p.number(name), e)
	}
}

// alternatives parses up to the end of the rule, or with nested to a closing parenthesis.
func (p *gbnf) alternatives(nested bool) expr {
	all := alt{p.sequence(nested)}
	for p.take("|") {
		p.space(true)
		all = append(all, p.sequence(nested))
	}
	if len(all) == 1 {
		return all[0]
	}
	return all
}

func (p *gbnf) sequence(nested bool) expr {
	var all seq
	for p.err == nil {
		e := p.element(nested)
		if e == nil {
			break
		}
		p.space(nested)
		e = p.repeated(e, nested)
		if s, ok := e.(seq); ok && len(s) == 0 { // many of them would take time for nothing
			continue
		}
		all = append(all, e)
	}
	if len(all) == 1 {
		return all[0]
	}
	return all
}

// element parses one element; nil: none follows.
func (p *gbnf) element(nested bool) expr {
	switch {
	case p.take(`"`):
		return p.literal()
	case p.take("["):
		return p.set()
	case p.take("("):
		if p.depth++; p.depth > maxDepth {
			p.fail("parentheses are nested more than %d deep", maxDepth)
			return nil
		}
		p.space(true)
		e := p.alternatives(true)
		if p.depth--; !p.take(")") {
			p.fail(") is missing")
		}
		return e
	case p.take("."):
		return anyRune
	case p.peek() == '<' || p.peek() == '!':
		p.fail("tokens (<…>, !<…>) are not supported")
		return nil
	}
	if name := p.name(); name != "" {
		return call(p.number(name))
	}
	return nil
}

// repeated parses the repetitions behind an element.
func (p *gbnf) repeated(e expr, nested bool) expr {
	for p.err == nil {
		switch {
		case p.take("*"):
			e = repeat{e, 0, -1}
		case p.take("+"):
			e = repeat{e, 1, -1}
		case p.take("?"):
			e = optional(e)
		case p.take("{"):
			e = p.counts(e)
		default:
			return e
		}
		p.space(nested)
	}
	return e
}

// counts parses the numbers of {n}, {n,} or {n,m}.
func (p *gbnf) counts(e expr) expr {
	r := repeat{e, p.count(), 0}
	r.max = r.min
	if p.space(false); p.take(",") {
		p.space(false)
		r.max = -1
		if p.peek() != '}' {
			r.max = p.count()
		}
	}
	if p.space(false); !p.take("}") {
		p.fail("} is missing")
	}
	if r.max >= 0 && r.max < r.min {
		p.fail("the largest number of repetitions is below the smallest")
	}
	return r
}

func (p *gbnf) count() int {
	p.space(false)
	from := p.at
	for c := p.peek(); c >= '0' && c <= '9'; c = p.peek() {
		p.at++
	}
	n, err := strconv.Atoi(p.text[from:p.at])
	if err != nil || n > maxNodes {
		p.fail("a number of repetitions from 0 to %d is expected", maxNodes)
	}
	return n
}

func (p *gbnf) literal() expr {
	var all seq
	for p.err == nil && !p.take(`"`) {
		if c := p.peek(); c == 0 || c == '\n' || c == '\r' {
			p.fail("the closing quotation mark is missing")
			return nil
		}
		r := p.char()
		all = append(all, runes{r, r})
	}
	return all
}

func (p *gbnf) set() expr {
	others := p.take("^")
	var r runes
	for p.err == nil && !p.take("]") {
		if p.peek() == 0 {
			p.fail("] is missing")
			return nil
		}
		first := p.char()
		last := first
		if p.at+1 < len(p.text) && p.text[p.at] == '-' && p.text[p.at+1] != ']' {
			p.at++
			last = p.char()
		}
		if last < first {
			p.fail("a range ends before it begins")
		}
		r = append(r, first, last)
	}
	if others {
		return r.except()
	}
	return r
}

// char parses a character or an escape.
func (p *gbnf) char() rune {
	r, n := utf8.DecodeRuneInString(p.text[p.at:])
	p.at += n
	if r != '\\' {
		return r
	}
	c := p.peek()
	p.at++
	switch c {
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	case '\\', '"', '[', ']', '-', '^', '/':
		return rune(c)
	case 'x':
		return p.hex(2)
	case 'u':
		return p.hex(4)
	case 'U':
		return p.hex(8)
	}
	p.at = min(p.at-1, len(p.text))
	p.fail("there is no such escape")
	return 0
}

func (p *gbnf) hex(digits int) rune {
	end := min(p.at+digits, len(p.text))
	n, err := strconv.ParseUint(p.text[p.at:end], 16, 32)
	if err != nil || end-p.at < digits || n > utf8.MaxRune || n >= 0xD800 && n < 0xE000 {
		p.fail("%d hexadecimal digits of a character are expected", digits)
		return 0
	}
	p.at = end
	return rune(n)
}
