package reply

import "strings"

// The marks with which a Joiner writes thoughts, whatever the model's own are.
const (
	ThoughtBegin = "<think>"
	ThoughtEnd   = "</think>"
)

// Joiner writes the parts of an answer as one text, with thoughts between ThoughtBegin and ThoughtEnd. So a
// stored answer tells its parts, whichever model wrote it.
type Joiner struct {
	thinking bool
	within   bool // the text ends within a line
}

// Add returns what a part adds to the text.
func (j *Joiner) Add(p Part) string {
	var b strings.Builder
	if thinking := p.Kind == Thinking; thinking != j.thinking && p.Text != "" {
		if thinking {
			if j.within {
				b.WriteString("\n\n")
			}
			b.WriteString(ThoughtBegin + "\n")
		} else {
			b.WriteString("\n" + ThoughtEnd + "\n\n")
		}
		j.thinking = thinking
	}
	b.WriteString(p.Text)
	if p.Text != "" {
		j.within = !strings.HasSuffix(p.Text, "\n")
	}
	return b.String()
}

// End returns what ends the text: the end of a thought, if the answer has no more than that.
func (j *Joiner) End() string {
	if !j.thinking {
		return ""
	}
	j.thinking = false
	return "\n" + ThoughtEnd
}
