package markdown

// Stream parses an answer while it arrives. Blocks of Markdown are closed by later lines
// only, so once a line has begun a new block at the top, the blocks before it are final:
// they are frozen, and only the text from the last block on is parsed again.
//
//	frozen blocks ││ open text: the last block, and the line that is still arriving
//
// The exception is a link's address defined further down ([1]: https://…), which changes
// text that is frozen; Finish parses the whole once and so is always equal to Parse.

import "strings"

// Stream is an answer in progress.
type Stream struct {
	source strings.Builder
	frozen []Block
	from   int // where the open text begins
}

// Add appends text as it came.
func (s *Stream) Add(text string) { s.source.WriteString(text) }

// Source is all text so far.
func (s *Stream) Source() string { return s.source.String() }

// Frozen is how many blocks no longer change.
func (s *Stream) Frozen() int { return len(s.frozen) }

// Blocks is the answer so far.
func (s *Stream) Blocks() []Block {
	s.freeze()
	return append(s.frozen[:len(s.frozen):len(s.frozen)], Parse(s.source.String()[s.from:])...)
}

// Finish is the whole answer, parsed as one.
func (s *Stream) Finish() []Block { return Parse(s.source.String()) }

// freeze moves the blocks that are closed. Only whole lines count: "1" may yet become the
// list item "1. …" that continues the list before it.
func (s *Stream) freeze() {
	open := s.source.String()[s.from:]
	end := strings.LastIndexByte(open, '\n') + 1
	if end == 0 {
		return
	}
	blocks, starts := parse(open[:end])
	n := len(blocks) - 1
	if n < 1 || starts[n] <= 0 || indented(open[starts[n]:]) {
		return
	}
	// What is cut off must read the same alone; a definition of a link or an odd
	// combination of blocks shows here, and then stays open.
	head, tail := Parse(open[:starts[n]]), Parse(open[starts[n]:end])
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

// indented: a line that begins with spaces may belong to something before it.
func indented(line string) bool {
	return strings.HasPrefix(line, " ") || strings.HasPrefix(line, "\t")
}
