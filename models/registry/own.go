package registry

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/text/unicode/norm"

	"soberano/models"
)

// Own is what a person has set for a model. Entry.save, which records what can be found out anew, leaves it as it is on the disk.
type Own struct {
	Aliases []Alias `json:"aliases,omitempty"`
	// Becomes is the name that the model is being given, see Library.Rename.
	Becomes string   `json:"becomes,omitempty"`
	Stage   Stage    `json:"stage,omitempty"`
	Parents []Parent `json:"parents,omitempty"` // instead of those that the file names
}

// Alias is a further reference to a model: a name, or a name with a tag ("smollm2:135m-q4"). Of several models that have it, as after a move that was
// interrupted, it belongs to the one that got it last.
type Alias struct {
	Name  string    `json:"name"`
	Since time.Time `json:"since"`
}

// OtherNames returns the aliases of e as a list for people; "" if there are none.
func (e *Entry) OtherNames() string {
	var names []string
	for _, a := range e.Aliases {
		names = append(names, a.Name)
	}
	return models.Printable(strings.Join(names, ", "))
}

// AmbiguousError means that a reference may be one of several models.
type AmbiguousError struct {
	Reference string
	Names     []string // in the library
}

func (e *AmbiguousError) Error() string {
	const most = 8
	names := e.Names
	if len(names) > most {
		names = append(slices.Clone(names[:most]), fmt.Sprintf("%d more", len(e.Names)-most))
	}
	return fmt.Sprintf("%s may be any of these models: %s", models.Quote(e.Reference), models.Printable(strings.Join(names, ", ")))
}

// TakenError means that a name or alias belongs to a model.
type TakenError struct{ Reference, Name string }

func (e *TakenError) Error() string {
	return fmt.Sprintf("%s is the name of a model already, of %s", models.Quote(e.Reference), models.Printable(e.Name))
}

// checkAlias refuses an alias that is no name, or no name and tag.
func checkAlias(alias string) error {
	name, tag, tagged := strings.Cut(alias, ":")
	err := checkName(name)
	if err == nil && tagged {
		err = checkName(tag)
	}
	if err != nil || len(alias) > 255 {
		return fmt.Errorf("%s can't be a model's name: use lower-case letters, digits, dots, hyphens and underlines, and a colon before a tag, as in smollm2:135m-q4", models.Quote(alias))
	}
	return nil
}

// Is reports whether reference is the name of e or one of its aliases.
func (e *Entry) Is(reference string) bool {
	return reference != "" && (e.Name == reference || e.alias(reference) >= 0)
}

// alias returns the index of an alias; -1 if e has not got it.
func (e *Entry) alias(name string) int {
	return slices.IndexFunc(e.Aliases, func(a Alias) bool { return a.Name == name })
}

// Lookup finds the model to which a reference belongs: by its name; by an alias; or as name:tag, or the beginning of a name, whose words
// are those of one model only. The words of "smollm2:135m-q4" are smollm2, with which the name of the model must begin, and behind it 135m and q4 in this order,
// with others between them. A reference without a tag that is none of these is looked for anywhere in names, aliases and titles. The error wraps
// models.ErrNotFound, or is an *AmbiguousError.
func (l *Library) Lookup(reference string) (Entry, error) {
	if l.Has(reference) {
		return l.load(reference)
	}
	entries, _ := l.List() // broken entries are found by their names only
	e, err := lookup(entries, plain(reference))
	return e, l.absent(err)
}

func lookup(entries []Entry, reference string) (Entry, error) {
	e, err := Named(entries, reference)
	if errors.Is(err, models.ErrNotFound) {
		return single(entries, reference, (*Entry).contains)
	}
	return e, err
}

// Named finds a model in a list as Lookup does, but not by a part of a name: other programs name models exactly.
func Named(entries []Entry, reference string) (Entry, error) {
	if e, ok := named(entries, plain(reference)); ok {
		return e, nil
	}
	return single(entries, plain(reference), (*Entry).refers)
}

// single returns the only entry that fits a reference.
func single(entries []Entry, reference string, fits func(*Entry, string) bool) (Entry, error) {
	var found []Entry
	var names []string
	for _, e := range entries {
		if fits(&e, reference) {
			found, names = append(found, e), append(names, e.Name)
		}
	}
	switch len(found) {
	case 0:
		return Entry{}, unknownName("the library has no model named " + models.Quote(reference))
	case 1:
		return found[0], nil
	}
	return Entry{}, &AmbiguousError{reference, names}
}

// wordsOf divides a name into its words.
func wordsOf(s string) []string {
	return strings.FieldsFunc(plain(s), func(r rune) bool { return strings.ContainsRune(" -_.:/", r) })
}

// haveWords reports whether the words of a reference are those of a name, see Lookup.
func haveWords(name, reference string) bool {
	base, tag, _ := strings.Cut(reference, ":")
	words, first := wordsOf(name), wordsOf(base)
	if len(first) == 0 || len(first) > len(words) || !slices.Equal(words[:len(first)], first) {
		return false
	}
	words = words[len(first):]
	for _, w := range wordsOf(tag) {
		i := slices.Index(words, w)
		if i < 0 {
			return false
		}
		words = words[i+1:]
	}
	return true
}

