package asr

import (
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestAgreementOfPasses(t *testing.T) {
	var a localAgreement
	for i, c := range []struct{ heard, shown, stable string }{
		{"go for", "go for", ""},
		{"go forward ten", "go forward ten", ""},
		{"go forward ten meters please", "go forward ten meters please", ""},
		{"go forward ten meters, please come", "go forward ten meters, please come", "go"},
		{"Go, forward ten meters.", "go forward ten meters.", "go"},
		{"Gone forward ten meters.", "go forward ten meters.", "go"},
		{"", "go", "go"},
	} {
		shown, n := a.add(c.heard, "en")
		if shown != c.shown || shown[:n] != c.stable {
			t.Errorf("pass %d: %q, stable %q; want %q, %q", i, shown, shown[:n], c.shown, c.stable)
		}
	}
	if got := a.finish("Go forward ten metres. Then stop it."); got != "go forward ten metres. Then stop it." {
		t.Errorf("at the end %q", got)
	}
	if got := a.finish("Something else."); got != "Something else." {
		t.Errorf("the next utterance: %q", got)
	}
}

// TestAgreementNeedsOneLanguage: passes that detect different languages do not agree.
func TestAgreementNeedsOneLanguage(t *testing.T) {
	var a localAgreement
	for _, language := range []string{"fr", "ja", "fr", "fr"} {
		if _, n := a.add("ja ja ja ja", language); n > 0 {
			t.Errorf("%d bytes stable", n)
		}
	}
	if _, n := a.add("ja ja ja ja", "fr"); n != len("ja ja") {
		t.Errorf("three passes in one language: %d bytes stable", n)
	}
}

func TestFollow(t *testing.T) {
	for _, c := range []struct{ stable, text, want string }{
		{"", "Hello there.", "Hello there."},
		{"Hello", "Hello there.", "Hello there."},
		{"Hello", "Hello, there.", "Hello, there."},
		{"go", "going home", "go home"},
		{"Had he married", "He had he married a woman", "Had he married a woman"},
		{"a b c", "x", "a b c"},
		{"廣州市", "廣州市佛地產", "廣州市佛地產"},
		{"廣州市", "广州市佛地產", "廣州市佛地產"},
	} {
		if got := follow(c.stable, c.text); got != c.want {
			t.Errorf("follow(%q, %q) = %q, want %q", c.stable, c.text, got, c.want)
		}
	}
}

// TestStableStays: for any texts of passes, stable text stays, and tokens joined are the text.
func TestStableStays(t *testing.T) {
	word := rapid.SampledFrom([]string{"go", "Go", "going", "ten", "ten,", "meters.", "市", "产。", "你好", "…", "ง", "é"})
	rapid.Check(t, func(t *rapid.T) {
		var a localAgreement
		stable := ""
		for range rapid.IntRange(1, 8).Draw(t, "passes") {
			text := strings.Join(rapid.SliceOfN(word, 0, 6).Draw(t, "words"), rapid.SampledFrom([]string{" ", ""}).Draw(t, "space"))
			if got := strings.Join(tokens(text), ""); got != text {
				t.Fatalf("tokens of %q make %q", text, got)
			}
			shown, n := a.freeze(text)
			if rapid.Bool().Draw(t, "grow") {
				shown, n = a.add(text, rapid.SampledFrom([]string{"en", "en", "de"}).Draw(t, "language"))
			}
			if n > len(shown) || !utf8.ValidString(shown[:n]) || !strings.HasPrefix(shown[:n], stable) {
				t.Fatalf("%q became %q with %d bytes stable", stable, shown, n)
			}
			stable = shown[:n]
		}
		if end := a.finish(strings.TrimSpace("It was " + stable)); !strings.HasPrefix(end, stable) || end != strings.TrimSpace(end) {
			t.Fatalf("%q ended as %q", stable, end)
		}
	})
}
