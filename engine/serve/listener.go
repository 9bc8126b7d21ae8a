package serve

import (
	"io"
	"log"
	"net"
	"sync"
)

// limitedListener accepts a connection only while fewer than a number of them are open. Others wait in the system's queue.
type limitedListener struct {
	net.Listener
	free   chan struct{} // holds a value for each open connection
	closed chan struct{}
	once   sync.Once
}

func limitConnections(l net.Listener, n int) *limitedListener {
	return &limitedListener{Listener: l, free: make(chan struct{}, n), closed: make(chan struct{})}
}

// Accept implements net.Listener.
func (l *limitedListener) Accept() (net.Conn, error) {
	select {
	case l.free <- struct{}{}:
	case <-l.closed:
		return nil, net.ErrClosed
	}
	c, err := l.Listener.Accept()
	if err != nil {
		<-l.free
		return nil, err
	}
	return &limitedConn{Conn: c, l: l}, nil
}

// Close implements net.Listener.
func (l *limitedListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

type limitedConn struct {
	net.Conn
	l    *limitedListener
	once sync.Once
}

// Close implements net.Conn.
func (c *limitedConn) Close() error {
	err := c.Conn.Close()
	c.once.Do(func() { <-c.l.free })
	return err
}

// discard returns a log that writes nothing: net/http logs what clients do wrong.
func discard() *log.Logger { return log.New(io.Discard, "", 0) }
