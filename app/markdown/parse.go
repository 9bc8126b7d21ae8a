// Package markdown shows an answer in Markdown as widgets while the answer is being written.
//
//	text ──goldmark──▶ syntax tree ──▶ []Block ──View──▶ widgets, reused where a block is as before
//
// A Block is plain data, so blocks can be compared, and a test can check that a streamed answer gives the same blocks as the
// whole one. Of an image only the description is shown, and HTML is shown as text: nothing in an answer makes the program
// load anything. CommonMark: https://spec.commonmark.org/0.31.2/
package markdown

import (
	"reflect"
	"strings"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	east "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/text"

	"fyne.io/fyne/v2"

	"soberano/app/ui"
)

// Kind is the kind of a block.
type Kind int

// The kinds, with the fields of Block that each one uses.
const (
	Paragraph Kind = iota
	Heading        // Level
	Code           // Language, Text
	List           // Items, Ordered, Start
	Item           // Blocks; only in a List
	Quote          // Blocks
	Table          // Align; Blocks are its Rows
	Row            // Cells
	Rule
)

// Block is a paragraph, list, table or other block of an answer.
type Block struct {
	Kind     Kind
	Spans    []ui.Span // of a Paragraph or Heading
	Level    int       // of a Heading, 1 … 6
	Language string    // of Code
	Text     string    // of Code
	Blocks   []Block   // of a List (Items), Item, Quote or Table (Rows)
	Ordered  bool      // a List with numbers
	Start    int       // the first number of an ordered List
	Tight    bool      // a List without vertical space between its items
	Task     string    // of an Item: "", "open" or "done"
	Align    []fyne.TextAlign
	Cells    [][]ui.Span // of a Row
}

// Equal reports whether two blocks look the same.
func (b Block) Equal(o Block) bool { return reflect.DeepEqual(b, o) }

var reader = goldmark.New(goldmark.WithExtensions(extension.Table, extension.Strikethrough, extension.TaskList, extension.Linkify)).Parser()

// nesting is the depth to which nested lists and quotes are shown as such; deeper levels are shown without indentation.
const nesting = 12

// Parse reads Markdown. It accepts every text.
func Parse(source string) []Block {
	blocks, _ := parse(source)
	return blocks
}

// parse also returns, for each block, the offset of its first line, or -1 where the syntax tree does not record it (an empty
// list item, a rule).
func parse(source string) (blocks []Block, starts []int) {
	src := []byte(source)
	c := &converter{src: src}
	doc := reader.Parse(text.NewReader(src))
	for n := doc.FirstChild(); n != nil; n = n.NextSibling() {
		for _, b := range c.block(n, 0) {
			blocks = append(blocks, b)
			starts = append(starts, lineStart(src, n))
		}
	}
	return blocks, starts
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
	return strings.LastIndexByte(string(src[:at]), '\n') + 1
}

type converter struct{ src []byte }

func (c *converter) children(n ast.Node, depth int) (list []Block) {
	for k := n.FirstChild(); k != nil; k = k.NextSibling() {
		list = append(list, c.block(k, depth)...)
	}
	return list
}

func (c *converter) block(n ast.Node, depth int) []Block {
	if depth > nesting {
		return []Block{{Kind: Paragraph, Spans: []ui.Span{{Text: c.lines(n)}}}}
	}
	switch n := n.(type) {
	case *ast.Heading:
		return []Block{{Kind: Heading, Level: n.Level, Spans: c.inline(n)}}
	case *ast.FencedCodeBlock:
		return []Block{{Kind: Code, Language: string(n.Language(c.src)), Text: strings.TrimSuffix(c.lines(n), "\n")}}
	case *ast.CodeBlock:
		return []Block{{Kind: Code, Text: strings.TrimSuffix(c.lines(n), "\n")}}
	case *ast.HTMLBlock:
		html := c.lines(n)
		if n.HasClosure() {
			html += string(n.ClosureLine.Value(c.src))
		}
		return []Block{{Kind: Paragraph, Spans: []ui.Span{{Text: strings.TrimSpace(html)}}}}
	case *ast.List:
		return []Block{{Kind: List, Ordered: n.IsOrdered(), Start: n.Start, Tight: n.IsTight, Blocks: c.children(n, depth+1)}}
	case *ast.ListItem:
		return []Block{c.item(n, depth)}
	case *ast.Blockquote:
		return []Block{{Kind: Quote, Blocks: c.children(n, depth+1)}}
	case *ast.ThematicBreak:
		return []Block{{Kind: Rule}}
	case *east.Table:
		return []Block{c.table(n)}
	}
	return []Block{{Kind: Paragraph, Spans: c.inline(n)}}
}

func (c *converter) item(n ast.Node, depth int) Block {
	b := Block{Kind: Item, Blocks: c.children(n, depth+1)}
	if first := n.FirstChild(); first != nil {
		if box, ok := first.FirstChild().(*east.TaskCheckBox); ok {
			b.Task = "open"
			if box.IsChecked {
				b.Task = "done"
			}
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
		for cell := row.FirstChild(); cell != nil; cell = cell.NextSibling() {
			r.Cells = append(r.Cells, c.inline(cell))
		}
		b.Blocks = append(b.Blocks, r)
	}
	return b
}

// lines returns the source text of a block without inline children.
func (c *converter) lines(n ast.Node) string {
	var s strings.Builder
	if n.Type() != ast.TypeBlock {
		return ""
	}
	for i := range n.Lines().Len() {
		line := n.Lines().At(i)
		s.Write(line.Value(c.src))
	}
	for k := n.FirstChild(); k != nil && n.Lines().Len() == 0; k = k.NextSibling() {
		s.WriteString(c.lines(k) + "\n")
	}
	return s.String()
}

// inline returns the text of a block as spans of one style each.
func (c *converter) inline(n ast.Node) []ui.Span {
	var spans []ui.Span
	c.walk(n, ui.Span{}, &spans)
	return spans
}

func (c *converter) walk(n ast.Node, style ui.Span, out *[]ui.Span) {
	for k := n.FirstChild(); k != nil; k = k.NextSibling() {
		s := style
		switch k := k.(type) {
		case *ast.Text:
			t := string(k.Value(c.src))
			if !style.Mono {
				t = string(unescape(k.Value(c.src)))
			}
			put(out, s, t)
			switch {
			case k.HardLineBreak():
				put(out, s, "\n")
			case k.SoftLineBreak():
				put(out, s, " ")
			}
			continue
		case *ast.String:
			put(out, s, string(k.Value))
			continue
		case *ast.CodeSpan:
			s.Mono = true
		case *ast.Emphasis:
			s.Bold, s.Italic = s.Bold || k.Level == 2, s.Italic || k.Level == 1
		case *east.Strikethrough:
			s.Strike = true
		case *ast.Link:
			s.Link = string(k.Destination)
		case *ast.AutoLink:
			s.Link = string(k.URL(c.src))
			put(out, s, string(k.Label(c.src)))
			continue
		case *ast.Image:
			put(out, s, "[image: ")
			c.walk(k, s, out)
			put(out, s, "]")
			continue
		case *ast.RawHTML:
			for i := range k.Segments.Len() {
				seg := k.Segments.At(i)
				put(out, s, string(seg.Value(c.src)))
			}
			continue
		}
		c.walk(k, s, out)
	}
}

func put(out *[]ui.Span, s ui.Span, text string) {
	if text == "" {
		return
	}
	s.Text = text
	if n := len(*out); n > 0 {
		last := &(*out)[n-1]
		same := s
		same.Text = last.Text
		if same == *last {
			last.Text += text
			return
		}
	}
	*out = append(*out, s)
}
