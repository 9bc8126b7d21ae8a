// Package markdown shows an answer in Markdown as widgets while the answer is being written.
//
//	text ──goldmark──▶ syntax tree ──▶ []Block ──View──▶ widgets, reused where a block is as before
//
// A Block is plain data, so blocks can be compared, and a test can check that a streamed answer gives the same blocks as the
// whole one. Of an image only the description is shown, and HTML is shown as text: nothing in an answer makes the program
// load anything. CommonMark: https://spec.commonmark.org/0.31.2/
package markdown

import (
	"bytes"
	"strings"

	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	east "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"

	"fyne.io/fyne/v2"

	"soberano/app/ui"
)

// reader finds blocks; parseInline reads the text within them.
var reader = parser.NewParser(
	parser.WithBlockParsers(append(blockParsers(), util.Prioritized(thoughtParser{}, 10), util.Prioritized(mathParser{}, 20))...),
	parser.WithParagraphTransformers(util.Prioritized(tables{extension.NewTableParagraphTransformer()}, 200)))

// blockParsers returns goldmark's parsers, with a limit to the depth of nested lists and quotations.
func blockParsers() []util.PrioritizedValue {
	list := parser.DefaultBlockParsers()
	for i, p := range list {
		switch v := p.Value.(parser.BlockParser); string(v.Trigger()) {
		case ">", string(parser.NewListParser().Trigger()):
			if v != parser.NewListItemParser() {
				list[i].Value = shallow{v}
			}
		}
	}
	return list
}

// deepest is the number of blocks that may be open one inside the other; each line of the text goes through all of them. What
// is deeper is read as plain text.
const deepest = 60

// shallow is a parser of lists or quotations which opens none where the text is nested too deep already.
type shallow struct{ parser.BlockParser }

func (s shallow) Open(parent ast.Node, r text.Reader, pc parser.Context) (ast.Node, parser.State) {
	if len(pc.OpenedBlocks()) >= deepest {
		return nil, parser.NoChildren
	}
	return s.BlockParser.Open(parent, r, pc)
}

// mostCells is the largest number of cells of a table. A short line in a wide table stands for a whole row of empty cells, so a
// small text could ask for billions.
const mostCells = 10000

// tables makes tables of paragraphs, unless they are too large, which are left as they are.
type tables struct{ parser.ParagraphTransformer }

func (t tables) Transform(n *ast.Paragraph, r text.Reader, pc parser.Context) {
	columns := 1
	for i := range n.Lines().Len() {
		line := n.Lines().At(i)
		columns = max(columns, bytes.Count(line.Value(r.Source()), []byte{'|'}))
	}
	length := n.Lines().Len()
	if columns*length > mostCells {
		return
	}
	t.ParagraphTransformer.Transform(n, r, pc)
	// The lines before a table stay in n. goldmark would take n for open still, and make a heading of it behind the table.
	if n.Parent() != nil && n.Lines().Len() < length {
		before := ast.NewParagraph()
		before.SetLines(n.Lines())
		before.SetBlankPreviousLines(n.HasBlankPreviousLines())
		n.Parent().ReplaceChild(n.Parent(), n, before)
	}
}

// nesting is the depth to which nested lists and quotes are indented; deeper levels are as far at the right as that.
const nesting = 12

// Parse reads Markdown. It accepts every text, and shows all of it but marks: no character is lost.
func Parse(source string) []Block {
	blocks, _ := parse(source, true)
	return blocks
}

// parse also returns, for each block, the offset of its first line, or -1 where the syntax tree does not record it (an empty
// list item, a rule). With first, the text is the beginning of an answer, which may be a thought without a mark before it.
func parse(source string, first bool) (blocks []Block, starts []int) {
	from := 0
	if first {
		var n int
		if n, from = unopened(source); from > 0 {
			if b, ok := thought(source[:n], true); ok {
				blocks, starts = append(blocks, b), append(starts, 0)
			}
		}
	}
	src := []byte(source[from:])
	c := newConverter(src)
	for n := c.doc.FirstChild(); n != nil; n = n.NextSibling() {
		start := lineStart(src, n)
		if start >= 0 {
			start += from
		}
		for _, b := range c.block(n, 0) {
			blocks = append(blocks, b)
			starts = append(starts, start)
		}
	}
	return blocks, starts
}

// thought returns what a model wrote while it was thinking; ok is false if that is nothing.
func thought(s string, done bool) (b Block, ok bool) {
	s = strings.TrimSpace(s)
	return Block{Kind: Thought, Text: s, Done: done}, s != "" || !done
}

