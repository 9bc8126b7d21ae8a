package jinja

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

type kind uint8

const (
	kEOF kind = iota
	kData
	kVarBegin
	kVarEnd
	kBlockBegin
	kBlockEnd
	kName
	kString
	kInt
	kFloat
	kOp
)

type token struct {
	kind kind
	text string // data, name, decoded string, operator
	num  value  // of kInt and kFloat
	line int
}

func (t token) String() string {
	switch t.kind {
	case kEOF:
		return "the end of the template"
	case kData:
		return "template text"
	case kVarBegin:
		return "'{{'"
	case kVarEnd:
		return "'}}'"
	case kBlockBegin:
		return "'{%'"
	case kBlockEnd:
		return "'%}'"
	case kInt, kFloat:
		return fmt.Sprint(t.num)
	}
	return fmt.Sprintf("%q", t.text)
}

// lexer cuts a template into tokens. The text between tags is one data token; what {{ }} and {% %}
// contain becomes names, literals and operators; comments become nothing. The lexer also drops white
// space:
//
//	trim_blocks     a newline right after %} or #}
//	lstrip_blocks   blanks before {% or {# at the beginning of a line
//	{%-  -%}        all white space on that side;   {%+  +%} keeps it
//
// and one newline at the end of the template.
type lexer struct {
	src   string
	pos   int
	line  int
	fresh bool // pos is at the beginning of a line
	toks  []token
}

func lex(src string) []token {
	src = strings.ReplaceAll(src, "\r\n", "\n")
	src = strings.ReplaceAll(src, "\r", "\n")
	src = strings.TrimSuffix(src, "\n")
	l := &lexer{src: src, line: 1, fresh: true}
	for l.pos < len(l.src) {
		l.data()
	}
	l.emit(token{kind: kEOF})
	return l.toks
}

func (l *lexer) fail(format string, args ...any) {
	panic(&Error{Line: l.line, Reason: fmt.Sprintf(format, args...)})
}

func (l *lexer) emit(t token) {
	t.line = l.line
	l.toks = append(l.toks, t)
}

func (l *lexer) rest() string { return l.src[l.pos:] }

// take consumes n bytes, counting lines.
func (l *lexer) take(n int) string {
	s := l.src[l.pos : l.pos+n]
	l.pos += n
	l.line += strings.Count(s, "\n")
	if n > 0 {
		l.fresh = s[n-1] == '\n'
	}
	return s
}

// data consumes text up to a tag, and the tag.
func (l *lexer) data() {
	n := tagStart(l.rest())
	if n < 0 {
		l.emit(token{kind: kData, text: l.rest()})
		l.take(len(l.rest()))
		return
	}
	text, open := l.rest()[:n], l.rest()[n:]
	text = l.strip(text, sign(open[2:]), open[1] != '{')
	if text != "" {
		l.emit(token{kind: kData, text: text})
	}
	l.take(n)
	if raw := rawBegin(open); raw > 0 {
		l.take(raw)
		l.raw()
		return
	}
	l.take(2 + len(sign(open[2:])))
	switch open[1] {
	case '#':
		l.comment()
	case '{':
		l.emit(token{kind: kVarBegin})
		l.inside(kVarEnd, "}}")
	case '%':
		l.emit(token{kind: kBlockBegin})
		l.inside(kBlockEnd, "%}")
	}
}

// strip drops the white space before a tag, as its sign and lstrip_blocks ask.
func (l *lexer) strip(text, sign string, lstrip bool) string {
	switch {
	case sign == "-":
		return strings.TrimRightFunc(text, isSpace)
	case sign == "+" || !lstrip:
		return text
	}
	line := strings.LastIndexByte(text, '\n') + 1
	if (line > 0 || l.fresh) && strings.TrimLeftFunc(text[line:], isSpace) == "" {
		return text[:line]
	}
	return text
}

func tagStart(s string) int {
	for i := 0; i+1 < len(s); i++ {
		if s[i] == '{' && (s[i+1] == '{' || s[i+1] == '%' || s[i+1] == '#') {
			return i
		}
	}
	return -1
}

func sign(s string) string {
	if s != "" && (s[0] == '-' || s[0] == '+') {
		return s[:1]
	}
	return ""
}

func spaces(s string) int { return len(s) - len(strings.TrimLeftFunc(s, isSpace)) }

// word is the length of blanks, the word and blanks at the beginning of s, or 0.
func word(s, w string) int {
	n := spaces(s)
	if !strings.HasPrefix(s[n:], w) {
		return 0
	}
	n += len(w)
	return n + spaces(s[n:])
}

