package dictation

import (
	"time"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/xproto"
)

// run answers requests for the selections until the connection is closed: it lists the formats, and transfers the content in
// one of them, a large one in pieces (ICCCM, section 2).
func (c *Clipboard) run() {
	defer close(c.notes)
	gone := false
	leave := func() {
		if !gone {
			gone = true
			close(c.left)
		}
	}
	defer leave()
	for {
		e, err := c.s.WaitForEvent()
		if e == nil && err == nil {
			return
		}
		switch e := e.(type) {
		case xproto.SelectionRequestEvent:
			c.request(e)
		case xproto.SelectionClearEvent:
			c.mu.Lock()
			if e.Time >= c.since {
				delete(c.held, e.Selection)
			}
			if len(c.held) == 0 && c.use.TryLock() { // otherwise Paste is running
				c.use.Unlock()
				leave()
			}
			c.mu.Unlock()
		case xproto.PropertyNotifyEvent:
			if e.Window == c.win {
				c.note(e)
			} else if e.State == xproto.PropertyDelete {
				c.next(transfer{e.Window, e.Atom})
			}
		case xproto.SelectionNotifyEvent:
			c.note(e)
		}
	}
}

// note passes an event to Paste, if there is room in its channel.
func (c *Clipboard) note(e xgb.Event) {
	select {
	case c.notes <- e:
	default:
	}
}

// request transfers one format, or answers that it does not exist.
func (c *Clipboard) request(e xproto.SelectionRequestEvent) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e.Property == xproto.AtomNone {
		e.Property = e.Target // sent by an obsolete client
	}
	forms, ours := c.held[e.Selection]
	f, ok := forms[e.Target]
	if ours && e.Target == c.names["TARGETS"] {
		f, ok = form{kind: xproto.AtomAtom, bits: 32}, true
		for _, a := range append([]xproto.Atom{c.names["TARGETS"], c.names["TIMESTAMP"]}, keys(forms)...) {
			f.data = append(f.data, 0, 0, 0, 0)
			xgb.Put32(f.data[len(f.data)-4:], uint32(a))
		}
	} else if ours && e.Target == c.names["TIMESTAMP"] {
		f, ok = form{kind: xproto.AtomInteger, bits: 32, data: make([]byte, 4)}, true
		xgb.Put32(f.data, uint32(c.since))
	} else if ok && c.client(e.Requestor) == c.client(c.front) {
		c.taken = time.Now()
	}
	if ok {
		c.give(e, f)
	} else {
		e.Property = xproto.AtomNone
	}
	n := xproto.SelectionNotifyEvent{Time: e.Time, Requestor: e.Requestor, Selection: e.Selection, Target: e.Target, Property: e.Property}
	xproto.SendEvent(c.s.Conn, false, e.Requestor, 0, string(n.Bytes()))
}

// client returns the identifier of the connection that a window belongs to.
func (c *Clipboard) client(w xproto.Window) uint32 { return uint32(w) &^ c.s.setup.ResourceIdMask }

func keys(forms map[xproto.Atom]form) (list []xproto.Atom) {
	for a := range forms {
		list = append(list, a)
	}
	return list
}

// give writes the content, or announces a transfer in pieces; the caller holds mu.
func (c *Clipboard) give(e xproto.SelectionRequestEvent, f form) {
	if len(f.data) <= portion {
		c.write(e.Requestor, e.Property, f)
		return
	}
	xproto.ChangeWindowAttributes(c.s.Conn, e.Requestor, xproto.CwEventMask, []uint32{xproto.EventMaskPropertyChange})
	size := make([]byte, 4)
	xgb.Put32(size, uint32(len(f.data)))
	c.pending[transfer{e.Requestor, e.Property}] = f
	c.write(e.Requestor, e.Property, form{c.names["INCR"], 32, size})
}

func (c *Clipboard) write(w xproto.Window, property xproto.Atom, f form) {
	xproto.ChangeProperty(c.s.Conn, xproto.PropModeReplace, w, property, f.kind, f.bits, uint32(len(f.data)/int(f.bits/8)), f.data)
}

// next transfers the next piece after the one before was taken; an empty piece is the end.
func (c *Clipboard) next(t transfer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f, ok := c.pending[t]
	if !ok {
		return
	}
	piece := f
	piece.data = f.data[:min(portion, len(f.data))]
	if f.data = f.data[len(piece.data):]; len(piece.data) == 0 {
		delete(c.pending, t)
		xproto.ChangeWindowAttributes(c.s.Conn, t.to, xproto.CwEventMask, []uint32{0})
	} else {
		c.pending[t] = f
	}
	if c.client(t.to) == c.client(c.front) {
		c.taken = time.Now()
	}
	c.write(t.to, t.property, piece)
}
