//go:build !windows

package api

import (
	"errors"
	"syscall"
)

// taken reports whether err means that another program listens on an address.
func taken(err error) bool { return errors.Is(err, syscall.EADDRINUSE) }
