package store

import (
	"context"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"soberano/app/search"
)

// A search finds a message as package search does, and marks the match in the message and in the snippet.
func TestSearchProperty(t *testing.T) {
	s := memory(t)
	c := must(s.New())(t)
	m := must(s.Append(Message{Conversation: c.ID, Role: User, Content: "x"}))(t)
	if err := s.Rename(c.ID, ""); err != nil {
		t.Fatal(err)
	}
	characters := rapid.SampledFrom([]rune("aAbB ßsS\u0301éﬁfi\u00ad\n\tςΣ中文İı’'"))
	rapid.Check(t, func(rt *rapid.T) {
		text := rapid.StringOfN(characters, 0, 300, -1).Draw(rt, "text")
		query := rapid.StringOfN(characters, 0, 5, -1).Draw(rt, "query")
		m.Content = text
		if err := s.Update(m); err != nil {
			rt.Fatal(err)
		}
		hits, err := s.Search(context.Background(), query)
		want := search.Find(text, search.Key(query), 1)
		if err != nil || len(hits) != len(want) {
			rt.Fatalf("found %v (%v), want %v", hits, err, want)
		}
		for _, h := range hits {
			found, marked := text[h.Match.From:h.Match.To], h.Snippet[h.Marked.From:h.Marked.To]
			if h.Message != m.ID || h.Match != want[0] {
				rt.Fatalf("found %+v, want %v", h, want)
			}
			if strings.ContainsAny(h.Snippet, "\n\t") || !utf8.ValidString(h.Snippet) || utf8.RuneCountInString(h.Snippet) > snippetBefore+snippetFrom+2 {
				rt.Fatalf("snippet %q", h.Snippet)
			}
			if strings.Join(strings.Fields(found), " ") != strings.TrimSpace(marked) {
				rt.Fatalf("marked %q in %q, found %q", marked, h.Snippet, found)
			}
		}
	})
}

func TestSnippet(t *testing.T) {
	long := strings.Repeat("before ", 100) + "the\nOFFICE  door" + strings.Repeat(" after", 100)
	at := strings.Index(long, "OFFICE")
	text, marked := snippet(long, search.Range{From: at, To: at + 6})
	if want := "…efore before before the OFFICE door after after"; !strings.HasPrefix(text, want) || text[marked.From:marked.To] != "OFFICE" || !strings.HasSuffix(text, "…") {
		t.Errorf("%q, %q", text, text[marked.From:marked.To])
	}
	if text, marked := snippet("an office", search.Range{From: 3, To: 9}); text != "an office" || marked != (search.Range{From: 3, To: 9}) {
		t.Errorf("%q, %v", text, marked)
	}
}

// A search of many messages takes little longer than reading them.
func BenchmarkSearch(b *testing.B) {
	s, err := Memory()
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	for range 200 {
		c, err := s.New()
		if err != nil {
			b.Fatal(err)
		}
		for range 20 {
			if _, err := s.Append(Message{Conversation: c.ID, Role: User, Content: strings.Repeat("Съешь ещё этих мягких булок. The quick brown fox. ", 30)}); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.SetBytes(200 * 20 * int64(len(strings.Repeat("Съешь ещё этих мягких булок. The quick brown fox. ", 30))))
	for b.Loop() {
		if hits, err := s.Search(b.Context(), "zebra"); err != nil || len(hits) > 0 {
			b.Fatal(hits, err)
		}
	}
}
