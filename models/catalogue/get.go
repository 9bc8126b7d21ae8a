package catalogue

import (
	"context"
	"os"

	"soberano/models/download"
	"soberano/models/registry"
)

// Library is the library to which models are added: a *registry.Library, or a scripted one in tests.
type Library interface {
	Import(ctx context.Context, path string, how registry.How, o registry.ImportOptions, progress func(done, total int64)) (registry.Entry, error)
}

// Get downloads a model with d and adds it to the library. If ctx ends, or the import fails, what has arrived is kept, and the next Get continues there. received and
// added, which may be nil, are told the progress of the two parts.
func Get(ctx context.Context, l Library, d *download.Fetcher, m Model, received func(download.Progress), added func(done, total int64)) (registry.Entry, error) {
	path, err := d.Fetch(ctx, m.File(), received)
	if err != nil {
		return registry.Entry{}, err
	}
	e, err := l.Import(ctx, path, registry.Take, m.Options(), added)
	if err != nil {
		return registry.Entry{}, err
	}
	return e, os.Remove(path)
}
