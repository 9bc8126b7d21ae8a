package cli

import (
	"context"
	"errors"
	"io"

	"soberano/app/host"
	"soberano/models/registry"
)

// open opens the model of an entry with host.Chats or host.Speech; the returned function closes it. There is no memory budget:
// the command line opens one model, which the user has named.
func open[M io.Closer](ctx context.Context, models func(*host.Host) *host.Models[M], e registry.Entry, s host.Settings) (M, func() error, error) {
	h := host.New(host.Options{Budget: host.Unlimited, Helper: host.Helper(), GPUFailed: func(err error) { warnf("soberano: %s", errorText(err)) }})
	l, err := models(h).Acquire(ctx, e, s, nil)
	if err != nil {
		if failed := h.Close(); failed != nil {
			err = errors.Join(err, failed)
		}
		var none M
		return none, nil, err
	}
	return l.Model, func() error {
		l.Release()
		return h.Close()
	}, nil
}
