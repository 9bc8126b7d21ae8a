package dictation

// The tests run on a real display server (Xvfb), with a window of another X client made by the test, and with xterm.

import (
	"bufio"
	"bytes"
	"errors"
	"image/color"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/xproto"
)

// display starts a display server without windows for this test.
func display(t *testing.T, tools ...string) {
	t.Helper()
	for _, tool := range append(tools, "Xvfb") {
		if _, err := exec.LookPath(tool); err != nil {
			if os.Getenv("SOBERANO_REQUIRE_DESKTOP") != "" {
				t.Fatalf("%s is missing: `make test` installs it", tool)
			}
			t.Skipf("%s is missing: `make test` installs it", tool)
		}
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	x := exec.Command("Xvfb", "-displayfd", "3", "-screen", "0", "800x600x24", "-nolisten", "tcp", "-noreset")
	x.ExtraFiles = []*os.File{w}
	background(t, x)
	w.Close()
	number, err := bufio.NewReader(r).ReadString('\n')
	r.Close()
	if err != nil {
		t.Fatalf("the display did not start: %v", err)
	}
	t.Setenv("DISPLAY", ":"+strings.TrimSpace(number))
	t.Setenv("WAYLAND_DISPLAY", "")
	t.Setenv("XDG_SESSION_TYPE", "")
}

func background(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
}

func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// window stands for another program's window: it takes the focus and pastes on Ctrl+V and Shift+Insert, by the symbols of the
// current layout.
type window struct {
	c      *Clipboard
	pasted chan string
	keys   chan xproto.KeyPressEvent
}

// newWindow opens the window; patience is the delay before it asks for the text.
func newWindow(t *testing.T, class string) *window {
	t.Helper()
	s, err := dial()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	id, err := xproto.NewWindowId(s.Conn)
	if err != nil {
		t.Fatal(err)
	}
	check := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	check(xproto.CreateWindowChecked(s.Conn, 0, id, s.root, 0, 0, 200, 100, 0, xproto.WindowClassInputOutput, 0, xproto.CwEventMask,
		[]uint32{xproto.EventMaskKeyPress | xproto.EventMaskKeyRelease | xproto.EventMaskPropertyChange}).Check())
	check(xproto.ChangePropertyChecked(s.Conn, xproto.PropModeReplace, id, xproto.AtomWmClass, xproto.AtomString, 8, uint32(2*len(class)+2), []byte(class+"\x00"+class+"\x00")).Check())
	check(xproto.MapWindowChecked(s.Conn, id).Check())
	until(t, "the window", func() bool {
		a, err := xproto.GetWindowAttributes(s.Conn, id).Reply()
		return err == nil && a.MapState == xproto.MapStateViewable
	})
	check(xproto.SetInputFocusChecked(s.Conn, xproto.InputFocusParent, id, xproto.TimeCurrentTime).Check())
	w := &window{pasted: make(chan string, 10), keys: make(chan xproto.KeyPressEvent, 100)}
	clip := &Clipboard{s: s, win: id, notes: make(chan xgb.Event, 256), names: map[string]xproto.Atom{}}
	for _, n := range []string{"CLIPBOARD", "UTF8_STRING", "INCR", "SOBERANO_DATA"} {
		a, err := xproto.InternAtom(s.Conn, false, uint16(len(n)), n).Reply()
		check(err)
		clip.names[n] = a.Atom
	}
	w.c = clip
	go func() {
		for {
			e, err := s.WaitForEvent()
			if e == nil && err == nil {
				return
			}
			k, ok := e.(xproto.KeyPressEvent)
			if !ok {
				clip.note(e)
				continue
			}
			w.keys <- k
			board, failed := s.keyboard()
			if failed != nil {
				return
			}
			v, _ := board.direct('v')
			insert, _ := board.direct(symInsert)
			sel := xproto.Atom(0)
			switch {
			case k.Detail == v && k.State&xproto.ModMaskControl != 0:
				sel = clip.names["CLIPBOARD"]
			case k.Detail == insert && k.State&xproto.ModMaskShift != 0:
				sel = xproto.AtomPrimary
			}
			if sel != 0 {
				go func() {
					time.Sleep(100 * time.Millisecond)
					f, _ := clip.fetch(sel, clip.names["UTF8_STRING"], k.Time, time.Now().Add(10*time.Second), mostSaved)
					w.pasted <- string(f.data)
				}()
			}
		}
	}()
	return w
}

func (w *window) got(t *testing.T) string {
	t.Helper()
	select {
	case s := <-w.pasted:
		return s
	case <-time.After(15 * time.Second):
		t.Fatal("nothing was pasted")
		return ""
	}
}

// copied puts text into the clipboard, as another program would.
func copied(t *testing.T, text string) {
	t.Helper()
	cmd := exec.Command("xclip", "-selection", "clipboard", "-quiet")
	cmd.Stdin = strings.NewReader(text)
	background(t, cmd)
	until(t, "the clipboard", func() bool { return content() == text })
}

func content() string {
	out, _ := exec.Command("timeout", "5", "xclip", "-o", "-selection", "clipboard").Output()
	return string(out)
}

func TestPaste(t *testing.T) {
	display(t, "xclip")
	w := newWindow(t, "editor")
	big := strings.Repeat("äöü 12345\n", 60000) // transferred in pieces
	for _, before := range []string{"kept, wörtlich", big} {
		copied(t, before)
		c, err := OpenClipboard()
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{"Grüße, 你好 🙂\nnew line", big + "end"} {
			if err := c.Paste(text); err != nil {
				t.Fatal(err)
			}
			if got := w.got(t); got != text {
				t.Errorf("%d bytes pasted, want %d: %.60q", len(got), len(text), got)
			}
			if got := content(); got != before {
				t.Errorf("the clipboard holds %d bytes after, want %d: %.60q", len(got), len(before), got)
			}
		}
		select {
		case <-c.Left():
			t.Error("the clipboard is said to be another's")
		default:
		}
		copied(t, "newer")
		select {
		case <-c.Left():
		case <-time.After(10 * time.Second):
			t.Error("somebody else has copied something, unnoticed")
		}
		c.Close()
	}
}

// An empty clipboard is empty again afterwards; and two pastes don't disturb each other's clipboard.
func TestPasteWithAnEmptyClipboard(t *testing.T) {
	display(t, "xclip")
	w := newWindow(t, "editor")
	c, err := OpenClipboard()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, text := range []string{"one", "two"} {
		if err := c.Paste(text); err != nil {
			t.Fatal(err)
		}
		if got := w.got(t); got != text {
			t.Errorf("pasted %q", got)
		}
	}
	if got := content(); got != "" {
		t.Errorf("the clipboard holds %q", got)
	}
}

// A terminal is sent other keys and one line. Without a focused window there is an error, and the clipboard is unchanged.
func TestTerminalOrNobody(t *testing.T) {
	display(t, "xclip")
	w := newWindow(t, "kitty") // which is sent Ctrl+Shift+V
	v := w.c.s
	copied(t, "kept")
	c, err := OpenClipboard()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Paste("a\nb"); err != nil { // our window handles Ctrl+Shift+V, too
		t.Fatal(err)
	}
	if got := w.got(t); got != "a b " {
		t.Errorf("a terminal got %q", got)
	}
	xproto.SetInputFocusChecked(v.Conn, xproto.InputFocusNone, 0, xproto.TimeCurrentTime).Check()
	if err := c.Paste("nobody"); err == nil || content() != "kept" {
		t.Errorf("without a focus: %v, clipboard %q", err, content())
	}
}

func TestPasteIntoXterm(t *testing.T) {
	display(t, "xterm", "xclip")
	out := filepath.Join(t.TempDir(), "typed")
	background(t, exec.Command("xterm", "-e", "sh", "-c", "head -n1 > "+out))
	s, err := dial()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var id xproto.Window
	until(t, "xterm", func() bool {
		r, err := xproto.QueryTree(s.Conn, s.root).Reply()
		if err != nil {
			return false
		}
		for _, w := range r.Children {
			if a, err := xproto.GetWindowAttributes(s.Conn, w).Reply(); err == nil && a.MapState == xproto.MapStateViewable {
				id = w
				return true
			}
		}
		return false
	})
	until(t, "the focus", func() bool {
		return xproto.SetInputFocusChecked(s.Conn, xproto.InputFocusParent, id, xproto.TimeCurrentTime).Check() == nil
	})
	time.Sleep(time.Second) // wait for the shell in it to start
	if other, err := Focused(); err != nil || !other {
		t.Errorf("another program's window has the focus: %v, %v", other, err)
	}
	c, err := OpenClipboard()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Paste("Hello terminal,\nhow are you?"); err != nil {
		t.Fatal(err)
	}
	if err := s.press(0xff0d); err != nil { // Return
		t.Fatal(err)
	}
	until(t, "the text in xterm", func() bool { b, _ := os.ReadFile(out); return len(b) > 0 })
	if b, _ := os.ReadFile(out); string(bytes.TrimSpace(b)) != "Hello terminal, how are you?" {
		t.Errorf("xterm got %q", b)
	}
}

// layout changes the keyboard layout of the display.
func layout(t *testing.T, names ...string) {
	t.Helper()
	if out, err := exec.Command("setxkbmap", names...).CombinedOutput(); err != nil {
		t.Fatalf("setxkbmap %v: %v: %s", names, err, out)
	}
}

// TestLayouts: text is pasted under any keyboard layout, also after a change of it.
func TestLayouts(t *testing.T) {
	display(t, "setxkbmap")
	w := newWindow(t, "editor")
	c, err := OpenClipboard()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, l := range []string{"ru", "gr", "th", "il", "us,ru", "ru,us", "fr", "us"} {
		layout(t, l)
		if err := c.Paste("text under " + l); err != nil {
			t.Errorf("%s: %v", l, err)
			continue
		}
		if got := w.got(t); got != "text under "+l {
			t.Errorf("%s: %q", l, got)
		}
	}
}

// gtkEntry is a program whose window has one entry, and which writes the entry's text to a file.
const gtkEntry = `
import sys, gi
gi.require_version("Gtk", "3.0")
from gi.repository import Gtk
w, e = Gtk.Window(), Gtk.Entry()
e.connect("changed", lambda e: open(sys.argv[1], "w").write(e.get_text()))
e.connect("focus-in-event", lambda e, _: open(sys.argv[1], "a").close())
w.add(e)
w.show_all()
e.grab_focus()
Gtk.main()
`

// TestLayoutsInGTK: a GTK program takes the text under layouts without Latin letters.
func TestLayoutsInGTK(t *testing.T) {
	display(t, "setxkbmap", "openbox")
	if exec.Command("/usr/bin/python3", "-c", `import gi; gi.require_version("Gtk", "3.0")`).Run() != nil {
		t.Skip("Python without GTK: the programs of real desktops are not tested")
	}
	background(t, exec.Command("openbox"))
	out := filepath.Join(t.TempDir(), "text")
	background(t, exec.Command("/usr/bin/python3", "-c", gtkEntry, out))
	until(t, "the GTK window", func() bool {
		other, err := Focused()
		_, e := os.Stat(out)
		return err == nil && other && e == nil
	})
	c, err := OpenClipboard()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	want := ""
	for _, l := range []string{"us", "ru", "th", "gr", "us,ru"} {
		layout(t, l)
		time.Sleep(200 * time.Millisecond) // until the program knows it
		if err := c.Paste(l + " "); err != nil {
			t.Errorf("%s: %v", l, err)
			continue
		}
		want += l + " "
		until(t, "the text under "+l, func() bool { b, _ := os.ReadFile(out); return string(b) == want })
	}
}

// TestGroups: the key for a symbol is one of the current group.
func TestGroups(t *testing.T) {
	// Keys 50 and 51: v and Cyrillic м; Insert in every group.
	syms := []xproto.Keysym{'v', 'V', 0x6cd, 0x6ed, symInsert, 0, symInsert, 0}
	for group, want := range []bool{true, false, false} {
		k := &keyboard{first: 50, per: 4, syms: syms, group: group}
		if _, ok := k.direct('v'); ok != want {
			t.Errorf("group %d has a v: %v", group, ok)
		}
		if code, err := k.any('v'); err != nil || code != 50 {
			t.Errorf("group %d: key %d, %v", group, code, err)
		}
		if code, err := k.any('d'); err != nil || code != 40 {
			t.Errorf("a symbol of no group has the key %d, %v", code, err)
		}
		if _, err := k.any(0xff13); err == nil {
			t.Error("Pause is found")
		}
	}
}

// TestGrabFollowsLayout: a combination works under a layout without Latin letters, and after a change of the layout.
func TestGrabFollowsLayout(t *testing.T) {
	display(t, "setxkbmap")
	w := newWindow(t, "editor")
	layout(t, "ru")
	events := make(chan string, 100)
	h, err := Grab("Ctrl+Alt+D", func() { events <- "down" }, func() { events <- "up" })
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	for _, l := range [][]string{{"ru"}, {"us", "-variant", "dvorak"}, {"us"}} {
		layout(t, l...)
		until(t, "the keys under "+l[0], func() bool {
			if err := w.c.s.press(symControl, 0xffe9, 'd'); err != nil {
				t.Fatal(err)
			}
			select {
			case <-events:
				return <-events == "up"
			case <-time.After(time.Second):
				return false
			}
		})
	}
}

func TestGrab(t *testing.T) {
	display(t)
	w := newWindow(t, "editor")
	events := make(chan string, 100)
	h, err := Grab("Ctrl+Alt+D", func() { events <- "down" }, func() { events <- "up" })
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Grab("Ctrl+Alt+D", nil, nil); err == nil || !strings.Contains(err.Error(), "another program uses") {
		t.Errorf("taken twice: %v", err)
	}
	for range 2 {
		if err := w.c.s.press(0xffe3, 0xffe9, 'd'); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []string{"down", "up", "down", "up"} {
		select {
		case got := <-events:
			if got != want {
				t.Errorf("%s, want %s", got, want)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("no %s", want)
		}
	}
	h.Close()
	h.Close()
	h, err = Grab("Ctrl+Alt+D", nil, nil)
	if err != nil {
		t.Fatalf("after Close: %v", err)
	}
	h.Close()
}

func TestParse(t *testing.T) {
	for _, k := range Hotkeys {
		if _, _, err := parse(k); err != nil {
			t.Error(err)
		}
	}
	for _, k := range []string{"", "+", "D", "Shift+D", "Hyper+D", "Ctrl+", "Ctrl+F13", "Ctrl+ä", "F0", "f"} {
		if _, _, err := parse(k); err == nil {
			t.Errorf("%q is taken", k)
		}
	}
}

func TestWhy(t *testing.T) {
	t.Setenv("WAYLAND_DISPLAY", "wayland-0")
	t.Setenv("DISPLAY", ":0")
	if err := Why(); !errors.Is(err, ErrWayland) {
		t.Error(err)
	}
	if _, err := OpenClipboard(); !errors.Is(err, ErrWayland) {
		t.Error(err)
	}
	t.Setenv("WAYLAND_DISPLAY", "")
	t.Setenv("XDG_SESSION_TYPE", "")
	t.Setenv("DISPLAY", "")
	if err := Why(); !errors.Is(err, ErrSystem) {
		t.Error(err)
	}
}

func TestSocket(t *testing.T) {
	dir := t.TempDir()
	if _, err := Send(dir, Toggle); err != ErrNobody {
		t.Errorf("nobody listens: %v", err)
	}
	for range 2 {
		l, err := Serve(dir, func(line string) string { return "heard\n" + line })
		if err != nil {
			t.Fatal(err)
		}
		if got, err := Send(dir, Toggle); err != nil || got != "heard toggle" {
			t.Errorf("%q, %v", got, err)
		}
		if _, err := Serve(dir, nil); err != ErrTaken {
			t.Errorf("a second one: %v", err)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	// A socket left behind by a program that was killed is no obstacle.
	if err := os.WriteFile(filepath.Join(dir, "dictate.sock"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := Serve(dir, func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	t.Setenv("XDG_RUNTIME_DIR", "")
	if _, err := Serve(filepath.Join(dir, strings.Repeat("long", 30)), nil); err == nil {
		t.Error("a path of more than 100 bytes is taken")
	}
}

// The overlay is shown at the lower edge of the window with the focus, lets clicks pass, and disappears.
func TestSign(t *testing.T) {
	display(t)
	w := newWindow(t, "editor")
	xproto.ConfigureWindow(w.c.s.Conn, w.c.win, xproto.ConfigWindowWidth|xproto.ConfigWindowHeight, []uint32{600, 400})
	g, err := OpenSign()
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	for i, text := range []string{"Listening…", "Please write a short letter to my landlord about the heating that has not worked since", "你好 means hello"} {
		g.Show(text, true)
		at, err := xproto.GetGeometry(w.c.s.Conn, xproto.Drawable(g.win)).Reply()
		if err != nil {
			t.Fatal(err)
		}
		mid := int(at.X) + int(at.Width)/2
		if mid < 298 || mid > 302 || int(at.Y)+signHeight != 400-24 || at.Width > 520 {
			t.Errorf("%q: %+v", text, at)
		}
		img, err := xproto.GetImage(w.c.s.Conn, xproto.ImageFormatZPixmap, xproto.Drawable(w.c.s.root), at.X, at.Y, at.Width, at.Height, 0xffffffff).Reply()
		if err != nil {
			t.Fatal(err)
		}
		pixel := func(x, y int) color.RGBA {
			b := img.Data[4*(y*int(at.Width)+x):]
			return color.RGBA{b[2], b[1], b[0], 0xff}
		}
		if pixel(signPad+signDot/2, signHeight/2) != signRed || pixel(30, 3) != signFill || i == 0 && pixel(0, 0) == signFill { // in later rounds the corner shows the previous window's pixels
			t.Errorf("%q: the dot is %v, the edge %v, the corner %v", text, pixel(signPad+signDot/2, signHeight/2), pixel(30, 3), pixel(0, 0))
		}
	}
	g.Show("", false)
	if a, err := xproto.GetWindowAttributes(w.c.s.Conn, g.win).Reply(); err != nil || a.MapState != xproto.MapStateUnmapped {
		t.Errorf("%+v, %v", a, err)
	}
}
