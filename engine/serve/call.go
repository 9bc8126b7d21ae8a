package serve

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"
)

// route is a method and a path, and what answers it.
type route struct {
	method, path string
	dialect      *dialect
	open         bool // answers without a key
	idle         bool // costs nothing, and is answered however many requests there are
	answer       func(*call) error
	summary      string // for the OpenAPI description
	request      any    // a value of the wire type of the body; nil: none
	response     any    // of the whole answer
	form         bool   // the body is a form with a file
}

// call is a request that is being answered.
type call struct {
	*Server
	route *route
	w     http.ResponseWriter
	r     *http.Request
	rc    *http.ResponseController
	ctx   context.Context
	start time.Time
	sent  bool             // the answer has begun
	fail  func(f *failure) // tells a failure within a stream; nil: there is none
}

// addRoutes fills the mux. Of a path with several methods each is a route.
func (s *Server) addRoutes() {
	paths := map[string][]*route{}
	for _, r := range routes() {
		paths[r.path] = append(paths[r.path], r)
	}
	for path, list := range paths {
		s.mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) { s.pick(w, r, list) })
	}
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	if _, pattern := s.mux.Handler(r); pattern == "" {
		s.answer(w, r, &route{dialect: dialectOf(r.URL.Path), idle: true, answer: func(*call) error {
			return &failure{class: missing, code: "unknown_url", message: "There is no route " + r.Method + " " + r.URL.Path + "."}
		}})
		return
	}
	s.mux.ServeHTTP(w, r)
}

// pick answers a request with the route of its method.
func (s *Server) pick(w http.ResponseWriter, r *http.Request, list []*route) {
	var methods []string
	for _, route := range list {
		if route.method == r.Method || route.method == http.MethodGet && r.Method == http.MethodHead {
			s.answer(w, r, route)
			return
		}
		methods = append(methods, route.method)
	}
	s.answer(w, r, &route{dialect: list[0].dialect, idle: true, answer: func(c *call) error {
		w.Header().Set("Allow", strings.Join(methods, ", "))
		return &failure{class: methodUnknown, code: "method_not_allowed", message: "This route takes " + strings.Join(methods, " and ") + "."}
	}})
}

// answer answers a request with a route.
func (s *Server) answer(w http.ResponseWriter, r *http.Request, route *route) {
	counted := &statusWriter{ResponseWriter: w, status: http.StatusOK}
	w = counted
	defer func() { s.metrics.answered(route.path, counted.status) }()
	ctx, cancel := context.WithCancelCause(r.Context())
	defer cancel(nil)
	c := &call{Server: s, route: route, w: w, r: r, rc: http.NewResponseController(w), ctx: ctx, start: time.Now()}
	defer c.resetDeadlines()
	// A server that is handed to another http.Server has to stop as well.
	defer context.AfterFunc(s.ctx, func() { cancel(errStopping) })()
	c.end(c.guarded())
}

// statusWriter remembers the status of an answer.
type statusWriter struct {
	http.ResponseWriter
	status int
}

// WriteHeader implements http.ResponseWriter.
func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap returns the writer below, for http.ResponseController.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// guarded answers the request if it may be answered.
func (c *call) guarded() error {
	if err := c.guard(c.r, c.route.open); err != nil {
		return err
	}
	if !c.route.idle {
		select {
		case c.slots <- struct{}{}:
			defer func() { <-c.slots }()
		default:
			return &failure{class: overloaded, code: "overloaded", message: "Too many requests are being answered. Try again later."}
		}
	}
	return c.route.answer(c)
}

// resetDeadlines removes the deadlines of this request from the connection.
func (c *call) resetDeadlines() {
	_ = c.rc.SetReadDeadline(time.Time{}) // without a connection, as in a test, there is no deadline
	_ = c.rc.SetWriteDeadline(time.Time{})
}

// end tells the client of an error. A client that is gone is told nothing.
func (c *call) end(err error) {
	if err == nil {
		return
	}
	if errors.Is(err, context.Canceled) {
		if err = context.Cause(c.ctx); errors.Is(err, context.Canceled) {
			return
		}
	}
	f := failureOf(err)
	switch {
	case c.fail != nil:
		c.fail(f)
	case !c.sent:
		status, body := c.route.dialect.fail(f)
		if f.class == unauthorized {
			c.w.Header().Set("WWW-Authenticate", "Bearer")
		}
		if f.class == tooLarge {
			c.w.Header().Set("Connection", "close") // the rest of the body is not read
		}
		_ = c.reply(status, body) // the client is gone
	}
}

// reply writes a whole answer.
func (c *call) reply(status int, v any) error {
	c.sent = true
	_ = c.rc.SetWriteDeadline(time.Now().Add(c.limits.WriteTime))
	return writeJSON(c.w, status, v)
}

// body reads a JSON body.
func (c *call) body() ([]byte, error) {
	_ = c.rc.SetReadDeadline(time.Now().Add(c.limits.BodyTime))
	defer func() { _ = c.rc.SetReadDeadline(time.Time{}) }() // the connection is watched for its end from here on
	if kind := c.r.Header.Get("Content-Type"); kind != "" && !strings.Contains(kind, "json") && !strings.HasPrefix(kind, "text/plain") && !strings.HasPrefix(kind, "application/x-www-form-urlencoded") {
		return nil, refuse("", "The body has the type %s; application/json is expected.", kind)
	}
	var b bytes.Buffer
	if _, err := io.Copy(&b, http.MaxBytesReader(c.w, c.r.Body, c.limits.Body)); err != nil {
		return nil, bodyFailure(err)
	}
	return b.Bytes(), nil
}

// bodyFailure returns the failure of a body that can't be read.
func bodyFailure(err error) error {
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return err
	}
	return &failure{class: invalid, message: "The body could not be read to its end.", err: err}
}

// parse reads a JSON body into v, a pointer to a wire type.
func (c *call) parse(v any) error {
	body, err := c.body()
	if err != nil {
		return err
	}
	return decode(body, v)
}
