package registry

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"soberano/models"
)

// Relation says how a model came from another one.
type Relation string

const (
	Converted Relation = "converted"
	Quantized Relation = "quantized"
	FineTuned Relation = "fine-tuned"
	Merged    Relation = "merged"
	Adapted   Relation = "adapted" // with an adapter
	Based     Relation = "based"   // in an unknown way
)

// Relations are those that a person can set.
var Relations = []Relation{Converted, Quantized, FineTuned, Merged, Adapted, Based}

// Parent is a model from which another one came.
type Parent struct {
	Relation Relation `json:"relation"`
	Name     string   `json:"name"`             // in the library, of a file, or on a hub
	BLAKE3   string   `json:"blake3,omitempty"` // of its file, or of the first of several; "": unknown
	SHA256   string   `json:"sha256,omitempty"` // the same, by which files of earlier versions name it
	How      string   `json:"how,omitempty"`    // "type Q4_K_M, importance matrix wiki.gguf"
}

// Keys of a file's metadata that say from which file the program has made it.
const (
	sourceName   = "soberano.source.name"
	sourceHash   = "soberano.source.blake3"
	sourcePublic = "soberano.source.sha256"
	sourceHow    = "soberano.source.how"
)

// Source returns the metadata of a file that is made of the model e: which one it was, and how the file is made.
func (e *Entry) Source(how string) models.Metadata {
	m := models.Metadata{sourceName: e.Name}
	if len(e.Files) > 0 {
		for key, hash := range map[string]string{sourceHash: e.Files[0].BLAKE3, sourcePublic: e.Files[0].SHA256} {
			if hash != "" {
				m[key] = hash
			}
		}
	}
	if how != "" {
		m[sourceHow] = how
	}
	return m
}

// Parents returns the models from which e came: those that a person has set, or else those that its file names.
func (e *Entry) Parents() ([]Parent, error) {
	if len(e.Own.Parents) > 0 {
		return e.Own.Parents, nil
	}
	f, err := peek(e.Path())
	if err != nil {
		return nil, err
	}
	list := parentsIn(f.Meta)
	if path := readmeOf(e.Path(), e.Format); path != "" && len(list) == 0 {
		if b, err := models.ReadSmall(path, maxCard); err == nil { // a folder may have none
			list = parentsOf(string(b))
		}
	}
	return list, f.Close()
}

// parentsIn returns the parents in the metadata of a file: the source that the program has written, or the base models of a GGUF file.
// Source of the keys general.base_model: gguf-py/gguf/constants.py of llama.cpp.
func parentsIn(m models.Metadata) (list []Parent) {
	text := func(key string) string {
		s, _ := m.String(key, "") // what has another type says nothing
		return clean(s)
	}
	if name := text(sourceName); name != "" {
		p := Parent{Converted, name, text(sourceHash), text(sourcePublic), text(sourceHow)}
		if strings.HasPrefix(p.How, "type ") {
			p.Relation = Quantized
		}
		return []Parent{p}
	}
	count, _ := m.Int("general.base_model.count", 0)
	for i := range min(max(0, count), 64) {
		key := fmt.Sprintf("general.base_model.%d.", i)
		name := text(key + "name")
		if organization := text(key + "organization"); organization != "" && name != "" {
			name = organization + "/" + name
		}
		if url, ok := strings.CutPrefix(text(key+"repo_url"), "https://huggingface.co/"); ok && url != "" {
			name = url
		}
		if name != "" {
			list = append(list, Parent{Relation: map[bool]Relation{false: Based, true: Merged}[count > 1], Name: name})
		}
	}
	return list
}

// relations are the values of base_model_relation in the README.md of a model on Hugging Face. Source: huggingface.co/docs/hub/model-cards.
var relations = map[string]Relation{"finetune": FineTuned, "quantized": Quantized, "merge": Merged, "adapter": Adapted}

// parentsOf returns the parents in the head of a README.md: base_model, one or a list, and base_model_relation.
func parentsOf(readme string) (list []Parent) {
	head, ok := strings.CutPrefix(strings.ReplaceAll(readme, "\r\n", "\n"), "---\n")
	if !ok {
		return nil
	}
	head, _, _ = strings.Cut(head, "\n---")
	relation, in := Based, false
	value := func(s string) string { return clean(strings.Trim(strings.TrimSpace(s), `"'[]`)) }
	add := func(names string) {
		for _, n := range strings.Split(names, ",") {
			if n = value(n); n != "" && len(list) < 64 {
				list = append(list, Parent{Name: n})
			}
		}
	}
	for line := range strings.Lines(head) {
		line = strings.TrimRight(line, " \n")
		key, v, keyed := strings.Cut(line, ":")
		item, listed := strings.CutPrefix(strings.TrimLeft(line, " "), "- ")
		switch {
		case in && listed:
			add(item)
		case keyed && key == "base_model":
			in = true
			add(v)
		case keyed && key == "base_model_relation":
			in = false
			if r, known := relations[value(v)]; known {
				relation = r
			}
		default:
			in = false
		}
	}
	if len(list) > 1 && relation == Based {
		relation = Merged
	}
	for i := range list {
		list[i].Relation = relation
	}
	return list
}

