package token

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"

	"soberano/models"
)

// splitWhitespace makes words of \w+|[^\w\s]+ and leaves white space out.
func splitWhitespace(s string, emit func(string)) {
	for len(s) > 0 {
		n, _ := run(s, isWordCharacter, 0)
		if n == 0 {
			n, _ = run(s, func(r rune) bool { return !isWordCharacter(r) && !unicode.IsSpace(r) }, 0)
		}
		if n > 0 {
			emit(s[:n])
		} else {
			_, n = decodeRune(s)
		}
		s = s[n:]
	}
}

// splitPattern is a pre-tokenizer with a pattern. For the published ones there are scanners; others are
// compiled.
func (s *jsonStage) splitPattern() (splitter, error) {
	if s.Pattern.String != nil {
		return behavior(finds(*s.Pattern.String), s.Behavior, "", s.Invert)
	}
	if s.Pattern.Regex == nil {
		return nil, fmt.Errorf("pre_tokenizer: a Split without a pattern")
	}
	pattern := strings.NewReplacer("\r", `\r`, "\n", `\n`).Replace(*s.Pattern.Regex)
	if known, ok := patterns[pattern]; ok && (s.Behavior == "Isolated" && !s.Invert || s.Behavior == "Removed" && s.Invert) {
		return known, nil
	}
	re, err := compile(*s.Pattern.Regex)
	if err != nil {
		return nil, err
	}
	return behavior(re.find, s.Behavior, "", s.Invert)
}

// search returns the first match in a text, n < 0 if there is none.
type search func(text string) (at, n int)

// finds returns the pattern of a text.
func finds(s string) search {
	return func(text string) (at, n int) {
		if at = strings.Index(text, s); at < 0 || s == "" {
			return 0, -1
		}
		return at, len(s)
	}
}

func indexFunc(text string, class func(rune) bool) (at, n int) {
	for at < len(text) {
		r, size := decodeRune(text[at:])
		if class(r) {
			return at, size
		}
		at += size
	}
	return 0, -1
}

// behavior returns the splitter that divides a text at the matches of a pattern. def is the behaviour if
// none is named.
func behavior(find search, name, def string, invert bool) (splitter, error) {
	if name == "" {
		name = def
	}
	switch name {
	case "Isolated", "Removed", "MergedWithPrevious", "MergedWithNext", "Contiguous":
	default:
		return nil, fmt.Errorf("the behaviour %s of a pre-tokenizer is not known: %w", models.Quote(name), models.ErrUnsupported)
	}
	return func(s string, emit func(string)) {
		j := joiner{emit: emit, text: s, name: name}
		for at := 0; at < len(s); {
			skip, n := find(s[at:])
			if n <= 0 {
				break
			}
			j.add(at+skip, invert)
			j.add(at+skip+n, !invert)
			at += skip + n
		}
		j.add(len(s), invert)
		j.flush()
	}, nil
}

// joiner joins pieces of a text to words.
type joiner struct {
	emit     func(string)
	text     string
	name     string
	from, to int  // the word that may go on with the next piece
	match    bool // the piece that it ends with is a match
}

// add adds the piece from j.to to end, which is a match of the pattern or lies between two.
func (j *joiner) add(end int, match bool) {
	if end == j.to {
		return
	}
	joins := false
	switch j.name {
	case "Removed":
		if match {
			j.flush()
			j.from, j.to = end, end
			return
		}
	case "MergedWithPrevious":
		joins = match && !j.match
	case "MergedWithNext":
		joins = j.match && !match
	case "Contiguous":
		joins = match == j.match
	}
	if !joins {
		j.flush()
	}
	j.to, j.match = end, match
}

func (j *joiner) flush() {
	if j.from < j.to {
		j.emit(j.text[j.from:j.to])
	}
	j.from, j.match = j.to, false
}

// expression is a regular expression of Hugging Face's tokenizers, run by package regexp. So its time is
// linear, and look-ahead is not known but for \s+(?!\S)|\s+, the group blank: of white space before a
// word, the last character belongs to the word.
type expression struct {
	re    *regexp.Regexp
	blank int
}

