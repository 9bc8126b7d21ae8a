package dictation

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/xproto"
)

// ErrNotTaken reports that the focused program did not ask for the text.
var ErrNotTaken = errors.New("the active window did not accept the text")

const (
	saveTime  = 1500 * time.Millisecond // the time limit for saving the content of the clipboard
	takeTime  = 2 * time.Second         // the time limit for the focused program to ask for the text
	quietTime = 300 * time.Millisecond  // without a request, after which the transfer counts as finished: some programs ask twice
	mostSaved = 64 << 20                // bytes
	portion   = 1 << 16                 // bytes in each piece of a transfer in pieces
)

// insertTerminals are the window classes of terminals that paste with Shift+Insert.
var insertTerminals = []string{"xterm", "uxterm", "urxvt", "rxvt", "st", "st-256color", "mlterm"}

// shiftTerminals are those of terminals that paste with Ctrl+Shift+V.
var shiftTerminals = []string{"gnome-terminal", "gnome-terminal-server", "org.gnome.terminal", "org.gnome.console", "kgx", "org.gnome.ptyxis", "konsole", "org.kde.konsole",
	"xfce4-terminal", "kitty", "alacritty", "terminator", "tilix", "mate-terminal", "lxterminal", "qterminal", "wezterm", "org.wezfurlong.wezterm",
	"ghostty", "com.mitchellh.ghostty", "terminology", "guake", "yakuake", "tilda", "deepin-terminal", "termite", "sakura", "cool-retro-term", "hyper", "contour"}

const (
	symControl xproto.Keysym = 0xffe3
	symShift   xproto.Keysym = 0xffe1
	symInsert  xproto.Keysym = 0xff63
)

// pasteKeys returns the keys that paste in a program of a window class, and whether it is a terminal.
func pasteKeys(class string) (keys []xproto.Keysym, terminal bool) {
	for _, t := range insertTerminals {
		if class == t {
			return []xproto.Keysym{symShift, symInsert}, true
		}
	}
	for _, t := range shiftTerminals {
		if class == t {
			return []xproto.Keysym{symControl, symShift, 'v'}, true
		}
	}
	return []xproto.Keysym{symControl, 'v'}, false
}

// pressable returns keys, or Shift+Insert if the current layout has no letter v: many programs do not take another letter
// of that key for it, and nearly all paste with Shift+Insert too.
func (c *Clipboard) pressable(keys []xproto.Keysym) ([]xproto.Keysym, error) {
	board, err := c.s.keyboard()
	if err != nil {
		return nil, err
	}
	for _, sym := range keys {
		if _, ok := board.direct(sym); !ok {
			return []xproto.Keysym{symShift, symInsert}, nil
		}
	}
	return keys, nil
}

// form is the content of a selection in one of its formats.
type form struct {
	kind xproto.Atom // of the property
	bits byte
	data []byte
}

// Clipboard pastes text into the window with the focus and then restores the previous content of the clipboard:
//
//	save      ask the owners of CLIPBOARD and PRIMARY for their contents in all formats
//	own       both selections, since some terminals paste from one and some from the other
//	press     Ctrl+V; in terminals Ctrl+Shift+V or Shift+Insert; Shift+Insert under a layout without a v
//	serve     until the focused program has asked for the text and then been quiet for a while
//	restore   own the selections again with the saved contents, until another program copies something
//
// The focused program is identified by its connection to the display server: clipboard managers also ask for every new
// content, and their requests do not count. The content that is offered lasts until Close or until another program copies
// something.
type Clipboard struct {
	s     *screen
	win   xproto.Window
	names map[string]xproto.Atom
	use   sync.Mutex // held by Paste

	mu      sync.Mutex
	held    map[xproto.Atom]map[xproto.Atom]form // selection → target → the content that is offered
	since   xproto.Timestamp
	taken   time.Time     // when the focused program last asked
	front   xproto.Window // its window
	pending map[transfer]form
	notes   chan xgb.Event // events for Paste
	left    chan struct{}  // closed when nothing is offered any more, or the connection has ended
}

// transfer identifies a transfer in pieces.
type transfer struct {
	to       xproto.Window
	property xproto.Atom
}

// OpenClipboard connects to the display server.
func OpenClipboard() (*Clipboard, error) {
	s, err := dial()
	if err != nil {
		return nil, err
	}
	return newClipboard(s)
}

