package download

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// content is the file that the tests fetch.
var content = func() []byte {
	b := make([]byte, 300_001)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}()

// server answers each request with the next of its answers, and then with the last one again.
type server struct {
	*httptest.Server
	mu      sync.Mutex
	answers []http.HandlerFunc
	asked   []http.Header
}

func newServer(t testing.TB, answers ...http.HandlerFunc) *server {
	t.Helper()
	s := &server{answers: answers}
	s.Server = httptest.NewServer(s)
	if t, ok := t.(*testing.T); ok {
		t.Cleanup(s.Close)
	}
	return s
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	answer := s.answers[min(len(s.asked), len(s.answers)-1)]
	s.asked = append(s.asked, r.Header.Clone())
	s.mu.Unlock()
	answer(w, r)
}

func (s *server) requests() []http.Header {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

func (s *server) file() File {
	sum := sha256.Sum256(content)
	return File{URL: s.URL + "/files/model.gguf", Bytes: int64(len(content)), SHA256: hex.EncodeToString(sum[:])}
}

func fetcher(folder string) *Fetcher {
	ms := time.Millisecond
	return &Fetcher{Folder: folder, Client: NewClient(), Stall: 10 * time.Second, Pauses: []time.Duration{ms, ms, ms}}
}

// good gives the file, or the part that is asked for.
func good(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("ETag", `"one"`)
	http.ServeContent(w, r, "model.gguf", time.Time{}, bytes.NewReader(content))
}

// broken is good, but ends the connection after n bytes.
func broken(n int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { good(&cutter{w, n}, r) }
}

// cutter ends the connection after left bytes of a body.
type cutter struct {
	http.ResponseWriter
	left int
}

func (c *cutter) Write(b []byte) (int, error) {
	n, err := c.ResponseWriter.Write(b[:min(len(b), c.left)])
	if c.left -= n; c.left == 0 || err != nil {
		c.ResponseWriter.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
	return n, err
}

// whole gives the whole file, whatever part is asked for.
func whole(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", fmt.Sprint(len(content)))
	_, _ = w.Write(content) // the client may have left
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

// body gives other bytes, with or without their length.
func body(kind string, b []byte, length bool) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", kind)
		if length {
			w.Header().Set("Content-Length", fmt.Sprint(len(b)))
		} else {
			w.(http.Flusher).Flush()
		}
		_, _ = w.Write(b) // the client may have left
	}
}

func redirected(to string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, to, http.StatusFound) }
}

// stuck gives a beginning and then nothing until the client leaves.
func stuck(w http.ResponseWriter, r *http.Request) {
	good(&waiter{w, r.Context(), 100_000}, r)
}

type waiter struct {
	http.ResponseWriter
	ctx  context.Context
	left int
}

func (c *waiter) Write(b []byte) (int, error) {
	n, err := c.ResponseWriter.Write(b[:min(len(b), c.left)])
	if c.left -= n; c.left == 0 {
		c.ResponseWriter.(http.Flusher).Flush()
		<-c.ctx.Done()
		panic(http.ErrAbortHandler)
	}
	return n, err
}

// mustBe checks that the folder holds the complete file and nothing else.
func mustBe(t rapid.TB, folder string) {
	t.Helper()
	got, err := os.ReadFile(filepath.Join(folder, "model.gguf"))
	if err != nil || !bytes.Equal(got, content) {
		t.Errorf("the file has %d bytes (%v), or not those that were fetched", len(got), err)
	}
	if list, _ := os.ReadDir(folder); len(list) != 1 {
		t.Errorf("the folder holds more than the file: %v", list)
	}
}

