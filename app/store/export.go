package store

import (
	"bufio"
	"fmt"
	"io"
)

// Export writes one conversation as Markdown, which any text editor can open: its title, then each turn under a heading.
func (s *Store) Export(conversation int64, w io.Writer) error {
	c, err := s.Conversation(conversation)
	if err != nil {
		return err
	}
	messages, err := s.Messages(conversation)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(w)
	title := c.Title
	if title == "" {
		title = "New chat"
	}
	fmt.Fprintf(out, "# %s\n\n%s\n", title, c.Created.Format("2 January 2006, 15:04"))
	for _, m := range messages {
		fmt.Fprintf(out, "\n## %s\n\n%s\n", speaker(m), m.Content)
		if remark := remarks[m.State]; remark != "" {
			fmt.Fprintf(out, "\n*%s*\n", remark)
		}
	}
	return out.Flush()
}

var remarks = map[State]string{
	Stopped: "Stopped.",
	Partial: "Not finished.",
	Failed:  "This answer failed.",
	Cut:     "The conversation was full here.",
}

func speaker(m Message) string {
	switch {
	case m.Role == User:
		return "You"
	case m.Model != "":
		return m.Model
	default:
		return "Answer"
	}
}
