package markdown

import (
	"strings"

	"github.com/alecthomas/chroma/v2"
	"github.com/alecthomas/chroma/v2/lexers"

	"fyne.io/fyne/v2"

	"soberano/app/ui"
)

// most is the largest length in bytes of code that is coloured: lexing takes about 1 ms for 1 kB, and code that is still
// arriving is lexed again at every repaint.
const (
	most     = 64 << 10
	mostOpen = 4 << 10
)

// highlight splits code into runs coloured by chroma's lexers, in five colours of the theme. The language is the first word
// behind the fence. With open, more text will follow.
func highlight(language, code string, open bool) []ui.Span {
	plain := []ui.Span{{Text: code, Mono: true}}
	language, _, _ = strings.Cut(language, " ")
	lexer := lexers.Get(language)
	if language == "" || lexer == nil || len(code) > most || open && len(code) > mostOpen {
		return plain
	}
	tokens, err := chroma.Coalesce(lexer).Tokenise(nil, code)
	if err != nil {
		return plain // without colours the code is still readable
	}
	var spans []ui.Span
	length := 0
	for t := tokens(); t != chroma.EOF; t = tokens() {
		length += len(t.Value)
		put(&spans, ui.Span{Mono: true, Color: tokenColor(t.Type)}, t.Value)
	}
	if n := len(spans); n > 0 && length == len(code)+1 { // a lexer may add the final newline
		spans[n-1].Text = strings.TrimSuffix(spans[n-1].Text, "\n")
	}
	return spans
}

func tokenColor(t chroma.TokenType) fyne.ThemeColorName {
	switch {
	case t.InCategory(chroma.Comment):
		return ui.CodeComment
	case t.InCategory(chroma.Keyword):
		return ui.CodeKeyword
	case t.InSubCategory(chroma.LiteralString):
		return ui.CodeString
	case t.InSubCategory(chroma.LiteralNumber):
		return ui.CodeNumber
	case t == chroma.NameFunction, t == chroma.NameClass, t == chroma.NameTag, t == chroma.NameBuiltin, t == chroma.NameAttribute:
		return ui.CodeName
	}
	return ui.Ink
}
