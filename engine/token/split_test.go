package token

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"pgregory.net/rapid"
)

// The published patterns for Go's regexp. \s is replaced by a character class, because Go's \s is ASCII
// only. \s+(?!\S)|\s+ is the group "spaces"; reference removes its last character if a word follows.
const (
	white    = `\t\n\v\f\r \x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}`
	spacesRE = `(?P<spaces>[` + white + `]+)`
	gpt2RE   = `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^` + white + `\p{L}\p{N}]+|` + spacesRE
	anyCase  = `'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD]`
	restRE   = ` ?[^` + white + `\p{L}\p{N}]+[\r\n]*|[` + white + `]*[\r\n]+|` + spacesRE
	llama3RE = anyCase + `|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|` + restRE
	qwen2RE  = anyCase + `|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}|` + restRE
	upperRE  = `[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]`
	lowerRE  = `[\p{Ll}\p{Lm}\p{Lo}\p{M}]`
	slashRE  = ` ?[^` + white + `\p{L}\p{N}]+[\r\n/]*|[` + white + `]*[\r\n]+|` + spacesRE
	tekkenRE = `[^\r\n\p{L}\p{N}]?` + upperRE + `*` + lowerRE + `+|[^\r\n\p{L}\p{N}]?` + upperRE + `+` + lowerRE + `*|\p{N}|` + slashRE
	gpt4oRE  = `[^\r\n\p{L}\p{N}]?` + upperRE + `*` + lowerRE + `+(?:` + anyCase + `)?|[^\r\n\p{L}\p{N}]?` +
		upperRE + `+` + lowerRE + `*(?:` + anyCase + `)?|\p{N}{1,3}|` + slashRE
	lineRE   = `|[` + white + `]*[\r\n]+|` + spacesRE
	qwen35RE = anyCase + `|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^` + white + `\p{L}\p{M}\p{N}]+[\r\n]*` + lineRE
	markedRE = "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+"
	kanaRE   = `[一-龥぀-ゟ゠-ヿ]+`
	asiaRE   = `[一-龥ࠀ-一가-퟿]+`
	bloomRE  = ` ?[^(` + white + `|.,!?…。，、।۔،)]+`
	phraseRE = anyCase + `|[^\r\n\p{L}\p{N}]?(?:\p{L}\p{M}*(?: \p{L}\p{M}*)*)+|\p{N}| ?[^` + white + `\p{L}\p{N}]+[\r\n/]?|[` + white + `]*[\r\n]|` + spacesRE
	asianRE  = `[一-鿿㐀-䶿豈-﫿぀-ゟ゠-ヿ･-ﾟ⼀-⿟เ-๿຀-໿ក-៿က-႟ꩠ-ꩿꧠ-꧿가-힯ᄀ-ᇿ]+`
	youtuRE  = `[가-힣ㄱ-ㆎ]+|[！…“”‘’—：；，、-〿︰-﹏]+|[ㄅ-ㄯ]+|[一-龥぀-ゟ゠-ヿ]+`
	cased1RE = `[^\r\n\p{L}\p{N}]?` + upperRE + `*` + lowerRE + `+(?:` + anyCase + `)?|[^\r\n\p{L}\p{N}]?` + upperRE + `+` + lowerRE + `*(?:` + anyCase + `)?|\p{N}|` + slashRE
	marksRE  = `[\p{P}$+<=>^~|]+`
)

// reference splits s by each of the patterns in turn: each match is a word, and so is the text between
// two matches.
func reference(s string, patterns ...string) []string {
	words := []string{s}
	for _, p := range patterns {
		p, grouped := strings.CutPrefix(p, "groups:")
		re := regexp.MustCompile(p)
		group := re.SubexpIndex("spaces")
		var out []string
		for _, w := range words {
			if grouped {
				out = append(out, groups(re, w)...)
			} else {
				out = append(out, cut(re, group, w)...)
			}
		}
		words = out
	}
	return words
}

