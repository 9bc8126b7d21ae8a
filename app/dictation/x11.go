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
}

func dial() (*screen, error) {
	if err := Why(); err != nil {
		return nil, err
	}
	s, err := connect()
	if err != nil {
		return nil, err
	}
	if err := xtest.Init(s.Conn); err != nil {
		s.Close()
		return nil, fmt.Errorf("the display does not let keys be pressed: %w", err)
	}
	return s, nil
}

// connect connects to the display server, which may also be the one that a Wayland desktop runs for X programs.
func connect() (*screen, error) {
	c, err := xgb.NewConn()
	if err != nil {
		return nil, fmt.Errorf("the display can't be reached: %w", err)
	}
	s := &screen{Conn: c, setup: xproto.Setup(c)}
	s.root = s.setup.DefaultScreen(c).Root
	return s, nil
}

// keyboard is the keyboard layout: which symbols each key produces. Layouts that the user switches between are groups
// of one keyboard: of the symbols of a key, the first two belong to the first group and the next two to the second.
type keyboard struct {
	first xproto.Keycode
	per   int
	syms  []xproto.Keysym
	group int // the current one, from 0 on
}

// keyboard returns the present layout; it may change at any time.
func (s *screen) keyboard() (*keyboard, error) {
	m, err := xproto.GetKeyboardMapping(s.Conn, s.setup.MinKeycode, byte(s.setup.MaxKeycode-s.setup.MinKeycode+1)).Reply()
	if err != nil {
		return nil, fmt.Errorf("the keyboard layout can't be read: %w", err)
	}
	p, err := xproto.QueryPointer(s.Conn, s.root).Reply()
	if err != nil {
		return nil, err
	}
	return &keyboard{first: s.setup.MinKeycode, per: int(m.KeysymsPerKeycode), syms: m.Keysyms, group: int(p.Mask >> 13 & 3)}, nil
}

// direct returns the key that produces a symbol in the current group without Shift.
func (k *keyboard) direct(sym xproto.Keysym) (xproto.Keycode, bool) {
	for i := range len(k.syms) / k.per {
		row := k.syms[i*k.per:][:k.per]
		column := 2 * k.group
		if column > 2 || column >= k.per || row[column] == 0 {
			column = 0 // a key with one group for all, or a third group, whose symbols are not told
		}
		if row[column] == sym && k.group < 2 {
			return k.first + xproto.Keycode(i), true
		}
	}
	return 0, false
}

// any returns a key that produces a symbol in some group and with some modifiers, or, if there is none, the key in the place
// that it has on an American keyboard: programs take that where the layout has no Latin letters.
func (k *keyboard) any(sym xproto.Keysym) (xproto.Keycode, error) {
	for column := range k.per {
		for i := range len(k.syms) / k.per {
			if k.syms[i*k.per+column] == sym {
				return k.first + xproto.Keycode(i), nil
			}
		}
	}
	for code, row := range american {
		if i := strings.IndexRune(row, rune(sym)); i >= 0 {
			return code + xproto.Keycode(i), nil
		}
	}
	return 0, fmt.Errorf("the keyboard has no key for symbol %#x", sym)
}

// american has the rows of an American keyboard by the code of their first key, as Linux numbers keys.
var american = map[xproto.Keycode]string{10: "1234567890", 24: "qwertyuiop", 38: "asdfghjkl", 52: "zxcvbnm"}

// press presses keys one after the other and then releases them.
func (s *screen) press(syms ...xproto.Keysym) error {
	board, err := s.keyboard()
	if err != nil {
		return err
	}
	var codes []xproto.Keycode
	for _, sym := range syms {
		k, ok := board.direct(sym)
		if !ok {
			if k, err = board.any(sym); err != nil {
				return err
			}
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