// compile translates an expression: \s and \d of package regexp are ASCII, and possessive repetition is made
// greedy, which matches the same in patterns whose neighbouring parts have no character in common.
func compile(pattern string) (*expression, error) {
	const white = `\t\n\v\f\r \x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}`
	var b strings.Builder
	class, nested := false, 0 // within brackets, and brackets within them, which are a union
	for rest := pattern; rest != ""; {
		n := 1
		switch {
		case !class && strings.HasPrefix(rest, `\s+(?!\S)|\s+`):
			n = len(`\s+(?!\S)|\s+`)
			b.WriteString(`(?P<blank>[` + white + `]+)`)
		case class && strings.HasPrefix(rest, `\s`):
			n = 2
			b.WriteString(white)
		case strings.HasPrefix(rest, `\s`):
			n = 2
			b.WriteString(`[` + white + `]`)
		case strings.HasPrefix(rest, `\S`) && !class:
			n = 2
			b.WriteString(`[^` + white + `]`)
		case strings.HasPrefix(rest, `\d`):
			n = 2
			b.WriteString(`\p{Nd}`)
		case rest[0] == '\\' && len(rest) > 1:
			n = 2
			b.WriteString(rest[:2])
		case class && rest[0] == '[' && !strings.HasPrefix(rest, "[:"):
			nested++
		case class && rest[0] == ']' && nested > 0:
			nested--
		case !class && len(rest) > 1 && strings.IndexByte("?*+", rest[0]) >= 0 && rest[1] == '+':
			n = 2 // possessive
			b.WriteByte(rest[0])
		default:
			class = rest[0] == '[' || class && rest[0] != ']'
			b.WriteByte(rest[0])
		}
		rest = rest[n:]
	}
	goPattern := b.String()
	re, err := regexp.Compile(goPattern)
	if err != nil {
		return nil, fmt.Errorf("the pattern %s is not known: %w", models.Quote(pattern), models.ErrUnsupported)
	}
	return &expression{re, re.SubexpIndex("blank")}, nil
}

// find returns the first match that is not empty; n < 0 if there is none.
func (e *expression) find(s string) (at, n int) {
	for from := 0; from < len(s); {
		m := e.re.FindStringSubmatchIndex(s[from:])
		if m == nil {
			return 0, -1
		}
		at, end := from+m[0], from+m[1]
		if e.blank >= 0 && m[2*e.blank] >= 0 && end < len(s) {
			if last := lastRune(s[:end]); at < end-last {
				end -= last
			}
		}
		if end > at {
			return at, end - at
		}
		_, size := decodeRune(s[at:])
		from = at + size
	}
	return 0, -1
}

func lastRune(s string) int {
	n := 1
	for n < len(s) && n < 4 && s[len(s)-n]&0xc0 == 0x80 {
		n++
	}
	return n
}

// ReplaceAllLiteralString is regexp's.
func (e *expression) ReplaceAllLiteralString(s, with string) string {
	return e.re.ReplaceAllLiteralString(s, with)
}

// published are the patterns of pre-tokenizers, with line breaks written \r and \n, by a name in preTokenizers.
var published = func() map[string]string {
	const (
		short  = `(?i:'s|'t|'re|'ve|'m|'ll|'d)`
		blank  = `|\s*[\r\n]+|\s+(?!\S)|\s+`
		middle = `| ?[^\s\p{L}\p{N}]+[\r\n]*` + blank
		upper  = `[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]`
		lower  = `[\p{Ll}\p{Lm}\p{Lo}\p{M}]`
		lead   = `[^\r\n\p{L}\p{N}]?`
		slash  = `| ?[^\s\p{L}\p{N}]+[\r\n/]*` + blank
	)
	return map[string]string{
		"llama-bpe": short + `|` + lead + `\p{L}+|\p{N}{1,3}` + middle,
		"qwen2":     short + `|` + lead + `\p{L}+|\p{N}` + middle,
		"qwen35":    short + `|` + lead + `[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*` + blank,
		"gpt-4o":    lead + upper + `*` + lower + `+` + short + `?|` + lead + upper + `+` + lower + `*` + short + `?|\p{N}{1,3}` + slash,
		"tekken":    lead + upper + `*` + lower + `+|` + lead + upper + `+` + lower + `*|\p{N}` + slash,
	}
}()

// patterns are the published patterns for which there are scanners.
var patterns = func() map[string]splitter {
	m := map[string]splitter{
		`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`:                                                                     splitGPT2,
		`[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_` + "`" + `{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`: splitMarked("\r\n"),
		` ?[^(\s|[.,!?…。，、।۔،])]+`: preTokenizers["bloom"].split,
		`\d{1,3}(?=(?:\d{3})*\b)`:  groupDigits(isDecimal, true),
		`(?=(\d{3})+(?!\d))`:       groupDigits(isDecimal, false),
	}
	for name, pattern := range published {
		m[pattern] = preTokenizers[name].split
	}
	return m
}()
