package markdown

import (
	"strings"
	"testing"
	"time"
	"unicode"

	"fyne.io/fyne/v2"
	"pgregory.net/rapid"

	"soberano/app/ui"
)

func span(s string) []ui.Span { return []ui.Span{{Text: s}} }

func TestParse(t *testing.T) {
	p := func(s string) Block { return Block{Kind: Paragraph, Spans: span(s)} }
	for source, want := range map[string][]Block{
		"":                                nil,
		"one\ntwo":                        {p("one\ntwo")},
		"a **b** *c* `d` ~~e~~ &amp; \\*": {{Kind: Paragraph, Spans: []ui.Span{{Text: "a "}, {Text: "b", Bold: true}, {Text: " "}, {Text: "c", Italic: true}, {Text: " "}, {Text: "d", Mono: true}, {Text: " "}, {Text: "e", Strike: true}, {Text: " & *"}}}},
		"`a &amp; \\*`":                   {{Kind: Paragraph, Spans: []ui.Span{{Text: "a &amp; \\*", Mono: true}}}},
		"## Title":                        {{Kind: Heading, Level: 2, Spans: span("Title")}},
		"```go\nx := 1\n\ny\n```":         {{Kind: Code, Language: "go", Text: "x := 1\n\ny"}},
		"```":                             {{Kind: Code}},
		"> q\n> r":                        {{Kind: Quote, Blocks: []Block{p("q\nr")}}},
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
	"|", "|-|-|\n", "|a|b|\n", ":", "[x](y)", "<b>", "</div>", "<!--", "-->", "\t", "\\", "&amp;", "[ ] ", "é", "漢", "text of some length", "<think>", "</think>\n", "\n</think>", "\\[\n", "\n\\]", "$$", "$", "\\(", "\\)", "~~", "~", "&#42;", "!"}

// A streamed answer equals the whole one at every moment, for any division into pieces.
func TestStreamedIsWhole(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var s Stream
		frozen := 0
		for i, piece := range rapid.SliceOfN(rapid.SampledFrom(fragments), 1, 60).Draw(rt, "pieces") {
			s.Add(piece)
			got := s.Blocks()
			if s.Frozen() < frozen && got[0].Kind != Thought {
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

// shownText returns all text of blocks, as it is shown; the text of thoughts is what they show when they are opened.
func shownText(blocks []Block) string {
	var s strings.Builder
	for _, b := range blocks {
		for _, x := range b.Spans {
			s.WriteString(x.Text)
		}
		s.WriteString(b.Language + b.Text)
		for _, cell := range b.Cells {
			for _, x := range cell {
				s.WriteString(x.Text)
			}
			s.WriteByte('\n')
		}
		s.WriteString(shownText(b.Blocks))
		s.WriteByte('\n')
	}
	return s.String()
}

// No letter or digit of an answer is lost, however it is nested. Numbers of list items and what makes links are left aside.
func TestEveryLetterIsShown(t *testing.T) {
	parts := []string{"a1 ", "\n\n", "- b2", "  ", "> c3", "\n", "|d4|", "\n|---|---|\n", "|e5|f6|g7|\n", "`h8`", "\\[ i9", "\\]", "<think>j", "</think>k", "$l$", "~~m~~", "**n**",
		"\\begin{x}", "\\end{x}", "![o]", "# p", "~~~q\n", "word", "    ", "- ", "10) ", "> ", "---", "```", "`", "**", "_", "|", "[r]", "<b>", "<!--", "\\", "é"}
	rapid.Check(t, func(rt *rapid.T) {
		source := strings.Join(rapid.SliceOfN(rapid.SampledFrom(parts), 1, 60).Draw(rt, "parts"), "")
		rest := shownText(Parse(source))
		for _, r := range source {
			if !unicode.IsLetter(r) || strings.ContainsRune("think st", r) && strings.Contains(source, "think>") {
				continue
			}
			i := strings.IndexRune(rest, r)
			if i < 0 {
				rt.Fatalf("%q of %q is not in %q", r, source, shownText(Parse(source)))
			}
			rest = rest[:i] + rest[i+len(string(r)):]
		}
	})
}

// The time for any text grows with its length, not with the square of it.
func TestPathologicalTextsTakeLinearTime(t *testing.T) {
	deep := ""
	for i := range 1000 {
		deep += strings.Repeat("  ", i) + "- level" + strings.Repeat("x", i%3) + "\n"
	}
	texts := map[string]string{"nested list on lines": deep}
	for _, part := range []string{"*", "_", "~~", "[", "]", "![", "`", "$", "\\[", "\\(", "\\\\", "<think>", "<think>\n", "</think>\n", "> ", "- ", "1. ", "- \n", "&", "<", "<!--", "<a b='", "&amp;", "a@", "www.", "http://", "\\begin{a}\n",
		"*a _b ", "a* b_ ", "*a **b ", "**a* ", "[a](", "[a][", "[a](b", "[a](<b", "![a](b \"", "[a]: b\n", "[a]\n", "`a``b```c", "|a", "|a\n|-\n", "$a ", "$$ a\n", "\\[ a\n", "```\n", "~~~", "# ", "=\n", "-\n", "a\n", "\t", " ", "\n", "漢", "١ ", "**漢**", "é"} {
		texts[part] = strings.Repeat(part, 100_000/len(part))
	}
	texts["code of all lengths"] = func() (s string) {
		for i := 1; len(s) < 100_000; i++ {
			s += strings.Repeat("`", i) + "a"
		}
		return s
	}()
	texts["half open, half closed"] = strings.Repeat("[", 50_000) + strings.Repeat("]", 50_000)
	texts["wide table"] = strings.Repeat("|a", 16_000) + "\n" + strings.Repeat("|-", 16_000) + "\n" + strings.Repeat("b\n", 16_000)
	texts["long table"] = "|a|b|\n|-|-|\n" + strings.Repeat("|c|d|\n", 16_000)
	texts["deep list, empty lines"] = strings.Repeat("- ", 25_000) + "x" + strings.Repeat("\n\n", 25_000)
	for name, text := range texts {
		started := time.Now()
		blocks := Parse(text)
		if d := time.Since(started); d > 8*time.Second {
			t.Errorf("%.20q: %v", name, d)
		} else if testing.Verbose() {
			t.Logf("%-12.20q %v, %d blocks", name, d, len(blocks))
		}
	}
	if n := strings.Count(shownText(Parse(deep)), "level"); n != 1000 {
		t.Errorf("%d of 1000 levels are shown", n)
	}
}

func TestInline(t *testing.T) {
	for source, want := range map[string]string{
		// LaTeX is whole
		`\[ E = mc^2 \]`: `\[ E = mc^2 \]`,
		`with \( a_1 + a_2 = \sum_{i=1}^{2} a_i \).`:   `with \( a_1 + a_2 = \sum_{i=1}^{2} a_i \).`,
		`$$ \int e^{-x^2}\,dx = \sqrt{\pi} $$`:         `$$ \int e^{-x^2}\,dx = \sqrt{\pi} $$`,
		`$a*b*c$ and $x_1 _y_$`:                        `$a*b*c$ and $x_1 _y_$`,
		`\begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix}`: `\begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix}`,
		`a \, b \; c \{d\} \% \\ e`:                    `a \, b \; c \{d\} \% \\ e`,
		`C:\\Users \alpha \frac{1}{2}`:                 `C:\\Users \alpha \frac{1}{2}`,
		`\[ open`:                                      `\[ open`,
		// prices are no formulas
		`It costs $5 and then *$10* more.`: `It costs $5 and then {i:$10} more.`,
		`$5-$10 **or** $20`:                `$5-$10 {b:or} $20`,
		// Markdown's escapes
		`\*no\* \_no\_ \# 1\. \- \~~x~~ \` + "`x\\`": "*no* _no_ # 1. - ~~x~~ `x`",
		`\[x](y) and \[x\](y) and [x]\(y)`:           `[x](y) and [x](y) and [x](y)`,
		`\$5 and \$6`:                                `$5 and $6`,
		// references, once
		`&amp;lt; &lt;b&gt; &#42;a&#x2a; &copy; &nosuch; &amp;amp;`: `&lt; <b> *a* © &nosuch; &amp;`,
		`\&amp;`: `&amp;`,
		// tildes
		`~a~ ~~b~~ ~~~c~~~ 5~6 ~7`: `~a~ {s:b} ~~~c~~~ 5~6 ~7`,
		// ends of lines
		"one  \ntwo\n  three\\\nfour": "one\ntwo\nthree\nfour",
		// emphasis beside scripts without spaces, and their punctuation
		`**中文**字`:          `{b:中文}字`,
		`字**“中文”**字`:       `字{b:“中文”}字`,
		`**「中文」**字`:        `{b:「中文」}字`,
		`字**（中文）**字`:       `字{b:（中文）}字`,
		`これは**重要。**です`:     `これは{b:重要。}です`,
		`*强调*字`:            `{i:强调}字`,
		`**한국어(Korean)**은`: `{b:한국어(Korean)}은`,
		`คำ**"ไทย"**ไทย`:   `คำ{b:"ไทย"}ไทย`,
		`~~删除。~~字`:         `{s:删除。}字`,
		// CommonMark
		`a**b**c _d_ e_f_g __h__`:   `a{b:b}c {i:d} e_f_g {b:h}`,
		`***a** b*`:                 `{bi:a}{i: b}`,
		`*a **b* c**`:               `{i:a b c}`,
		`**a*b**`:                   `{b:a*b}`,
		`a * b * c`:                 `a * b * c`,
		`**a "b".** c`:              `{b:a "b".} c`,
		"`a *b* \\*` ``c ` d``":     "{m:a *b* \\*} {m:c ` d}",
		"`open *a*":                 "`open {i:a}",
		`[a *b*](c "d") [e](<f g>)`: `{l:a }{il:b} {l:e}`,
		`[a [b](c) d](e)`:           `[a {l:b} d](e)`,
		`![a](b.png) [![c](d)](e)`:  `[image: a] {l:[image: c]}`,
		`<https://a.org> <b@c.org> https://d.org/e_f. (www.g.org) h@i.org`: `{l:https://a.org} {l:b@c.org} {l:https://d.org/e_f}. ({l:www.g.org}) {l:h@i.org}`,
		`见https://a.org。`:         `见{l:https://a.org}。`,
		`**https://a.org/**`:      `{bl:https://a.org/}`,
		`a <b>c</b> <!-- *d* -->`: `a <b>c</b> <!-- *d* -->`,
	} {
		var got strings.Builder
		for _, s := range parseInline(source, nil) {
			flags := ""
			if s.Bold {
				flags += "b"
			}
			if s.Italic {
				flags += "i"
			}
			if s.Strike {
				flags += "s"
			}
			if s.Mono {
				flags += "m"
			}
			if s.Link != "" {
				flags += "l"
			}
			if flags == "" {
				got.WriteString(s.Text)
			} else {
				got.WriteString("{" + flags + ":" + s.Text + "}")
			}
		}
		if got.String() != want {
			t.Errorf("%q\n got %q\nwant %q", source, got.String(), want)
		}
	}
}

func TestThoughts(t *testing.T) {
	for source, want := range map[string]string{
		"<think>\na\n\nb\n</think>\n\nc":                   "(a\n\nb)c",
		"<think>a</think>b":                                "(a)b",
		"<think>\n\n</think>\n\nb":                         "b",
		"<Thinking>\n# a\n</Thinking>\nb":                  "(# a)b",
		"[THINK]a[/THINK]b":                                "(a)b",
		"◁think▷a◁/think▷b":                                "(a)b",
		"<think>\n```\n- a":                                "(```\n- a…)",
		"a\n</think>b":                                     "(a)b",
		"```\na\n</think>\n```":                            "a\n</think>",
		"a\n</think>\n\nb":                                 "(a)b",
		"a\n\n<thought>b</thought>\n\nc":                   "a(b)c",
		"The marks <think> and </think> are":               "The marks <think> and </think> are",
		"```\n<think>\na\n</think>\n```":                   "<think>\na\n</think>",
		"`<think>`\n\na\n\n`</think>`":                     "<think>a</think>",
		"<think>a\n</think>b **c**\n\n- d":                 "(a)b cd",
		"<|begin_of_thought|>\n\na<|end_of_thought|>\n\nb": "(a)b",
	} {
		var got strings.Builder
		for _, b := range Parse(source) {
			if b.Kind == Thought {
				end := ")"
				if !b.Done {
					end = "…)"
				}
				got.WriteString("(" + b.Text + end)
				continue
			}
			got.WriteString(strings.TrimRight(shownText([]Block{b}), "\n"))
		}
		if got.String() != want {
			t.Errorf("%q\n got %q\nwant %q", source, got.String(), want)
		}
	}
	for source, want := range map[string]string{
		"<think>\na\n</think>\n\nb *c*": "b *c*", "a\n</think>\nb": "b", "a <think> b": "a <think> b", "<think>a": "", "<think>a</think>b\n\n<think>c</think>d": "b\n\nd",
	} {
		if got := WithoutThoughts(source); got != want {
			t.Errorf("%q: got %q, want %q", source, got, want)
		}
	}
}

func TestBlocks(t *testing.T) {
	for source, want := range map[string]string{
		"\\[\na\n=\nb\n- c\n\\]\nd":                   "\\[\na\n=\nb\n- c\n\\]\nd",
		"$$\n# a\n$$":                                 "$$\n# a\n$$",
		"\\begin{align}\n1. a \\\\\n\\end{align} *b*": "\\begin{align}\n1. a \\\\\n\\end{align} b",
		"> \\[\n> + a\n> \\]":                         "\\[\n+ a\n\\]",
		"$$ no end\n\n- a":                            "$$ no end\na",
		"[a]: https://b.org\n\n[a] c":                 "a c",
		"Sources\n\n[1]: https://b.org\n[2]: <c>":     "Sources\n[1]: https://b.org\n[2]: <c>",
		"|a|b|\n|-|-|\n|1|2|3|4|\n|5\\|6|`7\\|8`|":    "a\nb\n1\n2 |3|4\n5|6\n7|8",
		"```python title=\"a b.py\"\nx\n```":          "python title=\"a b.py\"x",
		"a\nb\n|-|-|\n---":                            "a\nb",
		"a\nb|c\n-|-\n===":                            "a\nb\nc\n===",
		"- a\n  - b\n    - c\n      - d\n        - e\n          - f\n            - g\n              - h": "a\nb\nc\nd\ne\nf\ng\nh",
	} {
		got := strings.Join(strings.FieldsFunc(shownText(Parse(source)), func(r rune) bool { return r == '\n' }), "\n")
		if got != want {
			t.Errorf("%q\n got %q\nwant %q", source, got, want)
		}
	}
}
