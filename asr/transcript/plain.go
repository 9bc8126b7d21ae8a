package transcript

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

// writeText writes the text, a segment in a line.
func writeText(w io.Writer, t *Transcript) error {
	b := bufio.NewWriter(w)
	for _, l := range t.lines() {
		fmt.Fprintln(b, l.text)
	}
	return b.Flush()
}

// writeTSV writes start ⇥ end ⇥ text after a header line, in milliseconds, like OpenAI's whisper.
func writeTSV(w io.Writer, t *Transcript) error {
	b := bufio.NewWriter(w)
	fmt.Fprint(b, "start\tend\ttext\n")
	for _, l := range t.lines() {
		fmt.Fprintf(b, "%d\t%d\t%s\n", l.start, l.end, l.text)
	}
	return b.Flush()
}

// silence is after how many milliseconds without speech the screen is cleared or a paragraph ends.
const silence = 2000

// writeLRC writes lyrics: [ti:…] … then [mm:ss.xx]text. Minutes may exceed 59; an empty text clears
// the screen.
func writeLRC(w io.Writer, t *Transcript) error {
	b := bufio.NewWriter(w)
	fmt.Fprintf(b, "[ti:%s]\n", strings.NewReplacer("[", "(", "]", ")").Replace(t.title()))
	if t.Duration > 0 {
		fmt.Fprintf(b, "[length:%s]\n", shortClock(milliseconds(t.Duration)))
	}
	fmt.Fprint(b, "[re:Soberano]\n\n")
	all := t.lines()
	for i, l := range all {
		text := l.text
		if strings.HasPrefix(text, "[") {
			text = "\u200b" + text // else the text would be read as another time
		}
		fmt.Fprintf(b, "%s%s\n", lyricTime(l.start), text)
		if i+1 == len(all) || all[i+1].start-l.end >= silence {
			fmt.Fprintln(b, lyricTime(l.end))
		}
	}
	return b.Flush()
}

// lyricTime formats milliseconds as [mm:ss.xx].
func lyricTime(ms int64) string {
	return fmt.Sprintf("[%02d:%02d.%02d]", ms/60000, ms/1000%60, ms%1000/10)
}

// writeMarkdown writes # title, a line of facts, and then paragraphs that begin with **m:ss**.
func writeMarkdown(w io.Writer, t *Transcript) error {
	b := bufio.NewWriter(w)
	fmt.Fprintf(b, "# %s\n\n", escapeMarkdown(t.title()))
	var facts []string
	if tongue := Tongue(t.Language, t.Translated); tongue != "" {
		facts = append(facts, tongue)
	}
	if t.Duration > 0 {
		facts = append(facts, shortClock(milliseconds(t.Duration)))
	}
	if t.Model != "" {
		facts = append(facts, t.Model)
	}
	if len(facts) > 0 {
		fmt.Fprintf(b, "%s\n\n", escapeMarkdown(clean(strings.Join(facts, " · "))))
	}
	for _, p := range paragraphs(t.lines()) {
		fmt.Fprintf(b, "**%s** %s\n\n", shortClock(p.start), escapeMarkdown(p.text))
	}
	if t.Error != "" {
		fmt.Fprintf(b, "%s\n", escapeMarkdown("The transcript ends here: "+clean(t.Error)))
	}
	return b.Flush()
}

// paragraphs joins lines up to a silence, or up to the end of a sentence if the paragraph is long
// enough.
func paragraphs(all []line) []line {
	const enough = 400 // bytes
	var out []line
	for i, l := range all {
		n := len(out)
		if i > 0 && l.start-all[i-1].end < silence && !(len(out[n-1].text) > enough && endsSentence(out[n-1].text)) {
			out[n-1].text += " " + l.text
			out[n-1].end = l.end
			continue
		}
		out = append(out, l)
	}
	return out
}

// escapeMarkdown escapes markup. The text follows the bold time or the # of a heading, so markup that
// is only valid at the beginning of a line is not escaped.
func escapeMarkdown(text string) string {
	var b strings.Builder
	for _, r := range text {
		if strings.ContainsRune("\\`*_[]<>&~#|$", r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}
