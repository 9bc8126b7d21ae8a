package reply

// lineState says where in a text a position is.
type lineState struct {
	begin bool // only white space is before it
	blank bool // only white space is before it in its line
	code  bool // within a fenced block of code
	mark  string
}

// write moves the position behind text.
func (l *lineState) write(text string) {
	for i := range len(text) {
		switch c := text[i]; {
		case c == '\n':
			if l.mark == "```" || l.mark == "~~~" {
				l.code = !l.code
			}
			l.blank, l.mark = true, ""
		case c == ' ' || c == '\t' || c == '\r':
		default:
			l.blank, l.begin = false, false
			if len(l.mark) < 3 {
				l.mark += string(rune(c))
			}
		}
	}
}
