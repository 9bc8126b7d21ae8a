// Package dictation provides dictation into other programs under X11: keys that work in every window, pasting text into the
// window with the focus, and a socket for a keyboard shortcut of the desktop.
//
//	keys (hotkey.go) ─┐                                 ╭ own the clipboard, press Ctrl+V,
//	socket (socket.go)┴▶ dictation ─▶ text ─▶ paste.go ─┤ hand the text over, give back
//	                                                    ╰ what was in the clipboard
//
// It uses the X protocol. Wayland does not let a program see keys or type outside its own windows; Why then returns the
// reason and says what still works.
package dictation

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/xproto"
	"github.com/jezek/xgb/xtest"
)

// ErrWayland and ErrSystem are the reasons why dictation into other programs is not available.
var (
	ErrWayland = errors.New("this desktop runs Wayland, which lets no program type into another: dictate in Soberano's own window and copy the text, or log in to an X11 session")
	ErrSystem  = errors.New("dictation into other programs works on desktops with X11 only: dictate in Soberano's own window and copy the text")
)

// Why returns the reason why text can't be written into other programs here; nil if it can.
func Why() error {
	switch {
	case runtime.GOOS == "windows" || runtime.GOOS == "darwin":
		return ErrSystem
	case os.Getenv("WAYLAND_DISPLAY") != "" || os.Getenv("XDG_SESSION_TYPE") == "wayland":
		return ErrWayland
	case os.Getenv("DISPLAY") == "":
		return fmt.Errorf("%w (DISPLAY is not set)", ErrSystem)
	}
	return nil
}

func init() { xgb.Logger.SetOutput(quiet{}) } // the errors contain the same messages

type quiet struct{}

func (quiet) Write(b []byte) (int, error) { return len(b), nil }

// screen is a connection to the display server.
type screen struct {
	*xgb.Conn
	root  xproto.Window
	setup *xproto.SetupInfo
	syms  *xproto.GetKeyboardMappingReply
}

func dial() (*screen, error) {
	if err := Why(); err != nil {
		return nil, err
	}
	c, err := xgb.NewConn()
	if err != nil {
		return nil, fmt.Errorf("the display can't be reached: %w", err)
	}
	s := &screen{Conn: c, setup: xproto.Setup(c)}
	s.root = s.setup.DefaultScreen(c).Root
	n := byte(s.setup.MaxKeycode - s.setup.MinKeycode + 1)
	if s.syms, err = xproto.GetKeyboardMapping(c, s.setup.MinKeycode, n).Reply(); err == nil {
		err = xtest.Init(c)
	}
	if err != nil {
		c.Close()
		return nil, fmt.Errorf("the display does not let keys be pressed: %w", err)
	}
	return s, nil
}

// keycode returns the key that produces a symbol.
func (s *screen) keycode(sym xproto.Keysym) (xproto.Keycode, error) {
	per := int(s.syms.KeysymsPerKeycode)
	for column := range per {
		for i := 0; i < len(s.syms.Keysyms)/per; i++ {
			if s.syms.Keysyms[i*per+column] == sym {
				return s.setup.MinKeycode + xproto.Keycode(i), nil
			}
		}
	}
	return 0, fmt.Errorf("the keyboard has no key for symbol %#x", sym)
}

// press presses keys one after the other and then releases them.
func (s *screen) press(syms ...xproto.Keysym) error {
	var codes []xproto.Keycode
	for _, sym := range syms {
		k, err := s.keycode(sym)
		if err != nil {
			return err
		}
		codes = append(codes, k)
	}
	fake := func(kind byte, k xproto.Keycode) error {
		return xtest.FakeInputChecked(s.Conn, kind, byte(k), 0, s.root, 0, 0, 0).Check()
	}
	for _, k := range codes {
		if err := fake(xproto.KeyPress, k); err != nil {
			return err
		}
	}
	for i := len(codes) - 1; i >= 0; i-- {
		if err := fake(xproto.KeyRelease, codes[i]); err != nil {
			return err
		}
	}
	return nil
}

// released waits until Shift, Ctrl, Alt and Super are up: they would change the meaning of the keys for pasting.
func (s *screen) released(patience time.Duration) error {
	const held = xproto.ModMaskShift | xproto.ModMaskControl | xproto.ModMask1 | xproto.ModMask4
	for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		p, err := xproto.QueryPointer(s.Conn, s.root).Reply()
		if err != nil {
			return err
		}
		if p.Mask&held == 0 {
			return nil
		}
		if time.Now().After(end) {
			return errors.New("a key like Ctrl or Alt is held down")
		}
	}
}

// focused returns the window with the focus, the class of its program in lower case, and its process ID, as far as they are
// known.
func (s *screen) focused() (w xproto.Window, class string, pid uint32, err error) {
	f, err := xproto.GetInputFocus(s.Conn).Reply()
	if err != nil {
		return 0, "", 0, err
	}
	if f.Focus == xproto.InputFocusNone || f.Focus == xproto.InputFocusPointerRoot || f.Focus == s.root {
		return 0, "", 0, errors.New("no window has the focus")
	}
	process, err := xproto.InternAtom(s.Conn, false, uint16(len("_NET_WM_PID")), "_NET_WM_PID").Reply()
	if err != nil {
		return 0, "", 0, err
	}
	for at := f.Focus; at != 0 && at != s.root && (class == "" || pid == 0); {
		if r, err := xproto.GetProperty(s.Conn, false, at, xproto.AtomWmClass, xproto.AtomString, 0, 64).Reply(); err == nil && class == "" && len(r.Value) > 0 {
			parts := strings.Split(strings.TrimRight(string(r.Value), "\x00"), "\x00")
			class = strings.ToLower(parts[len(parts)-1])
		}
		if r, err := xproto.GetProperty(s.Conn, false, at, process.Atom, xproto.AtomCardinal, 0, 1).Reply(); err == nil && pid == 0 && len(r.Value) == 4 {
			pid = xgb.Get32(r.Value)
		}
		t, err := xproto.QueryTree(s.Conn, at).Reply()
		if err != nil {
			break // the window was just closed
		}
		at = t.Parent
	}
	return f.Focus, class, pid, nil
}

// Focused reports whether a window of another program has the focus.
func Focused() (other bool, err error) {
	s, err := dial()
	if err != nil {
		return false, err
	}
	defer s.Close()
	_, _, pid, err := s.focused()
	return err == nil && pid != uint32(os.Getpid()), err
}
