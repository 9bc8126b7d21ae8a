package library

import (
	"fmt"

	"soberano/app/problem"
	"soberano/models/registry"
)

// successor says which model took the place of one that was in use and was removed.
type successor struct {
	removed string // title
	name    string // of the model that is used instead; "": none is
}

// removed shows the result of a removal; used says that the model was in use before.
func (p *Page) removed(e registry.Entry, used bool, err error) {
	delete(p.going, e.Name)
	delete(p.says, e.Name)
	if err != nil {
		p.says[e.Name] = problem.Text(err)
	}
	used = used || p.InUse(e) // or it took the place of another one meanwhile
	p.Models.Removed(e)
	if used && err == nil {
		next, _ := p.InUseFor(e.Kind)
		p.successors[e.Kind] = successor{removed: e.Title, name: next.Name}
	}
	p.Refresh()
}

// succession returns what there is to say about the successor of a model of a kind, as long as that is the one in use.
func (p *Page) succession(kind registry.Kind) string {
	s, known := p.successors[kind]
	next, _ := p.InUseFor(kind)
	switch {
	case !known || next.Name != s.name:
		return ""
	case s.name == "":
		return fmt.Sprintf("%s was removed. No other model for %s can be used: add one.", s.removed, purpose[kind])
	}
	return fmt.Sprintf("%s was removed. %s is used for %s instead.", s.removed, next.Title, purpose[kind])
}

// Leave is called when another page is shown: what the page said about removals has been seen.
func (p *Page) Leave() {
	clear(p.successors)
	p.view = view{}
}
