package markdown

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/yuin/goldmark/util"

	"soberano/app/ui"
)

// inline parses the text of one block. goldmark finds the blocks only, for three reasons: its time for the text within a block
// grows with the square of the length ("*a *a *a"), it has no notion of LaTeX, and its rules for emphasis need spaces between
// words, which Chinese and Japanese do not have.
//
//	text ──scan──▶ pieces, delimiters (* _ ~~), brackets ──match──▶ ranges of pieces in one style ──▶ spans
//
// It follows CommonMark 0.31, with these differences: the end of a line stays the end of a line; LaTeX is left as it is
// written (math.go); a backslash disappears only before the characters that Markdown would otherwise read as markup; emphasis
// works beside characters of scripts that are written without spaces (emphasis.go).
//
// The time is linear: every search for a closing mark either consumes what it has passed, or is remembered as vain in absent.
type inline struct {
	text string
	refs references

	at     int // the next byte to read
	from   int // the bytes from here to at are plain text that has not become a piece yet
	pieces []piece
	ranges []styled
	absent map[string]bool // closing marks that the rest of the text does not have

	delimiters []delimiter
	top        int // the last delimiter that may still be matched, -1: none
	brackets   []bracket
	dead       int         // the first so many brackets can't become links: a link inside would be nested
	ticks      map[int]int // where the last run of so many backticks begins; nil: not counted yet
	escaped    int         // where a bracket stands whose backslash is Markdown's, because the one before it is
}

// piece is a part of the text in one style, before emphasis and links are applied.
type piece struct {
	text string
	mono bool
	link string // of an address in the text
}

// styled is a range of pieces [from, to) in a style.
type styled struct {
	from, to int
	style    style
	link     string
}

type style int

const (
	italic style = iota
	bold
	strike
	linked
)

// parseInline returns the text of a block as spans of one style each.
func parseInline(text string, refs references) []ui.Span {
	p := inline{text: strings.TrimRight(text, " \t\n"), refs: refs, top: -1}
	for p.at < len(p.text) {
		p.step()
	}
	p.flush()
	p.match(-1)
	return p.spans()
}

// special marks the bytes at which more than plain text may begin.
var special = func() (s [256]bool) {
	for _, c := range []byte("\\`*_~[]!<&$\n@hHfFwW") {
		s[c] = true
	}
	return s
}()

// step reads plain text up to the next special byte, or what begins with that byte.
func (p *inline) step() {
	for p.at < len(p.text) && !special[p.text[p.at]] {
		p.at++
	}
	if p.at == len(p.text) {
		return
	}
	switch p.text[p.at] {
	case '\\':
		p.backslash()
	case '`':
		p.code()
	case '*', '_', '~':
		p.delimiter()
	case '[':
		p.open(false)
	case '!':
		p.open(true)
	case ']':
		p.close()
	case '<':
		p.angle()
	case '&':
		p.reference()
	case '$':
		p.dollar()
	case '@':
		p.mail()
	case '\n':
		p.newline()
	default:
		p.address()
	}
}

// flush makes a piece of the plain text that was read.
func (p *inline) flush() {
	if p.from < p.at {
		p.pieces = append(p.pieces, piece{text: p.text[p.from:p.at]})
	}
	p.from = p.at
}

// put adds a piece that stands for the next n bytes.
func (p *inline) put(n int, add piece) {
	p.flush()
	p.pieces = append(p.pieces, add)
	p.at += n
	p.from = p.at
}

// plain reads n bytes as plain text.
func (p *inline) plain(n int) { p.at = min(p.at+n, len(p.text)) }

// find returns the offset of the first mark at or behind from, -1 if there is none.
func (p *inline) find(from int, mark string) int {
	if from > len(p.text) || p.absent[mark] {
		return -1
	}
	i := strings.Index(p.text[from:], mark)
	if i < 0 {
		if p.absent == nil {
			p.absent = map[string]bool{}
		}
		p.absent[mark] = true
		return -1
	}
	return from + i
}

// newline reads the end of a line, without the spaces around it.
func (p *inline) newline() {
	end := p.at
	for p.at > p.from && (p.text[p.at-1] == ' ' || p.text[p.at-1] == '\t') {
		p.at--
	}
	p.flush()
	p.at = end
	for end++; end < len(p.text) && (p.text[end] == ' ' || p.text[end] == '\t'); end++ {
	}
	p.from = p.at
	p.put(end-p.at, piece{text: "\n"})
}

// escapable lists the characters before which a backslash is Markdown's. Before others, such as \, \{ \% and \\, it is kept:
// it is LaTeX, a path or a regular expression. Brackets depend on what follows.
const escapable = "*_`#+-.!~|<>&$"

func (p *inline) backslash() {
	if p.at+1 == len(p.text) {
		p.plain(1)
		return
	}
	switch next := p.text[p.at+1]; {
	case next == '\n':
		p.put(1, piece{})
	case strings.IndexByte(escapable, next) >= 0, next == '[' && p.escapedLink(), next == ']' && (len(p.brackets) > 0 || p.escaped == p.at+1),
		next == '(' && p.at > 0 && p.text[p.at-1] == ']':
		p.flush()
		p.from++
		p.plain(2)
	case next == '[' || next == '(' || next == 'b':
		if n := mathLength(p); n > 0 {
			p.put(n, piece{text: p.text[p.at : p.at+n]})
			return
		}
		p.plain(2)
	case next < utf8.RuneSelf:
		p.plain(2)
	default:
		p.plain(1)
	}
}

