package api

import (
	"cmp"
	"context"
	"errors"
	"io"
	"slices"

	"soberano/app/choice"
	"soberano/app/host"
	"soberano/app/problem"
	"soberano/asr"
	"soberano/engine"
	"soberano/engine/sample"
	"soberano/engine/serve"
	"soberano/models"
	"soberano/models/registry"
)

// Catalog is the serve.Models of the program: the models of a library, opened by a host.
type Catalog struct {
	Entries  func() []registry.Entry            // the models that may be used; it may be called by any goroutine
	Chosen   func(registry.Kind) string         // the name of the model of a kind that is used where none is named; "": choice.Pick chooses
	Settings func(registry.Entry) host.Settings // how a model is opened
	Adapters []Adapter                          // that requests can choose; it must not change

	host     *host.Host
	chats    *host.Models[*engine.Model]
	encoders *host.Models[*engine.Encoder]
	speech   *host.Models[*asr.Model]
}

// NewCatalog returns a Catalog that opens models in h, which may be shared with others.
func NewCatalog(h *host.Host) *Catalog {
	return &Catalog{host: h, chats: host.Chats(h), encoders: host.Encoders(h), speech: host.Speech(h)}
}

// usable reports whether a model can be opened, as far as is known without opening it.
func usable(e registry.Entry) bool { return e.Runs && (!e.Saved() || e.Check() == nil) }

// List implements serve.Models.
func (c *Catalog) List() (list []serve.Model, err error) {
	entries := slices.DeleteFunc(c.Entries(), func(e registry.Entry) bool { return !usable(e) || e.Kind == registry.Vision })
	first := map[registry.Kind]string{}
	for _, kind := range []registry.Kind{registry.Chat, registry.Speech, registry.Embedding, registry.Reranker} {
		if e, ok := c.standard(entries, kind); ok {
			first[kind] = e.Name
		}
	}
	slices.SortStableFunc(entries, func(a, b registry.Entry) int {
		return cmp.Or(cmp.Compare(order(a.Kind), order(b.Kind)), -compare(a.Name == first[a.Kind], b.Name == first[b.Kind]))
	})
	for _, e := range entries {
		list = append(list, describe(e))
	}
	if len(list) > 0 && list[0].Kind == serve.Chat {
		for _, a := range c.Adapters {
			list = append(list, a.of(list[0]))
		}
	}
	return list, nil
}

func order(k registry.Kind) int {
	return slices.Index([]registry.Kind{registry.Chat, registry.Speech, registry.Embedding, registry.Reranker}, k)
}

// compare orders false before true.
func compare(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// standard returns the model of a kind that is used where a request names none.
func (c *Catalog) standard(entries []registry.Entry, kind registry.Kind) (registry.Entry, bool) {
	return choice.Pick(entries, kind, c.Chosen(kind), host.Available(), usable)
}

func describe(e registry.Entry) serve.Model {
	m := serve.Model{ID: e.Name, Kind: serve.Kind(e.Kind), Title: e.Title, Format: e.Format, Family: e.Family, Quantization: e.Quantization, Parameters: e.Parameters,
		Bytes: e.Bytes, Context: e.Context, License: e.Licence, Added: e.Added, Sampling: sampling(e.Sampling)}
	if len(e.Files) > 0 {
		m.Digest = cmp.Or(e.Files[0].BLAKE3, e.Files[0].SHA256)
	}
	return m
}

// sampling converts the recommended sampling of a model to the sampler's parameters.
func sampling(s registry.Sampling) sample.Params {
	return sample.Params{Temperature: s.Temperature, TopK: s.TopK, TopP: s.TopP, MinP: s.MinP, Repeat: s.Repeat}
}

// find returns the model of a kind that a request names, by its name, an alias or a name and tag; "" is the one to use where none is named.
func (c *Catalog) find(kind registry.Kind, name string) (registry.Entry, error) {
	entries := c.Entries()
	if name == "" {
		if e, ok := c.standard(entries, kind); ok {
			return e, nil
		}
		return registry.Entry{}, &serve.ModelError{Cause: serve.Unknown, Text: "There is no " + words[kind] + " in the library."}
	}
	e, err := named(entries, name)
	switch {
	case err != nil:
		return e, err
	case e.Kind != kind:
		return e, &serve.ModelError{Cause: serve.WrongKind, Model: name, Text: models.Quote(name) + " is a " + words[e.Kind] + "; this needs a " + words[kind] + "."}
	case !e.Runs:
		return e, &serve.ModelError{Cause: serve.Broken, Model: name, Text: models.Quote(name) + " does not run: " + e.Reason}
	}
	return e, nil
}

// named returns the model that a request names.
func named(entries []registry.Entry, name string) (registry.Entry, error) {
	e, err := registry.Named(entries, name)
	if ambiguous, several := errors.AsType[*registry.AmbiguousError](err); several {
		return e, &serve.ModelError{Cause: serve.Unknown, Model: name, Text: ambiguous.Error() + "."}
	}
	if err != nil {
		return e, &serve.ModelError{Cause: serve.Unknown, Model: name, Text: "There is no model " + models.Quote(name) + "."}
	}
	return e, nil
}

// Named implements serve.Models.
func (c *Catalog) Named(name string) (serve.Model, error) {
	if _, _, ok := c.adapted(name); ok {
		_, about, _, err := c.chosen(name, serve.Beside{})
		return about, err
	}
	e, err := named(slices.DeleteFunc(c.Entries(), func(e registry.Entry) bool { return !usable(e) || e.Kind == registry.Vision }), name)
	if err != nil {
		return serve.Model{}, err
	}
	return describe(e), nil
}

// words name the kinds.
var words = map[registry.Kind]string{registry.Chat: "chat model", registry.Speech: "speech model", registry.Embedding: "model for embeddings", registry.Reranker: "reranker", registry.Vision: "vision encoder"}

// acquire opens the model of an entry.
func acquire[M io.Closer](ctx context.Context, c *Catalog, from *host.Models[M], e registry.Entry) (*host.Lease[M], error) {
	l, err := from.Acquire(ctx, e, c.Settings(e), nil)
	if err == nil || ctx.Err() != nil {
		return l, err
	}
	cause := serve.Broken
	if _, memory := errors.AsType[*host.MemoryError](err); memory || errors.Is(err, host.ErrClosed) || errors.Is(err, host.ErrRemoved) {
		cause = serve.Unavailable
	}
	return nil, &serve.ModelError{Cause: cause, Model: e.Name, Text: problem.Text(err), Err: err}
}

// Requests implements serve.Models.
func (c *Catalog) Requests() (waiting, running int) {
	for _, l := range c.host.Loaded() {
		waiting, running = waiting+l.Waiting, running+l.Running
	}
	return waiting, running
}

// Encoder implements serve.Models.
func (c *Catalog) Encoder(ctx context.Context, kind serve.Kind, name string) (serve.Lease[serve.Encoder], error) {
	e, err := c.find(registry.Kind(kind), name)
	if err != nil {
		return serve.Lease[serve.Encoder]{}, err
	}
	l, err := acquire(ctx, c, c.encoders, e)
	if err != nil {
		return serve.Lease[serve.Encoder]{}, err
	}
	return serve.Lease[serve.Encoder]{Model: l.Model, About: describe(e), Within: l.Context, Free: l.Release}, nil
}
