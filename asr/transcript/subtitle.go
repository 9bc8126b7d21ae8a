package transcript

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

// writeSRT writes cues as number, "00:00:01,000 --> 00:00:02,500", lines, a blank line. SubRip cannot
// escape "-->" in a text, so it becomes an arrow.
func writeSRT(w io.Writer, t *Transcript) error {
	b := bufio.NewWriter(w)
	for i, c := range t.cues() {
		fmt.Fprintf(b, "%d\n%s --> %s\n%s\n\n", i+1, clock(c.start, ","), clock(c.end, ","), strings.ReplaceAll(c.plain(), "-->", "→"))
	}
	return b.Flush()
}

// writeVTT writes "WEBVTT", a blank line, then cues as "00:00:01.000 --> 00:00:02.500", lines, a blank
// line.
func writeVTT(w io.Writer, t *Transcript) error {
	b := bufio.NewWriter(w)
	fmt.Fprint(b, "WEBVTT\n")
	for _, c := range t.cues() {
		fmt.Fprintf(b, "\n%s --> %s\n%s\n", clock(c.start, "."), clock(c.end, "."), c.marked())
	}
	return b.Flush()
}

var entities = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// marked returns the text of a cue for WebVTT: & < > as entities, and <00:00:01.500> before a word
// whose time is known (W3C WebVTT, "cue timestamp": later than the cue's start and the previous
// timestamp, earlier than its end).
func (c *cue) marked() string {
	var b strings.Builder
	last := c.start
	for r, row := range c.lines {
		if r > 0 {
			b.WriteByte('\n')
		}
		for i, k := range row {
			if k.space && i > 0 {
				b.WriteByte(' ')
			}
			if k.timed && k.start > last && k.start < c.end {
				fmt.Fprintf(&b, "<%s>", clock(k.start, "."))
				last = k.start
			}
			b.WriteString(entities.Replace(k.text))
		}
	}
	return b.String()
}
