//go:build linux && cgo

package gl

import (
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
	// mostWork is the constant of that name; tests set less.
	mostWork float64

	jobs    chan job
	stop    chan struct{}
	stopped chan struct{}
	once    sync.Once

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

// Open opens a context on the GPU with that number in List. The caller closes it after its devices.
func Open(number int) (*GPU, error) {
	if countDevices() == 0 {
		number = -1 // Mesa chooses
	}
	return open(number)
}

func open(number int) (*GPU, error) {
	g := newGPU()
	opened := make(chan error, 1)
	go g.serve(number, opened)
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
	return &GPU{jobs: make(chan job), stop: make(chan struct{}), stopped: make(chan struct{}), programs: map[program]uint32{}, mostWork: mostWork}
}

// serve opens the context, runs the jobs on the same thread and closes the context when the GPU is closed.
func (g *GPU) serve(number int, opened chan<- error) {
	runtime.LockOSThread()
	defer close(g.stopped)
	c, err := openContext(number)
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
	g.once.Do(func() { close(g.stop) })
	<-g.stopped
	return nil
}

// List returns the GPUs of the machine. The error wraps ErrUnavailable if there is none.
func List() ([]Found, error) {
	n := countDevices()
	if n == 0 {
		f, err := find(-1)
		if err != nil {
			return nil, err
		}
		return []Found{f}, nil
	}
	var all []Found
	for i := range n {
		f, err := find(i)
		if err != nil {
			f.Error = err
		}
		all = append(all, f)
	}
	return all, nil
}

// find describes one GPU.
func find(number int) (Found, error) {
	g, err := open(number)
	if err != nil {
		return Found{}, err
	}
	return Found{Info: g.info}, g.Close()
}
