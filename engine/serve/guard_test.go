package serve

import (
	"net/http"
	"strings"
	"testing"
)

// TestGuard checks who may call the server: Host, Origin and the key.
func TestGuard(t *testing.T) {
	s := newStage(t)
	for _, c := range []struct {
		host, header, value string
		noKey               bool
		want                int
	}{
		{want: 200},
		{host: "localhost:1", want: 200},
		{host: "LOCALHOST", want: 200},
		{host: "[::1]:80", want: 200},
		{host: "desk:11500", want: 200},
		{host: "192.168.1.2:11500", want: 200},
		{host: "evil.example", want: 403},
		{host: "localhost.evil.example", want: 403},
		{host: "127.0.0.1.evil.example:80", want: 403},
		{header: "Origin", value: "http://evil.example", want: 403},
		{header: "Origin", value: "null", want: 403},
		{header: "Origin", value: "https://127.0.0.1", want: 403},
		{host: "localhost:1", header: "Origin", value: "http://localhost:1", want: 200},
		{host: "localhost:1", header: "Origin", value: "http://localhost:2", want: 403},
		{header: "Sec-Fetch-Site", value: "cross-site", want: 403},
		{header: "Sec-Fetch-Site", value: "same-origin", want: 200},
		{noKey: true, want: 401},
		{noKey: true, header: "Authorization", value: "Bearer", want: 401},
		{noKey: true, header: "Authorization", value: "Bearer " + testKey + "x", want: 401},
		{noKey: true, header: "Authorization", value: "Bearer " + testKey[:8], want: 401},
		{noKey: true, header: "Authorization", value: "Basic " + testKey, want: 401},
		{noKey: true, header: "Authorization", value: "bearer " + testKey, want: 200},
		{noKey: true, header: "X-Api-Key", value: testKey, want: 200},
		{noKey: true, header: "X-Api-Key", value: "other", want: 401},
	} {
		r := s.request(t.Context(), http.MethodGet, "/v1/models", "")
		if c.noKey {
			r.Header.Del("Authorization")
		}
		if c.header != "" {
			r.Header.Set(c.header, c.value)
		}
		if c.host != "" {
			r.Host = c.host
		}
		if status, header, body := s.do(r); status != c.want || header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%+v: status %d: %s", c, status, body)
		}
	}
}

// TestEveryRouteNeedsTheKey checks that no route but those of health answers without a key, and none a page of another site.
func TestEveryRouteNeedsTheKey(t *testing.T) {
	s := newStage(t)
	for _, route := range routes() {
		path := strings.ReplaceAll(route.path, "{model}", "m")
		r := s.request(t.Context(), route.method, path, "{}")
		r.Header.Del("Authorization")
		if status, _, body := s.do(r); (status == http.StatusUnauthorized) == route.open {
			t.Errorf("%s %s without a key: %d %s", route.method, path, status, body)
		}
		r = s.request(t.Context(), route.method, path, "{}")
		r.Header.Set("Origin", "http://evil.example")
		if status, _, body := s.do(r); status != http.StatusForbidden {
			t.Errorf("%s %s of another site: %d %s", route.method, path, status, body)
		}
	}
}

// TestUnknown checks the answers to unknown paths and methods.
func TestUnknown(t *testing.T) {
	s := newStage(t)
	status, body := s.post("/v1/nothing", "{}")
	if status != http.StatusNotFound || !strings.Contains(body, "unknown_url") {
		t.Errorf("%d %s", status, body)
	}
	status, header, body := s.do(s.request(t.Context(), http.MethodGet, "/v1/chat/completions", ""))
	if status != http.StatusMethodNotAllowed || header.Get("Allow") != "POST" || !strings.Contains(body, "method_not_allowed") {
		t.Errorf("%d %v %s", status, header, body)
	}
}