// lineStart returns the offset of the first line of a block, -1 if it is unknown.
func lineStart(src []byte, n ast.Node) int {
	at := -1
	switch f := n.(type) {
	case *ast.FencedCodeBlock: // its lines are the code; the fence is on the line before
		if f.Info != nil {
			at = f.Info.Segment.Start
		} else if f.Lines().Len() > 0 {
			if at = startOf(src, f.Lines().At(0).Start); at > 0 {
				at--
			}
		}
		return startOf(src, at)
	case *ast.ThematicBreak:
		return -1
	}
	if n.Type() == ast.TypeBlock && n.Lines().Len() > 0 {
		return startOf(src, n.Lines().At(0).Start)
	}
	if n.Type() == ast.TypeBlock && n.FirstChild() != nil {
		if first := n.FirstChild(); first.Type() == ast.TypeBlock {
			return lineStart(src, first)
		}
	}
	if t, ok := n.FirstChild().(*ast.Text); ok {
		return startOf(src, t.Segment.Start)
	}
	return -1
}

func startOf(src []byte, at int) int {
	if at < 0 {
		return -1
	}
	return bytes.LastIndexByte(src[:at], '\n') + 1
}

// converter makes Blocks of a syntax tree.
type converter struct {
	src  []byte
	doc  ast.Node
	refs references
	used map[string]bool // the labels to which the text refers
	defs map[ast.Node]int
}

func newConverter(src []byte) *converter {
	c := &converter{src: src, doc: reader.Parse(text.NewReader(src)), refs: references{}, defs: map[ast.Node]int{}}
	c.define(c.doc)
	if len(c.refs) > 0 {
		c.used = map[string]bool{}
		c.use(c.doc)
	}
	return c
}

// define collects the definitions of addresses in all paragraphs.
func (c *converter) define(n ast.Node) {
	for k := n.FirstChild(); k != nil; k = k.NextSibling() {
		switch k.(type) {
		case *ast.Paragraph, *ast.TextBlock:
			if k.Lines().Len() > 0 {
				first := k.Lines().At(0)
				if line := first.Value(c.src); len(line) > 0 && line[0] == '[' {
					if length := c.refs.define(c.lines(k)); length > 0 {
						c.defs[k] = length
					}
				}
			}
		default:
			c.define(k)
		}
	}
}

// use collects the labels to which the text refers.
func (c *converter) use(n ast.Node) {
	for k := n.FirstChild(); k != nil; k = k.NextSibling() {
		if c.use(k); k.Type() == ast.TypeBlock && !k.IsRaw() {
			addUsed(c.used, c.lines(k)[c.defs[k]:])
		}
	}
}

func (c *converter) children(n ast.Node, depth int) (list []Block) {
	for k := n.FirstChild(); k != nil; k = k.NextSibling() {
		list = append(list, c.block(k, depth)...)
	}
	return list
}

func (c *converter) block(n ast.Node, depth int) []Block {
	switch n := n.(type) {
	case *ast.Heading:
		return []Block{{Kind: Heading, Level: n.Level, Spans: c.inline(c.lines(n))}}
	case *ast.FencedCodeBlock:
		b := Block{Kind: Code, Text: strings.TrimSuffix(c.lines(n), "\n")}
		if n.Info != nil {
			b.Language = unescape(strings.TrimSpace(string(n.Info.Segment.Value(c.src))))
		}
		return []Block{b}
	case *ast.CodeBlock:
		return []Block{{Kind: Code, Text: strings.TrimSuffix(c.lines(n), "\n")}}
	case *ast.HTMLBlock:
		html := c.lines(n)
		if n.HasClosure() {
			html += string(n.ClosureLine.Value(c.src))
		}
		return []Block{{Kind: Paragraph, Spans: []ui.Span{{Text: strings.TrimSpace(html)}}}}
	case *thoughtBlock:
		return c.thought(n, depth)
	case *mathBlock:
		return []Block{{Kind: Paragraph, Spans: c.math(n)}}
	case *ast.List:
		return c.list(n, depth)
	case *ast.Blockquote:
		if depth >= nesting {
			return c.children(n, depth)
		}
		return []Block{{Kind: Quote, Blocks: c.children(n, depth+1)}}
	case *ast.ThematicBreak:
		return []Block{{Kind: Rule}}
	case *east.Table:
		return []Block{c.table(n)}
	}
	return c.paragraph(n)
}

// paragraph returns a paragraph without the definitions at its beginning to which the text refers: they are marks only. The
// others are its first paragraph.
func (c *converter) paragraph(n ast.Node) (list []Block) {
	s := c.lines(n)
	var left strings.Builder
	for end := c.defs[n]; end > 0; {
		m := definition.FindStringSubmatch(s)
		if !c.used[util.ToLinkReference([]byte(m[1]))] {
			left.WriteString(m[0])
		}
		s, end = s[len(m[0]):], end-len(m[0])
	}
	for _, spans := range [][]ui.Span{parseInline(left.String(), nil), c.inline(s)} {
		if len(spans) > 0 {
			list = append(list, Block{Kind: Paragraph, Spans: spans})
		}
	}
	return list
}

