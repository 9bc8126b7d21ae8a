package transcribe

import (
	"sort"
	"strings"

	"soberano/app/search"
)

// match is an occurrence of the words. It begins at byte from of one segment's text and ends at byte to of the same or a later
// one's.
type match struct{ segment, from, last, to int }

// find returns all occurrences of the words in the texts of the segments, as package search compares texts, in order and without
// overlaps. The end of a segment counts as a space, so words are found that one segment begins and the next one ends.
func find(texts []string, words string) (all []match) {
	key := search.Key(words)
	if key == "" {
		return nil
	}
	starts := make([]int, len(texts))
	for i := 1; i < len(texts); i++ {
		starts[i] = starts[i-1] + len(texts[i-1]) + 1
	}
	whole := strings.Join(texts, "\n")
	// at returns the segment that holds byte i of the whole text.
	at := func(i int) int { return sort.Search(len(starts), func(k int) bool { return starts[k] > i }) - 1 }
	for _, r := range search.Find(whole, key, len(whole)) {
		first, last := at(r.From), at(r.To-1)
		all = append(all, match{first, r.From - starts[first], last, min(r.To-starts[last], len(texts[last]))})
	}
	return all
}

// within returns the part of a match in the text of segment i.
func (m match) within(i int, text string) (from, to int) {
	from, to = 0, len(text)
	if i == m.segment {
		from = m.from
	}
	if i == m.last {
		to = m.to
	}
	return from, to
}
