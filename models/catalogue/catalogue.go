// Package catalogue lists models that can be downloaded, with their public addresses, and adds them to the library.
//
// catalogue.json is the list. An entry states the size and the SHA-256 of its file as its publisher's hub states them; README.md says how they were compared. The address
// names a revision, so that it leads to the same bytes always.
package catalogue

import (
	"bytes"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"

	"soberano/models/defaults"
	"soberano/models/download"
	"soberano/models/registry"
)

// Model is a model that can be downloaded: one file.
type Model struct {
	Name    string        `json:"name"`    // in the library
	Purpose string        `json:"purpose"` // what it is good for, in sentences
	URL     string        `json:"url"`
	SHA256  string        `json:"sha256"`
	Info    registry.Info `json:"model"` // as an import finds it, or as its publisher states it
}

// File returns the file to be downloaded.
func (m Model) File() download.File {
	return download.File{URL: m.URL, Bytes: m.Info.Bytes, SHA256: m.SHA256}
}

// Host returns the name of the computer that has the file.
func (m Model) Host() string {
	u, err := url.Parse(m.URL)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

// Page returns the address of the page that describes the model, with its licence.
func (m Model) Page() string {
	page, _, _ := strings.Cut(m.URL, "/resolve/")
	return page
}

// Options returns what the import of the file is told. Of a model that is included with the program this is what its own import is told.
func (m Model) Options() registry.ImportOptions {
	o := registry.ImportOptions{Name: m.Name, Title: m.Info.Title, Licence: m.Info.Licence}
	for _, d := range defaults.Models {
		if d.SHA256 == m.SHA256 {
			o.Note, o.Sampling = d.Note, d.Sampling
		}
	}
	return o
}

// In returns the entry of the library that has the file of m, or one of that size whose content was not read yet.
func (m Model) In(entries []registry.Entry) (registry.Entry, bool) {
	for _, e := range entries {
		if len(e.Files) != 1 {
			continue
		}
		if f := e.Files[0]; f.SHA256 == m.SHA256 || f.SHA256 == "" && f.Bytes == m.Info.Bytes {
			return e, true
		}
	}
	return registry.Entry{}, false
}

//go:embed catalogue.json
var file []byte

var all = sync.OnceValues(func() ([]Model, error) { return parse(file) })

// Models returns the list, small models first in each kind. The error says what is wrong with the list that the program contains, which a test excludes.
func Models() ([]Model, error) { return all() }

// Find returns the model of that name.
func Find(name string) (Model, bool) {
	list, _ := all() // of a list that is wrong there is no model
	i := slices.IndexFunc(list, func(m Model) bool { return m.Name == registry.Plain(name) })
	if i < 0 {
		return Model{}, false
	}
	return list[i], true
}

// parse reads a list and checks each entry.
func parse(b []byte) (list []Model, err error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&list); err != nil {
		return nil, fmt.Errorf("catalogue: %w", err)
	}
	names, files := map[string]bool{}, map[string]bool{}
	for _, m := range list {
		if err := m.check(); err != nil {
			return nil, fmt.Errorf("catalogue: %q: %w", m.Name, err)
		}
		if names[m.Name] || files[m.File().Name()] {
			return nil, fmt.Errorf("catalogue: %q is there twice, or its file is", m.Name)
		}
		names[m.Name], files[m.File().Name()] = true, true
	}
	return list, nil
}

func (m Model) check() error {
	u, err := url.Parse(m.URL)
	sum, notHex := hex.DecodeString(m.SHA256)
	switch {
	case err != nil || u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || !strings.Contains(u.Path, "/resolve/"):
		return fmt.Errorf("the address %q is none of a file by https", m.URL)
	case notHex != nil || len(sum) != 32 || m.SHA256 != strings.ToLower(m.SHA256):
		return fmt.Errorf("the SHA-256 %q is none", m.SHA256)
	case m.Name == "" || registry.NameOf(m.Name) != m.Name:
		return fmt.Errorf("the library can't have such a name")
	case m.Info.Bytes <= 0 || m.Info.Parameters <= 0 || m.Info.Title == "" || m.Info.Licence == "" || m.Purpose == "":
		return fmt.Errorf("the size, the number of parameters, the title, the licence or the purpose is missing")
	case m.Info.Kind != registry.Chat && m.Info.Kind != registry.Speech:
		return fmt.Errorf("the kind %q is not used by the window", m.Info.Kind)
	case m.Info.Kind == registry.Chat && (m.Info.Context <= 0 || m.Info.Layers <= 0 || m.Info.KVHeads <= 0 || m.Info.HeadDim <= 0):
		return fmt.Errorf("the memory of a conversation can't be computed")
	}
	return nil
}
