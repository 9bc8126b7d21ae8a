package store

import (
	"bufio"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"unicode"

	"soberano/models"
)

// Exported is an image of an exported conversation.
type Exported struct {
	Image
	File string // the name of its file in the folder of images
}

// Export writes one conversation as Markdown, which any text editor can open: its title, then each turn under a heading. title
// returns the title of a model for its name in the library. The text refers to files of images in a folder beside it, which the caller
// makes of what is returned and of Picture.
func (s *Store) Export(conversation int64, title func(model string) string, folder string, w io.Writer) (images []Exported, err error) {
	c, err := s.Conversation(conversation)
	if err != nil {
		return nil, err
	}
	messages, err := s.Messages(conversation)
	if err != nil {
		return nil, err
	}
	out := bufio.NewWriter(w)
	name := c.Title
	if name == "" {
		name = "New chat"
	}
	fmt.Fprintf(out, "# %s\n\n%s\n", name, c.Created.Format("2 January 2006, 15:04"))
	for _, m := range messages {
		fmt.Fprintf(out, "\n## %s\n\n", speaker(m, title))
		for _, image := range m.Images {
			e := Exported{image, fmt.Sprintf("%d-%s", len(images)+1, FileName(image.Name, "image.png"))} // programs put images without a name into the clipboard
			images = append(images, e)
			fmt.Fprintf(out, "![%s](<%s/%s>)\n\n", alternative.Replace(image.Name), folder, e.File)
		}
		fmt.Fprintf(out, "%s\n", m.Content)
		if remark := remarks[m.State]; remark != "" {
			fmt.Fprintf(out, "\n*%s*\n", remark)
		}
	}
	return images, out.Flush()
}

// alternative escapes the name of an image for the text that stands for it.
var alternative = strings.NewReplacer("[", `\[`, "]", `\]`, "\n", " ", `\`, `\\`)

// maxFileName is the longest name of FileName in bytes; most file systems take 255, and endings are added.
const maxFileName = 150

// FileName makes a file's name of a title or of another file's name. It leaves out control characters, those that change the
// direction of writing, and those that some file systems or addresses in Markdown don't take, and keeps the beginning and the
// extension of a long one. It returns otherwise if nothing is left.
func FileName(title, otherwise string) string {
	name := strings.Map(func(r rune) rune {
		if strings.ContainsRune(`/\:*?"<>|`, r) || unicode.IsControl(r) || models.Directs(r) {
			return -1
		}
		return r
	}, title)
	if len(name) > maxFileName {
		ext := filepath.Ext(name)
		if len(ext) > 10 {
			ext = ""
		}
		name = strings.ToValidUTF8(name[:maxFileName-len(ext)], "") + ext
	}
	if name = strings.Trim(name, " ."); name == "" {
		return otherwise
	}
	return name
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
