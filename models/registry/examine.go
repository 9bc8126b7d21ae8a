package registry

import (
	"context"
	"errors"
	"sync"

	"soberano/models"
	"soberano/models/apr"
	"soberano/models/integrity"
)

// examine looks for damage in the model at path, a file or folder: what its reader finds, what check finds if the model lacks a tensor or its metadata don't fit
// its tensors, and what package integrity finds. A model that is intact and can't be run has none. check may be nil.
func examine(ctx context.Context, path string, check Check, m *meter) error {
	format, path, err := locate(path)
	if err != nil {
		return err
	}
	f, err := format.open(path)
	if errors.Is(err, apr.ErrPassword) { // its values can't be looked at
		return verifyLocked(ctx, format, path)
	}
	if errors.Is(err, models.ErrUnsupported) {
		f, err = format.peek(path)
	}
	switch {
	case errors.Is(err, models.ErrUnsupported):
		return nil
	case err != nil:
		return err
	}
	var unfit error
	if check != nil {
		if _, err := check(f); errors.Is(err, models.ErrCorrupt) {
			unfit = err
		}
	}
	var mu sync.Mutex
	damage := integrity.Check(ctx, f, func(n int) {
		mu.Lock()
		defer mu.Unlock()
		_ = m.add(n) // Check returns the error of ctx
	})
	return errors.Join(unfit, damage, f.Verify(ctx), f.Close())
}

// verifyLocked looks for damage in an encrypted file without its password: by its structure, its checksum and its signature.
func verifyLocked(ctx context.Context, format format, path string) error {
	f, err := format.peek(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Verify(ctx), f.Close())
}

// checkSignature compares a signed model with its signature. Opening it does so only if it is small.
func (s inspection) checkSignature(ctx context.Context) error {
	format, path, err := locate(s.path)
	if err != nil {
		return err
	}
	return verifyLocked(ctx, format, path)
}

// examine looks for damage in the files of e.
func (e *Entry) examine(ctx context.Context, check Check, m *meter) error {
	err := examine(ctx, e.Path(), check, m)
	if e.Projector != nil {
		err = errors.Join(err, examine(ctx, e.FilePath(*e.Projector), check, m))
	}
	return err
}

// Verify reads all files of a model and compares them with their hashes, which it records for those that are not known yet, and looks for damage that the
// files already had: in their structure, and in the values of their tensors. The error says what is missing, has changed or is damaged. The result is kept, see Entry.Verification.
func (l *Library) Verify(ctx context.Context, name string, progress func(done, total int64)) error {
	e, err := l.Find(name)
	if err != nil {
		return err
	}
	m := e.meter(ctx, progress)
	m.total *= 2 // for the hashes, and for the values
	before, err := e.stamps()
	if err != nil {
		before = nil // verify says what is missing
	}
	err = e.verify(m)
	if err != nil && !errors.Is(err, models.ErrCorrupt) {
		return err
	}
	if err = errors.Join(err, e.examine(ctx, l.check, m)); err == nil {
		m.finish()
	}
	if ctx.Err() == nil && before != nil {
		e.keepResult(before, err)
	}
	return err
}

// VerifyPath verifies the model to which the file or folder at path belongs. If it is not in the
// library, which may be nil, there are no recorded hashes: only its structure and its values are checked, with check as in Inspect, its files are read
// completely, and known is false. files are the files of the model with their hashes.
func (l *Library) VerifyPath(ctx context.Context, path string, check Check, progress func(done, total int64)) (files []Stored, known bool, err error) {
	s, err := inspect(path, nil) // only the list of files is used
	if err != nil {
		return nil, false, err
	}
	if e, ok := l.holding(s.paths); ok {
		return e.Files, true, l.Verify(ctx, e.Name, progress)
	}
	if files, err = filesOf(s.paths); err != nil {
		return nil, false, err
	}
	m := &meter{ctx: ctx, report: progress, total: 2 * s.info.Bytes}
	if err = hashAll(m, files); err == nil {
		err = examine(ctx, s.path, check, m)
	}
	if err == nil {
		m.finish()
	}
	return files, false, err
}