// SetParents records from which models a model came, instead of what its file says; none: what its file says counts.
// A model of the library that came from this one is refused with a *CircleError.
func (l *Library) SetParents(name string, parents []Parent) (Entry, error) {
	entries, _ := l.List()
	t := tree{entries: entries, parents: map[string][]Parent{}}
	for _, p := range parents {
		if strings.Contains(p.Name, "/") { // of a hub: a model of the library may have the last part of its name
			continue
		}
		if from := t.find(p); from != nil && t.node(p, from, nil).has(name) {
			return Entry{}, &CircleError{Name: name, From: from.Name}
		}
	}
	return l.change(name, func(e *Entry) error {
		e.Own.Parents = slices.Clone(parents)
		return nil
	})
}

// CircleError is the error of SetParents for a model that would have come from itself.
type CircleError struct{ Name, From string }

func (e *CircleError) Error() string {
	if e.Name == e.From {
		return fmt.Sprintf("%s can't have come from itself", models.Printable(e.Name))
	}
	return fmt.Sprintf("%s can't have come from %s, which came from it", models.Printable(e.Name), models.Printable(e.From))
}

// has reports whether the tree has a model of the library with this name.
func (n *Node) has(name string) bool {
	return n.Saved && n.Name == name || slices.ContainsFunc(n.Parents, func(p *Node) bool { return p.has(name) })
}

// Node is a model in a tree of models that came from each other.
type Node struct {
	Parent          // all but Name is those between it and the node above
	Model   *Entry  `json:"-"` // in the library; nil: it is not there
	Saved   bool    `json:"in_library"`
	Parents []*Node `json:"parents,omitempty"`
}

// Lineage returns the tree of the models from which a model came, and the names of those in the library that came from it.
func (l *Library) Lineage(name string) (*Node, []string, error) {
	e, err := l.Find(name)
	if err != nil {
		return nil, nil, err
	}
	entries, _ := l.List()
	t := tree{entries: entries, parents: map[string][]Parent{}}
	root := t.node(Parent{Name: e.Name}, &e, nil)
	var children []string
	for _, other := range entries {
		for _, p := range t.of(&other) {
			if found := t.find(p); found != nil && found.Name == e.Name && other.Name != e.Name && !slices.Contains(children, other.Name) {
				children = append(children, other.Name)
			}
		}
	}
	return root, children, nil
}

// tree finds the parents of entries.
type tree struct {
	entries []Entry
	parents map[string][]Parent
}

// of returns the parents of e; those of a model whose files are away are unknown.
func (t *tree) of(e *Entry) []Parent {
	if p, known := t.parents[e.Name]; known {
		return p
	}
	p, _ := e.Parents()
	t.parents[e.Name] = p
	return p
}

// find returns the entry that p is: one with its hash, or else its name, or that of its last part.
func (t *tree) find(p Parent) *Entry {
	for i := range t.entries {
		if slices.ContainsFunc(t.entries[i].Files, func(f Stored) bool { same, _ := p.is(f); return same }) {
			return &t.entries[i]
		}
	}
	for i := range t.entries {
		e := &t.entries[i]
		known := false
		if len(e.Files) > 0 {
			_, known = p.is(e.Files[0])
		}
		if !known && (e.Is(plain(p.Name)) || e.Is(slug(filepath.Base(p.Name)))) {
			return e
		}
	}
	return nil
}

// is reports whether p's file is f. known is false if there is no hash of both.
func (p Parent) is(f Stored) (same, known bool) {
	if p.BLAKE3 != "" && f.BLAKE3 != "" {
		return p.BLAKE3 == f.BLAKE3, true
	}
	return p.SHA256 != "" && p.SHA256 == f.SHA256, p.SHA256 != "" && f.SHA256 != ""
}

// node returns the tree above a model. above are the names on the way to it.
func (t *tree) node(p Parent, e *Entry, above []string) *Node {
	n := &Node{Parent: p, Model: e, Saved: e != nil}
	if e == nil || slices.Contains(above, e.Name) {
		return n
	}
	n.Name = e.Name
	for _, p := range t.of(e) {
		n.Parents = append(n.Parents, t.node(p, t.find(p), append(above[:len(above):len(above)], e.Name)))
	}
	return n
}
