// Package window opens the program's window on the real machine: it connects the shell with Fyne's driver, the library, the
// engines and the microphone.
package window

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/app"

	"soberano/app/chat"
	"soberano/app/dictation"
	"soberano/app/host"
	"soberano/app/instance"
	"soberano/app/library"
	"soberano/app/logfile"
	"soberano/app/settings"
	"soberano/app/shell"
	"soberano/app/transcribe"
	"soberano/app/ui"
	"soberano/app/voice"
	"soberano/asr/mic"
	"soberano/models"
	"soberano/models/registry"
)

// ID is the identifier of the program on a desktop.
const ID = "org.soberano.app"

// Options for Run.
type Options struct {
	Version string
	Files   []string // models, recordings and images to open
}

// ErrNoDisplay reports that there is no display to open a window on.
var ErrNoDisplay = errors.New("there is no display to open a window on")

// Run opens the window and returns when it is closed by the user or by the end of ctx. If the data folder has an open window, that
// one is raised and gets the files. Run must be called from the main goroutine. The error wraps ErrNoDisplay if there is no display,
// and says why if the display has no OpenGL.
func Run(ctx context.Context, o Options) error {
	if err := probe(); err != nil {
		return err
	}
	dir, err := registry.DataDir()
	if err != nil {
		return err
	}
	files, err := absolute(o.Files)
	if err != nil {
		return err
	}
	var request instance.Request
	for _, path := range files {
		request.Files = append(request.Files, models.Path(path))
	}
	own, err := instance.Open(ctx, dir, request)
	if err != nil {
		return err
	}
	if own == nil {
		fmt.Fprintln(os.Stderr, "soberano: the window that is open already was raised")
		return nil
	}
	_ = logfile.Redirect(dir) // without a log, messages of libraries stay on standard error
	return errors.Join(open(ctx, dir, o.Version, files, own), own.Close())
}

// pathsOf returns the files of a request.
func pathsOf(r instance.Request) (list []string) {
	for _, path := range r.Files {
		list = append(list, string(path))
	}
	return list
}

// absolute makes paths independent of the working directory.
func absolute(paths []string) (list []string, err error) {
	for _, p := range paths {
		if p, err = filepath.Abs(p); err != nil {
			return nil, err
		}
		list = append(list, p)
	}
	return list, nil
}

// open opens the window and returns when it is closed.
func open(ctx context.Context, dir, version string, files []string, own *instance.Window) error {
	m, err := machine(dir)
	if err != nil {
		return err
	}
	app.SetMetadata(fyne.AppMetadata{ID: ID, Name: "Soberano", Version: version, Icon: ui.Icon})
	a := app.NewWithID(ID)
	a.SetIcon(ui.Icon)
	idle := newIdler()
	defer idle.close()
	m.Post, ui.Later = idle.post, idle.later
	m.Version = version
	m.OpenURL = func(link string) error {
		u, err := url.Parse(link)
		if err != nil {
			return err
		}
		return a.OpenURL(u)
	}
	w := a.NewWindow("Soberano")
	w.SetMaster()
	w.SetPadded(false)
	w.Resize(fyne.NewSize(usualWidth, usualHeight))
	var d *shell.Shell
	shown := false
	m.Place = func() (settings.Place, bool) {
		if !shown || d.Leaving() { // a hidden window has none
			return settings.Place{}, false
		}
		return placeOf(w), true
	}
	var closing error
	quit := func() {
		closing = errors.Join(closing, d.Close())
		idle.close()
		a.Quit()
	}
	m.Quit = func() { // called while the UI goroutine still runs posted functions
		d.KeepPlace()
		w.Hide()
		d.Settle(quit)
	}
	if d, err = shell.New(a, w, m); err != nil {
		return err
	}
	w.SetCloseIntercept(m.Quit)
	d.OpenFiles(files)
	own.Serve(func(r instance.Request) string {
		return answer(d, idle.post, func() {
			w.RequestFocus()
			d.OpenFiles(pathsOf(r))
		})
	})
	stop := context.AfterFunc(ctx, func() {
		idle.post(func() { // a signal asks nothing
			d.KeepPlace()
			d.Finish(quit)
		})
	})
	defer stop()
	w.Show()
	tellRepeats(w)
	setPlace(w, d.StoredPlace())
	shown = true
	a.Lifecycle().SetOnStarted(func() { go idle.run() })
	a.Run()
	return errors.Join(closing, d.Close())
}

// answer runs show on the UI goroutine, unless the window is being closed, and answers a later start of the program.
func answer(d *shell.Shell, post func(func()), show func()) string {
	reply := make(chan string, 1)
	post(func() {
		if d.Leaving() {
			reply <- instance.Closing
			return
		}
		show()
		reply <- instance.Shown
	})
	select {
	case r := <-reply:
		return r
	case <-time.After(4 * time.Second): // less than the later start waits
		return "its window does not answer"
	}
}

