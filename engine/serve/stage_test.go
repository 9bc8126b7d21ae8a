package serve

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"iter"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"soberano/engine"
	"soberano/engine/arch/tiny"
	"soberano/engine/sample"
	"soberano/kernels"
	"soberano/kernels/cpu"
	"soberano/models/gguf"
)

const testKey = "test-key-of-a-server"

// stage is the models of a test and a server that offers them.
type stage struct {
	t      testing.TB
	server *Server
	http   *httptest.Server
	leases atomic.Int64 // that were not released

	mu        sync.Mutex
	chats     map[string]Generator
	adapters  map[string]*engine.Adapter // also offered as models, with the first chat model
	encoders  map[string]Encoder
	kinds     map[string]Kind
	order     []string
	sampling  sample.Params
	recorded  Recording // that was given last
	heard     Transcription
	speechErr error
}

// tinyModel returns a chat model that answers without meaning. template "" leaves out the chat template.
func tinyModel(t testing.TB, kind, template string) *engine.Model {
	t.Helper()
	dev, err := cpu.New(cpu.Options{Threads: 2})
	if err != nil {
		t.Fatal(err)
	}
	return tinyModelOn(t, dev, kind, template)
}

// tinyModelOn is tinyModel on a device, which it takes over.
func tinyModelOn(t testing.TB, dev kernels.Device, kind, template string) *engine.Model {
	t.Helper()
	s := tiny.New(kind)
	if template != "" {
		s.Meta["tokenizer.chat_template"] = template
	}
	f, err := gguf.Open(s.Write(t))
	if err != nil {
		t.Fatal(err)
	}
	m, err := engine.Open(f, dev, engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

// newStage returns a stage without models. Its server has limits that tests can reach.
func newStage(t testing.TB) *stage {
	t.Helper()
	s := &stage{t: t, chats: map[string]Generator{}, encoders: map[string]Encoder{}, kinds: map[string]Kind{}}
	var err error
	s.server, err = New(Options{Models: s, Key: testKey, Hosts: []string{"desk"}, Version: "1.2.3", Limits: Limits{Requests: 8, Body: 64 << 10, Upload: 256 << 10, WriteTime: time.Second}})
	if err != nil {
		t.Fatal(err)
	}
	s.http = httptest.NewServer(s.server)
	t.Cleanup(func() {
		s.http.Close()
		if err := s.server.Stop(); err != nil {
			t.Error(err)
		}
		if n := s.leases.Load(); n != 0 {
			t.Errorf("%d leases were not released", n)
		}
	})
	return s
}

// withChat adds a chat model.
func (s *stage) withChat(name string, m Generator) *stage {
	s.chats[name], s.kinds[name], s.order = m, Chat, append(s.order, name)
	return s
}

func (s *stage) about(name string) Model {
	return Model{ID: name, Kind: s.kinds[name], Title: "The " + name, Format: "gguf", Family: "llama", Quantization: "F32", Parameters: 1000, Bytes: 4000, Context: 256, Digest: strings.Repeat("ab", 32),
		Added: time.Unix(1700000000, 0), Sampling: s.sampling}
}

// List implements Models.
func (s *stage) List() (list []Model, err error) {
	for _, name := range s.order {
		list = append(list, s.about(name))
	}
	return list, nil
}

// Named implements Models.
func (s *stage) Named(name string) (Model, error) {
	if _, ok := s.kinds[name]; !ok {
		return Model{}, &ModelError{Cause: Unknown, Model: name, Text: "There is no model " + name}
	}
	return s.about(name), nil
}

func lease[M any](s *stage, name string, m M) Lease[M] {
	s.leases.Add(1)
	var once sync.Once
	return Lease[M]{Model: m, About: s.about(name), Within: context.WithCancel, Free: func() { once.Do(func() { s.leases.Add(-1) }) }}
}

func (s *stage) find(kind Kind, name string) (string, error) {
	for _, n := range s.order {
		if s.kinds[n] == kind && (name == "" || n == name) {
			return n, nil
		}
	}
	if _, ok := s.kinds[name]; ok {
		return "", &ModelError{Cause: WrongKind, Model: name, Text: name + " is of another kind"}
	}
	return "", &ModelError{Cause: Unknown, Model: name, Text: "There is no model " + name}
}

// Chat implements Models.
func (s *stage) Chat(_ context.Context, name string, with Beside) (l Lease[Generator], err error) {
	var uses []engine.AdapterUse
	if a := s.adapters[name]; a != nil {
		name, uses = "", []engine.AdapterUse{{Adapter: a, Scale: 1}}
	}
	if name, err = s.find(Chat, name); err != nil {
		return l, err
	}
	if len(with.Adapters) > 0 {
		uses = nil
	}
	for _, c := range with.Adapters {
		a := s.adapters[c.ID]
		if a == nil {
			return l, &ModelError{Cause: WrongAdapter, Text: "There is no adapter " + c.ID}
		}
		uses = append(uses, engine.AdapterUse{Adapter: a, Scale: c.Scale})
	}
	l = lease(s, name, s.chats[name])
	l.Adapters = uses
	if m, ok := s.chats[with.Draft].(*engine.Model); ok {
		if l.Draft, err = engine.NewDraft(l.Model.(*engine.Model), m); err != nil {
			l.Free()
			return Lease[Generator]{}, &ModelError{Cause: WrongDraft, Text: err.Error()}
		}
	}
	return l, nil
}

// Requests implements Models.
func (s *stage) Requests() (waiting, running int) {
	for _, c := range s.chats {
		if m, ok := c.(*engine.Model); ok {
			w, r := m.Requests()
			waiting, running = waiting+w, running+r
		}
	}
	return waiting, running
}

// Encoder implements Models.
func (s *stage) Encoder(_ context.Context, kind Kind, name string) (Lease[Encoder], error) {
	name, err := s.find(kind, name)
	if err != nil {
		return Lease[Encoder]{}, err
	}
	return lease(s, name, s.encoders[name]), nil
}

// Transcribe implements Models.
func (s *stage) Transcribe(_ context.Context, name string, r Recording) (Transcription, error) {
	if _, err := s.find(Speech, name); err != nil {
		return Transcription{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.recorded = r
	for _, seg := range s.heard.Segments {
		if r.Heard != nil {
			r.Heard(seg)
		}
	}
	return s.heard, s.speechErr
}

// scripted is a chat model that answers with given pieces.
type scripted struct {
	*engine.Model
	pieces []engine.Piece
	err    error
	wait   bool // after the pieces, until the context ends

	mu       sync.Mutex
	requests []engine.Request
	waiting  atomic.Int64
}

// Generate implements Generator.
func (m *scripted) Generate(ctx context.Context, r engine.Request) iter.Seq2[engine.Piece, error] {
	m.mu.Lock()
	m.requests = append(m.requests, r)
	m.mu.Unlock()
	return func(yield func(engine.Piece, error) bool) {
		for i := range max(1, r.N) {
			for _, p := range m.pieces {
				p.Choice = i
				if !yield(p, nil) {
					return
				}
			}
		}
		err := m.err
		if m.wait {
			m.waiting.Add(1)
			<-ctx.Done()
			m.waiting.Add(-1)
			err = ctx.Err()
		}
		if err != nil {
			yield(engine.Piece{}, err)
		}
	}
}

// asked returns the request that came last.
func (m *scripted) asked(t testing.TB) engine.Request {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.requests) == 0 {
		t.Fatal("the model was not asked")
	}
	return m.requests[len(m.requests)-1]
}

// request returns a request with the key.
func (s *stage) request(ctx context.Context, method, path, body string) *http.Request {
	s.t.Helper()
	r, err := http.NewRequestWithContext(ctx, method, s.http.URL+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+testKey)
	return r
}

// do sends a request and reads the answer.
func (s *stage) do(r *http.Request) (status int, header http.Header, body string) {
	s.t.Helper()
	resp, err := s.http.Client().Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	all, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return resp.StatusCode, resp.Header, string(all)
}

// post posts a body of JSON.
func (s *stage) post(path, body string) (status int, answer string) {
	s.t.Helper()
	status, _, answer = s.do(s.request(s.t.Context(), http.MethodPost, path, body))
	return status, answer
}

// ok posts a body and reads the answer into v.
func (s *stage) ok(path, body string, v any) {
	s.t.Helper()
	status, answer := s.post(path, body)
	if status != http.StatusOK {
		s.t.Fatalf("%s %s: status %d: %s", path, body, status, answer)
	}
	if err := json.Unmarshal([]byte(answer), v); err != nil {
		s.t.Fatalf("%s: %v in %s", path, err, answer)
	}
}

// event is a server-sent event.
type event struct{ name, data string }

// events parses server-sent events.
func events(t testing.TB, body string) (list []event) {
	t.Helper()
	for block := range strings.SplitSeq(strings.TrimSuffix(body, "\n\n"), "\n\n") {
		var e event
		for line := range strings.SplitSeq(block, "\n") {
			switch name, value, _ := strings.Cut(line, ": "); name {
			case "event":
				e.name = value
			case "data":
				e.data = value
			default:
				t.Fatalf("a line %q in %q", line, body)
			}
		}
		list = append(list, e)
	}
	return list
}

// goroutines fails the test if there are more goroutines at its end than at the call.
func goroutines(t testing.TB) {
	t.Helper()
	before := runtime.NumGoroutine()
	t.Cleanup(func() {
		for range 200 {
			if runtime.NumGoroutine() <= before {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
		var b bytes.Buffer
		buf := make([]byte, 1<<16)
		b.Write(buf[:runtime.Stack(buf, true)])
		t.Errorf("%d goroutines, %d before:\n%s", runtime.NumGoroutine(), before, b.String())
	})
}