func cut(re *regexp.Regexp, group int, s string) (words []string) {
	for s != "" {
		m := re.FindStringSubmatchIndex(s)
		if m == nil {
			return append(words, s)
		}
		if m[0] > 0 {
			words = append(words, s[:m[0]])
		}
		end := m[1]
		if group >= 0 && m[2*group] >= 0 && end < len(s) {
			if _, n := utf8.DecodeLastRuneInString(s[m[0]:end]); n < end-m[0] {
				end -= n
			}
		}
		words = append(words, s[m[0]:end])
		s = s[end:]
	}
	return words
}

// groups makes words of three characters of each match, counted from its end, and of the text between two matches.
func groups(re *regexp.Regexp, s string) (words []string) {
	for s != "" {
		m := re.FindStringIndex(s)
		if m == nil {
			return append(words, s)
		}
		if m[0] > 0 {
			words = append(words, s[:m[0]])
		}
		digits := []rune(s[m[0]:m[1]])
		for len(digits) > 0 {
			n := (len(digits)-1)%3 + 1
			words, digits = append(words, string(digits[:n])), digits[n:]
		}
		s = s[m[1]:]
	}
	return words
}

var alphabet = []rune("，。“가ㄱㄅเᄀ|  \t\n\r\u00a0\u3000aZsSréÅſKǅʰ한日ー０9½٣Ⅷ'’.,!$+<`|~_/\u0301\u0903😀\u200d\u0000\ufeff\U000e0001")

// words draws text that is likely to match every rule.
var words = rapid.Custom(func(t *rapid.T) string {
	parts := rapid.SliceOfN(rapid.OneOf(
		rapid.StringOfN(rapid.SampledFrom(alphabet), 0, 6, -1),
		rapid.SampledFrom([]string{"'s", "'LL", "'re ", " 12345", "  \n ", "Camel", "iOS", "HTTPServer", "...\n\n", "//\n/", "1234567"}),
		rapid.String(),
	), 0, 8).Draw(t, "parts")
	return strings.Join(parts, "")
})

func TestSplitAsPublished(t *testing.T) {
	for name, patterns := range map[string][]string{
		"gpt-2":          {gpt2RE},
		"smollm":         {`\p{N}`, gpt2RE},
		"llama-bpe":      {llama3RE},
		"qwen2":          {qwen2RE},
		"tekken":         {tekkenRE},
		"gpt-4o":         {gpt4oRE},
		"default":        {marksRE, gpt2RE, `\p{N}+`, `[0-9][0-9][0-9]`},
		"qwen35":         {qwen35RE},
		"ufakzeka":       {`[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}|` + restRE},
		"seed-coder":     {anyCase + `|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1}| ?[^` + white + `\p{L}\p{N}\r\n]+` + lineRE},
		"bailingmoe2":    {`'(?:[sSdDmMtT]|[lL][lL]|[vV][eE]|[rR][eE])|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^` + white + `\p{L}\p{N}]+[\r\n]*|[` + white + `]*[\r\n]|` + spacesRE},
		"minicpm5":       {`\p{N}{1,3}`, anyCase + `|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}+|` + restRE},
		"laguna":         {`[^\n]+|[\n]+`, qwen2RE},
		"exaone-moe":     {phraseRE},
		"youtu":          {youtuRE, cased1RE},
		"deepseek-v3":    {`\p{N}{1,3}`, kanaRE, markedRE + `[\r\n]*` + lineRE},
		"spark2_5":       {`\p{N}{1,3}`, kanaRE, markedRE + `|[\r\n]|` + spacesRE, `\p{N}`},
		"afmoe":          {`groups:\p{N}+`, asianRE, markedRE + `[\r\n]*` + lineRE},
		"deepseek-coder": {`[\r\n]`, `[` + white + `]?\p{L}+`, `[` + white + `]?\p{P}+`, asiaRE, `\p{N}`},
		"bloom":          {bloomRE},
		"viking":         {bloomRE, `\p{N}`},
		"superbpe":       {`\p{N}+`, `groups:[0-9]+`},
		"gemma4":         {`[^\n]+|[\n]+`},
		"falcon":         {"[\\p{P}$+<=>^~|`]+", gpt2RE, `[0-9][0-9][0-9]`},
	} {
		t.Run(name, func(t *testing.T) {
			p, ok := preTokenizers[name]
			if !ok {
				t.Fatal("not in the table")
			}
			rapid.Check(t, func(t *rapid.T) {
				s := words.Draw(t, "text")
				var got []string
				p.split(s, func(w string) { got = append(got, w) })
				if want := reference(s, patterns...); !slices.Equal(got, want) {
					t.Fatalf("%q:\n got %q\nwant %q", s, got, want)
				}
			})
		})
	}
}