// machine returns the shell.Machine of the real system.
func machine(dir string) (shell.Machine, error) {
	lib, err := registry.Open(dir, host.Check)
	if err != nil {
		return shell.Machine{}, err
	}
	m := shell.Machine{Data: dir, Shelf: &shelf{Library: lib}, Catalogue: library.Hub{Library: lib}, OpenPath: openPath,
		OpenAudio: transcribe.OpenAudio, Play: play}
	opened(&m)
	m.Look, m.Fitting = host.Look, host.Fitting
	if dictation.HasClipboardImages() {
		m.ClipboardImage, m.ClipboardText = dictation.ClipboardImage, dictation.ClipboardText
	}
	m.OpenMic, m.Microphones = openMic, microphones
	m.Outside = &shell.Outside{Why: dictation.Why(), Hotkeys: dictation.Hotkeys, Focused: dictation.Focused, Paste: new(pasting).paste, Grab: grab, Sign: new(signing).show, Toggle: dictation.Toggle, Finish: dictation.Finish, Finishing: dictation.Finishing,
		Serve: func(handle func(string) string) (io.Closer, error) { return dictation.Serve(dir, handle) }}
	return m, nil
}

// shelf is the user's library.
type shelf struct {
	*registry.Library
	completing atomic.Bool // the hashes of linked models are being computed
}

// Import also copies the vision encoder that lies beside a copied model. The hashes of a large linked model are computed afterwards.
func (s *shelf) Import(ctx context.Context, path string, how registry.How, o registry.ImportOptions, progress func(done, total int64)) (registry.Entry, error) {
	e, err := host.Import(ctx, s.Library, path, how, o, progress)
	if err == nil && !e.Hashed() && s.completing.CompareAndSwap(false, true) {
		go func() {
			defer s.completing.Store(false)
			_ = s.Complete(context.Background()) // ends with the program, and then the next import does it
		}()
	}
	return e, err
}

// opened adds the models, which one host opens, to m.
func opened(m *shell.Machine) {
	h := host.New(host.Options{Helper: host.Helper(), TryBeside: true, States: filepath.Join(m.Data, host.StatesFolder)})
	m.Host = h
	m.Chats = host.NewModels(h, func(ctx context.Context, e registry.Entry, s host.Settings, report func(float64)) (chat.Model, error) {
		c, err := h.OpenChat(ctx, e, s, report)
		if err != nil {
			return nil, err // a nil *engine.Model in an interface would not be nil
		}
		return c, nil
	}, func(c chat.Model) int64 { return host.ChatBytes(c.Info()) })
	m.Speech = host.NewModels(h, func(ctx context.Context, e registry.Entry, s host.Settings, report func(float64)) (shell.Speech, error) {
		c, err := h.OpenSpeech(ctx, e, s, report)
		if err != nil {
			return nil, err
		}
		return c, nil
	}, nil)
	m.Speech.Idle = 10 * time.Minute // a chat model keeps its conversations and stays open; a speech model has no state to lose
}

// pasting keeps one connection to the display server: the saved content of the clipboard lasts as long as the connection.
type pasting struct {
	mu   sync.Mutex
	clip *dictation.Clipboard
}

func (p *pasting) paste(text string) (err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.clip == nil {
		if p.clip, err = dictation.OpenClipboard(); err != nil {
			return err
		}
	}
	return p.clip.Paste(text)
}

// signing opens the dictation overlay when it is first needed; if it can't be opened, none is shown.
type signing struct {
	sign   *dictation.Sign
	failed bool
}

func (s *signing) show(text string, heard bool) {
	if s.sign == nil && !s.failed && text != "" {
		var err error
		s.sign, err = dictation.OpenSign()
		s.failed = err != nil
	}
	if s.sign != nil {
		s.sign.Show(text, heard)
	}
}

func grab(keys string, pressed, released func()) (func(), error) {
	h, err := dictation.Grab(keys, pressed, released)
	if err != nil {
		return nil, err
	}
	return h.Close, nil
}

func openMic(name string) (voice.Microphone, error) {
	s, err := mic.Open(name)
	if err != nil {
		return nil, err
	}
	return s, nil
}

func play(src transcribe.Audio) (transcribe.Speaker, error) {
	s, err := mic.Play(src)
	if err != nil {
		return nil, err
	}
	return s, nil
}

func microphones() ([]string, error) {
	devices, err := mic.Devices()
	var names []string
	for _, d := range devices {
		names = append(names, d.Name)
	}
	return names, err
}

// openPath shows a folder, or the folder of a file, in the system's file manager.
func openPath(path string) error {
	if st, err := os.Stat(path); err != nil || !st.IsDir() {
		path = filepath.Dir(path)
	}
	if _, err := os.Stat(path); err != nil {
		return err
	}
	name := map[string]string{"windows": "explorer", "darwin": "open"}[runtime.GOOS]
	if name == "" {
		name = "xdg-open"
	}
	cmd := exec.Command(name, path)
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("no file manager could be started: %w", err)
	}
	go func() { _ = cmd.Wait() }() // the exit code of explorer has no meaning
	return nil
}