// TestFetch fetches from servers that behave well or badly, but give the file in the end.
func TestFetch(t *testing.T) {
	another := func(w http.ResponseWriter, r *http.Request) { // the same bytes under another tag: begun anew
		w.Header().Set("ETag", `"two"`)
		http.ServeContent(w, r, "model.gguf", time.Time{}, bytes.NewReader(content))
	}
	wrongPart := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Range", fmt.Sprintf("bytes 0-%d/%d", len(content)-1, len(content)))
		w.Header().Set("Content-Length", fmt.Sprint(len(content)))
		w.WriteHeader(http.StatusPartialContent)
		_, _ = w.Write(content) // the client may have left
	}
	for name, c := range map[string]struct {
		answers []http.HandlerFunc
		ranges  []string // the parts that are asked for
	}{
		"at once":                   {[]http.HandlerFunc{good}, []string{""}},
		"length not stated":         {[]http.HandlerFunc{body("application/octet-stream", content, false)}, []string{""}},
		"breaks off":                {[]http.HandlerFunc{broken(100_000), broken(1), broken(50_000), good}, []string{"", "bytes=100000-", "bytes=100001-", "bytes=150001-"}},
		"ignores parts":             {[]http.HandlerFunc{broken(100_000), whole}, []string{"", "bytes=100000-"}},
		"gives another part":        {[]http.HandlerFunc{broken(100_000), wrongPart, good}, []string{"", "bytes=100000-", ""}},
		"refuses parts":             {[]http.HandlerFunc{broken(100_000), status(416), good}, []string{"", "bytes=100000-", ""}},
		"has another version":       {[]http.HandlerFunc{broken(100_000), another}, []string{"", "bytes=100000-"}},
		"is busy":                   {[]http.HandlerFunc{status(503), status(429), good}, []string{"", "", ""}},
		"stops":                     {[]http.HandlerFunc{stuck, good}, []string{"", "bytes=100000-"}},
		"many pieces":               {[]http.HandlerFunc{broken(60_000), broken(60_000), broken(60_000), broken(60_000), broken(60_000), good}, nil},
		"refers to another address": {[]http.HandlerFunc{redirected("/elsewhere"), good}, []string{"", ""}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, d := newServer(t, c.answers...), fetcher(t.TempDir())
			if name == "stops" {
				d.Stall = 100 * time.Millisecond
			}
			path, err := d.Fetch(t.Context(), s.file(), nil)
			if err != nil || filepath.Base(path) != "model.gguf" {
				t.Fatalf("%q, %v", path, err)
			}
			mustBe(t, d.Folder)
			var ranges []string
			for _, h := range s.requests() {
				ranges = append(ranges, h.Get("Range"))
				if want := h.Get("Range") != ""; want != (h.Get("If-Range") == `"one"`) {
					t.Errorf("part %q is asked for if the version is %q", h.Get("Range"), h.Get("If-Range"))
				}
				if h.Get("Cookie")+h.Get("Referer") != "" || h.Get("User-Agent") != "soberano" {
					t.Errorf("the request tells more than it must: %v", h)
				}
			}
			if c.ranges != nil && fmt.Sprint(ranges) != fmt.Sprint(c.ranges) {
				t.Errorf("asked for %q, want %q", ranges, c.ranges)
			}
			if _, err := d.Fetch(t.Context(), s.file(), nil); err != nil || len(s.requests()) != len(ranges) {
				t.Errorf("the file is there, and was fetched again (%v)", err)
			}
		})
	}
}

