package markdown

import (
	"bytes"
	"regexp"
	"strings"

	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
)

// LaTeX is shown as it is written: \( … \), \[ … \], $ … $, $$ … $$ and \begin{x} … \end{x}. Nothing in it is Markdown.

var environment = regexp.MustCompile(`^\\begin\{([A-Za-z]+\*?)\}`)

// mathMarks returns the mark at the beginning of s that begins LaTeX, and the one that ends it; "" if there is none.
func mathMarks(s string) (open, end string) {
	switch {
	case strings.HasPrefix(s, `\(`):
		return `\(`, `\)`
	case strings.HasPrefix(s, `\[`):
		return `\[`, `\]`
	case strings.HasPrefix(s, `$$`):
		return `$$`, `$$`
	}
	if m := environment.FindStringSubmatch(s); m != nil {
		return m[0], `\end{` + m[1] + `}`
	}
	return "", ""
}

// mathLength returns the length of the LaTeX that begins at the present place, 0 if none does or if it has no end.
func mathLength(p *inline) int {
	open, end := mathMarks(p.text[p.at:])
	if open == "" {
		return 0
	}
	from := p.at + len(open)
	for {
		i := p.find(from, end)
		if i < 0 {
			return 0
		}
		if end[0] != '\\' || backslashes(p.text[:i])%2 == 0 {
			return i + len(end) - p.at
		}
		from = i + 1
	}
}

// backslashes returns how many backslashes s ends with.
func backslashes(s string) int { return len(s) - len(strings.TrimRight(s, `\`)) }

// dollar reads $$ … $$ and $ … $. A single $ begins a formula only where it is no price: the next $ ends it, there is no space
// inside at the ends, and no digit follows.
func (p *inline) dollar() {
	if n := mathLength(p); n > 0 {
		p.put(n, piece{text: p.text[p.at : p.at+n]})
		return
	}
	s := p.text[p.at+1:]
	end := p.find(p.at+1, "$") - p.at - 1
	for end > 0 && backslashes(s[:end])%2 == 1 {
		next := strings.IndexByte(s[end+1:], '$')
		if next < 0 {
			end = -1
			break
		}
		end += 1 + next
	}
	if end <= 0 || s[0] == ' ' || s[0] == '\n' || s[end-1] == ' ' || s[end-1] == '\n' || end+1 < len(s) && s[end+1] >= '0' && s[end+1] <= '9' {
		p.plain(1)
		return
	}
	p.put(end+2, piece{text: p.text[p.at : p.at+end+2]})
}

// mathBlock is LaTeX of several lines, which may look like a list, a heading or a table to goldmark.
type mathBlock struct {
	ast.BaseBlock
	end string
}

var kindMath = ast.NewNodeKind("Math")

func (*mathBlock) Kind() ast.NodeKind        { return kindMath }
func (*mathBlock) IsRaw() bool               { return true }
func (b *mathBlock) Dump(src []byte, lv int) { ast.DumpHelper(b, src, lv, nil, nil) }

// mathParser finds blocks of LaTeX. One begins only where its end stands before the next empty line.
type mathParser struct{}

var absentKey = parser.NewContextKey()

func (mathParser) Trigger() []byte             { return []byte{'\\', '$'} }
func (mathParser) CanInterruptParagraph() bool { return true }
func (mathParser) CanAcceptIndentedLine() bool { return false }

func (mathParser) Open(_ ast.Node, reader text.Reader, pc parser.Context) (ast.Node, parser.State) {
	line, segment := reader.PeekLine()
	pos := pc.BlockOffset()
	if pos < 0 {
		return nil, parser.NoChildren
	}
	open, end := mathMarks(string(line[pos:min(len(line), pos+64)]))
	if open == "" || open == `\(` || bytes.Contains(line[pos+len(open):], []byte(end)) ||
		!mathEnds(reader.Source(), segment.Stop, end, pc) {
		return nil, parser.NoChildren
	}
	b := &mathBlock{end: end}
	b.Lines().Append(segment)
	reader.Advance(len(bytes.TrimRight(line, "\r\n")))
	return b, parser.NoChildren
}

// mathEnds reports whether a mark stands between an offset and the next empty line. It remembers where it searched in vain.
func mathEnds(src []byte, from int, end string, pc parser.Context) bool {
	vain, _ := pc.Get(absentKey).(map[string]int)
	if vain == nil {
		vain = map[string]int{}
		pc.Set(absentKey, vain)
	}
	if from < vain[end] {
		return false
	}
	at := from
	for at < len(src) {
		n := bytes.IndexByte(src[at:], '\n') + 1
		if n == 0 {
			n = len(src) - at
		}
		line := src[at : at+n]
		if len(bytes.TrimSpace(line)) == 0 {
			break
		}
		if bytes.Contains(line, []byte(end)) {
			return true
		}
		at += n
	}
	vain[end] = at
	return false
}

func (mathParser) Continue(node ast.Node, reader text.Reader, _ parser.Context) parser.State {
	b := node.(*mathBlock)
	line, segment := reader.PeekLine()
	if len(bytes.TrimSpace(line)) == 0 {
		return parser.Close
	}
	b.Lines().Append(segment)
	reader.Advance(len(bytes.TrimRight(line, "\r\n")))
	if bytes.Contains(line, []byte(b.end)) {
		return parser.Close
	}
	return parser.Continue | parser.NoChildren
}

func (mathParser) Close(ast.Node, text.Reader, parser.Context) {}

// openMath reports whether the last lines of a text, up to an empty line, begin LaTeX that may still end further down.
func openMath(s string) bool {
	if i := strings.LastIndex(strings.TrimRight(s, "\n"), "\n\n"); i >= 0 {
		s = s[i:]
	}
	for line := range strings.Lines(s) {
		if open, _ := mathMarks(strings.TrimLeft(line, " \t>-*+0123456789.)")); open != "" && open != `\(` {
			return true
		}
	}
	return false
}