// newClipboard returns a clipboard for a connection, which it takes over, also if it fails.
func newClipboard(s *screen) (*Clipboard, error) {
	c := &Clipboard{s: s, names: map[string]xproto.Atom{}, held: map[xproto.Atom]map[xproto.Atom]form{}, pending: map[transfer]form{},
		notes: make(chan xgb.Event, 256), left: make(chan struct{})}
	for _, n := range []string{"CLIPBOARD", "TARGETS", "TIMESTAMP", "MULTIPLE", "SAVE_TARGETS", "DELETE", "INCR", "UTF8_STRING", "TEXT",
		"text/plain", "text/plain;charset=utf-8", "SOBERANO_DATA", "SOBERANO_TIME"} {
		a, err := xproto.InternAtom(s.Conn, false, uint16(len(n)), n).Reply()
		if err != nil {
			s.Close()
			return nil, err
		}
		c.names[n] = a.Atom
	}
	var err error
	if c.win, err = xproto.NewWindowId(s.Conn); err == nil {
		err = xproto.CreateWindowChecked(s.Conn, 0, c.win, s.root, -10, -10, 1, 1, 0, xproto.WindowClassInputOnly, 0,
			xproto.CwEventMask, []uint32{xproto.EventMaskPropertyChange}).Check()
	}
	if err != nil {
		s.Close()
		return nil, err
	}
	go c.run()
	return c, nil
}

// Close ends the connection; the offered content is lost.
func (c *Clipboard) Close() { c.s.Close() }

// Left is closed when another program has copied something, or the connection has ended.
func (c *Clipboard) Left() <-chan struct{} { return c.left }

// Empty reports whether nothing is offered.
func (c *Clipboard) Empty() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.held) == 0
}

// Paste writes text into the window with the focus. The error says why that failed; the clipboard is restored all the same.
func (c *Clipboard) Paste(text string) error {
	c.use.Lock()
	defer c.use.Unlock()
	w, class, _, err := c.s.focused()
	if err != nil {
		return err
	}
	keys, terminal := pasteKeys(class)
	if terminal { // in a terminal a line end can execute a command
		text = strings.TrimSpace(strings.Join(strings.Fields(text), " ")) + " "
	}
	if keys, err = c.pressable(keys); err != nil {
		return err
	}
	now, err := c.time()
	if err != nil {
		return err
	}
	saved := c.save(now)
	ours := map[xproto.Atom]form{}
	for _, n := range []string{"UTF8_STRING", "text/plain;charset=utf-8", "text/plain", "TEXT"} {
		ours[c.names[n]] = form{c.names["UTF8_STRING"], 8, []byte(text)}
	}
	c.mu.Lock()
	c.front, c.taken = w, time.Time{}
	c.mu.Unlock()
	err = c.own(map[xproto.Atom]map[xproto.Atom]form{c.names["CLIPBOARD"]: ours, xproto.AtomPrimary: ours}, now)
	if err == nil {
		err = c.s.released(takeTime)
	}
	if err == nil {
		err = c.s.press(keys...)
	}
	if err == nil {
		err = c.wait()
	}
	return errors.Join(err, c.restore(saved))
}

// wait returns when the focused program has asked for the text and has then been quiet.
func (c *Clipboard) wait() error {
	for end := time.Now().Add(takeTime); ; time.Sleep(10 * time.Millisecond) {
		c.mu.Lock()
		taken, busy := c.taken, len(c.pending) > 0
		c.mu.Unlock()
		if !taken.IsZero() && !busy && time.Since(taken) > quietTime {
			return nil
		}
		if taken.IsZero() && time.Now().After(end) {
			return ErrNotTaken
		}
		if time.Now().After(end.Add(takeTime)) {
			return nil // it is still fetching the text; nothing more can be done
		}
	}
}

// own makes this program the owner of the selections.
func (c *Clipboard) own(held map[xproto.Atom]map[xproto.Atom]form, now xproto.Timestamp) error {
	selections := slices.Collect(maps.Keys(held)) // run deletes from held
	c.mu.Lock()
	c.held, c.since = held, now
	c.mu.Unlock()
	for _, sel := range selections {
		if err := xproto.SetSelectionOwnerChecked(c.s.Conn, c.win, sel, now).Check(); err != nil {
			return fmt.Errorf("the clipboard can't be used: %w", err)
		}
	}
	return nil
}

// restore offers the saved contents again; a selection that was empty becomes empty.
func (c *Clipboard) restore(saved map[xproto.Atom]map[xproto.Atom]form) error {
	now, err := c.time()
	if err != nil {
		return err
	}
	again := map[xproto.Atom]map[xproto.Atom]form{}
	c.mu.Lock()
	for sel := range c.held { // a selection that another program has taken meanwhile is newer
		if len(saved[sel]) > 0 {
			again[sel] = saved[sel]
			continue
		}
		xproto.SetSelectionOwner(c.s.Conn, xproto.WindowNone, sel, now)
	}
	c.mu.Unlock()
	return c.own(again, now)
}

