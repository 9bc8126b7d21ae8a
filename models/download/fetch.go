package download

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"soberano/models"
)

// File is a file on a server.
type File struct {
	URL    string
	Bytes  int64
	SHA256 string // in lower-case hexadecimal
}

// Name returns the name of the file, the last part of its address.
func (f File) Name() string {
	u, err := url.Parse(f.URL)
	if err != nil {
		return ""
	}
	return path.Base(u.Path)
}

func (f File) host() string {
	u, err := url.Parse(f.URL)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

// Fetcher fetches files into a folder. Its fields are not changed while it is used.
type Fetcher struct {
	Folder string
	Client *http.Client // nil: NewClient()
	// Stall is how long nothing may arrive before the connection counts as broken; 0: a minute.
	Stall time.Duration
	// Pauses are the times between attempts that bring nothing new, after the last of which Fetch fails; nil: from 1 to 16 seconds.
	Pauses []time.Duration
	// Free returns the bytes that are free in a folder; nil: those of the file system.
	Free func(folder string) (int64, error)
}

// spare is the space that a download leaves free on the disk.
const spare = 64 << 20

// Fetch returns the path of the complete file, which has the size and the SHA-256 of f. It continues what an earlier call has begun, and tries again after
// a connection that breaks off. If ctx ends, what has arrived is kept. report, which may be nil, is called from this goroutine. The error is an *Error, one of the
// file system, or that of ctx.
func (d *Fetcher) Fetch(ctx context.Context, f File, report func(Progress)) (string, error) {
	name := f.Name()
	if u, err := url.Parse(f.URL); err != nil || u.Scheme != "https" && !loopback(u) {
		return "", &Error{Kind: Refused, Host: f.host(), Err: errors.New("the address is not encrypted (https)")}
	}
	if !filepath.IsLocal(name) || strings.ContainsAny(name, `/\`) || strings.HasPrefix(name, ".") {
		return "", fmt.Errorf("download: %s names no file", models.Quote(f.URL))
	}
	p, err := d.open(f)
	if err != nil {
		return "", err
	}
	m := &meter{report: report, now: time.Now, p: Progress{Total: f.Bytes}}
	to := filepath.Join(d.Folder, name)
	err = d.complete(ctx, p, m, to)
	return to, errors.Join(err, p.close())
}

// complete fetches what is missing and gives the file its name.
func (d *Fetcher) complete(ctx context.Context, p *partial, m *meter, to string) error {
	m.enter(Checking)
	if ready, err := p.take(ctx, m, to); ready || err != nil {
		return err
	}
	if err := p.read(ctx, m); err != nil {
		return err
	}
	if err := d.space(p); err != nil {
		return err
	}
	if err := d.receive(ctx, p, m); err != nil {
		return err
	}
	return p.finish(to)
}

// take reports whether the complete file is at to already, as after a download whose import failed. Another file there is deleted: the folder is only for downloads.
func (p *partial) take(ctx context.Context, m *meter, to string) (ready bool, err error) {
	f, err := os.Open(to)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	there := &partial{f: f, want: p.want, sum: p.sum, tag: p.tag}
	if st, err := f.Stat(); err == nil && st.Size() == p.want.Bytes {
		err = there.read(ctx, m)
		if err == nil && fmt.Sprintf("%x", p.sum.Sum(nil)) == p.want.SHA256 {
			return true, errors.Join(f.Close(), p.reset())
		}
		if ctx.Err() != nil {
			return false, errors.Join(err, f.Close())
		}
	}
	p.sum.Reset()
	return false, errors.Join(f.Close(), os.Remove(to))
}

// space returns an error if the rest of the file does not fit on the disk.
func (d *Fetcher) space(p *partial) error {
	free := d.Free
	if free == nil {
		free = freeSpace
	}
	n, err := free(d.Folder)
	if need := p.want.Bytes - p.have + spare; err == nil && n < need {
		return &Error{Kind: NoSpace, Host: p.want.host(), Folder: d.Folder, Need: need, Free: n}
	}
	return nil // a system that does not tell it says so while the file is written
}

// receive makes attempts until the file is complete.
func (d *Fetcher) receive(ctx context.Context, p *partial, m *meter) error {
	pauses := d.Pauses
	if pauses == nil {
		pauses = []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 16 * time.Second}
	}
	most := p.have
	for failed := 0; p.have < p.want.Bytes; {
		err := d.attempt(ctx, p, m)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if p.have > most {
			most, failed = p.have, 0
		}
		if t, ok := errors.AsType[temporary](err); err != nil && (!ok || failed == len(pauses)) {
			if ok {
				err = t.err
			}
			return err
		}
		if err == nil {
			continue
		}
		m.enter(Waiting)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pauses[failed]):
		}
		failed++
	}
	return nil
}

var errStalled = errors.New("nothing has arrived for a long time")

// attempt asks the server once and receives what it gives. A partial file that the server can't continue is emptied.
func (d *Fetcher) attempt(ctx context.Context, p *partial, m *meter) error {
	m.enter(Connecting)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stall := d.Stall
	if stall == 0 {
		stall = time.Minute
	}
	watch := time.AfterFunc(stall, func() { cancel(errStalled) })
	defer watch.Stop()
	client := d.Client
	if client == nil {
		client = NewClient()
		defer client.CloseIdleConnections()
	}
	req, err := p.request(ctx)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return p.unreachable(err)
	}
	defer resp.Body.Close()
	if err := p.begin(resp); err != nil {
		return err
	}
	m.p.Done = p.have
	m.enter(Receiving)
	return p.receive(resp.Body, func() {
		watch.Reset(stall)
		m.at(p.have)
	})
}

// receive appends what arrives until the file is complete; arrived is called after each piece.
func (p *partial) receive(body io.Reader, arrived func()) error {
	buf := make([]byte, 256<<10)
	for {
		n, err := body.Read(buf)
		if int64(n) > p.want.Bytes-p.have {
			return errors.Join(p.different("it is longer than %s bytes", models.Grouped(p.want.Bytes)), p.reset())
		}
		if werr := p.add(buf[:n]); werr != nil {
			return werr
		}
		if n > 0 {
			arrived()
		}
		switch {
		case errors.Is(err, io.EOF) && p.have == p.want.Bytes:
			return nil
		case errors.Is(err, io.EOF):
			return p.failed(Interrupted, io.ErrUnexpectedEOF)
		case err != nil:
			return p.failed(Interrupted, err)
		}
	}
}

func (p *partial) request(ctx context.Context) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.want.URL, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", "soberano")
	if p.have > 0 {
		req.Header.Set("Range", "bytes="+strconv.FormatInt(p.have, 10)+"-")
		if tag := p.etag(); tag != "" {
			req.Header.Set("If-Range", tag)
		}
	}
	return req, nil
}
