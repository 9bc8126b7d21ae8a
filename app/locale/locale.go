// Package locale sets the language of the libraries that ask the environment for it while the program is being initialized.
//
// Fyne reads the locale in an init function and reports one that names no language, C.UTF-8, as an error on standard error, at
// every start and of every command. Go initializes packages that are ready in the order of their import paths. This package needs
// nothing but os and strings, and package fyne.io/fyne/v2/lang needs text/template, whose path comes later: so this one is
// initialized first. Package main imports it.
package locale

import (
	"os"
	"strings"
)

// language is what the environment said before init, see Language.
var language = named(current(), os.Getenv("LANGUAGE"))

func init() {
	if os.Getenv("LANGUAGE") == "" && unnamed(current()) {
		_ = os.Setenv("LANGUAGE", "en") // the language of the C locale, so programs that this one starts see no change; a valid name can't fail
	}
}

// current returns the locale of messages.
func current() string {
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		if value := os.Getenv(name); value != "" {
			return value
		}
	}
	return ""
}

// unnamed reports whether a locale is that of no language, with a character set: C.UTF-8. Plain C and POSIX are known to Fyne.
func unnamed(locale string) bool {
	name, _, set := strings.Cut(locale, ".")
	return set && (name == "C" || name == "POSIX")
}

// Language returns the code of the user's language, as "de", by the locale of the environment; "" where it names none.
func Language() string { return language }

// named returns the code of the language of a locale, or of the first one of the list LANGUAGE, which counts, as in gettext, only
// beside a locale with a language.
func named(locale, list string) string {
	code := func(name string) string {
		if i := strings.IndexAny(name, "_.@-"); i >= 0 {
			name = name[:i]
		}
		switch name = strings.ToLower(name); name {
		case "c", "posix":
			return ""
		case "nb": // Norwegian Bokmål, for speech recognition simply Norwegian
			return "no"
		}
		return name
	}
	own := code(locale)
	if first, _, _ := strings.Cut(list, ":"); own != "" && code(first) != "" {
		return code(first)
	}
	return own
}
