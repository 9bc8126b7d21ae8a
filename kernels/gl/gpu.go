//go:build (linux || windows) && cgo

package gl

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
)

// GPU is an OpenGL context and the thread that owns it. Several devices may share it.
type GPU struct {
	info Info
	most int // words of the largest storage block
	// mostWork and firstWork are the constants of these names; tests set less, and counters begin with mostWork.
	mostWork, firstWork float64
	chosen              sync.Once
	variants            variant // in use
	refused             []error // why others are not

	jobs    chan job
	stop    chan struct{}
	stopped chan struct{}
	once    sync.Once
	window  *windowContext // of the context; nil: it needs none

	mu       sync.Mutex
	programs map[program]uint32
	binaries binaries
}

// job is work for the thread of a GPU.
type job struct {
	run  func(context) error
	done chan error
}

// mostBlockBytes limits storage blocks, so that offsets in bytes fit in 31 bits.
const mostBlockBytes = 1<<31 - 256

// Built reports whether this build can use GPUs.
const Built = true

// Open opens a context on the GPU with that number in List: by EGL without a display or, if EGL has none, with a hidden window of the display. The caller
// closes it after its devices. Where a window is needed, Open, List and Close must be called on the main thread.
func Open(number int) (*GPU, error) {
	n := countDevices()
	switch {
	case n == 0:
		g, err := open(-1) // Mesa chooses
		if err == nil {
			return g, nil
		}
		g, failed := openWindow()
		if failed != nil {
			return nil, errors.Join(err, failed)
		}
		return g, nil
	case number == n: // see List
		return openWindow()
	}
	return open(number)
}

// open opens a context of EGL.
func open(number int) (*GPU, error) {
	return newGPU().start(func() (current, error) { return openEGL(number) })
}

// openWindow opens the context of a hidden window.
func openWindow() (*GPU, error) {
	w, err := newWindow()
	if err != nil {
		return nil, err
	}
	g := newGPU()
	g.window = w
	if g, err = g.start(w.open); err != nil {
		w.destroy()
		return nil, err
	}
	return g, nil
}

// start starts the thread of the GPU, on which begin makes a context current.
func (g *GPU) start(begin func() (current, error)) (*GPU, error) {
	opened := make(chan error, 1)
	go g.serve(begin, opened)
	if err := <-opened; err != nil {
		return nil, fmt.Errorf("gl: %w", err)
	}
	g.KeepPrograms(programFolder(g.info))
	return g, nil
}

// programFolder returns the folder in the user's cache that keeps the programs of a GPU; none for a software driver, which only tests use.
func programFolder(i Info) string {
	cache, err := os.UserCacheDir()
	if err != nil || i.Software {
		return ""
	}
	return filepath.Join(cache, "soberano", "gl")
}

func newGPU() *GPU {
	return &GPU{jobs: make(chan job), stop: make(chan struct{}), stopped: make(chan struct{}), programs: map[program]uint32{}, mostWork: mostWork, firstWork: firstWork}
}

// serve opens the context, runs the jobs on the same thread and closes the context when the GPU is closed.
func (g *GPU) serve(begin func() (current, error), opened chan<- error) {
	runtime.LockOSThread()
	defer close(g.stopped)
	var c context
	made, err := begin()
	if err == nil {
		c, err = newContext(made)
	}
	if err != nil {
		runtime.UnlockOSThread()
		opened <- err
		return
	}
	g.info = c.info()
	g.most = int(min(g.info.StorageBytes, mostBlockBytes)) / 4
	opened <- nil
	g.loop(c)
	runtime.UnlockOSThread()
}

// loop runs the jobs until the GPU is closed, and closes the context.
func (g *GPU) loop(c context) {
	for {
		select {
		case j := <-g.jobs:
			j.done <- j.run(c)
		case <-g.stop:
			c.close()
			return
		}
	}
}

// do runs f on the thread of the context and returns what it returns.
func (g *GPU) do(f func(context) error) error {
	done := make(chan error, 1)
	select {
	case g.jobs <- job{f, done}:
		return <-done
	case <-g.stop:
		return errClosed
	}
}

// KeepPrograms keeps compiled programs in a folder, from which they are read instead of being compiled again. The folder is made when
// the first of them is written. Open chooses one in the user's cache, except for software drivers; "" keeps none.
func (g *GPU) KeepPrograms(dir string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.binaries = binaries{dir: dir, driver: g.info.vendor + "\x00" + g.info.Renderer + "\x00" + g.info.Version}
}

// Info describes the GPU.
func (g *GPU) Info() Info { return g.info }

// Close frees the context. Closing twice is allowed.
func (g *GPU) Close() error {
	g.once.Do(func() {
		close(g.stop)
		<-g.stopped
		if g.window != nil {
			g.window.destroy()
		}
	})
	return nil
}

// List returns the GPUs of the machine: those that EGL lists and, if none of them can be opened without a display, the one of the display. The error
// wraps ErrUnavailable if there is none.
func List() ([]Found, error) {
	var all []Found
	failed := true
	for i := range max(1, countDevices()) {
		f, err := find(Open(i))
		if err != nil && countDevices() == 0 {
			return nil, err
		}
		f.Error, failed = err, failed && err != nil
		all = append(all, f)
	}
	if failed {
		if f, err := find(openWindow()); err == nil {
			all = append(all, f)
		}
	}
	return all, nil
}

// find describes a GPU, which it closes.
func find(g *GPU, err error) (Found, error) {
	if err != nil {
		return Found{}, err
	}
	return Found{Info: g.info}, g.Close()
}
