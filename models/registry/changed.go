package registry

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"

	"soberano/models"
)

// stampOf returns the stamp of the file at path.
func stampOf(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", models.NotReadable(path, err)
	}
	defer f.Close()
	s, err := stamp(f)
	if err != nil {
		return "", models.NotReadable(path, err)
	}
	return s, nil
}

// unwritten returns an error if one of the files of an import was written or replaced since its stamp was taken: what was
// hashed or copied could then be a mixture.
func unwritten(files []Stored) error {
	for _, f := range files {
		s, err := stampOf(f.Path)
		if err != nil {
			return err
		}
		if s != f.Stamp {
			return changing(f.Path, "was changed while it was imported")
		}
	}
	return nil
}

// changing returns the error of a file that another program writes.
func changing(path, format string, args ...any) error {
	return &models.FileError{Path: path, Reason: fmt.Sprintf(format, args...), Advice: "wait until it is written completely, and try again", Kind: models.ErrCorrupt}
}

// Unchanged returns an error if the files are not those that were imported. It reads no more than it must:
//
//	of every file    the size, as Check
//	of a linked one  when it was changed, by modification time and, where the system has one, change time.
//	                 Where that differs, the file is read and compared with its hash, or while that is not known its sample with the one of the
//	                 import; if it is the same, the new time is recorded.
//
// So a linked file that was overwritten, or replaced by one of equal size, is found before it is used. Damage of the disk that
// changes no time is found by Verify.
func (e *Entry) Unchanged(ctx context.Context, progress func(done, total int64)) error {
	if err := e.Check(); err != nil || !e.Linked || !e.Saved() {
		return err
	}
	m := &meter{ctx: ctx, report: progress}
	var again []int
	for i, f := range e.Files {
		s, err := stampOf(f.Path)
		if err != nil {
			return err
		}
		if s != f.Stamp {
			again = append(again, i)
			m.total += f.Bytes
		}
	}
	if len(again) == 0 {
		return nil
	}
	for _, i := range again {
		s, err := e.matches(m, &e.Files[i])
		if err != nil {
			return err
		}
		e.Files[i].Stamp = s
	}
	m.finish()
	e.save(briefly)
	return nil
}

// matches compares a file with its recorded hash, and returns its stamp. Of a file of which only the SHA-256 is recorded it sets the BLAKE3 hash.
func (e *Entry) matches(m *meter, f *Stored) (string, error) {
	path := e.FilePath(*f)
	switch {
	case f.BLAKE3 != "":
		hash, s, err := hashFile(m, path, f.Bytes)
		if err == nil && hash != f.BLAKE3 {
			err = changed(path, "since it was imported (its blake3 hash is %s, it was %s)", hash, f.BLAKE3)
		}
		return s, err
	case f.SHA256 != "":
		h, s, err := hashTo(m, path, f.Bytes, io.Discard)
		if err == nil && h.sha256 != f.SHA256 {
			return s, changed(path, "since it was imported (its sha256 is %s, it was %s)", h.sha256, f.SHA256)
		}
		f.BLAKE3 = h.blake3
		return s, err
	}
	return sameSample(path, *f)
}

// changed returns the error of a file that is not the one that was imported.
func changed(path, format string, args ...any) error {
	return &models.FileError{Path: path, Reason: fmt.Sprintf("has changed "+format, args...), Advice: "remove the model and import it again", Kind: models.ErrCorrupt}
}

// first reads a file whose hash is not known yet, and records it. The file must be the one that was imported.
func (e *Entry) first(m *meter, f *Stored) error {
	s, err := stampOf(f.Path)
	if err == nil && s != f.Stamp {
		s, err = sameSample(f.Path, *f)
	}
	if err != nil {
		return err
	}
	hash, read, err := hashFile(m, f.Path, f.Bytes)
	if err == nil && read != s {
		err = changing(f.Path, "was changed while it was read")
	}
	if err == nil {
		f.BLAKE3, f.Stamp, f.Sample = hash, s, ""
	}
	return err
}

// sameSample compares a file's sample with that of the import, and returns its stamp.
func sameSample(path string, f Stored) (string, error) {
	s, err := stampOf(path)
	if err != nil {
		return "", err
	}
	sample, err := sampleOf(path, f.Bytes)
	if err == nil && sample != f.Sample {
		err = changed(path, "since it was imported")
	}
	return s, err
}

// The parts of a file that its sample has: its beginning, and blocks at equal distances, the last of which is its end.
const (
	sampleHead   = 1 << 20
	sampleBlock  = 64 << 10
	sampleBlocks = 16
)

// sampleOf returns a hash of some parts of a file of that size, by which a file that was replaced is told from one of which only the times have changed. It takes
// milliseconds, whatever the size.
func sampleOf(path string, size int64) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", models.NotReadable(path, err)
	}
	defer f.Close()
	h := sha256.New()
	parts := []io.Reader{io.NewSectionReader(f, 0, min(size, sampleHead))}
	for i := int64(1); i <= sampleBlocks && size > sampleHead; i++ {
		parts = append(parts, io.NewSectionReader(f, max(0, size*i/sampleBlocks-sampleBlock), sampleBlock))
	}
	if _, err := io.Copy(h, io.MultiReader(parts...)); err != nil {
		return "", models.NotReadable(path, err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// Hash sets the hash of the first file of e where it is not known, in memory only.
func (e *Entry) Hash(ctx context.Context, progress func(done, total int64)) error {
	if len(e.Files) == 0 || e.Files[0].BLAKE3 != "" {
		return nil
	}
	f := &e.Files[0]
	m := &meter{ctx: ctx, report: progress, total: f.Bytes}
	hash, _, err := hashFile(m, e.FilePath(*f), f.Bytes)
	f.BLAKE3 = hash
	return err
}

// takeSamples fills in the samples of files.
func takeSamples(files []Stored) (err error) {
	for i := range files {
		if files[i].Sample, err = sampleOf(files[i].Path, files[i].Bytes); err != nil {
			return err
		}
	}
	return nil
}

// Complete reads the linked models whose hashes are not known yet, and records these, so that a change of such a file can be told from a change of its
// times. Models that can't be read are left as they are; Verify says why.
func (l *Library) Complete(ctx context.Context) error {
	entries, _ := l.List() // broken entries have no files
	for _, e := range entries {
		if e.Linked && !e.Hashed() {
			_ = e.verify(e.meter(ctx, nil))
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return nil
}
