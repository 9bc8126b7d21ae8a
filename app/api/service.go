package api

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"soberano/engine/serve"
)

// DefaultAddress is the address that the server listens on if no other is chosen: only programs on the same machine reach it.
const DefaultAddress = "127.0.0.1:11500"

// Service is a server that is listening.
type Service struct {
	server *serve.Server
	at     net.Addr
	done   chan struct{}
	err    error // of the server; read after done is closed
}

// Options configure Start.
type Options struct {
	Address string // host:port; "": DefaultAddress; port 0: any free one
	Key     string
	Folder  string // the data folder, if the key is that of Key: another key that NewKey makes there is taken within a second
	Models  serve.Models
	Version string
	Limits  serve.Limits
}

// AddressError means that an address can't be listened on.
type AddressError struct {
	Address string
	Taken   bool // another program listens there
	Err     error
}

func (e *AddressError) Error() string {
	if e.Taken {
		return fmt.Sprintf("another program uses the address %s", e.Address)
	}
	return fmt.Sprintf("the address %s can't be used: %v", e.Address, e.Err)
}

// Unwrap returns the system's error.
func (e *AddressError) Unwrap() error { return e.Err }

// Loopback reports whether only programs on the same machine reach an address.
func Loopback(address string) (bool, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false, err
	}
	if host == "localhost" {
		return true, nil
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback(), nil
}

// Start listens on an address and answers requests until Stop is called. The error is an *AddressError if the address can't be used.
func Start(o Options) (*Service, error) {
	if o.Address == "" {
		o.Address = DefaultAddress
	}
	var hosts []string
	if name, err := os.Hostname(); err == nil {
		hosts = append(hosts, name)
	}
	if host, _, err := net.SplitHostPort(o.Address); err == nil {
		hosts = append(hosts, host)
	}
	server, err := serve.New(serve.Options{Models: o.Models, Key: o.Key, Hosts: hosts, Version: o.Version, Limits: o.Limits})
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", o.Address)
	if err != nil {
		return nil, &AddressError{Address: o.Address, Taken: taken(err), Err: err}
	}
	s := &Service{server: server, at: l.Addr(), done: make(chan struct{})}
	go func() {
		defer close(s.done)
		s.err = server.Serve(l)
	}()
	if o.Folder != "" {
		go s.followKey(o.Folder, o.Key)
	}
	return s, nil
}

// followKey gives the server the key of a data folder whenever that is another one, until the server ends. A key that can't be read is passed over.
func (s *Service) followKey(folder, key string) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-s.done:
			return
		case <-tick.C:
		}
		if _, err := os.Stat(filepath.Join(folder, KeyFile)); err != nil {
			continue // Key would make one
		}
		if now, _, err := Key(folder); err == nil && now != key {
			s.server.SetKey(now)
			key = now
		}
	}
}

// URL returns the address under which programs reach the server.
func (s *Service) URL() string { return "http://" + s.at.String() }

// Done is closed when the server has ended, by Stop or because its listener failed.
func (s *Service) Done() <-chan struct{} { return s.done }

// Err returns why the server has ended; nil after Stop. It is called after Done.
func (s *Service) Err() error { return s.err }

// Stop ends all requests and the server, and returns when they have ended.
func (s *Service) Stop() error {
	err := s.server.Stop()
	<-s.done
	return errors.Join(err, s.err)
}