// escapedLink reports whether \[ escapes a bracket that would begin a link, an image's description or a task: \[x](y).
func (p *inline) escapedLink() bool {
	rest := p.text[p.at+2:]
	end := strings.IndexAny(rest, "[]\n")
	if end < 0 || rest[end] != ']' {
		return false
	}
	if end > 0 && rest[end-1] == '\\' { // \[x\](y)
		p.escaped = p.at + 2 + end
		return rest[0] != ' ' && strings.HasPrefix(rest[end+1:], "(")
	}
	return strings.HasPrefix(rest[end+1:], "(") || strings.HasPrefix(rest[end+1:], "[") || strings.HasPrefix(rest[end+1:], ":")
}

// code reads code between two runs of equally many backticks.
func (p *inline) code() {
	n := run(p.text, p.at)
	if p.ticks == nil {
		p.ticks = map[int]int{}
		for i := 0; i < len(p.text); i++ {
			if p.text[i] == '`' {
				n := run(p.text, i)
				p.ticks[n] = i
				i += n - 1
			}
		}
	}
	if p.ticks[n] <= p.at {
		p.plain(n)
		return
	}
	for end := p.at + n; ; {
		end += strings.IndexByte(p.text[end:], '`')
		m := run(p.text, end)
		if m == n {
			p.put(end+m-p.at, piece{text: codeText(p.text[p.at+n : end]), mono: true})
			return
		}
		end += m
	}
}

// codeText joins the lines of code in a paragraph, and removes one space at each end where both have one.
func codeText(s string) string {
	s = strings.ReplaceAll(s, "\n", " ")
	if len(s) > 2 && s[0] == ' ' && s[len(s)-1] == ' ' && strings.Trim(s, " ") != "" {
		return s[1 : len(s)-1]
	}
	return s
}

// run returns how many bytes from i on are equal.
func run(s string, i int) int {
	n := 1
	for i+n < len(s) && s[i+n] == s[i] {
		n++
	}
	return n
}

// reference reads a character reference, such as &amp; or &#233;.
func (p *inline) reference() {
	if char, n := decodeReference(p.text[p.at:]); n > 0 {
		p.put(n, piece{text: char})
		return
	}
	p.plain(1)
}

// decodeReference returns the character for which the reference at the beginning of s stands, and the reference's length; 0 if
// there is none.
func decodeReference(s string) (char string, n int) {
	end := strings.IndexByte(s[:min(len(s), 40)], ';')
	if end < 2 {
		return "", 0
	}
	name := s[1:end]
	if name[0] != '#' {
		if e, ok := util.LookUpHTML5EntityByName(name); ok {
			return string(e.Characters), end + 1
		}
		return "", 0
	}
	base, most := 10, 8
	if name = name[1:]; strings.HasPrefix(name, "x") || strings.HasPrefix(name, "X") {
		name, base, most = name[1:], 16, 6
	}
	v, err := strconv.ParseUint(name, base, 32)
	if err != nil || len(name) > most {
		return "", 0
	}
	if v == 0 || v > utf8.MaxRune {
		v = utf8.RuneError
	}
	return string(rune(v)), end + 1
}

// unescape resolves backslash escapes and character references in an address or a name, each once.
func unescape(s string) string {
	if !strings.ContainsAny(s, "\\&") {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		if s[i] == '\\' && i+1 < len(s) && util.IsPunct(s[i+1]) {
			i++
		} else if s[i] == '&' {
			if char, n := decodeReference(s[i:]); n > 0 {
				b.WriteString(char)
				i += n
				continue
			}
		}
		b.WriteByte(s[i])
		i++
	}
	return b.String()
}

// spans applies the ranges to the pieces, and joins neighbours of one style.
func (p *inline) spans() (out []ui.Span) {
	begin, end := make([][4]int, len(p.pieces)+1), make([][4]int, len(p.pieces)+1)
	links := map[int]string{}
	for _, r := range p.ranges {
		begin[r.from][r.style]++
		end[r.to][r.style]++
		if r.style == linked {
			links[r.from] = r.link
		}
	}
	var depth [4]int
	var text strings.Builder
	var last ui.Span
	flush := func() {
		if text.Len() > 0 {
			last.Text = text.String()
			out = append(out, last)
			text.Reset()
		}
	}
	link := ""
	for i, x := range p.pieces {
		for s := range depth {
			depth[s] += begin[i][s] - end[i][s]
		}
		if to, ok := links[i]; ok {
			link = to
		}
		s := ui.Span{Italic: depth[italic] > 0, Bold: depth[bold] > 0, Strike: depth[strike] > 0, Mono: x.mono, Link: x.link}
		if depth[linked] > 0 {
			s.Link = link
		}
		if last.Text = ""; s != last && x.text != "" {
			flush()
			last = s
		}
		text.WriteString(x.text)
	}
	flush()
	return out
}

// put adds text in a style to spans, of which the last is extended if it has the same style.
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