// refers reports whether the words of a reference are those of e's name or title with its quantization.
func (e *Entry) refers(reference string) bool {
	return haveWords(e.Name, reference) || haveWords(e.Title+" "+e.Quantization, reference)
}

// contains reports whether a reference is a part of e's name, an alias or the title.
func (e *Entry) contains(reference string) bool {
	part := func(of string) bool { return strings.Contains(plain(of), reference) }
	return reference != "" && !strings.Contains(reference, ":") && (part(e.Name) || part(e.Title) || slices.ContainsFunc(e.Aliases, func(a Alias) bool { return part(a.Name) }))
}

// named returns the model that has a name or alias.
func named(entries []Entry, reference string) (best Entry, ok bool) {
	for _, e := range entries {
		if e.Name == reference && reference != "" {
			return e, true
		}
		if i := e.alias(reference); i >= 0 && (!ok || e.Aliases[i].Since.After(best.Aliases[best.alias(reference)].Since)) {
			best, ok = e, true
		}
	}
	return best, ok
}

// change changes the record of a model under the library's lock. The change is written if it returns nil.
func (l *Library) change(name string, do func(e *Entry) error) (Entry, error) {
	if err := l.prepare(context.Background()); err != nil {
		return Entry{}, err
	}
	unlock, err := l.lock(context.Background())
	if err != nil {
		return Entry{}, err
	}
	defer unlock()
	e, err := l.Find(name)
	if err != nil {
		return Entry{}, err
	}
	if err := do(&e); err != nil {
		return Entry{}, err
	}
	if err := e.write(); err != nil {
		return Entry{}, explainWriteError(e.dir, err)
	}
	return e, syncDir(e.dir)
}

// Alias adds an alias to a model. The error is a *TakenError if another model has it; with move it is taken from that one.
func (l *Library) Alias(name, alias string, move bool) (Entry, error) {
	if err := checkAlias(alias); err != nil {
		return Entry{}, err
	}
	var from Entry
	e, err := l.change(name, func(e *Entry) error {
		entries, _ := l.List()
		for _, other := range entries {
			switch {
			case other.Name == e.Name || !other.Is(alias):
			case !move || other.Name == alias:
				return &TakenError{alias, other.Name}
			default:
				from = other
			}
		}
		if !e.Is(alias) {
			e.Aliases = append(e.Aliases, Alias{alias, time.Now().UTC()})
		}
		return nil
	})
	if err == nil && from.Name != "" {
		_, err = l.Unalias(from.Name, alias)
	}
	return e, err
}

// Unalias removes an alias of a model. The error wraps models.ErrNotFound if it has none of that name.
func (l *Library) Unalias(name, alias string) (Entry, error) {
	return l.change(name, func(e *Entry) error {
		i := e.alias(alias)
		if i < 0 {
			return unknownName(models.Printable(e.Name) + " has no other name " + models.Quote(alias))
		}
		e.Aliases = slices.Delete(e.Aliases, i, i+1)
		return nil
	})
}

// Rename gives a model another name. The earlier name becomes an alias, so that what refers to it finds the model. The folder of the model is renamed, which is the
// moment of the change: its record has both names before.
func (l *Library) Rename(name, to string) (Entry, error) {
	if err := checkName(to); err != nil {
		return Entry{}, err
	}
	return l.change(name, func(e *Entry) error {
		if e.Name == to {
			return nil
		}
		entries, _ := l.List()
		if other, taken := named(entries, to); taken && other.Name != e.Name {
			return &TakenError{to, other.Name}
		}
		if exists(filepath.Join(l.dir, to)) { // a broken entry
			return &TakenError{to, to}
		}
		e.Becomes = to
		if err := e.write(); err != nil {
			return explainWriteError(e.dir, err)
		}
		if err := syncDir(e.dir); err != nil {
			return err
		}
		dir := filepath.Join(l.dir, to)
		if err := rename(e.dir, dir); err != nil {
			return fmt.Errorf("%s can't be renamed; is it in use? %w", models.Printable(e.Name), err)
		}
		e.dir = dir
		e.became(to)
		return syncDir(l.dir)
	})
}

// settle completes or undoes a change of e's name that was interrupted: folder is the name of its folder. It returns false if that is another model's.
func (e *Entry) settle(folder string) bool {
	spelled := func(name string) bool { return norm.NFC.String(name) == norm.NFC.String(folder) } // the file system may spell it otherwise
	switch {
	case spelled(e.Name):
		e.Becomes = ""
		return true
	case e.Becomes != "" && spelled(e.Becomes):
		e.became(e.Becomes)
		return true
	}
	return false
}

// became completes the change of e's name.
func (e *Entry) became(name string) {
	e.Aliases = slices.DeleteFunc(e.Aliases, func(a Alias) bool { return a.Name == name || a.Name == e.Name })
	e.Aliases = append(e.Aliases, Alias{e.Name, time.Now().UTC()})
	e.Name, e.Becomes = name, ""
}
