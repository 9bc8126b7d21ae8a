package store

import (
	"context"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"soberano/app/search"
)

// Hit is a conversation found by a search, with the text around the first match.
type Hit struct {
	Conversation
	Message int64        // in which the match is; 0: it is in the title
	Match   search.Range // in the content of the message
	Snippet string       // the text around the match, on one line; "": the match is in the title
	Marked  search.Range // the match in the snippet
}

// mostHits is the largest number of conversations that a search finds.
const mostHits = 200

// Search finds the conversations whose title or messages contain the query, as package search compares texts; the latest first.
func (s *Store) Search(ctx context.Context, query string) ([]Hit, error) {
	key := search.Key(query)
	if key == "" {
		return nil, nil
	}
	rows, err := s.db.QueryContext(ctx, `SELECT `+columns+`, found, coalesce((SELECT content FROM messages WHERE id = found), '')
		FROM (SELECT *, coalesce((SELECT m.id FROM shown m WHERE m.conversation = conversations.id AND holds(m.content, ?1)
			ORDER BY m.position, m.turn, m.id LIMIT 1), 0) AS found FROM conversations WHERE deleted = 0) c
		WHERE found > 0 OR holds(c.title, ?1) ORDER BY c.updated DESC LIMIT ?2`, key, mostHits)
	if err != nil {
		return nil, fmt.Errorf("store: search: %w", err)
	}
	defer rows.Close()
	var hits []Hit
	for rows.Next() {
		var h Hit
		var content string
		if h.Conversation, err = scanConversation(rows, &h.Message, &content); err != nil {
			return nil, fmt.Errorf("store: search: %w", err)
		}
		if found := search.Find(content, key, 1); len(found) > 0 {
			h.Match = found[0]
			h.Snippet, h.Marked = snippet(content, h.Match)
		}
		hits = append(hits, h)
	}
	return hits, rows.Err()
}

// How many characters a snippet has before the match, and from its beginning on.
const snippetBefore, snippetFrom = 24, 64

// snippet returns the text around a match as one line, and where the match is in it.
func snippet(text string, match search.Range) (string, search.Range) {
	before, cutBefore := lastRunes(oneLine(text[:match.From]), snippetBefore)
	found, cutWithin := firstRunes(oneLine(text[match.From:match.To]), snippetFrom)
	after, cutAfter := "", cutWithin
	if !cutWithin {
		after, cutAfter = firstRunes(oneLine(text[match.To:min(len(text), match.To+8*snippetFrom)]), snippetFrom-utf8.RuneCountInString(found))
		cutAfter = cutAfter || match.To+8*snippetFrom < len(text)
	}
	if before = strings.TrimLeft(before, " "); cutBefore {
		before = "…" + before
	}
	if after = strings.TrimRight(after, " "); cutAfter {
		after += "…"
	}
	return before + found + after, search.Range{From: len(before), To: len(before) + len(found)}
}

// oneLine makes each run of space one space.
func oneLine(text string) string {
	line := strings.Join(strings.Fields(text), " ")
	if first, _ := utf8.DecodeRuneInString(text); unicode.IsSpace(first) {
		line = " " + line
	}
	if last, _ := utf8.DecodeLastRuneInString(text); unicode.IsSpace(last) && line != " " {
		line += " "
	}
	return line
}

// firstRunes returns the first n characters of text, and whether there are more.
func firstRunes(text string, n int) (string, bool) {
	for i := range text {
		if n--; n < 0 {
			return text[:i], true
		}
	}
	return text, false
}

// lastRunes returns the last n characters of text, and whether there are more.
func lastRunes(text string, n int) (string, bool) {
	at := len(text)
	for ; n > 0 && at > 0; n-- {
		_, size := utf8.DecodeLastRuneInString(text[:at])
		at -= size
	}
	return text[at:], at > 0
}