// TestFetchFails checks the kind of each failure, that no file has the final name, and that a later attempt succeeds.
func TestFetchFails(t *testing.T) {
	other := bytes.Clone(content)
	other[123]++
	page := []byte("<html>Sign in to this network</html>")
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		want   Kind
	}{
		"not there":              {status(404), Missing},
		"gone":                   {status(410), Missing},
		"not allowed":            {status(403), Refused},
		"refuses all parts":      {status(416), Refused},
		"never ready":            {status(503), Unreachable},
		"a page":                 {body("text/html; charset=utf-8", page, true), WebPage},
		"a page, length unknown": {body("text/html", page, false), WebPage},
		"a page as long":         {body("text/html", other, true), Different},
		"other bytes":            {body("application/octet-stream", other, true), Different},
		"shorter":                {body("application/octet-stream", content[1:], true), Different},
		"longer":                 {body("application/octet-stream", append(bytes.Clone(content), 0), true), Different},
		"longer than it says":    {body("application/octet-stream", append(bytes.Clone(content), 0), false), Different},
		"shorter than it says":   {body("application/octet-stream", content[:1000], false), Interrupted},
		"stops again and again":  {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, Interrupted},
		"a circle":               {redirected("/files/model.gguf"), Redirected},
		"no encryption":          {redirected("http://models.example/model.gguf"), Redirected},
		"another scheme":         {redirected("ftp://127.0.0.1/model.gguf"), Redirected},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, d := newServer(t, c.answer), fetcher(t.TempDir())
			if c.want == Interrupted {
				d.Stall = 50 * time.Millisecond
			}
			_, err := d.Fetch(t.Context(), s.file(), nil)
			e, ok := errors.AsType[*Error](err)
			if !ok || e.Kind != c.want || !strings.Contains(e.Host, "127.0.0.1") {
				t.Fatalf("got %v, want %s", err, c.want)
			}
			if _, err := os.Stat(filepath.Join(d.Folder, "model.gguf")); err == nil {
				t.Error("there is a file that is not the one")
			}
			s.mu.Lock()
			s.answers = []http.HandlerFunc{good}
			s.mu.Unlock()
			d.Stall = 10 * time.Second
			if _, err := d.Fetch(t.Context(), s.file(), nil); err != nil {
				t.Fatal(err)
			}
			mustBe(t, d.Folder)
		})
	}
}

// TestUnreachable asks a server that has ended, and an address without encryption, which is not asked.
func TestUnreachable(t *testing.T) {
	s := newServer(t, good)
	f, d := s.file(), fetcher(t.TempDir())
	s.Close()
	for url, want := range map[string]Kind{f.URL: Unreachable, "http://models.example/model.gguf": Refused} {
		f.URL = url
		_, err := d.Fetch(t.Context(), f, nil)
		if e, ok := errors.AsType[*Error](err); !ok || e.Kind != want {
			t.Errorf("%s: got %v, want %s", url, err, want)
		}
	}
	for _, name := range []string{"", ".hidden", ".."} {
		f.URL = s.URL + "/" + name
		if _, err := d.Fetch(t.Context(), f, nil); err == nil || !strings.Contains(err.Error(), "names no file") {
			t.Errorf("%s: got %v", f.URL, err)
		}
	}
}

