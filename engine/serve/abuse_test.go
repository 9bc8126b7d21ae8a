package serve

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestAbuse does to the server what bad clients do, many at a time and in random order: they leave at any time, send half a request
// and stay, or read nothing; they send what is no JSON, bodies that are too large, wrong keys and foreign hosts. The server goes on answering, and
// nothing is left: no request, no use of a model, no goroutine. `make soak` does so for ten minutes, after which no memory may be left either.
func TestAbuse(t *testing.T) {
	goroutines(t)
	s := newStage(t).withChat("tiny", tinyModel(t, "llama", ""))
	const ask = `{"messages":[{"role":"user","content":"Hello"}],"max_tokens":60,"temperature":1,"stream":%v}`
	address := s.http.Listener.Addr().String()
	var held []net.Conn // stay open until the end
	var mu sync.Mutex
	hold := func(write func(net.Conn) error) error {
		c, err := net.Dial("tcp", address)
		if err != nil {
			return err
		}
		mu.Lock()
		held = append(held, c)
		mu.Unlock()
		return write(c)
	}
	status := func(r *http.Request, want ...int) error {
		resp, err := s.http.Client().Do(r)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if _, err := io.Copy(io.Discard, resp.Body); err != nil {
			return err
		}
		for _, n := range append(want, http.StatusTooManyRequests) {
			if resp.StatusCode == n {
				return nil
			}
		}
		return fmt.Errorf("status %d, expected %v", resp.StatusCode, want)
	}
	deeds := []func(n int) error{
		func(n int) error { // leaves
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(n%40)*time.Millisecond)
			defer cancel()
			resp, err := s.http.Client().Do(s.request(ctx, http.MethodPost, "/v1/chat/completions", fmt.Sprintf(ask, n%2 == 0)))
			if err == nil {
				_, _ = io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
			}
			return nil
		},
		func(int) error { // sends half a request
			return hold(func(c net.Conn) error {
				_, err := io.WriteString(c, "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer "+testKey+"\r\nContent-Length: 500\r\n\r\n{\"mess")
				return err
			})
		},
		func(int) error { // reads nothing
			return hold(func(c net.Conn) error {
				return s.request(t.Context(), http.MethodPost, "/v1/chat/completions", fmt.Sprintf(ask, true)).Write(c)
			})
		},
		func(n int) error { // is no HTTP
			return hold(func(c net.Conn) error { _, err := c.Write(bytes.Repeat([]byte{byte(n)}, 200)); return err })
		},
		func(n int) error {
			return status(s.request(t.Context(), http.MethodPost, "/v1/chat/completions", fmt.Sprintf(ask, true)[:n%60]), 400)
		},
		func(int) error {
			r := s.request(t.Context(), http.MethodPost, "/api/chat", strings.Repeat(" ", 100<<10))
			err := status(r, 413)
			if err != nil && !strings.HasPrefix(err.Error(), "status") { // the connection was closed while the body was sent
				return nil
			}
			return err
		},
		func(int) error {
			r := s.request(t.Context(), http.MethodPost, "/v1/messages", "{}")
			r.Header.Set("Authorization", "Bearer wrong")
			return status(r, 401)
		},
		func(int) error {
			r := s.request(t.Context(), http.MethodPost, "/generate", `{"inputs":"a"}`)
			r.Host = "evil.example:80"
			return status(r, 403)
		},
		func(int) error {
			return status(s.request(t.Context(), http.MethodPost, "/v1/chat/completions", fmt.Sprintf(ask, false)), 200)
		},
	}
	round := func() {
		var all sync.WaitGroup
		for i := range 120 {
			n := rand.IntN(1000)
			all.Go(func() {
				time.Sleep(time.Duration(n%50) * time.Millisecond)
				if err := deeds[i%len(deeds)](n); err != nil {
					t.Errorf("deed %d: %v", i%len(deeds), err)
				}
			})
		}
		all.Wait()
		for _, c := range held {
			c.Close()
		}
		held = nil
		until(t, "everybody has left", func() bool { return s.leases.Load() == 0 && len(s.server.slots) == 0 })
	}
	round()
	soak(t, round)
	if err := status(s.request(t.Context(), http.MethodPost, "/v1/chat/completions", fmt.Sprintf(ask, false)), 200); err != nil {
		t.Error(err)
	}
}

// soak calls round for the time that SOBERANO_SOAK gives, if it is set, and checks that it leaves no memory.
func soak(t *testing.T, round func()) {
	v := os.Getenv("SOBERANO_SOAK")
	if v == "" {
		return
	}
	d, err := time.ParseDuration(v)
	if err != nil {
		t.Fatal(err)
	}
	heap := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	rounds := 0
	run := func(d time.Duration) int64 {
		for end := time.Now().Add(d); time.Now().Before(end) && !t.Failed(); rounds++ {
			round()
		}
		return heap()
	}
	first := run(d / 2) // the states that are kept for later requests grow to their limit
	last := run(d / 2)
	t.Logf("%d rounds; the heap had %d bytes after half of them, %d in the end", rounds, first, last)
	if last > first+first/10+4<<20 {
		t.Errorf("the heap has grown from %d to %d bytes", first, last)
	}
}
