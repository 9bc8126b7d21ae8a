package ui

import (
	"io"

	"fyne.io/fyne/v2"
)

// Window is what every screen may ask of the window around it. Only Post may be called from
// any goroutine.
type Window interface {
	Post(func())          // runs a function on the UI goroutine, later
	Copy(text string)     // puts text into the clipboard
	ShowFile(path string) // shows a file or folder in the system's file manager
	// Shortcut does what a key combination of the program stands for; false: it is none.
	Shortcut(fyne.Shortcut) bool
}

// Dialogs are what a screen may ask of the window beyond its own area.
type Dialogs interface {
	Focus(fyne.Focusable) // gives the keyboard to a widget; nil: to none
	Menu(menu *fyne.Menu, below fyne.CanvasObject)
	// Ask asks for a text, beginning with one that is there.
	Ask(title, now string, then func(string))
	// Save asks for a file, beginning in dir with a name, calls write, and then done with the
	// path and the error.
	Save(dir, name string, write func(io.Writer) error, done func(path string, err error))
}
