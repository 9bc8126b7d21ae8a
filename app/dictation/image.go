package dictation

import (
	"os"
	"runtime"
	"time"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/xproto"
)

// imageTargets are the formats in which programs offer images, as the window can read them, the best first.
var imageTargets = []string{"image/png", "image/jpeg", "image/webp", "image/bmp", "image/gif"}

// imageTime is the time limit for fetching an image from the clipboard.
const imageTime = 10 * time.Second

// HasClipboardImages reports whether this system lets ClipboardImage read images: where there is an X display, also below Wayland.
func HasClipboardImages() bool {
	return runtime.GOOS != "windows" && runtime.GOOS != "darwin" && os.Getenv("DISPLAY") != ""
}

// ClipboardImage returns the file of the image in the clipboard; nil if the clipboard holds none.
func ClipboardImage() ([]byte, error) {
	s, err := connect()
	if err != nil {
		return nil, err
	}
	c, err := newClipboard(s)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	return c.image()
}

// ClipboardText returns the text in the clipboard, "" if it holds none. Other than GLFW's function it does not end at a NUL character.
func ClipboardText() (string, error) {
	s, err := connect()
	if err != nil {
		return "", err
	}
	c, err := newClipboard(s)
	if err != nil {
		return "", err
	}
	defer c.Close()
	now, err := c.time()
	if err != nil {
		return "", err
	}
	f, _ := c.fetch(c.names["CLIPBOARD"], c.names["UTF8_STRING"], now, time.Now().Add(imageTime), mostSaved)
	return string(f.data), nil
}

func (c *Clipboard) image() ([]byte, error) {
	now, err := c.time()
	if err != nil {
		return nil, err
	}
	sel, end := c.names["CLIPBOARD"], time.Now().Add(imageTime)
	list, ok := c.fetch(sel, c.names["TARGETS"], now, end, mostSaved)
	if !ok {
		return nil, nil // nobody owns the clipboard, or its owner does not answer
	}
	offered := map[xproto.Atom]bool{}
	for b := list.data; len(b) >= 4; b = b[4:] {
		offered[xproto.Atom(xgb.Get32(b))] = true
	}
	for _, name := range imageTargets {
		a, err := xproto.InternAtom(c.s.Conn, false, uint16(len(name)), name).Reply()
		if err != nil {
			return nil, err
		}
		if !offered[a.Atom] {
			continue
		}
		if f, ok := c.fetch(sel, a.Atom, now, end, mostSaved); ok {
			return f.data, nil
		}
	}
	return nil, nil
}
