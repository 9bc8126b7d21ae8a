package chat

import (
	"fyne.io/fyne/v2"

	"soberano/app/ui"
)

// missing returns a line that says which characters of a message no installed font can show, nil if there are none. Each script is
// named once in a conversation, below the message that is shown first; told has that message.
func (s *Screen) missing(message string) fyne.CanvasObject {
	var names []string
	for _, name := range ui.MissingScripts(message) {
		if of, ok := s.told[name]; !ok || of == message {
			s.told[name] = message
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	return ui.Text(ui.MissingFonts(names), ui.SmallSize, ui.Muted)
}