// rawBegin is the length of a {% raw %} at the beginning of s, or 0.
func rawBegin(s string) int {
	if s[1] != '%' {
		return 0
	}
	n := 2 + len(sign(s[2:]))
	w := word(s[n:], "raw")
	if w == 0 {
		return 0
	}
	n += w
	switch {
	case strings.HasPrefix(s[n:], "-%}"):
		return n + 3 + spaces(s[n+3:])
	case strings.HasPrefix(s[n:], "%}"):
		return n + 2
	}
	return 0
}

// blockEnd is the length of a tag's end with its white space at the beginning of s, or 0.
func blockEnd(s, end string) int {
	switch {
	case strings.HasPrefix(s, "-"+end):
		return 3 + spaces(s[3:])
	case strings.HasPrefix(s, "+"+end) && end != "}}":
		return 3
	case strings.HasPrefix(s, end+"\n") && end != "}}":
		return 3
	case strings.HasPrefix(s, end):
		return 2
	}
	return 0
}

func (l *lexer) raw() {
	s := l.rest()
	for i := 0; s != ""; i++ {
		n := strings.Index(s[i:], "{%")
		if n < 0 {
			l.fail("missing end of raw directive")
		}
		i += n
		sg := sign(s[i+2:])
		w := word(s[i+2+len(sg):], "endraw")
		if w == 0 {
			continue
		}
		body := i + 2 + len(sg) + w
		end := blockEnd(s[body:], "%}")
		if end == 0 {
			continue
		}
		if text := l.strip(s[:i], sg, true); text != "" {
			l.emit(token{kind: kData, text: text})
		}
		l.take(body + end)
		return
	}
}

func (l *lexer) comment() {
	s := l.rest()
	if s == "" { // Jinja accepts a comment that begins at the end of the template
		return
	}
	i := strings.Index(s, "#}")
	if i < 0 {
		l.fail("missing end of comment tag")
	}
	if i > 0 && (s[i-1] == '-' || s[i-1] == '+') {
		i--
	}
	l.take(i + blockEnd(s[i:], "#}"))
}

const operators = "+-/*%~[](){}><=.:|,;"

// inside lexes the tokens of a tag up to its end, which is outside of all brackets.
func (l *lexer) inside(end kind, text string) {
	var open []byte
	for l.pos < len(l.src) {
		s := l.rest()
		if n := blockEnd(s, text); n > 0 && len(open) == 0 {
			l.emit(token{kind: end})
			l.take(n)
			return
		}
		if n := spaces(s); n > 0 {
			l.take(n)
			continue
		}
		if l.number(s) || l.name(s) || l.quoted(s) {
			continue
		}
		n := operator(s)
		if n == 0 {
			c, _ := utf8.DecodeRuneInString(s)
			l.fail("unexpected character %q", c)
		}
		open = l.balance(open, s[:n])
		l.emit(token{kind: kOp, text: s[:n]})
		l.take(n)
	}
}

func operator(s string) int {
	if len(s) >= 2 {
		switch s[:2] {
		case "//", "**", "==", "!=", ">=", "<=":
			return 2
		}
	}
	if strings.IndexByte(operators, s[0]) >= 0 {
		return 1
	}
	return 0
}

func (l *lexer) balance(open []byte, op string) []byte {
	switch op {
	case "(":
		return append(open, ')')
	case "[":
		return append(open, ']')
	case "{":
		return append(open, '}')
	case ")", "]", "}":
		if len(open) == 0 {
			l.fail("unexpected '%s'", op)
		}
		if want := open[len(open)-1]; want != op[0] {
			l.fail("unexpected '%s', expected '%c'", op, want)
		}
		return open[:len(open)-1]
	}
	return open
}

// digits is the length of the digits that s begins with; single underscores may separate them.
func digits(s string, ok func(c byte) bool) int {
	n := 0
	for n < len(s) && (ok(s[n]) || s[n] == '_' && n > 0 && s[n-1] != '_' && n+1 < len(s) && ok(s[n+1])) {
		n++
	}
	return n
}

func decimal(c byte) bool { return c >= '0' && c <= '9' }

