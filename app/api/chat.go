package api

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"

	"soberano/app/host"
	"soberano/app/problem"
	"soberano/engine"
	"soberano/engine/serve"
	"soberano/models"
	"soberano/models/registry"
)

// Adapter is an adapter (LoRA) of chat models. A request chooses it by its name in the place of a model's: then the model is the one that is used where none is named. After the name of a
// model and a colon it is used with that model.
type Adapter struct{ Name, Path string }

// of describes a model with the adapter.
func (a Adapter) of(base serve.Model) serve.Model {
	base.ID, base.Base, base.Title = a.Name, base.ID, base.Title+" with "+a.Name
	return base
}

// adapter returns the adapter with a name or, if there is none, a number.
func (c *Catalog) adapter(id string) (Adapter, error) {
	if i := slices.IndexFunc(c.Adapters, func(a Adapter) bool { return a.Name == id }); i >= 0 {
		return c.Adapters[i], nil
	}
	if n, err := strconv.Atoi(id); err == nil && n >= 0 && n < len(c.Adapters) {
		return c.Adapters[n], nil
	}
	return Adapter{}, &serve.ModelError{Cause: serve.WrongAdapter, Text: "There is no adapter " + models.Quote(id) + "."}
}

// adapted divides the name that a request gives into that of a chat model and that of an adapter; ok is false if it names no adapter.
func (c *Catalog) adapted(name string) (model string, a Adapter, ok bool) {
	for _, a := range c.Adapters {
		if model, ok := strings.CutSuffix(name, ":"+a.Name); ok && model != "" {
			return model, a, true
		}
		if name == a.Name {
			return "", a, true
		}
	}
	return name, a, false
}

// chosen returns the chat model that a request names, what describes it, and the adapters that the request chooses.
func (c *Catalog) chosen(name string, with serve.Beside) (e registry.Entry, about serve.Model, uses []serve.AdapterChoice, err error) {
	model, a, ok := c.adapted(name)
	if e, err = c.find(registry.Chat, model); err != nil {
		return e, about, nil, err
	}
	about = describe(e)
	if ok {
		about = a.of(about)
		about.ID = name
		uses = []serve.AdapterChoice{{ID: a.Name, Scale: 1}}
	}
	if len(with.Adapters) > 0 {
		uses = with.Adapters
	}
	return e, about, uses, nil
}

// Chat implements serve.Models.
func (c *Catalog) Chat(ctx context.Context, name string, with serve.Beside) (out serve.Lease[serve.Generator], err error) {
	e, about, uses, err := c.chosen(name, with)
	if err != nil {
		return out, err
	}
	l, err := acquire(ctx, c, c.chats, e)
	if err != nil {
		return out, err
	}
	out = serve.Lease[serve.Generator]{Model: l.Model, About: about, Within: l.Context, Free: l.Release}
	if out.Adapters, err = c.load(l, e, uses); err == nil && with.Draft != "" {
		err = c.draft(ctx, l, with.Draft, &out)
	}
	if err != nil {
		l.Release()
		return serve.Lease[serve.Generator]{}, err
	}
	return out, nil
}

// load loads adapters beside the model of an entry, unless they are.
func (c *Catalog) load(l *host.Lease[*engine.Model], e registry.Entry, list []serve.AdapterChoice) (uses []engine.AdapterUse, err error) {
	for _, choice := range list {
		a, err := c.adapter(choice.ID)
		if err != nil {
			return nil, err
		}
		loaded, err := l.Model.LoadAdapter(a.Path, l.Grow)
		if err != nil {
			return nil, refused(err, serve.WrongAdapter, e.Name)
		}
		uses = append(uses, engine.AdapterUse{Adapter: loaded, Scale: choice.Scale})
	}
	return uses, nil
}

// refused returns the error of what can't be used beside a model; cause is that of a file that is at fault.
func refused(err error, cause serve.Cause, model string) error {
	out := &serve.ModelError{Cause: serve.Broken, Model: model, Text: problem.Text(err), Err: err}
	_, file := errors.AsType[*models.FileError](err)
	_, memory := errors.AsType[*host.MemoryError](err)
	switch {
	case file:
		out.Cause = cause
	case memory || errors.Is(err, engine.ErrClosed):
		out.Cause = serve.Unavailable
	}
	return out
}

// draft opens the model with a name, which proposes tokens for that of a lease, and puts it into out, which then is a use of both.
func (c *Catalog) draft(ctx context.Context, l *host.Lease[*engine.Model], name string, out *serve.Lease[serve.Generator]) error {
	e, err := c.find(registry.Chat, name)
	if err != nil {
		if m, ok := errors.AsType[*serve.ModelError](err); ok {
			m.Cause = serve.WrongDraft
		}
		return err
	}
	small, err := acquire(ctx, c, c.chats, e)
	if err != nil {
		return err
	}
	if out.Draft, err = engine.NewDraft(l.Model, small.Model); err != nil {
		small.Release()
		return refused(err, serve.WrongDraft, e.Name)
	}
	out.Within = func(parent context.Context) (context.Context, context.CancelFunc) {
		ctx, end := l.Context(parent)
		ctx, endSmall := small.Context(ctx)
		return ctx, func() { endSmall(); end() }
	}
	out.Free = func() {
		l.Release()
		small.Release()
	}
	return nil
}