// TestResume ends a download and continues it with another Fetcher, as after a restart.
func TestResume(t *testing.T) {
	s, folder := newServer(t, stuck, good), t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	first := fetcher(folder)
	first.Stall = 100 * time.Millisecond
	_, err := first.Fetch(ctx, s.file(), func(p Progress) {
		if p.Phase == Waiting {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	d := fetcher(folder)
	if n := d.Partial(s.file()); n != 100_000 {
		t.Errorf("%d bytes are there", n)
	}
	if _, err := d.Fetch(t.Context(), s.file(), nil); err != nil {
		t.Fatal(err)
	}
	mustBe(t, folder)
	if asked := s.requests(); len(asked) != 2 || asked[1].Get("Range") != "bytes=100000-" {
		t.Errorf("asked for %v", asked)
	}
}

// TestDiscard deletes what has arrived.
func TestDiscard(t *testing.T) {
	s, d := newServer(t, broken(1000), status(404)), fetcher(t.TempDir())
	if _, err := d.Fetch(t.Context(), s.file(), nil); err == nil || d.Partial(s.file()) != 1000 {
		t.Fatalf("%v; %d bytes are there", err, d.Partial(s.file()))
	}
	if err := d.Discard(s.file()); err != nil {
		t.Fatal(err)
	}
	if list, _ := os.ReadDir(d.Folder); len(list) != 0 {
		t.Errorf("there is still %v", list)
	}
	if err := d.Discard(s.file()); err != nil {
		t.Errorf("nothing to discard: %v", err)
	}
}

// TestDamagedPart leaves parts that are not the beginning of the file.
func TestDamagedPart(t *testing.T) {
	for name, left := range map[string][]byte{"too long": append(bytes.Clone(content), 1), "other bytes": make([]byte, 1000), "complete": content, "complete, other bytes": make([]byte, len(content))} {
		t.Run(name, func(t *testing.T) {
			s, d := newServer(t, good), fetcher(t.TempDir())
			if err := os.WriteFile(d.partPath(s.file()), left, 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := d.Fetch(t.Context(), s.file(), nil)
			if e, ok := errors.AsType[*Error](err); strings.Contains(name, "other") && (!ok || e.Kind != Different) {
				t.Errorf("got %v", err)
			}
			if _, err := d.Fetch(t.Context(), s.file(), nil); err != nil {
				t.Fatal(err)
			}
			mustBe(t, d.Folder)
		})
	}
	s, d := newServer(t, good), fetcher(t.TempDir())
	if err := os.WriteFile(filepath.Join(d.Folder, "model.gguf"), make([]byte, len(content)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Fetch(t.Context(), s.file(), nil); err != nil {
		t.Fatal(err)
	}
	mustBe(t, d.Folder)
}

// TestSpace checks the free space before anything is asked for.
func TestSpace(t *testing.T) {
	s, d := newServer(t, good), fetcher(t.TempDir())
	d.Free = func(string) (int64, error) { return int64(len(content)) + spare - 1, nil }
	_, err := d.Fetch(t.Context(), s.file(), nil)
	if e, ok := errors.AsType[*Error](err); !ok || e.Kind != NoSpace || e.Need != e.Free+1 || e.Folder != d.Folder || len(s.requests()) != 0 {
		t.Errorf("got %v after %d requests", err, len(s.requests()))
	}
	if n, err := freeSpace(d.Folder); err != nil || n <= 0 {
		t.Errorf("%d bytes are free: %v", n, err)
	}
}

// TestBusy fetches the same file twice at the same time.
func TestBusy(t *testing.T) {
	s, d := newServer(t, stuck), fetcher(t.TempDir())
	ctx, cancel := context.WithCancel(t.Context())
	d.Stall = 100 * time.Millisecond
	var second error
	_, err := d.Fetch(ctx, s.file(), func(p Progress) {
		if p.Phase == Waiting {
			_, second = d.Fetch(ctx, s.file(), nil)
			cancel()
		}
	})
	if e, ok := errors.AsType[*Error](second); !ok || e.Kind != Busy || !errors.Is(err, context.Canceled) {
		t.Errorf("the second: %v; the first: %v", second, err)
	}
}

// TestAnyFailures draws a sequence of answers: whatever they are, the file with the final name is the right one, and it is there if the server is good in the end.
func TestAnyFailures(t *testing.T) {
	other := bytes.Clone(content)
	other[0]++
	answers := []http.HandlerFunc{good, whole, broken(1), broken(100_000), status(416), status(404), status(500), body("text/html", []byte("no"), true),
		body("application/octet-stream", other, true), body("application/octet-stream", content[:70_000], false), redirected("/x")}
	rapid.Check(t, func(t *rapid.T) {
		folder, err := os.MkdirTemp("", "download")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(folder)
		s := &server{}
		for _, i := range rapid.SliceOfN(rapid.IntRange(0, len(answers)-1), 1, 8).Draw(t, "answers") {
			s.answers = append(s.answers, answers[i])
		}
		s.answers = append(s.answers, good)
		s.Server = httptest.NewServer(s)
		defer s.Close()
		d := fetcher(folder)
		d.Pauses = []time.Duration{0}
		for range len(s.answers) + 1 {
			_, err = d.Fetch(t.Context(), s.file(), nil)
			if got, readErr := os.ReadFile(filepath.Join(folder, "model.gguf")); (readErr == nil) != (err == nil) || readErr == nil && !bytes.Equal(got, content) {
				t.Fatalf("after %v the file has %d bytes (%v)", err, len(got), readErr)
			}
			if err == nil {
				break
			}
		}
		if err != nil {
			t.Fatalf("the server is good, and still: %v", err)
		}
		mustBe(t, folder)
	})
}
