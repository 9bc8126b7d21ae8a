package search

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"
)

// found returns the parts of a text that are found.
func found(text, words string) (parts []string) {
	for _, r := range Find(text, Key(words), len(text)+1) {
		parts = append(parts, text[r.From:r.To])
	}
	return parts
}

func TestFind(t *testing.T) {
	for _, c := range []struct {
		text, words string
		want        []string
	}{
		{"Ein Brief an die HÄUSLICHE Verwaltung", "häusliche", []string{"HÄUSLICHE"}},
		{"cafe\u0301 and café", "CAFÉ", []string{"cafe\u0301", "café"}},
		{"café", "cafe\u0301", []string{"café"}},
		{"cafe\u0301", "cafe", nil}, // another letter
		{"ΟΔΥΣΣΕΥΣ, Ὀδυσσεύς", "οδυσσευς", []string{"ΟΔΥΣΣΕΥΣ"}},
		{"ὁ λόγος", "ΛΌΓΟΣ", []string{"λόγος"}},
		{"Die STRASSE, die Straße", "straße", []string{"STRASSE", "Straße"}},
		{"o\ufb03ce e\ufb00ort ﬁn", "office", []string{"o\ufb03ce"}},
		{"ﬁn fin", "FIN", []string{"ﬁn", "fin"}},
		{"ﬁn", "f", []string{"ﬁ"}},
		{"ﬀ", "f", []string{"ﬀ"}}, // once, not twice
		{"Donau\u00addampf\u00adschiff", "dampfschiff", []string{"dampf\u00adschiff"}},
		{"exam\u00ad\n  ple", "example", []string{"exam\u00ad\n  ple"}},
		{"Dampfschiff", "dampf\u00adschiff", []string{"Dampfschiff"}},
		{"the quick\nbrown\r\n  fox", "quick brown fox", []string{"quick\nbrown\r\n  fox"}},
		{"the quick \nbrown\t \u200b fox", "quick brown fox", []string{"quick \nbrown\t \u200b fox"}},
		{"a\x00b c", "b C", []string{"b c"}},
		{"the quick\u00a0brown fox", "quick  brown", []string{"quick\u00a0brown"}},
		{"人工\n智能", "人工智能", []string{"人工\n智能"}},
		{"ひら\nがな", "ひらがな", []string{"ひら\nがな"}},
		{"人工 智能", "人工智能", nil},
		{"１２３ ＡＢＣ", "123 abc", []string{"１２３ ＡＢＣ"}},
		{"\u1100\u1161\u11a8", "각", []string{"\u1100\u1161\u11a8"}},
		{"İstanbul, ISTANBUL, ıstanbul, I\u0307stanbul", "istanbul", []string{"İstanbul", "ISTANBUL", "ıstanbul", "I\u0307stanbul"}},
		{"I don’t know", "don't", []string{"don’t"}},
		{"a family 👩\u200d👩\u200d👧", "👩👩👧", []string{"👩\u200d👩\u200d👧"}},
		{"x\u0302 y", "x\u0302", []string{"x\u0302"}}, {"x\u0302 y", "x", []string{"x\u0302"}},
		{"שָׁלוֹם", "שָׁלוֹם", []string{"שָׁלוֹם"}},
		{"a\xffb AB", "ab", []string{"AB"}},
		{"aaa", "aa", []string{"aa"}},
		{"anything", "  \u00ad ", nil},
	} {
		if got := found(c.text, c.words); !slices.Equal(got, c.want) {
			t.Errorf("%q in %q: %q, expected %q", c.words, c.text, got, c.want)
		}
		if got := Key(c.words) != "" && Contains(c.text, Key(c.words)); got != (len(c.want) > 0) {
			t.Errorf("%q in %q: contained %v", c.words, c.text, got)
		}
	}
}

var characters = rapid.SampledFrom([]rune("aAbfiIİıſKKÅå\u0301\u0308\u0345ßẞﬁﬀςΣσά\u00ad\u200d\u200b \n\t\u00a0各가\u1100\u1161\u11a8ऀ का’'\u0327ｱﾞ½👩\U0001F3FB\u2028"))

// What is found folds to what is searched for, and lies between characters, in order.
func TestFoundIsSearched(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		text, words := rapid.StringOf(characters).Draw(rt, "text"), rapid.StringOfN(characters, 0, 4, -1).Draw(rt, "words")
		key, end := Key(words), 0
		for _, r := range Find(text, key, 1000) {
			part := text[r.From:r.To]
			if r.From < end || !utf8.ValidString(part) || !strings.Contains(Key(" "+part+" "), key) {
				rt.Fatalf("%q is found as %q in %q", words, part, text)
			}
			end = r.To
		}
		if key != "" && Contains(text, key) != (end > 0) {
			rt.Fatalf("%q in %q: found %v", words, text, end > 0)
		}
	})
}

// A text is found by any spelling of a part of it that is equivalent, in another case, or with soft hyphens in it.
func TestSpellings(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		words := rapid.StringOfN(rapid.SampledFrom([]rune("abcé äöüßñçşğčžÅ ЁжόςάΣ 가각 中文 ひらが")), 1, 12, -1).Draw(rt, "words")
		if strings.TrimSpace(words) == "" {
			rt.Skip("nothing to search for")
		}
		text := "before " + words + " after"
		for name, other := range map[string]string{"NFD": norm.NFD.String(words), "NFC": norm.NFC.String(words), "NFKC": norm.NFKC.String(words), "folded": cases.Fold().String(words),
			"upper": strings.ToUpper(words), "lower": strings.ToLower(words), "soft hyphens": strings.Join(strings.Split(norm.NFC.String(words), ""), "\u00ad"), "lines": strings.ReplaceAll(words, " ", "\n ")} {
			if len(Find(text, Key(other), 1)) == 0 && name != "lines" || !strings.ContainsAny(words, "中文ひらが") && len(Find(text, Key(other), 1)) == 0 {
				rt.Fatalf("%s: %q is not found in %q", name, other, text)
			}
		}
	})
}

// The tables give what normalization and case folding give.
func TestTables(t *testing.T) {
	for r := rune(1); r < 1<<16; r++ {
		if s := tables().simpleForm(r); s != 0 && string(s) != foldSegment(string(r)) {
			t.Errorf("%U folds to %q, expected %q", r, s, foldSegment(string(r)))
		}
	}
}

func BenchmarkContains(b *testing.B) {
	for name, text := range map[string]string{"latin": "The quick brown fox jumps over the lazy dog. ", "cyrillic": "Съешь ещё этих мягких французских булок. ", "chinese": "天地玄黄宇宙洪荒日月盈昃辰宿列张。", "devanagari": "सभी मनुष्यों को गौरव और अधिकारों के मामले में "} {
		b.Run("text="+name, func(b *testing.B) {
			text := strings.Repeat(text, 1000)
			key := Key("zebra crossing")
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				Contains(text, key)
			}
		})
	}
}