// save asks the owners of the selections for all contents, as far as they answer.
func (c *Clipboard) save(now xproto.Timestamp) map[xproto.Atom]map[xproto.Atom]form {
	saved := map[xproto.Atom]map[xproto.Atom]form{}
	end, room := time.Now().Add(saveTime), mostSaved
	for _, sel := range []xproto.Atom{c.names["CLIPBOARD"], xproto.AtomPrimary} {
		owner, err := xproto.GetSelectionOwner(c.s.Conn, sel).Reply()
		if err != nil || owner.Owner == xproto.WindowNone {
			continue
		}
		if owner.Owner == c.win { // offered since the last Paste
			c.mu.Lock()
			saved[sel] = c.held[sel]
			c.mu.Unlock()
			continue
		}
		saved[sel] = map[xproto.Atom]form{}
		list, ok := c.fetch(sel, c.names["TARGETS"], now, end, room)
		if !ok {
			list.data = nil
		}
		targets := []xproto.Atom{}
		for b := list.data; len(b) >= 4; b = b[4:] {
			targets = append(targets, xproto.Atom(xgb.Get32(b)))
		}
		if len(targets) == 0 {
			targets = []xproto.Atom{c.names["UTF8_STRING"], xproto.AtomString}
		}
		for _, target := range targets {
			if c.protocol(target) {
				continue
			}
			if f, ok := c.fetch(sel, target, now, end, room); ok {
				saved[sel][target] = f
				room -= len(f.data)
			}
		}
	}
	return saved
}

// protocol reports whether a target is part of the protocol and has no content.
func (c *Clipboard) protocol(target xproto.Atom) bool {
	for _, n := range []string{"TARGETS", "TIMESTAMP", "MULTIPLE", "SAVE_TARGETS", "DELETE"} {
		if c.names[n] == target {
			return true
		}
	}
	return false
}

// fetch asks for one format of a selection.
func (c *Clipboard) fetch(sel, target xproto.Atom, now xproto.Timestamp, end time.Time, room int) (f form, ok bool) {
	property := c.names["SOBERANO_DATA"]
	xproto.ConvertSelection(c.s.Conn, c.win, sel, target, property, now)
	e, ok := c.await(end, func(e xgb.Event) bool {
		n, ok := e.(xproto.SelectionNotifyEvent)
		return ok && n.Selection == sel && n.Target == target
	})
	if !ok || e.(xproto.SelectionNotifyEvent).Property == xproto.AtomNone {
		return f, false
	}
	f, ok = c.read(property)
	if !ok || f.kind != c.names["INCR"] {
		return f, ok && len(f.data) <= room
	}
	var all form
	for { // in pieces: the next one comes when the one before was deleted; an empty one is the end
		if _, ok := c.await(end, func(e xgb.Event) bool {
			n, ok := e.(xproto.PropertyNotifyEvent)
			return ok && n.Atom == property && n.State == xproto.PropertyNewValue
		}); !ok {
			return f, false
		}
		if f, ok = c.read(property); !ok || len(all.data)+len(f.data) > room {
			return f, false
		}
		if len(f.data) == 0 {
			return all, true
		}
		all = form{f.kind, f.bits, append(all.data, f.data...)}
	}
}

// read returns a property of our window and deletes it.
func (c *Clipboard) read(property xproto.Atom) (form, bool) {
	r, err := xproto.GetProperty(c.s.Conn, true, c.win, property, xproto.GetPropertyTypeAny, 0, mostSaved/4).Reply()
	if err != nil || r.Type == xproto.AtomNone {
		return form{}, false
	}
	return form{r.Type, r.Format, append([]byte(nil), r.Value...)}, true
}

// await returns the next event for which fits returns true.
func (c *Clipboard) await(end time.Time, fits func(xgb.Event) bool) (xgb.Event, bool) {
	late := time.After(time.Until(end))
	for {
		select {
		case e, ok := <-c.notes:
			if !ok {
				return nil, false
			}
			if fits(e) {
				return e, true
			}
		case <-late:
			return nil, false
		}
	}
}

// time returns the time of the display server, which is used to compare selection requests.
func (c *Clipboard) time() (xproto.Timestamp, error) {
	for len(c.notes) > 0 {
		<-c.notes
	}
	property := c.names["SOBERANO_TIME"]
	xproto.ChangeProperty(c.s.Conn, xproto.PropModeAppend, c.win, property, xproto.AtomString, 8, 0, nil)
	e, ok := c.await(time.Now().Add(takeTime), func(e xgb.Event) bool {
		n, ok := e.(xproto.PropertyNotifyEvent)
		return ok && n.Atom == property
	})
	if !ok {
		return 0, errors.New("the display does not answer")
	}
	return e.(xproto.PropertyNotifyEvent).Time, nil
}
