package markdown

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/yuin/goldmark/util"
)

// bracket is a [ or ![ that may begin a link or an image.
type bracket struct {
	piece  int
	at     int // the first byte behind it
	image  bool
	bottom int // the last delimiter before it
}

// open reads [ or ![.
func (p *inline) open(image bool) {
	n := 1
	if image {
		if n = 2; !strings.HasPrefix(p.text[p.at:], "![") {
			p.plain(1)
			return
		}
	}
	p.put(n, piece{text: p.text[p.at : p.at+n]})
	p.brackets = append(p.brackets, bracket{piece: len(p.pieces) - 1, at: p.at, image: image, bottom: p.top})
}

// close reads ], and makes a link or an image of what stands between it and the last bracket.
func (p *inline) close() {
	n := len(p.brackets) - 1
	if n < 0 {
		p.plain(1)
		return
	}
	b := p.brackets[n]
	p.brackets = p.brackets[:n]
	nested := !b.image && n < p.dead
	p.dead = min(p.dead, n)
	p.flush()
	to, length := "", 0
	if !nested {
		if to, length = p.target(b); length == 0 {
			to, length = p.referred(b)
		}
	}
	if length == 0 {
		p.plain(1)
		return
	}
	p.match(b.bottom)
	p.pieces[b.piece].text = ""
	if b.image {
		p.pieces[b.piece].text = "[image: "
	} else {
		p.ranges = append(p.ranges, styled{from: b.piece + 1, to: len(p.pieces), style: linked, link: to})
		p.dead = n
	}
	end := piece{}
	if b.image {
		end.text = "]"
	}
	p.put(length, end)
}

// target reads the address and title behind ], and returns the address and the length with ].
func (p *inline) target(b bracket) (to string, length int) {
	s := p.text[p.at+1:]
	if !strings.HasPrefix(s, "(") {
		return "", 0
	}
	i := skipSpace(s, 1)
	to, n := destination(s[i:])
	if n < 0 {
		return "", 0
	}
	i += n
	j := skipSpace(s, i)
	if j > i && j < len(s) {
		if n := title(s[j:]); n > 0 {
			j = skipSpace(s, j+n)
		}
	}
	if j >= len(s) || s[j] != ')' {
		return "", 0
	}
	return unescape(to), j + 2
}

// referred finds the definition to which [text][label], [label][] or [label] refers.
func (p *inline) referred(b bracket) (to string, length int) {
	if len(p.refs) == 0 {
		return "", 0
	}
	label, length := p.text[b.at:p.at], 1
	if rest := p.text[p.at+1:]; strings.HasPrefix(rest, "[") {
		if end := strings.IndexAny(rest[1:], "[]"); end >= 0 && rest[1+end] == ']' {
			length += end + 2
			if end > 0 {
				label = rest[1 : 1+end]
			}
		}
	}
	if len(label) > longestLabel {
		return "", 0
	}
	if to, ok := p.refs[util.ToLinkReference([]byte(label))]; ok {
		return to, length
	}
	return "", 0
}

func skipSpace(s string, i int) int {
	for i < len(s) && (s[i] == ' ' || s[i] == '\t' || s[i] == '\n') {
		i++
	}
	return i
}

// destination returns the address at the beginning of s and its length, -1 if there is none. Parentheses nest up to 32 deep.
func destination(s string) (to string, n int) {
	if strings.HasPrefix(s, "<") {
		for i := 1; i < len(s); i++ {
			switch s[i] {
			case '>':
				return s[1:i], i + 1
			case '<', '\n':
				return "", -1
			case '\\':
				i++
			}
		}
		return "", -1
	}
	depth := 0
	for ; n < len(s); n++ {
		switch c := s[n]; {
		case c == '\\' && n+1 < len(s) && util.IsPunct(s[n+1]):
			n++
		case c <= ' ':
			return s[:n], n
		case c == '(':
			if depth++; depth > 32 {
				return "", -1
			}
		case c == ')':
			if depth--; depth < 0 {
				return s[:n], n
			}
		}
	}
	return s, n
}

// title returns the length of the title at the beginning of s, 0 if there is none.
func title(s string) int {
	end := s[0]
	switch end {
	case '(':
		end = ')'
	case '"', '\'':
	default:
		return 0
	}
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case end:
			return i + 1
		case '\\':
			i++
		case '(':
			if end == ')' {
				return 0
			}
		}
	}
	return 0
}

var (
	autoAddress = regexp.MustCompile(`^<([A-Za-z][A-Za-z0-9+.-]{1,31}:[^\s<>]*)>`)
	autoMail    = regexp.MustCompile(`^<([A-Za-z0-9.!#$%&'*+/=?^_{|}~-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*)>`)
	tag         = regexp.MustCompile(`^</?[A-Za-z][A-Za-z0-9-]*(?:\s+[A-Za-z_:][A-Za-z0-9_.:-]*(?:\s*=\s*(?:[^\s"'=<>` + "`" + `]+|'[^']*'|"[^"]*"))?)*\s*/?>`)
)

