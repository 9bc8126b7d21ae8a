package choice

import (
	"soberano/engine"
	"soberano/models/registry"
)

// Pick returns the model of a kind to use, of the entries for which usable returns true and which are not archived unless they are chosen: the one named chosen, or else one of those that
// are included with the program, or else one with a chat template. Of several it is the largest that fits into free bytes of memory (0:
// unknown, then all fit), and the smallest if none does.
func Pick(entries []registry.Entry, kind registry.Kind, chosen string, free int64, usable func(registry.Entry) bool) (best registry.Entry, ok bool) {
	for _, e := range entries {
		switch {
		case e.Kind != kind || !usable(e) || e.Stage == registry.Archived && !e.Is(chosen):
		case e.Is(chosen):
			return e, true
		case !ok || better(e, best, free):
			best, ok = e, true
		}
	}
	return best, ok
}

// better reports whether the model e is to be used instead of the model than.
func better(e, than registry.Entry, free int64) bool {
	switch {
	case e.Included != than.Included:
		return e.Included
	case e.Template != than.Template:
		return e.Template
	}
	if fits(than, free) {
		return fits(e, free) && e.Bytes > than.Bytes
	}
	return fits(e, free) || e.Bytes < than.Bytes
}

// fits reports whether a model can be opened with the engine's default context in free bytes of memory.
func fits(e registry.Entry, free int64) bool {
	weights, cache, scratch := engine.Estimate(e.Info, 0, "")
	return free <= 0 || weights+cache+scratch <= free
}
