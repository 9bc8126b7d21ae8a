package transcript

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	lineWidth = 42 // columns; an East Asian character takes two
	cueLines  = 2
	longest   = 12000 // milliseconds; two full lines of slow speech
)

// token is text without a line break.
type token struct {
	text       string
	space      bool  // a space stands before it
	start, end int64 // ms
	timed      bool  // the times are the model's, not interpolated
}

// cue is the subtitle that is shown at a time.
type cue struct {
	start, end int64 // ms
	lines      [][]token
}

// cues returns the subtitles of all lines. A segment may hold half a minute of speech, a screen two
// lines of about 42 columns, so a segment becomes several cues:
//
//	segment ─▶ tokens (words; in scripts without spaces, characters) with their times
//	        ─▶ cues of at most two lines, broken after a sentence or a comma if one is near
//	        ─▶ two lines of about the same length
//
// Times are those of the segment's words. If it has none, they are interpolated by the width of the
// text. A cue is shown at least as long as it takes to see it (see visible), and not longer than
// longest if it can be broken.
func (t *Transcript) cues() []cue {
	var all []cue
	for _, l := range t.lines() {
		rest := l.tokens()
		for len(rest) > 0 {
			n := cut(rest)
			all = append(all, cue{rest[0].start, rest[n-1].end, wrap(rest[:n])})
			rest = rest[n:]
		}
	}
	visible(all)
	return all
}

// tokens splits a line into tokens. Their times are within the line's and never decrease.
func (l *line) tokens() []token {
	parts := words(l)
	timed := parts != nil
	if !timed {
		parts = spread(l)
	}
	var out []token
	last := l.start
	for _, p := range parts {
		p.start = min(max(p.start, last), l.end)
		p.end = min(max(p.end, p.start), l.end)
		last = p.start
		for i, piece := range breakable(p.text, timed) {
			k := p
			k.text, k.space, k.timed = piece, p.space && i == 0, timed && i == 0
			out = append(out, k)
		}
	}
	if !timed {
		spreadTimes(out, l)
	}
	if len(out) > 0 {
		out[0].start, out[0].space, out[len(out)-1].end = l.start, false, l.end
	}
	return out
}

// words returns the segment's words, or nil if they do not match its text.
func words(l *line) []token {
	if l.moved {
		return nil
	}
	var joined strings.Builder
	var out []token
	for _, w := range l.Words {
		joined.WriteString(w.Text)
		if text := clean(w.Text); text != "" {
			first, _ := utf8.DecodeRuneInString(w.Text)
			out = append(out, token{text: text, space: unicode.IsSpace(first), start: milliseconds(w.Start), end: milliseconds(w.End)})
		}
	}
	if clean(joined.String()) != l.text {
		return nil
	}
	return out
}

// spread returns the words of the line as spaces divide it, with interpolated times.
func spread(l *line) []token {
	var out []token
	for _, f := range strings.Fields(l.text) {
		out = append(out, token{text: f, space: true, start: l.start, end: l.end})
	}
	return out
}

// spreadTimes divides the line's time among tokens by their width.
func spreadTimes(all []token, l *line) {
	total, at := 0, 0
	for _, k := range all {
		total += width(k.text)
	}
	time := func() int64 { return l.start + (l.end-l.start)*int64(at)/int64(max(1, total)) }
	for i := range all {
		all[i].start = time()
		at += width(all[i].text)
		all[i].end = time()
	}
}

// breakable splits a word of a script without spaces between characters, but not before closing or
// after opening punctuation. Other words are split only if they do not fit a line. A word whose time
// is known is not split if it fits a line.
func breakable(word string, whole bool) []string {
	if whole && width(word) <= lineWidth {
		return []string{word}
	}
	var out []string
	begin, cols := 0, 0
	var before rune
	for i, r := range word {
		free := wide(before) || wide(r)
		closes := unicode.In(r, unicode.Pe, unicode.Pf, unicode.Po, unicode.M) || r == 'ー'
		opens := unicode.In(before, unicode.Ps, unicode.Pi)
		full := cols+columns(r) > lineWidth && !unicode.Is(unicode.M, r)
		if i > begin && (full || free && !closes && !opens) {
			out, begin, cols = append(out, word[begin:i]), i, 0
		}
		cols += columns(r)
		before = r
	}
	return append(out, word[begin:])
}

// cut returns how many tokens the next cue holds.
func cut(all []token) int {
	n := 1
	for n < len(all) && len(wrap(all[:n+1])) <= cueLines && all[n].end-all[0].start <= longest {
		n++
	}
	if n == len(all) {
		return n
	}
	for _, ends := range []func(string) bool{endsSentence, endsPhrase} {
		for k := n; k > n/2; k-- {
			if ends(all[k-1].text) {
				return k
			}
		}
	}
	total := measure(all) // divided evenly, so that no cue has only a word or two
	parts := max((total+cueLines*lineWidth-1)/(cueLines*lineWidth), int((all[len(all)-1].end-all[0].start+longest-1)/longest))
	for k := n / 2; k < n; k++ {
		if k > 0 && measure(all[:k])*max(parts, 2) >= total {
			return k
		}
	}
	return n
}

func endsSentence(text string) bool { return endsIn(text, ".!?…。！？؟।") }
func endsPhrase(text string) bool   { return endsIn(text, ",;:、，；：،—–") }

// endsIn reports whether the text ends with one of marks; quotes and brackets after it are ignored.
func endsIn(text, marks string) bool {
	text = strings.TrimRight(text, "\"'”’»)]」』）")
	r, _ := utf8.DecodeLastRuneInString(text)
	return text != "" && strings.ContainsRune(marks, r)
}

// wrap divides tokens into as few lines as possible; two lines have about the same width.
func wrap(all []token) [][]token {
	var out [][]token
	begin := 0
	for i := range all {
		if i > begin && measure(all[begin:i+1]) > lineWidth {
			out, begin = append(out, all[begin:i]), i
		}
	}
	out = append(out, all[begin:])
	if len(out) != 2 {
		return out
	}
	best := len(out[0])
	widest := func(n int) int { return max(measure(all[:n]), measure(all[n:])) }
	for n := best - 1; n > 0 && widest(n) < widest(best); n-- {
		best = n
	}
	return [][]token{all[:best], all[best:]}
}

// measure returns the width of tokens in one line.
func measure(all []token) int {
	n := 0
	for i, k := range all {
		n += width(k.text)
		if k.space && i > 0 {
			n++
		}
	}
	return n
}

func width(text string) int {
	n := 0
	for _, r := range text {
		n += columns(r)
	}
	return n
}

func columns(r rune) int {
	switch {
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		return 0
	case wide(r):
		return 2
	}
	return 1
}

// wide reports whether r is an East Asian wide character; their scripts, except Korean, have no
// spaces.
func wide(r rune) bool {
	return unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Yi) ||
		r >= 0x3000 && r <= 0x303F || r >= 0xFF01 && r <= 0xFF60
}

// plain returns the text of a cue, with line ends between its lines.
func (c *cue) plain() string {
	var rows []string
	for _, row := range c.lines {
		var b strings.Builder
		for i, k := range row {
			if k.space && i > 0 {
				b.WriteByte(' ')
			}
			b.WriteString(k.text)
		}
		rows = append(rows, b.String())
	}
	return strings.Join(rows, "\n")
}
