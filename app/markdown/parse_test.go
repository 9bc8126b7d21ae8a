package markdown

import (
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"pgregory.net/rapid"

	"soberano/app/ui"
)

func span(s string) []ui.Span { return []ui.Span{{Text: s}} }

func TestParse(t *testing.T) {
	p := func(s string) Block { return Block{Kind: Paragraph, Spans: span(s)} }
	for source, want := range map[string][]Block{
		"":                                nil,
		"one\ntwo":                        {p("one two")},
		"a **b** *c* `d` ~~e~~ &amp; \\*": {{Kind: Paragraph, Spans: []ui.Span{{Text: "a "}, {Text: "b", Bold: true}, {Text: " "}, {Text: "c", Italic: true}, {Text: " "}, {Text: "d", Mono: true}, {Text: " "}, {Text: "e", Strike: true}, {Text: " & *"}}}},
		"`a &amp; \\*`":                   {{Kind: Paragraph, Spans: []ui.Span{{Text: "a &amp; \\*", Mono: true}}}},
		"## Title":                        {{Kind: Heading, Level: 2, Spans: span("Title")}},
		"```go\nx := 1\n\ny\n```":         {{Kind: Code, Language: "go", Text: "x := 1\n\ny"}},
		"```":                             {{Kind: Code}},
		"> q\n> r":                        {{Kind: Quote, Blocks: []Block{p("q r")}}},
		"---":                             {{Kind: Rule}},
		"[x](https://a.org)":              {{Kind: Paragraph, Spans: []ui.Span{{Text: "x", Link: "https://a.org"}}}},
		"![a cat](cat.png)":               {p("[image: a cat]")},
		"a <b>c</b>":                      {p("a <b>c</b>")},
		"<div>\nhi\n</div>":               {p("<div>\nhi\n</div>")},
		"|a|b|\n|-|-:|\n|1|2|":            {{Kind: Table, Align: []fyne.TextAlign{0, fyne.TextAlignTrailing}, Blocks: []Block{{Kind: Row, Cells: [][]ui.Span{span("a"), span("b")}}, {Kind: Row, Cells: [][]ui.Span{span("1"), span("2")}}}}},
		"3. a\n   - b":                    {{Kind: List, Ordered: true, Start: 3, Tight: true, Blocks: []Block{{Kind: Item, Blocks: []Block{p("a"), {Kind: List, Tight: true, Blocks: []Block{{Kind: Item, Blocks: []Block{p("b")}}}}}}}}},
		"- [x] a":                         {{Kind: List, Tight: true, Blocks: []Block{{Kind: Item, Task: "done", Blocks: []Block{p("a")}}}}},
	} {
		got := Parse(source)
		if len(got) != len(want) {
			t.Errorf("%q: got %+v", source, got)
			continue
		}
		for i := range got {
			if !got[i].Equal(want[i]) {
				t.Errorf("%q\n got %+v\nwant %+v", source, got[i], want[i])
			}
		}
	}
}

var fragments = []string{"word", " ", "  ", "    ", "\n", "\n\n", "- ", "* ", "1. ", "2", ". ", "10) ", "> ", "# ", "## ", "---", "===", "--", "```", "```go\n", "~~~", "`", "**", "*", "_",
	"|", "|-|-|\n", "|a|b|\n", ":", "[x](y)", "<b>", "</div>", "<!--", "-->", "\t", "\\", "&amp;", "[ ] ", "é", "漢", "text of some length"}

// A streamed answer equals the whole one at every moment, for any division into pieces.
func TestStreamedIsWhole(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var s Stream
		frozen := 0
		for i, piece := range rapid.SliceOfN(rapid.SampledFrom(fragments), 1, 60).Draw(rt, "pieces") {
			s.Add(piece)
			got := s.Blocks()
			if s.Frozen() < frozen {
				rt.Fatal("a frozen block came loose")
			}
			frozen = s.Frozen()
			want := Parse(s.Source())
			if len(got) != len(want) {
				rt.Fatalf("piece %d of %q:\n got %+v\nwant %+v", i, s.Source(), got, want)
			}
			for k := range got {
				if !got[k].Equal(want[k]) {
					rt.Fatalf("piece %d of %q:\n got %+v\nwant %+v", i, s.Source(), got[k], want[k])
				}
			}
		}
	})
}

// In an ordinary answer nearly all blocks are frozen, which keeps streaming cheap.
func TestOrdinaryAnswersFreeze(t *testing.T) {
	var s Stream
	for range 40 {
		for _, c := range "Here is **how**:\n\n```go\nfunc f() {\n\n\treturn\n}\n```\n\n1. first\n2. second\n\n" {
			s.Add(string(c))
		}
		s.Blocks()
	}
	if s.Frozen() < 3*40-2 {
		t.Fatalf("only %d blocks are frozen", s.Frozen())
	}
}

// Deep nesting causes neither a crash nor a long delay.
func TestDeepNesting(t *testing.T) {
	Parse(strings.Repeat("> ", 2000) + "x")
	Parse(strings.Repeat("- ", 2000) + "x")
}
