package api

import (
	"errors"

	"golang.org/x/sys/windows"
)

// taken reports whether err means that another program listens on an address.
func taken(err error) bool { return errors.Is(err, windows.WSAEADDRINUSE) }
