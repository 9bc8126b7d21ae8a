package store

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

// mostTitle is the number of characters near which a title is cut.
const mostTitle = 48

// Title returns the title of a conversation that begins with the message.
func (m *Message) Title() string {
	if len(m.Images) == 0 || strings.TrimSpace(m.Content) != "" {
		return Title(m.Content)
	}
	if name := m.Images[0].Name; name != "" {
		return name
	}
	return "Image"
}

// Name returns what a conversation is called in lists: its title, or the beginning of its draft if it has no message yet.
func (c Conversation) Name() string {
	switch {
	case c.Title != "":
		return c.Title
	case strings.TrimSpace(c.Draft) != "":
		return "Draft: " + Title(c.Draft)
	}
	return "New chat"
}

// Title makes a conversation's title from its first message: the first line that has words, without the marks of Markdown, cut at
// the end of a word.
func Title(message string) string {
	for line := range strings.Lines(message) {
		words := strings.Fields(plain(line))
		if len(words) == 0 {
			continue
		}
		title, n := words[0], 1
		for n < len(words) && utf8.RuneCountInString(title)+1+utf8.RuneCountInString(words[n]) <= mostTitle {
			title += " " + words[n]
			n++
		}
		if r := []rune(title); len(r) > mostTitle {
			return string(r[:mostTitle]) + "…"
		}
		if n < len(words) {
			title += "…"
		}
		return title
	}
	return "Untitled"
}

// The marks of Markdown (https://spec.commonmark.org/0.31.2/): those of a block at the beginning of a line, lines that are
// nothing else, and pairs around words.
var (
	blockMarks = regexp.MustCompile(`^\s*(?:#{1,6}(?:\s+|$)|>\s*|[-*+](?:\s+\[[ xX]\])?(?:\s+|$))+`)
	closing    = regexp.MustCompile(`\s+#+\s*$`)
	markLine   = regexp.MustCompile("^\\s*(?:`{3,}[^`]*|~{3,}[^~]*|(?:[-*_=]\\s*){3,})\\s*$")
	links      = regexp.MustCompile(`!?\[([^\[\]]*)\]\((?:[^()\s]|\([^()]*\))*(?:\s+"[^"]*")?\)`)
	pairs      = []*regexp.Regexp{
		regexp.MustCompile("()`+([^`]+)`+()"),
		regexp.MustCompile(`()\*\*(\S(?:.*?\S)?)\*\*()`),
		regexp.MustCompile(`(^|[^\pL\pN_])__(\S(?:.*?\S)?)__($|[^\pL\pN_])`),
		regexp.MustCompile(`()~~(\S(?:.*?\S)?)~~()`),
		regexp.MustCompile(`(^|[^\pL\pN*])\*([^\s*](?:[^*]*[^\s*])?)\*($|[^\pL\pN*])`),
		regexp.MustCompile(`(^|[^\pL\pN_])_([^\s_](?:[^_]*[^\s_])?)_($|[^\pL\pN_])`),
	}
)

// plain removes the marks of Markdown from a line.
func plain(line string) string {
	if markLine.MatchString(line) {
		return ""
	}
	if marks := blockMarks.FindString(line); marks != "" {
		line = line[len(marks):]
		if strings.Contains(marks, "#") {
			line = closing.ReplaceAllString(line, "")
		}
	}
	line = links.ReplaceAllString(line, "$1")
	for _, p := range pairs {
		line = p.ReplaceAllString(line, "$1$2$3")
	}
	return line
}
