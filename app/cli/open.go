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
	list, done, err := openAll(ctx, models, s, e)
	if err != nil {
		var none M
		return none, nil, err
	}
	return list[0], done, nil
}

// openAll opens models of one kind, which share the threads.
func openAll[M io.Closer](ctx context.Context, models func(*host.Host) *host.Models[M], s host.Settings, entries ...registry.Entry) (list []M, done func() error, err error) {
	h := host.New(host.Options{Budget: host.Unlimited, Helper: host.Helper(), GPUFailed: func(err error) { warnf("soberano: %s", errorText(err)) }})
	var leases []*host.Lease[M]
	done = func() error {
		for _, l := range leases {
			l.Release()
		}
		return h.Close()
	}
	from := models(h)
	for _, e := range entries {
		l, err := from.Acquire(ctx, e, s, nil)
		if err != nil {
			return nil, nil, errors.Join(err, done())
		}
		leases, list = append(leases, l), append(list, l.Model)
	}
	return list, done, nil
}
