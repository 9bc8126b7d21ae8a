package serve

import (
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// guard returns the failure of a request that may not be answered. A web page can make a browser call a server on the same machine, by
// its address or, with DNS rebinding, by a name of its own. So Host must be localhost, an address or a chosen name, which a page of another
// site can't reach under its own origin, and a request that a page of another origin has made is refused.
func (s *Server) guard(r *http.Request, open bool) error {
	if !s.knownHost(r.Host) {
		return &failure{class: forbidden, code: "host_not_allowed", message: "The header Host names a host that this server does not answer for."}
	}
	if origin := r.Header.Get("Origin"); origin != "" && !sameOrigin(origin, r.Host) {
		return &failure{class: forbidden, code: "origin_not_allowed", message: "This server does not answer requests of web pages."}
	}
	if site := r.Header.Get("Sec-Fetch-Site"); site == "cross-site" || site == "same-site" {
		return &failure{class: forbidden, code: "origin_not_allowed", message: "This server does not answer requests of web pages."}
	}
	if open || s.hasKey(r.Header) {
		return nil
	}
	return &failure{class: unauthorized, code: "invalid_api_key", message: "The key is missing or wrong. Send it as Authorization: Bearer KEY."}
}

// knownHost reports whether a Host header may be that of a client which does not run in a web page of another site.
func (s *Server) knownHost(hostport string) bool {
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	}
	host = strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	return host == "localhost" || slices.ContainsFunc(s.hosts, func(name string) bool { return name != "" && strings.EqualFold(name, host) })
}

// sameOrigin reports whether an Origin header is that of this server.
func sameOrigin(origin, host string) bool {
	u, err := url.Parse(origin)
	return err == nil && u.Scheme == "http" && strings.EqualFold(u.Host, host)
}

// hasKey reports whether a request has the key: as a bearer token, or in the header of Anthropic's clients.
func (s *Server) hasKey(h http.Header) bool {
	given := h.Get("X-Api-Key")
	if scheme, token, ok := strings.Cut(h.Get("Authorization"), " "); ok && strings.EqualFold(scheme, "Bearer") {
		given = strings.TrimSpace(token)
	}
	sum := sha256.Sum256([]byte(given))
	return subtle.ConstantTimeCompare(sum[:], s.key.Load()[:]) == 1
}
