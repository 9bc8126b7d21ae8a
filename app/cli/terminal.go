package cli

import (
	"os"

	"golang.org/x/term"
)

// isTerminal reports whether a person looks at f.
func isTerminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }
