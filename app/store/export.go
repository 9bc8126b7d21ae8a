package store

import (
	"bufio"
	"fmt"
	"io"
)

// Export writes one conversation as Markdown, which any text editor can open: its title, then each turn under a heading. title
// returns the title of a model for its name in the library.
func (s *Store) Export(conversation int64, title func(model string) string, w io.Writer) error {
	c, err := s.Conversation(conversation)
	if err != nil {
		return err
	}
	messages, err := s.Messages(conversation)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(w)
	name := c.Title
	if name == "" {
		name = "New chat"
	}
	fmt.Fprintf(out, "# %s\n\n%s\n", name, c.Created.Format("2 January 2006, 15:04"))
	for _, m := range messages {
		fmt.Fprintf(out, "\n## %s\n\n%s\n", speaker(m, title), m.Content)
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

func speaker(m Message, title func(model string) string) string {
	switch {
	case m.Role == User:
		return "You"
	case m.Model != "":
		return title(m.Model)
	default:
		return "Answer"
	}
}
