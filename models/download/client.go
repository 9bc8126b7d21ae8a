package download

import (
	"errors"
	"net"
	"net/http"
	"net/url"
	"time"
)

// maxRedirects is the number of addresses to which a server may refer, one after the other.
const maxRedirects = 10

// NewClient returns a client that goes through the proxy of the environment and follows redirects to encrypted addresses only.
func NewClient() *http.Client {
	dialer := &net.Dialer{Timeout: 30 * time.Second, KeepAlive: 30 * time.Second}
	return &http.Client{CheckRedirect: redirect, Transport: &http.Transport{
		Proxy: http.ProxyFromEnvironment, DialContext: dialer.DialContext, ForceAttemptHTTP2: true, TLSHandshakeTimeout: 20 * time.Second,
		DisableCompression: true, // the size and the parts of the file are those of its bytes
	}}
}

// redirect allows redirects to encrypted addresses. Within this computer, where tests have their servers, other ones may lead on.
func redirect(req *http.Request, via []*http.Request) error {
	req.Header.Del("Referer")
	refused := &Error{Kind: Redirected, Host: via[0].URL.Hostname()}
	switch {
	case len(via) > maxRedirects:
		refused.Err = errors.New("it refers to too many addresses, one after the other")
	case req.URL.Scheme != "https" && !(loopback(req.URL) && loopback(via[0].URL)):
		refused.Err = errors.New("it refers to an address without encryption, at " + req.URL.Hostname())
	default:
		return nil
	}
	return refused
}

// loopback reports whether an address is one of this computer, by HTTP.
func loopback(u *url.URL) bool {
	ip := net.ParseIP(u.Hostname())
	return u.Scheme == "http" && ip != nil && ip.IsLoopback()
}
