package download

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// begin checks an answer and makes the partial file ready for its body.
func (p *partial) begin(resp *http.Response) error {
	host := resp.Request.URL.Hostname()
	refused := &Error{Host: host, Status: resp.StatusCode}
	switch code := resp.StatusCode; {
	case code == http.StatusPartialContent:
		return p.goOn(resp)
	case code == http.StatusOK:
		return p.anew(resp)
	case code == http.StatusRequestedRangeNotSatisfiable && p.have > 0:
		refused.Kind = Different
		return temporary{errJoin(refused, p.reset())}
	case code == http.StatusNotFound || code == http.StatusGone:
		refused.Kind = Missing
	case code == http.StatusRequestTimeout || code == http.StatusTooManyRequests || code >= 500:
		refused.Kind = Unreachable
		return temporary{refused}
	default:
		refused.Kind = Refused
	}
	return refused
}

// goOn checks that a part of the file is the one that was asked for. If it is not, the file begins anew.
func (p *partial) goOn(resp *http.Response) error {
	var from, to, whole int64
	_, err := fmt.Sscanf(resp.Header.Get("Content-Range"), "bytes %d-%d/%d", &from, &to, &whole)
	if err == nil && from == p.have && to == p.want.Bytes-1 && whole == p.want.Bytes && (resp.ContentLength < 0 || resp.ContentLength == to-from+1) {
		return nil
	}
	err = fmt.Errorf("it gives the part %q of a file of %d bytes", resp.Header.Get("Content-Range"), p.want.Bytes)
	if p.have == 0 {
		return &Error{Kind: Different, Host: resp.Request.URL.Hostname(), Status: resp.StatusCode, Err: err}
	}
	return temporary{errJoin(&Error{Kind: Different, Host: resp.Request.URL.Hostname(), Status: resp.StatusCode, Err: err}, p.reset())}
}

// anew empties the partial file for the whole one, if the answer can be that.
func (p *partial) anew(resp *http.Response) error {
	wrong := &Error{Kind: Different, Host: resp.Request.URL.Hostname()}
	switch n := resp.ContentLength; {
	case n == p.want.Bytes || n < 0 && !isPage(resp):
		return errors.Join(p.reset(), p.setTag(resp.Header.Get("ETag")))
	case isPage(resp):
		wrong.Kind = WebPage
	default:
		wrong.Err = fmt.Errorf("it has %d bytes, not %d", n, p.want.Bytes)
	}
	return wrong
}

func isPage(resp *http.Response) bool {
	return strings.HasPrefix(resp.Header.Get("Content-Type"), "text/")
}

// errJoin adds an error to e.
func errJoin(e *Error, err error) *Error {
	e.Err = errors.Join(e.Err, err)
	return e
}

func (p *partial) different(format string, args ...any) error {
	return &Error{Kind: Different, Host: p.want.host(), Err: fmt.Errorf(format, args...)}
}

func (p *partial) failed(kind Kind, err error) error {
	return temporary{&Error{Kind: kind, Host: p.want.host(), Err: err}}
}

// unreachable returns the error of a request that got no answer.
func (p *partial) unreachable(err error) error {
	if e, ok := errors.AsType[*Error](err); ok { // of redirect
		return e
	}
	if errors.Is(err, errStalled) {
		return p.failed(Interrupted, err)
	}
	return p.failed(Unreachable, err)
}