// TestSplitCases checks pre-tokenizers whose patterns package regexp can't express.
func TestSplitCases(t *testing.T) {
	for _, c := range []struct{ pre, text, want string }{
		{"jais-2", "a" + strings.Repeat(" ", 7) + "b", "a|    |  | b"},
		{"jais-2", strings.Repeat(" ", 8), strings.Repeat(" ", 8)},
		{"jais-2", strings.Repeat(" ", 9) + "1", strings.Repeat(" ", 8) + "| |1"},
		{"jais-2", "x  \n   y", "x|  \n|  | y"},
		{"jais-2", "   ", "  | "},
		{"tiny_aya", "1234567 12345a 12", "1|234|567| |123|45|a| |12"},
		{"tiny_aya", "x1234", "x|1|234"},
		{"kimi-k2", "Hello世界abc、漢字's 1234", "Hello|世界|abc|、|漢字|'s| |123|4"},
		{"deepseek-llm", "Hi there,  12 日本。\n", "Hi| there|,|  |12| |日本|。|\n"},
		{"chameleon", "<sentinel:12> IMGIMGABZx    y", "<|sentinel|:|1|2|>| |IMGIMGABZ|x|    |y"},
		{"superbpe", "a 1234567 b", "a |1|234|567| b"},
	} {
		var got []string
		preTokenizers[c.pre].split(c.text, func(w string) { got = append(got, w) })
		if s := strings.Join(got, "|"); s != c.want {
			t.Errorf("%s: %q gives %q, expected %q", c.pre, c.text, s, c.want)
		}
	}
}

// TestSplitLosesNothing checks for any bytes and every pre-tokenizer that the joined words are the text and no word
// is empty.
func TestSplitLosesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := string(rapid.SliceOf(rapid.Byte()).Draw(t, "bytes"))
		for name, p := range preTokenizers {
			if name == "whitespace" { // it leaves white space out
				continue
			}
			var b strings.Builder
			p.split(s, func(w string) {
				if w == "" {
					t.Fatalf("%s: an empty word", name)
				}
				b.WriteString(w)
			})
			if b.String() != s {
				t.Fatalf("%s: the words of %q are %q", name, s, b.String())
			}
		}
	})
}

// TestWhite checks that Go's unicode.IsSpace agrees with the white space of the reference.
func TestWhite(t *testing.T) {
	re := regexp.MustCompile(`^[` + white + `]$`)
	for r := rune(0); r <= utf8.MaxRune; r++ {
		if re.MatchString(string(r)) != unicode.IsSpace(r) && utf8.ValidRune(r) {
			t.Errorf("%U", r)
		}
	}
}

func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		"":                 "",
		"déjà 😀":           "déjà 😀",
		"\xff\xfe":         "\ufffd\ufffd",
		"\xc3(":            "\ufffd(",
		"\xe2\x82":         "\ufffd\ufffd",
		"\xc0\xaf":         "/",                        // overlong
		"\xed\xa0\x80":     "\xed\xa0\x80",             // a surrogate
		"\xf7\xbf\xbf\xbf": "\ufffd\ufffd\ufffd\ufffd", // beyond U+10FFFF
	} {
		if got := validText(in); got != want {
			t.Errorf("%q becomes %q, expected %q", in, got, want)
		}
	}
}
