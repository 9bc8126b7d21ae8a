package download

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"soberano/models"
	"soberano/models/registry"
)

// partial is the file that receives a download, with the hash of what is in it.
type partial struct {
	f    *os.File // locked
	want File
	have int64 // bytes that are in the file and in sum
	sum  hash.Hash
	tag  string // path of the file that holds the server's entity tag
}

func (d *Fetcher) partPath(f File) string { return filepath.Join(d.Folder, f.SHA256+".part") }
func (d *Fetcher) tagPath(f File) string  { return filepath.Join(d.Folder, f.SHA256+".etag") }

// open opens what an earlier attempt has left, or an empty file.
func (d *Fetcher) open(f File) (*partial, error) {
	if err := os.MkdirAll(d.Folder, 0o755); err != nil {
		return nil, err
	}
	file, err := registry.TryLock(d.partPath(f))
	switch {
	case errors.Is(err, registry.ErrLocked):
		return nil, &Error{Kind: Busy, Host: f.host()}
	case err != nil && file == nil: // otherwise the file system has no locks
		return nil, err
	}
	return &partial{f: file, want: f, sum: sha256.New(), tag: d.tagPath(f)}, nil
}

// read hashes what is in the file. More than the whole file can't be a part of it.
func (p *partial) read(ctx context.Context, m *meter) error {
	st, err := p.f.Stat()
	if err != nil {
		return err
	}
	if st.Size() > p.want.Bytes {
		return p.reset()
	}
	buf := make([]byte, 1<<20)
	for p.have < st.Size() {
		n, err := p.f.Read(buf)
		p.sum.Write(buf[:n])
		p.have += int64(n)
		m.at(p.have)
		if err != nil {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return nil
}

// reset begins anew.
func (p *partial) reset() error {
	p.have = 0
	p.sum.Reset()
	_, err := p.f.Seek(0, io.SeekStart)
	return errors.Join(p.f.Truncate(0), err, p.setTag(""))
}

// add appends what has arrived. After an error the file holds what p.have counts.
func (p *partial) add(b []byte) error {
	n, err := p.f.Write(b)
	p.sum.Write(b[:n])
	p.have += int64(n)
	return err
}

// etag returns the entity tag with which the part was received; "" if there was none.
func (p *partial) etag() string {
	b, err := models.ReadSmall(p.tag, 1<<10)
	if err != nil {
		return "" // the final comparison of the SHA-256 holds without it
	}
	return string(b)
}

// setTag keeps a strong entity tag: a weak one does not say that the bytes are the same.
func (p *partial) setTag(tag string) error {
	if tag == "" || strings.HasPrefix(tag, "W/") || len(tag) > 1<<10 {
		if err := os.Remove(p.tag); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	return os.WriteFile(p.tag, []byte(tag), 0o600)
}

// finish compares the complete file with its SHA-256 and gives it its name.
func (p *partial) finish(to string) error {
	if got := hex.EncodeToString(p.sum.Sum(nil)); got != p.want.SHA256 {
		return errors.Join(&Error{Kind: Different, Host: p.want.host(), Err: errors.New("its SHA-256 is " + got + ", not " + p.want.SHA256)}, p.reset())
	}
	if err := p.f.Sync(); err != nil {
		return err
	}
	if err := p.close(); err != nil { // Windows renames no open file
		return err
	}
	if err := os.Rename(p.f.Name(), to); err != nil {
		return err
	}
	return p.setTag("")
}

// close closes the file, and removes it if it is empty.
func (p *partial) close() error {
	if st, err := p.f.Stat(); err == nil && st.Size() == 0 {
		_ = os.Remove(p.f.Name()) // Windows does not remove open files; then it stays until the next attempt
	}
	if err := p.f.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
		return err
	}
	return nil
}

// Partial returns how many bytes of a file an earlier Fetch has left.
func (d *Fetcher) Partial(f File) int64 {
	st, err := os.Stat(d.partPath(f))
	if err != nil {
		return 0
	}
	return min(st.Size(), f.Bytes)
}

// Discard deletes what an earlier Fetch of a file has left, but for the complete file. No Fetch of it may be running.
func (d *Fetcher) Discard(f File) (err error) {
	for _, path := range []string{d.partPath(f), d.tagPath(f)} {
		if e := os.Remove(path); !errors.Is(e, fs.ErrNotExist) {
			err = errors.Join(err, e)
		}
	}
	return err
}
