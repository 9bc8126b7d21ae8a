package host

import (
	"slices"

	"soberano/engine"
	"soberano/models/registry"
)

// estimate returns the number of bytes that the model of an entry will use.
func estimate(e registry.Entry, o Settings) int64 {
	weights, cache, scratch := engine.Estimate(e.Info, o.Context, o.KV)
	return weights + cache + scratch
}

// room frees memory for a model by closing idle models. If a model is being closed, it returns a channel to wait for before room is
// called again. If closing all idle models would not free enough, it returns a *MemoryError, or with anyway closes them all; if there is enough, it returns nothing.
// evicted counts the bytes of the models closed for this caller: the system may count them as available only after a while. The
// caller holds mu.
func (h *Host) room(title string, needs int64, anyway bool, evicted *int64) (<-chan struct{}, error) {
	free, limited := h.unused()
	if !limited || needs <= free {
		return nil, nil
	}
	var going *model // being closed
	var idle []*model
	most := free // the free memory after closing all models that can be closed
	for _, m := range h.models {
		switch {
		case m.idle():
			idle = append(idle, m)
			most += m.bytes
		case m.state == closing && m.users == 0:
			going = m
			most += m.bytes
		}
	}
	if h.budget == 0 {
		most += *evicted
	}
	switch {
	case needs > most && !anyway:
		return nil, &MemoryError{Title: title, Needed: needs, Free: max(0, most), Budget: h.budget, InUse: h.inUse()}
	case going != nil:
		return going.gone, nil
	case len(idle) == 0:
		return nil, nil
	}
	old := slices.MinFunc(idle, func(a, b *model) int { return int(a.used - b.used) })
	*evicted += old.bytes
	h.close(old)
	return old.gone, nil
}

// unused returns the bytes that no model uses; limited is false if there is no limit. The caller holds mu.
func (h *Host) unused() (free int64, limited bool) {
	if h.budget < 0 {
		return 0, false
	}
	if h.budget > 0 {
		free = h.budget
		for _, m := range h.models {
			free -= m.bytes
		}
		return free, true
	}
	free = h.available()
	if free == 0 {
		return 0, false // the system does not report it
	}
	for _, m := range h.models {
		if m.state == loading {
			free -= m.bytes // not allocated yet
		}
	}
	return free, true
}

// spare reports whether there is memory for so many bytes without closing a model.
func (h *Host) spare(bytes int64) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	free, limited := h.unused()
	return !limited || bytes <= free
}

// inUse lists the titles of the models in use. The caller holds mu.
func (h *Host) inUse() (titles []string) {
	for _, m := range h.models {
		if m.users+len(m.waiters) > 0 {
			titles = append(titles, m.title)
		}
	}
	slices.Sort(titles)
	return titles
}

// trim closes idle models, the least recently used first, until the others fit into a chosen budget. The caller holds mu.
func (h *Host) trim() {
	for h.budget > 0 {
		sum := int64(0)
		var old *model
		for _, m := range h.models {
			if m.state != closing {
				sum += m.bytes
			}
			if m.idle() && (old == nil || m.used < old.used) {
				old = m
			}
		}
		if sum <= h.budget || old == nil {
			return
		}
		h.close(old)
	}
}