func (c *converter) thought(n *thoughtBlock, depth int) (list []Block) {
	if b, ok := thought(c.lines(n), n.done); ok {
		list = append(list, b)
	}
	if rest := n.rest.Value(c.src); len(bytes.TrimSpace(rest)) > 0 {
		behind := newConverter(bytes.TrimLeft(rest, " \t"))
		list = append(list, behind.children(behind.doc, depth)...)
	}
	return list
}

// math returns LaTeX as it is written, and what stands behind it in its last line.
func (c *converter) math(n *mathBlock) []ui.Span {
	s := strings.TrimSpace(c.lines(n))
	end := strings.LastIndex(s, n.end)
	if end < 0 {
		return []ui.Span{{Text: s}}
	}
	end += len(n.end)
	spans := []ui.Span{{Text: s[:end]}}
	for _, x := range c.inline(s[end:]) {
		put(&spans, x, x.Text)
	}
	return spans
}

// list returns a list, or its items as paragraphs with their marks where the text is nested too deep.
func (c *converter) list(n *ast.List, depth int) []Block {
	b := Block{Kind: List, Ordered: n.IsOrdered(), Start: n.Start, Tight: n.IsTight}
	for k := n.FirstChild(); k != nil; k = k.NextSibling() {
		b.Blocks = append(b.Blocks, c.item(k, min(depth+1, nesting)))
	}
	if depth < nesting {
		return []Block{b}
	}
	var flat []Block
	for i, item := range b.Blocks {
		text := mark(b, item, i) + " "
		if len(item.Blocks) == 0 || item.Blocks[0].Kind != Paragraph {
			flat = append(flat, Block{Kind: Paragraph, Spans: []ui.Span{{Text: text}}})
		} else {
			item.Blocks[0].Spans = append([]ui.Span{{Text: text}}, item.Blocks[0].Spans...)
		}
		flat = append(flat, item.Blocks...)
	}
	return flat
}

// item returns an item of a list. [ ] or [x] at its beginning makes it a task.
func (c *converter) item(n ast.Node, depth int) Block {
	b := Block{Kind: Item, Blocks: c.children(n, depth)}
	if len(b.Blocks) == 0 || b.Blocks[0].Kind != Paragraph || len(b.Blocks[0].Spans) == 0 {
		return b
	}
	first := &b.Blocks[0].Spans[0]
	for mark, task := range map[string]string{"[ ]": "open", "[x]": "done", "[X]": "done"} {
		if rest, ok := strings.CutPrefix(first.Text, mark); ok && (rest == "" || strings.TrimLeft(rest, " \t\n") != rest) && *first == (ui.Span{Text: first.Text}) {
			b.Task = task
			if first.Text = strings.TrimLeft(rest, " \t\n"); first.Text == "" {
				b.Blocks[0].Spans = b.Blocks[0].Spans[1:]
			}
			break
		}
	}
	return b
}

func (c *converter) table(n *east.Table) Block {
	b := Block{Kind: Table}
	for _, a := range n.Alignments {
		b.Align = append(b.Align, map[east.Alignment]fyne.TextAlign{
			east.AlignCenter: fyne.TextAlignCenter, east.AlignRight: fyne.TextAlignTrailing}[a])
	}
	for row := n.FirstChild(); row != nil; row = row.NextSibling() {
		r := Block{Kind: Row}
		end := -1
		for cell := row.FirstChild(); cell != nil; cell = cell.NextSibling() {
			text := c.lines(cell)
			if cell.Lines().Len() > 0 {
				end = cell.Lines().At(0).Stop
			}
			if cell.NextSibling() == nil && end >= 0 {
				text += c.extra(end)
			}
			r.Cells = append(r.Cells, c.inline(strings.ReplaceAll(text, `\|`, "|")))
		}
		b.Blocks = append(b.Blocks, r)
	}
	return b
}

// extra returns the cells behind the last one that the table has a column for; they are shown in it.
func (c *converter) extra(end int) string {
	line := c.src[end:]
	if i := bytes.IndexByte(line, '\n'); i >= 0 {
		line = line[:i]
	}
	s := strings.TrimRight(string(line), " \t\r")
	if strings.Trim(s, "| \t") == "" {
		return ""
	}
	return " " + strings.TrimSuffix(strings.TrimSpace(s), "|")
}

// lines returns the source text of a block, without the indentation of its lines where it is no code.
func (c *converter) lines(n ast.Node) string {
	var s strings.Builder
	for i := range n.Lines().Len() {
		line := n.Lines().At(i)
		s.Write(line.Value(c.src))
	}
	return s.String()
}

func (c *converter) inline(s string) []ui.Span { return parseInline(s, c.refs) }
