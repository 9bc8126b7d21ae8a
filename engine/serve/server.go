package serve

import (
	"context"
	"crypto/sha256"
	"errors"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Limits bound what clients can take. Zero values are the defaults.
type Limits struct {
	Requests    int           // answered at the same time, those that wait in the queue of a model included; 0: 128
	Connections int           // open at the same time; 0: 256
	Body        int64         // bytes of a JSON body; 0: 32 MiB
	Upload      int64         // bytes of a body with a recording; 0: 1 GiB
	Header      int           // bytes of a request's header; 0: 64 KiB
	HeaderTime  time.Duration // for a request's header; 0: 10 s
	BodyTime    time.Duration // for a JSON body; 0: 60 s
	UploadTime  time.Duration // for a body with a recording; 0: 10 min
	WriteTime   time.Duration // for each part of an answer to be taken; 0: 30 s
	IdleTime    time.Duration // of a connection between requests; 0: 2 min
}

// withDefaults returns l with the defaults in the place of zeros.
func (l Limits) withDefaults() Limits {
	for _, n := range []struct {
		to    *int
		value int
	}{{&l.Requests, 128}, {&l.Connections, 256}, {&l.Header, 64 << 10}} {
		if *n.to == 0 {
			*n.to = n.value
		}
	}
	for _, n := range []struct {
		to    *int64
		value int64
	}{{&l.Body, 32 << 20}, {&l.Upload, 1 << 30}} {
		if *n.to == 0 {
			*n.to = n.value
		}
	}
	for _, d := range []struct {
		to    *time.Duration
		value time.Duration
	}{{&l.HeaderTime, 10 * time.Second}, {&l.BodyTime, time.Minute}, {&l.UploadTime, 10 * time.Minute}, {&l.WriteTime, 30 * time.Second}, {&l.IdleTime, 2 * time.Minute}} {
		if *d.to == 0 {
			*d.to = d.value
		}
	}
	return l
}

// Options configure a Server.
type Options struct {
	Models  Models
	Key     string   // that clients have to send; it must not be empty
	Hosts   []string // names by which clients may call the server, besides localhost and addresses
	Version string   // of the program
	Limits  Limits
}

// errStopping is the cause of the end of a request when the server stops.
var errStopping = errors.New("the server is stopping")

// Server answers requests. Its methods may be called from any goroutine.
type Server struct {
	models  Models
	key     atomic.Pointer[[sha256.Size]byte] // its hash
	hosts   []string
	version string
	limits  Limits
	started time.Time
	mux     *http.ServeMux
	slots   chan struct{} // holds a value for each request that is being answered
	tools   toolTemplates
	metrics *metrics

	ctx  context.Context // ends when the server stops
	stop context.CancelCauseFunc

	mu     sync.Mutex
	server *http.Server // nil: not serving
}

// New returns a Server.
func New(o Options) (*Server, error) {
	if o.Key == "" {
		return nil, errors.New("serve: no key")
	}
	s := &Server{models: o.Models, hosts: o.Hosts, version: o.Version, limits: o.Limits.withDefaults(), started: time.Now(), mux: http.NewServeMux()}
	s.SetKey(o.Key)
	s.slots = make(chan struct{}, s.limits.Requests)
	s.ctx, s.stop = context.WithCancelCause(context.Background())
	s.metrics = newMetrics(s)
	s.addRoutes()
	return s, nil
}

// Serve answers requests on the connections of l until Stop is called, and closes l. It may be called once.
func (s *Server) Serve(l net.Listener) error {
	h := &http.Server{
		Handler: s, ReadHeaderTimeout: s.limits.HeaderTime, IdleTimeout: s.limits.IdleTime, MaxHeaderBytes: s.limits.Header,
		BaseContext: func(net.Listener) context.Context { return s.ctx },
		ErrorLog:    discard(),
	}
	s.mu.Lock()
	s.server = h
	s.mu.Unlock()
	if s.ctx.Err() != nil {
		return l.Close()
	}
	if err := h.Serve(limitConnections(l, s.limits.Connections)); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// stopTime is how long requests have to tell their clients that the server stops.
const stopTime = 5 * time.Second

// Stop ends all requests, tells the clients of streams so, and returns when no request is being answered.
func (s *Server) Stop() error {
	s.stop(errStopping)
	s.mu.Lock()
	h := s.server
	s.mu.Unlock()
	if h != nil {
		ctx, cancel := context.WithTimeout(context.Background(), stopTime)
		defer cancel()
		if err := h.Shutdown(ctx); err != nil {
			if err := h.Close(); err != nil {
				return err
			}
		}
	}
	for range cap(s.slots) { // handlers of connections that were cut off end as soon as they notice
		s.slots <- struct{}{}
	}
	return nil
}

// SetKey gives the server another key, which must not be empty; the earlier one is no longer valid. Requests that are being answered go on.
func (s *Server) SetKey(key string) {
	sum := sha256.Sum256([]byte(key))
	s.key.Store(&sum)
}
