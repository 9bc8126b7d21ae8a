package markdown

import (
	"bytes"
	"strings"

	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"

	"soberano/engine/reply"
)

// thoughtMarks are the marks between which models write what they think before they answer. The engine separates thoughts and
// the chat stores them between the first of these marks; the others are in raw text and in answers of earlier versions. Those in
// angle brackets may be written in capitals.
var thoughtMarks = func() [][2]string {
	marks := [][2]string{{reply.ThoughtBegin, reply.ThoughtEnd}}
	for _, m := range reply.Marks() {
		if m != marks[0] && strings.IndexByte("<[\xe2", m[0][0]) >= 0 { // not sentences
			marks = append(marks, m)
		}
	}
	return marks
}()

// hasMark reports whether s begins with a mark.
func hasMark(s, mark string) bool {
	return len(s) >= len(mark) && strings.EqualFold(s[:len(mark)], mark)
}

// indexMark returns the offset of a mark in s, -1 if there is none.
func indexMark(s, mark string) int {
	if mark[0] != '<' {
		return strings.Index(s, mark)
	}
	for at := 0; ; {
		i := strings.IndexByte(s[at:], '<')
		if i < 0 {
			return -1
		}
		if at += i; hasMark(s[at:], mark) {
			return at
		}
		at++
	}
}

// thoughtBlock is what a model writes between such marks, without them. Its Lines are the raw text.
type thoughtBlock struct {
	ast.BaseBlock
	end  string       // the mark that ends it
	done bool         // the mark has come
	rest text.Segment // the text behind that mark, where both are on one line
}

var kindThought = ast.NewNodeKind("Thought")

func (*thoughtBlock) Kind() ast.NodeKind        { return kindThought }
func (*thoughtBlock) IsRaw() bool               { return true }
func (b *thoughtBlock) Dump(src []byte, lv int) { ast.DumpHelper(b, src, lv, nil, nil) }

// thoughtParser finds thoughts. One begins at the beginning of a line of the answer itself, not of a list or a quotation, and
// what it contains is no Markdown of the answer.
type thoughtParser struct{}

func (thoughtParser) Trigger() []byte             { return []byte("<[\xe2") } // ◁ begins with the byte e2
func (thoughtParser) CanInterruptParagraph() bool { return true }
func (thoughtParser) CanAcceptIndentedLine() bool { return false }

func (thoughtParser) Open(parent ast.Node, reader text.Reader, pc parser.Context) (ast.Node, parser.State) {
	line, segment := reader.PeekLine()
	pos := pc.BlockOffset()
	if pos < 0 || parent.Kind() != ast.KindDocument {
		return nil, parser.NoChildren
	}
	s := string(line[pos:])
	for _, m := range thoughtMarks {
		if !hasMark(s, m[0]) {
			continue
		}
		b := &thoughtBlock{end: m[1]}
		start := segment.Start + pos + len(m[0])
		if i := indexMark(s[len(m[0]):], m[1]); i >= 0 {
			b.done = true
			b.Lines().Append(text.NewSegment(start, start+i))
			b.rest = text.NewSegment(start+i+len(m[1]), segment.Stop)
		} else {
			b.Lines().Append(text.NewSegment(start, segment.Stop))
		}
		reader.Advance(len(bytes.TrimRight(line, "\r\n")))
		return b, parser.NoChildren
	}
	return nil, parser.NoChildren
}

func (thoughtParser) Continue(node ast.Node, reader text.Reader, _ parser.Context) parser.State {
	b := node.(*thoughtBlock)
	if b.done {
		return parser.Close
	}
	line, segment := reader.PeekLine()
	if i := indexMark(string(line), b.end); i >= 0 {
		b.done = true
		b.Lines().Append(text.NewSegment(segment.Start, segment.Start+i))
		reader.Advance(i + len(b.end))
		return parser.Close
	}
	b.Lines().Append(segment)
	reader.Advance(len(bytes.TrimRight(line, "\r\n")))
	return parser.Continue | parser.NoChildren
}

func (thoughtParser) Close(ast.Node, text.Reader, parser.Context) {}

// unopened returns the length of the thought at the beginning of a text whose first mark is an ending one, at the beginning of a
// line outside code: some chat templates write the mark that begins it. textLen is the thought's length without that mark; 0, 0
// if there is none.
func unopened(source string) (textLen, length int) {
	for _, m := range thoughtMarks {
		i := indexMark(source, m[1])
		if i > 0 && source[i-1] == '\n' && (length == 0 || i < textLen) && !inFence(source[:i]) {
			textLen, length = i, i+len(m[1])
		}
	}
	if length > 0 && opened(source[:textLen]) {
		return 0, 0
	}
	return textLen, length
}

// inFence reports whether a text ends inside a fenced block of code.
func inFence(s string) (inside bool) {
	for line := range strings.Lines(s) {
		if line = strings.TrimLeft(line, " \t"); strings.HasPrefix(line, "```") || strings.HasPrefix(line, "~~~") {
			inside = !inside
		}
	}
	return inside
}

// longestMark is no shorter than any of the marks, in bytes.
const longestMark = 32

// closed reports whether a text has a mark that ends a thought.
func closed(s string) bool {
	for _, m := range thoughtMarks {
		if indexMark(s, m[1]) >= 0 {
			return true
		}
	}
	return false
}

// opened reports whether a text has a mark that begins a thought.
func opened(s string) bool {
	for _, m := range thoughtMarks {
		if indexMark(s, m[0]) >= 0 {
			return true
		}
	}
	return false
}

// WithoutThoughts returns an answer without what the model wrote while it was thinking.
func WithoutThoughts(source string) string {
	if _, n := unopened(source); n > 0 {
		source = source[n:]
	} else if !opened(source) {
		return source
	}
	src := []byte(source)
	doc := reader.Parse(text.NewReader(src))
	var out bytes.Buffer
	at := 0
	for n := doc.FirstChild(); n != nil; n = n.NextSibling() {
		if b, ok := n.(*thoughtBlock); ok {
			lines := b.Lines()
			out.Write(src[at:startOf(src, lines.At(0).Start)])
			at = lines.At(lines.Len() - 1).Stop
			if b.done {
				at += len(b.end)
			}
		}
	}
	out.Write(src[at:])
	return strings.TrimSpace(out.String())
}