// angle reads <address>, or HTML, whose text is shown as it is written.
func (p *inline) angle() {
	rest := p.text[p.at:]
	if m := autoAddress.FindStringSubmatch(rest); m != nil {
		p.put(len(m[0]), piece{text: m[1], link: m[1]})
		return
	}
	if m := autoMail.FindStringSubmatch(rest); m != nil {
		p.put(len(m[0]), piece{text: m[1], link: "mailto:" + m[1]})
		return
	}
	if n := len(tag.FindString(rest)); n > 0 {
		p.put(n, piece{text: rest[:n]})
		return
	}
	for _, marks := range [][2]string{{"<!--", "-->"}, {"<?", "?>"}, {"<![CDATA[", "]]>"}} {
		if !strings.HasPrefix(rest, marks[0]) {
			continue
		}
		if end := p.find(p.at+len(marks[0]), marks[1]); end >= 0 {
			end += len(marks[1])
			p.put(end-p.at, piece{text: p.text[p.at:end]})
			return
		}
	}
	p.plain(1)
}

var bareAddress = regexp.MustCompile(`^(?i:(?:https?|ftp)://[-a-z0-9@:%._+~#=]+|www\.[-a-z0-9@:%_+~#=]+\.[-a-z0-9@:%._+~#=]*)(?:[/?#][-a-zA-Z0-9@:%_+.~#$!?&/=();,'^{}]*)?`)

// address reads an address that stands in the text without marks.
func (p *inline) address() {
	if p.at > 0 {
		if before, _ := utf8.DecodeLastRuneInString(p.text[:p.at]); before < unicode.MaxASCII && (unicode.IsLetter(before) || unicode.IsDigit(before)) {
			p.plain(1)
			return
		}
	}
	url := trimAddress(bareAddress.FindString(p.text[p.at:]))
	if _, host, ok := strings.Cut(url, "://"); url == "" || ok && strings.Trim(host, "/") == "" {
		p.plain(1)
		return
	}
	to := url
	if url[0] == 'w' || url[0] == 'W' {
		to = "http://" + url
	}
	p.put(len(url), piece{text: url, link: to})
}

// trimAddress removes punctuation at the end, which belongs to the sentence around an address.
func trimAddress(url string) string {
	open := strings.Count(url, "(") - strings.Count(url, ")")
	for url != "" {
		last := url[len(url)-1]
		if last == ')' && open < 0 {
			open++
		} else if strings.IndexByte("?!.,:*_~';^{}", last) < 0 {
			break
		}
		url = url[:len(url)-1]
	}
	return url
}

var (
	mailName = regexp.MustCompile(`[A-Za-z0-9._+-]+$`)
	mailHost = regexp.MustCompile(`^@[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*\.[A-Za-z]{2,}`)
)

// mail reads an e-mail address, whose name has been read as plain text.
func (p *inline) mail() {
	host := mailHost.FindString(p.text[p.at:])
	if host == "" {
		p.plain(1)
		return
	}
	name := mailName.FindString(p.text[p.from:p.at])
	if name == "" {
		p.plain(1)
		return
	}
	p.at -= len(name)
	p.put(len(name)+len(host), piece{text: name + host, link: "mailto:" + name + host})
}

// references are the addresses that are defined in a text, by label: "[1]: https://go.dev".
type references map[string]string

const longestLabel = 999

var (
	definition = regexp.MustCompile(`^ {0,3}\[((?:[^\[\]\\]|\\.)+)\]:[ \t]*\n?[ \t]*(<[^<>\n]*>|[^\s<]\S*)(?:[ \t]*[ \t\n][ \t]*(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|\((?:[^()\\]|\\.)*\)))?[ \t]*(?:\n|$)`)
	labelled   = regexp.MustCompile(`\[((?:[^\[\]\\]|\\.)+)\]`)
)

// define reads the definitions at the beginning of a paragraph, and returns their length.
func (r references) define(text string) (length int) {
	for {
		m := definition.FindStringSubmatch(text[length:])
		if m == nil || len(m[1]) > longestLabel || strings.TrimSpace(m[1]) == "" {
			return length
		}
		label := util.ToLinkReference([]byte(m[1]))
		if _, ok := r[label]; !ok {
			r[label] = unescape(strings.TrimSuffix(strings.TrimPrefix(m[2], "<"), ">"))
		}
		length += len(m[0])
	}
}

// addUsed adds the labels to which a text refers.
func addUsed(labels map[string]bool, text string) {
	for _, m := range labelled.FindAllStringSubmatch(text, -1) {
		if len(m[1]) <= longestLabel {
			labels[util.ToLinkReference([]byte(m[1]))] = true
		}
	}
}
