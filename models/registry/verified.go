package registry

import (
	"context"
	"errors"
	"io"
	"slices"
	"time"

	"soberano/models"
)

// Verification is the result of the last Verify of a model. It is kept in the model's record.
type Verification struct {
	At     time.Time `json:"at"`
	Damage string    `json:"damage,omitempty"` // what was found, in the words of the error; "": the model is intact
	// Stamps are those of the files, and of the projector behind them: the result is about files that have not been changed since.
	Stamps []string `json:"stamps"`
}

// keepWait is how long the result waits for another process that changes the library; it is found out again by another Verify.
const keepWait = time.Second

// maxDamage is how many bytes of an error a Verification keeps.
const maxDamage = 4 << 10

// Verification returns the result of the last Verify; false if there was none, or a file has been changed since.
func (e *Entry) Verification() (Verification, bool) {
	if e.Verified == nil {
		return Verification{}, false
	}
	stamps, err := e.stamps()
	if err != nil || !slices.Equal(stamps, e.Verified.Stamps) {
		return Verification{}, false
	}
	return *e.Verified, true
}

// stamps returns the stamps of all files of e.
func (e *Entry) stamps() (list []string, err error) {
	files := e.Files
	if e.Projector != nil {
		files = append(slices.Clip(files), *e.Projector)
	}
	for _, f := range files {
		s, _, err := models.Stamp(e.FilePath(f))
		if err != nil {
			return nil, err
		}
		list = append(list, s)
	}
	return list, nil
}

// keepResult records the result of a Verify that began when the files had these stamps, unless they have been changed or could not be read to the end.
func (e *Entry) keepResult(before []string, result error) {
	after, err := e.stamps()
	if err != nil || !slices.Equal(before, after) || result != nil && !errors.Is(result, models.ErrCorrupt) {
		return
	}
	e.Verified = &Verification{At: time.Now().UTC().Truncate(time.Second), Stamps: after}
	if result != nil {
		text := models.PrintableLines(result.Error())
		e.Verified.Damage = text[:min(len(text), maxDamage)]
	}
	e.save(keepWait)
}

// newer returns the later of two results.
func newer(a, b *Verification) *Verification {
	if a == nil || b != nil && b.At.After(a.At) {
		return b
	}
	return a
}

// SHA256 reads the files of a model whose SHA-256 is not recorded, as those of linked models, compares them with what is, and records it. By it files are known on the pages from which
// they are downloaded.
func (l *Library) SHA256(ctx context.Context, name string, progress func(done, total int64)) (Entry, error) {
	e, err := l.Find(name)
	if err != nil {
		return Entry{}, err
	}
	if err := e.Check(); err != nil {
		return Entry{}, err
	}
	m := &meter{ctx: ctx, report: progress}
	for _, f := range e.Files {
		if f.SHA256 == "" {
			m.total += f.Bytes
		}
	}
	if m.total == 0 {
		return e, nil
	}
	for i := range e.Files {
		if err := e.addSHA256(m, &e.Files[i]); err != nil {
			return Entry{}, err
		}
	}
	m.finish()
	e.save(lockWait)
	return e, nil
}

// addSHA256 sets the SHA-256 of a file of e, and its BLAKE3 hash if that is not known.
func (e *Entry) addSHA256(m *meter, f *Stored) error {
	if f.SHA256 != "" {
		return nil
	}
	path := e.FilePath(*f)
	if f.BLAKE3 == "" && f.Sample != "" {
		if _, err := sameSample(path, *f); err != nil {
			return err
		}
	}
	h, s, err := hashTo(m, path, f.Bytes, io.Discard)
	switch {
	case err != nil:
		return err
	case f.BLAKE3 != "" && h.blake3 != f.BLAKE3:
		return changed(path, "since it was imported (its blake3 hash is %s, it was %s)", h.blake3, f.BLAKE3)
	}
	f.BLAKE3, f.SHA256, f.Sample = h.blake3, h.sha256, ""
	if e.Linked {
		f.Stamp = s
	}
	return nil
}
