package dictation

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/jezek/xgb/xproto"
)

// Hotkeys are combinations that other programs seldom use.
var Hotkeys = []string{"Ctrl+Alt+D", "Ctrl+Alt+Space", "Super+Space", "Super+D", "F9", "Pause"}

var modifiers = map[string]uint16{"ctrl": xproto.ModMaskControl, "alt": xproto.ModMask1, "shift": xproto.ModMaskShift, "super": xproto.ModMask4}

var named = map[string]xproto.Keysym{"space": ' ', "pause": 0xff13, "insert": 0xff63, "menu": 0xff67, "home": 0xff50, "end": 0xff57}

// parse reads a combination such as "Ctrl+Alt+D".
func parse(keys string) (mods uint16, sym xproto.Keysym, err error) {
	parts := strings.Split(strings.ToLower(strings.ReplaceAll(keys, " ", "")), "+")
	for _, p := range parts[:len(parts)-1] {
		m, ok := modifiers[p]
		if !ok {
			return 0, 0, fmt.Errorf("%q: there is no key %q to hold; there are Ctrl, Alt, Shift and Super", keys, p)
		}
		mods |= m
	}
	key := parts[len(parts)-1]
	if sym, ok := named[key]; ok {
		return mods, sym, nil
	}
	if n, err := strconv.Atoi(strings.TrimPrefix(key, "f")); err == nil && key[0] == 'f' && n >= 1 && n <= 12 {
		return mods, 0xffbe + xproto.Keysym(n-1), nil
	}
	if len(key) != 1 || !(key[0] >= 'a' && key[0] <= 'z' || key[0] >= '0' && key[0] <= '9') {
		return 0, 0, fmt.Errorf("%q: %q is no letter, digit, F1 to F12, Space, Pause, Insert, Menu, Home or End", keys, key)
	}
	if mods&^xproto.ModMaskShift == 0 {
		return 0, 0, fmt.Errorf("%q: a letter or digit needs Ctrl, Alt or Super with it", keys)
	}
	return mods, xproto.Keysym(key[0]), nil
}

// Hotkey is a combination of keys that works in every window, until Close: the display server reports it to this program
// alone. A held key repeats as release and press events; the state of the keyboard tells whether it is really released.
type Hotkey struct {
	s    *screen
	once sync.Once
	done chan struct{}
}

// Grab reserves a combination. pressed and released are called in turn from a goroutine of the hotkey.
func Grab(keys string, pressed, released func()) (*Hotkey, error) {
	mods, sym, err := parse(keys)
	if err != nil {
		return nil, err
	}
	s, err := dial()
	if err != nil {
		return nil, err
	}
	code, err := s.keycode(sym)
	if err != nil {
		s.Close()
		return nil, err
	}
	// With Caps Lock or Num Lock on, it is a different combination for the display server.
	for _, lock := range []uint16{0, xproto.ModMaskLock, xproto.ModMask2, xproto.ModMaskLock | xproto.ModMask2} {
		err := xproto.GrabKeyChecked(s.Conn, true, s.root, mods|lock, code, xproto.GrabModeAsync, xproto.GrabModeAsync).Check()
		if err != nil {
			s.Close()
			var taken xproto.AccessError
			if errors.As(err, &taken) {
				return nil, &KeysError{Keys: keys}
			}
			return nil, err
		}
	}
	h := &Hotkey{s: s, done: make(chan struct{})}
	go h.run(code, pressed, released)
	return h, nil
}

func (h *Hotkey) run(code xproto.Keycode, pressed, released func()) {
	defer close(h.done)
	down := false
	for {
		e, err := h.s.WaitForEvent()
		if e == nil && err == nil {
			break // closed
		}
		switch e := e.(type) {
		case xproto.KeyPressEvent:
			if e.Detail == code && !down {
				down = true
				pressed()
			}
		case xproto.KeyReleaseEvent:
			if e.Detail == code && down && !h.held(code) {
				down = false
				released()
			}
		}
	}
	if down {
		released()
	}
}

// held reports whether a key is down.
func (h *Hotkey) held(code xproto.Keycode) bool {
	r, err := xproto.QueryKeymap(h.s.Conn).Reply()
	return err == nil && r.Keys[code/8]&(1<<(code%8)) != 0
}

// Close releases the combination.
func (h *Hotkey) Close() {
	h.once.Do(h.s.Close)
	<-h.done
}

// KeysError reports that another program has grabbed the keys already.
type KeysError struct{ Keys string }

func (e *KeysError) Error() string {
	return fmt.Sprintf("another program uses %s already; choose other keys", e.Keys)
}