func (l *lexer) number(s string) bool {
	if !decimal(s[0]) {
		return false
	}
	if n := floatLen(s); n > 0 && (l.pos == 0 || l.src[l.pos-1] != '.') {
		f, err := strconv.ParseFloat(strings.ReplaceAll(s[:n], "_", ""), 64)
		if err != nil && !errors.Is(err, strconv.ErrRange) {
			l.fail("%q is not a number", s[:n])
		}
		l.emit(token{kind: kFloat, num: f})
		l.take(n)
		return true
	}
	n := intLen(s)
	i, err := strconv.ParseInt(strings.ReplaceAll(s[:n], "_", ""), base(s), 64)
	if err != nil {
		l.fail("the number %s does not fit in 64 bits", s[:n])
	}
	l.emit(token{kind: kInt, num: i})
	l.take(n)
	return true
}

func floatLen(s string) int {
	n := digits(s, decimal)
	fraction := 0
	if n < len(s) && s[n] == '.' {
		if f := digits(s[n+1:], decimal); f > 0 {
			fraction = f + 1
		}
	}
	n += fraction
	if n < len(s) && (s[n] == 'e' || s[n] == 'E') {
		e := 1 + len(sign(s[n+1:]))
		if d := digits(s[n+e:], decimal); d > 0 {
			return n + e + d
		}
	}
	if fraction == 0 {
		return 0
	}
	return n
}

func base(s string) int {
	if len(s) > 2 && s[0] == '0' && strings.IndexByte("xXoObB", s[1]) >= 0 {
		return 0
	}
	return 10
}

func intLen(s string) int {
	if base(s) == 0 {
		ok := map[byte]func(byte) bool{
			'x': func(c byte) bool { return decimal(c) || c|32 >= 'a' && c|32 <= 'f' },
			'o': func(c byte) bool { return c >= '0' && c <= '7' },
			'b': func(c byte) bool { return c == '0' || c == '1' },
		}[s[1]|32]
		if n := digits(s[2:], ok); n > 0 {
			return 2 + n
		}
		return 1
	}
	if s[0] == '0' {
		return digits(s, func(c byte) bool { return c == '0' })
	}
	return digits(s, decimal)
}

func (l *lexer) name(s string) bool {
	n := strings.IndexFunc(s, func(c rune) bool {
		return c != '_' && !unicode.IsLetter(c) && !unicode.IsNumber(c)
	})
	if n < 0 {
		n = len(s)
	}
	if n == 0 {
		return false
	}
	if c, _ := utf8.DecodeRuneInString(s); c != '_' && !unicode.IsLetter(c) {
		l.fail("invalid character in identifier %q", s[:n])
	}
	l.emit(token{kind: kName, text: s[:n]})
	l.take(n)
	return true
}

func (l *lexer) quoted(s string) bool {
	if s[0] != '\'' && s[0] != '"' {
		return false
	}
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case s[0]:
			l.emit(token{kind: kString, text: l.unescape(s[1:i])})
			l.take(i + 1)
			return true
		}
	}
	l.fail("unexpected character %q: the string has no end", s[0])
	return false
}

// unescape decodes a literal's backslashes by Python's rules: an unknown escape stays.
func (l *lexer) unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for s != "" {
		i := strings.IndexByte(s, '\\')
		if i < 0 || i+1 == len(s) {
			b.WriteString(s)
			break
		}
		b.WriteString(s[:i])
		s = s[i+1:]
		s = s[l.escape(&b, s):]
	}
	return b.String()
}

var escapes = map[byte]string{'\n': "", '\\': "\\", '\'': "'", '"': "\"", 'a': "\a", 'b': "\b",
	'f': "\f", 'n': "\n", 'r': "\r", 't': "\t", 'v': "\v"}

// escape writes the character of the escape at the beginning of s, which is after the backslash, and
// returns the length of the escape.
func (l *lexer) escape(b *strings.Builder, s string) int {
	if text, ok := escapes[s[0]]; ok {
		b.WriteString(text)
		return 1
	}
	if s[0] == 'N' {
		l.fail(`named characters (\N) are not supported`)
	}
	if width, ok := map[byte]int{'x': 2, 'u': 4, 'U': 8}[s[0]]; ok {
		if len(s) < 1+width {
			l.fail(`truncated \%cXX escape`, s[0])
		}
		c, err := strconv.ParseUint(s[1:1+width], 16, 32)
		if err != nil || !utf8.ValidRune(rune(c)) {
			l.fail(`the escape \%s is not a character`, s[:1+width])
		}
		b.WriteRune(rune(c))
		return 1 + width
	}
	n := 0
	for n < len(s) && n < 3 && s[n] >= '0' && s[n] <= '7' {
		n++
	}
	if n > 0 {
		c, _ := strconv.ParseUint(s[:n], 8, 32)
		b.WriteRune(rune(c))
		return n
	}
	b.WriteByte('\\')
	return 0
}
