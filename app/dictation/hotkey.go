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
	mods uint16
	sym  xproto.Keysym
	code xproto.Keycode // the key that produces sym, as long as the layout does not change
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
	h := &Hotkey{s: s, mods: mods, sym: sym, done: make(chan struct{})}
	if err := h.grab(); err != nil {
		s.Close()
		var taken xproto.AccessError
		if errors.As(err, &taken) {
			return nil, &KeysError{Keys: keys}
		}
		return nil, err
	}
	go h.run(pressed, released)
	return h, nil
}

// locks are the modifiers that do not count: with Caps Lock or Num Lock on, a combination is a different one for the display
// server.
var locks = []uint16{0, xproto.ModMaskLock, xproto.ModMask2, xproto.ModMaskLock | xproto.ModMask2}

// grab finds the key in the present layout and reserves the combination.
func (h *Hotkey) grab() error {
	board, err := h.s.keyboard()
	if err != nil {
		return err
	}
	code, err := board.any(h.sym)
	if err != nil || code == h.code {
		return err
	}
	if h.code != 0 {
		for _, lock := range locks {
			xproto.UngrabKey(h.s.Conn, h.code, h.s.root, h.mods|lock)
		}
	}
	h.code = code
	for _, lock := range locks {
		if err := xproto.GrabKeyChecked(h.s.Conn, true, h.s.root, h.mods|lock, code, xproto.GrabModeAsync, xproto.GrabModeAsync).Check(); err != nil {
			return err
		}
	}
	return nil
}

func (h *Hotkey) run(pressed, released func()) {
	defer close(h.done)
	down := false
	for {
		e, err := h.s.WaitForEvent()
		if e == nil && err == nil {
			break // closed
		}
		switch e := e.(type) {
		case xproto.MappingNotifyEvent:
			if down {
				down = false
				released()
			}
			_ = h.grab() // if another program has the key of the new layout, this one has none until the next change
		case xproto.KeyPressEvent:
			if e.Detail == h.code && !down {
				down = true
				pressed()
			}
		case xproto.KeyReleaseEvent:
			if e.Detail == h.code && down && !h.held(h.code) {
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
