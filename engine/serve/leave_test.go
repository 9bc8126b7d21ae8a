package serve

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"soberano/engine"
)

// until waits for a condition.
func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	for range 500 {
		if is() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("never: %s", what)
}

// TestClientsLeave checks that a generation ends when its client goes away, before and within the answer.
func TestClientsLeave(t *testing.T) {
	goroutines(t)
	m := answering(t)
	m.pieces, m.wait = m.pieces[:4], true
	s := newStage(t).withChat("tiny", m)
	for _, stream := range []string{"true", "false"} {
		ctx, cancel := context.WithCancel(t.Context())
		var done sync.WaitGroup
		done.Go(func() {
			resp, err := s.http.Client().Do(s.request(ctx, http.MethodPost, "/v1/chat/completions", `{"n":2,"messages":[{"role":"user","content":"a"}],"stream":`+stream+`}`))
			if err == nil {
				_, _ = io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
			}
		})
		until(t, "generating", func() bool { return m.waiting.Load() == 1 })
		cancel()
		done.Wait()
		until(t, "left", func() bool { return m.waiting.Load() == 0 && s.leases.Load() == 0 })
	}
}

// TestOverload checks that more requests than the limit are refused, and that others are answered again when there is room.
func TestOverload(t *testing.T) {
	goroutines(t)
	m := answering(t)
	m.pieces, m.wait = m.pieces[:4], true
	s := newStage(t).withChat("tiny", m)
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			resp, err := s.http.Client().Do(s.request(ctx, http.MethodPost, "/v1/chat/completions", `{"messages":[{"role":"user","content":"a"}]}`))
			if err == nil {
				resp.Body.Close()
			}
		})
	}
	until(t, "full", func() bool { return m.waiting.Load() == 8 })
	if status, body := s.post("/v1/chat/completions", `{"messages":[{"role":"user","content":"a"}]}`); status != http.StatusTooManyRequests || !strings.Contains(body, "overloaded") {
		t.Errorf("%d %s", status, body)
	}
	if status, body := s.post("/generate", `{"inputs":"a"}`); status != http.StatusTooManyRequests || body != `{"error":"Model is overloaded","error_type":"overloaded"}`+"\n" {
		t.Errorf("%d %s", status, body)
	}
	if status, _, _ := s.do(s.request(t.Context(), http.MethodGet, "/v1/models", "")); status != 200 {
		t.Errorf("the list of models: %d", status)
	}
	cancel()
	all.Wait()
	until(t, "empty", func() bool { return m.waiting.Load() == 0 && len(s.server.slots) == 0 })
}

// TestStop checks that the clients of streams are told that the server stops, and that nothing is left.
func TestStop(t *testing.T) {
	goroutines(t)
	m := answering(t)
	m.pieces, m.wait = m.pieces[:4], true
	s := newStage(t).withChat("tiny", m)
	server, err := New(Options{Models: s, Key: testKey})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	answers := make(chan string, 4)
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	for range 4 {
		go func() {
			r := s.request(t.Context(), http.MethodPost, "/v1/chat/completions", `{"messages":[{"role":"user","content":"a"}],"stream":true}`)
			r.URL.Host = l.Addr().String()
			resp, err := client.Do(r)
			if err != nil {
				answers <- err.Error()
				return
			}
			defer resp.Body.Close()
			body, err := io.ReadAll(resp.Body)
			if err != nil {
				body = append(body, err.Error()...)
			}
			answers <- string(body)
		}()
	}
	until(t, "generating", func() bool { return m.waiting.Load() == 4 })
	if err := server.Stop(); err != nil {
		t.Error(err)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
	for range 4 {
		if a := <-answers; !strings.Contains(a, "The program is closing") {
			t.Errorf("a client was told %q", a)
		}
	}
	if _, err := net.Dial("tcp", l.Addr().String()); err == nil {
		t.Error("the server listens on")
	}
}

// TestSlowReader checks that a client that does not take its answer is left.
func TestSlowReader(t *testing.T) {
	goroutines(t)
	m := answering(t)
	m.pieces = nil
	for range 3000 {
		m.pieces = append(m.pieces, engine.Piece{Text: strings.Repeat("text ", 2000)})
	}
	s := newStage(t).withChat("tiny", m)
	c, err := net.Dial("tcp", s.http.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	body := `{"messages":[{"role":"user","content":"a"}],"stream":true}`
	if err := s.request(t.Context(), http.MethodPost, "/v1/chat/completions", body).Write(c); err != nil {
		t.Fatal(err)
	}
	until(t, "begun", func() bool { return s.leases.Load() == 1 })
	until(t, "left", func() bool { return s.leases.Load() == 0 })
}
