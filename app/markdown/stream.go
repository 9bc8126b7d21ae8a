package markdown

import "strings"

// Stream parses an answer while it arrives. A block of Markdown is closed only by a later line. Once a line has begun a new
// block at the top level, the blocks before it are final: they are frozen, and only the text from the last block on is parsed
// again.
//
//	frozen blocks ││ open text: the last block, and the line that is still arriving
//
// There are two exceptions. A mark which says that all text before it was thinking makes all of it open again. The address of a
// link may be defined further down ([1]: https://…), which changes frozen text: Finish parses the whole text once and so
// always gives the result of Parse.
type Stream struct {
	source  strings.Builder
	frozen  []Block
	from    int // the offset of the open text
	checked int // the length of the text that was searched for marks of thoughts
}

// Add appends text.
func (s *Stream) Add(text string) { s.source.WriteString(text) }

// Source returns all text so far.
func (s *Stream) Source() string { return s.source.String() }

// Frozen returns the number of blocks that will not change any more.
func (s *Stream) Frozen() int { return len(s.frozen) }

// Blocks returns the answer so far.
func (s *Stream) Blocks() []Block {
	s.freeze()
	s.thaw()
	open, _ := parse(s.source.String()[s.from:], s.from == 0)
	return append(s.frozen[:len(s.frozen):len(s.frozen)], open...)
}

// Finish returns the whole answer, parsed at once.
func (s *Stream) Finish() []Block { return Parse(s.source.String()) }

// thaw makes all text open again if it turns out that its beginning was a thought.
func (s *Stream) thaw() {
	source := s.source.String()
	added := source[max(0, s.checked-longestMark):]
	s.checked = len(source)
	if s.from == 0 || !closed(added) {
		return
	}
	if _, n := unopened(source); n > 0 {
		s.frozen, s.from = nil, 0
	}
}

// freeze freezes the blocks that are closed. It considers whole lines only: "1" may become the list item "1. …", which
// continues the list before it.
func (s *Stream) freeze() {
	open := s.source.String()[s.from:]
	end := strings.LastIndexByte(open, '\n') + 1
	if end == 0 {
		return
	}
	first := s.from == 0
	if _, n := unopened(open); first && n > end { // the line that is still arriving says that all before it was a thought
		return
	}
	blocks, starts := parse(open[:end], first)
	n := len(blocks) - 1
	if n < 1 || starts[n] <= 0 || indented(open[starts[n]:]) || openMath(open[:starts[n]]) {
		return
	}
	// The two parts must give the same blocks when they are parsed separately. A link definition or an unusual combination of
	// blocks fails this check, and its text stays open.
	head, _ := parse(open[:starts[n]], first)
	tail, _ := parse(open[starts[n]:end], false)
	if len(head) != n || len(tail) != 1 || !tail[0].Equal(blocks[n]) {
		return
	}
	for i := range head {
		if !head[i].Equal(blocks[i]) {
			return
		}
	}
	s.frozen = append(s.frozen, head...)
	s.from += starts[n]
}

// indented reports whether a line begins with white space: it may then belong to a block before it.
func indented(line string) bool {
	return strings.HasPrefix(line, " ") || strings.HasPrefix(line, "\t")
}
