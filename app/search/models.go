package search

import (
	"strings"

	"soberano/models/registry"
)

// Models returns the entries in which all words occur: in the name and other names, the title, the family, the kind, the type of the weights, the format, the
// licence or the note.
func Models(entries []registry.Entry, words []string) (found []registry.Entry) {
	for _, e := range entries {
		about := strings.Join([]string{e.Name, e.Title, e.Family, string(e.Kind), e.Quantization, e.Format, e.Licence, e.Note, e.OtherNames()}, "\n")
		fits := true
		for _, w := range words {
			fits = fits && Contains(about, Key(w))
		}
		if fits {
			found = append(found, e)
		}
	}
	return found
}
