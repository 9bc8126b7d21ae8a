package ui

import (
	"io"

	"fyne.io/fyne/v2"
)

// Window is what every screen may ask of the window around it. Only Post may be called from any goroutine.
type Window interface {
	Post(func())          // runs a function later on the UI goroutine
	Copy(text string)     // puts text into the clipboard
	ShowFile(path string) // shows a file or folder in the system's file manager
	// Shortcut executes a key combination of the program. It returns false if the combination has no function.
	Shortcut(fyne.Shortcut) bool
}

// Dialogs is what a screen may ask of the window outside the screen's own area.
type Dialogs interface {
	Focus(fyne.Focusable) // gives the keyboard focus to a widget; nil removes it
	Menu(menu *fyne.Menu, below fyne.CanvasObject)
	// Ask asks for a text; now is the initial text.
	Ask(title, now string, then func(string))
	// Save asks for a file, starting in dir with a proposed name, calls write, and then calls done with the path and the error.
	Save(dir, name string, write func(io.Writer) error, done func(path string, err error))
}
