package shell

import (
	"cmp"
	"errors"
	"sync"

	"soberano/app/api"
	"soberano/app/host"
	"soberano/app/problem"
	"soberano/app/settings"
	"soberano/models/registry"
)

// localAPI is the server for other programs, while it is switched on.
type localAPI struct {
	turn sync.Mutex // held while the server is started or stopped
	mu   sync.Mutex // guards the rest
	now  settings.API
	runs *api.Service // nil: it does not run
	over bool         // the window is being closed
}

// state returns what the Settings page shows.
func (l *localAPI) state() settings.API {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.now
}

// set changes the state. It returns the server that ran before.
func (l *localAPI) set(now settings.API, runs *api.Service) (before *api.Service) {
	l.mu.Lock()
	defer l.mu.Unlock()
	before, l.now, l.runs = l.runs, now, runs
	return before
}

// end stops the server for good.
func (l *localAPI) end() error {
	l.mu.Lock()
	l.over = true
	l.mu.Unlock()
	l.turn.Lock()
	defer l.turn.Unlock()
	return stopped(l.set(settings.API{}, nil))
}

func stopped(s *api.Service) error {
	if s == nil {
		return nil
	}
	return s.Stop()
}

// switchAPI starts or stops the server in the background, as the settings have it, and shows its state.
func (d *Shell) switchAPI() {
	if v := d.values.Values(); !v.API && d.api.state() == (settings.API{}) {
		return
	}
	go func() {
		d.api.turn.Lock()
		defer d.api.turn.Unlock()
		d.api.mu.Lock()
		over, runs := d.api.over, d.api.runs != nil
		d.api.mu.Unlock()
		v := d.values.Values() // which may have changed meanwhile
		switch {
		case over, v.API && runs:
			return
		case v.API:
			d.startAPI(v)
		default:
			if err := stopped(d.api.set(settings.API{}, nil)); err != nil {
				d.Post(func() { d.notice("The local API did not end as it should.", err) })
			}
		}
		d.Post(d.apiChanged)
	}()
}

// apiChanged draws the Settings page anew, if it is shown.
func (d *Shell) apiChanged() {
	if d.page == settingsPage {
		d.settings.Values = d.values.Values()
		d.settings.Refresh()
	}
}

// startAPI starts the server.
func (d *Shell) startAPI(v settings.Values) {
	address := cmp.Or(v.APIAddress, api.DefaultAddress)
	key, _, err := api.Key(d.Data)
	if err != nil {
		d.api.set(settings.API{Failed: "The key can't be read or stored: " + problem.Text(err)}, nil)
		return
	}
	s, err := api.Start(api.Options{Address: address, Key: key, Folder: d.Data, Models: d.catalog(), Version: d.Version})
	if err != nil {
		d.api.set(settings.API{Failed: apiFailed(address, err)}, nil)
		return
	}
	local, err := api.Loopback(address)
	d.api.set(settings.API{URL: s.URL(), Key: key, Network: !local || err != nil}, s)
	go func() {
		<-s.Done()
		if err := s.Err(); err != nil {
			d.api.set(settings.API{Failed: "It has ended: " + problem.Text(err)}, nil)
			d.Post(d.apiChanged)
		}
	}()
}

// apiFailed says why an address can't be used.
func apiFailed(address string, err error) string {
	if a, ok := errors.AsType[*api.AddressError](err); ok && a.Taken {
		return "It does not answer: another program uses the address " + address + ". End that program, or write another address into settings.json (local_api_address), then switch it off and on."
	}
	return "It does not answer: " + problem.Text(err)
}

// catalog returns the models for other programs: those of the library, opened as for the window.
func (d *Shell) catalog() *api.Catalog {
	c := api.NewCatalog(d.Host)
	c.Entries = func() []registry.Entry {
		entries, _ := d.Shelf.List() // broken entries are shown on the Models page
		return entries
	}
	c.Chosen = func(kind registry.Kind) string { return d.values.Values().Of(kind) }
	c.Settings = func(e registry.Entry) host.Settings {
		if e.Kind == registry.Chat {
			return d.chatSettings(e)
		}
		v := d.values.Values()
		return host.Settings{Threads: v.Threads, GPU: v.GPUUse()}
	}
	return c
}
