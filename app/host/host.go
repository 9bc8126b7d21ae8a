package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"sync"
	"time"

	"soberano/engine"
	"soberano/engine/state"
	"soberano/kernels/cpu"
	"soberano/models"
	"soberano/models/registry"
)

// Unlimited is a budget without a limit.
const Unlimited = -1

// Options configures a Host. The zero value holds the program's defaults.
type Options struct {
	// Budget is the memory in bytes for all opened models together. 0: the memory that the system has available, measured at each
	// load. Unlimited: no limit.
	Budget int64
	// Available returns the memory in bytes that the system has available; 0: unknown. If it is nil, the system is asked.
	Available func() int64
	// Damaged is called with the path of a file of repacked weights that was found damaged. The weights are repacked from the model's
	// file. It may be called from any goroutine; nil: a line on standard error says so.
	Damaged func(path string)
	// Helper is the command of a helper process that runs a GPU's driver, see the function Helper. nil: no GPU is used.
	Helper []string
	// GPUFailed is called with a *GPUError when a GPU has failed. The CPU continues in its place, and no GPU is used until the program ends.
	// It may be called from any goroutine; nil: a line on standard error says so.
	GPUFailed func(error)
	// TryBeside opens a model that was not tried on a GPU yet on the CPU at once. The self-check of the GPU and the trial, which may take minutes, are
	// made when no model was in use for some seconds; then the model on the GPU takes the place of the one on the CPU. Otherwise the opening waits for them.
	TryBeside bool
	// Moved is called after that, with the entry of the model, or the one to which a vision encoder belongs, and the name of its device. It may be
	// called from any goroutine, and may be nil.
	Moved func(e registry.Entry, device string)
	// States is the folder in which the computed states of conversations (engine.Request.Conversation) are kept; "": none are.
	States string
	// GPUTimeout is how long a step on a GPU may take; 0: a minute, and ten with a software renderer.
	GPUTimeout time.Duration
}

// Host owns the opened models of a process under one memory budget. Its methods may be
// called from any goroutine.
//
// A model is in one of three states:
//
//	           load ends             last lease released, memory needed
//	loading ──────────────▶ open ─────────────────────────────────────────▶ closing
//	   │                                                                       ▲
//	   └── cancelled: every caller that waited for it has left, Remove, Close ─┘
//
// A model is idle while it is open and nobody holds a lease on it.
type Host struct {
	available func() int64
	damaged   func(path string)
	pools     pools
	gpus      gpus
	passwords passwords
	beside    bool            // Options.TryBeside
	quiet     time.Duration   // restBefore; tests set less
	ending    context.Context // ends with Close
	stop      context.CancelFunc
	states    *state.Disk // nil: none are kept

	mu      sync.Mutex
	moved   func(registry.Entry, string) // Options.Moved
	trials  trials
	lastUse time.Time // when a model was asked for or released last
	budget  int64
	models  map[key]*model
	uses    int64 // counts the uses of all models, for ordering them by last use
	closed  bool
	errs    error          // of models that could not be closed properly
	all     sync.WaitGroup // counts the models
}

// key identifies a model: its name in the library, or the path of a file outside it.
type key struct {
	kind registry.Kind
	name string
}

func keyOf(e registry.Entry) key {
	if !e.Saved() && len(e.Files) > 0 {
		return key{e.Kind, e.Path()}
	}
	return key{e.Kind, e.Name}
}

// New returns a Host without models.
func New(o Options) *Host {
	h := &Host{available: o.Available, damaged: o.Damaged, budget: o.Budget, models: map[key]*model{}}
	if h.available == nil {
		h.available = Available
	}
	h.gpus.helper, h.gpus.timeout, h.gpus.tell = o.Helper, o.GPUTimeout, o.GPUFailed
	h.beside, h.quiet = o.TryBeside, restBefore
	h.ending, h.stop = context.WithCancel(context.Background())
	h.moved = o.Moved
	h.passwords.turn = make(chan struct{}, 1)
	if o.States != "" {
		h.states = state.NewDisk(o.States, build(), MostStates)
	}
	if h.gpus.tell == nil {
		h.gpus.tell = func(err error) { fmt.Fprintf(os.Stderr, "soberano: %v; the processor is used instead\n", err) }
	}
	if h.damaged == nil {
		h.damaged = sayDamaged
	}
	return h
}

func sayDamaged(path string) {
	fmt.Fprintf(os.Stderr, "soberano: the repacked weights in %s were damaged; they are made again from the model's file\n", models.Printable(path))
}

// Available returns the memory in bytes that the system has available; 0: unknown.
func Available() int64 {
	_, available := cpu.Memory()
	return available
}

// TellGPU sets Options.GPUFailed.
func (h *Host) TellGPU(tell func(error)) {
	h.gpus.mu.Lock()
	defer h.gpus.mu.Unlock()
	h.gpus.tell = tell
}

// SetBudget changes the memory budget; see Options.Budget. Idle models that exceed it are closed.
func (h *Host) SetBudget(bytes int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.budget = bytes
	h.trim()
}

// Remove closes the model of a library entry before its files are deleted: a load is cancelled, and the contexts of leases end
// with ErrRemoved. It returns nil after the memory was released, or an InUseError when ctx ends.
func (h *Host) Remove(ctx context.Context, e registry.Entry) error {
	h.mu.Lock()
	m := h.models[keyOf(e)]
	if m != nil {
		h.end(m, ErrRemoved)
	}
	h.mu.Unlock()
	if m == nil {
		return nil
	}
	select {
	case <-m.gone:
		return nil
	case <-ctx.Done():
		return &InUseError{Title: m.title, Err: ctx.Err()}
	}
}

// Close cancels all loads, ends the contexts of all leases with ErrClosed, waits until they are released, and closes all models.
// It returns the errors of closing, of all models that the Host has closed.
func (h *Host) Close() error {
	h.mu.Lock()
	h.closed = true
	h.stop()
	for _, m := range h.models {
		h.end(m, ErrClosed)
	}
	trials := h.trials.ended
	h.mu.Unlock()
	if trials != nil {
		<-trials
	}
	h.all.Wait()
	h.mu.Lock()
	defer h.mu.Unlock()
	err := errors.Join(h.errs, h.pools.close())
	h.errs = nil
	return err
}

// phase is the state of a model.
type phase int

const (
	loading phase = iota
	opened
	closing // is being closed, or will be when it has been loaded or released
)

// model is a model that uses memory or is about to. The Host's mutex guards its fields.
type model struct {
	key      key
	title    string
	settings Settings
	keep     time.Duration // how long it stays open while idle; 0: until its memory is needed
	state    phase
	bytes    int64 // counted against the budget; an estimate until the model is open
	users    int   // number of leases
	waiters  []*waiter
	used     int64 // the value of Host.uses when it was last acquired or released
	share    progress
	err      error // of the load
	value    io.Closer

	ctx    context.Context // ends when the model is to be closed, even if it is in use
	cancel context.CancelCauseFunc
	ready  chan struct{} // closed when the load has ended
	gone   chan struct{} // closed when the model is closed and its memory released
}

// waiter is a caller that is waiting for a load.
type waiter struct {
	ctx  context.Context
	user bool // the load has ended, and the caller uses the model
}

func (m *model) idle() bool { return m.state == opened && m.users == 0 }

// end closes m when it is idle, or cancels its load. The caller holds mu.
func (h *Host) end(m *model, cause error) {
	if m.state == closing && m.ctx.Err() != nil {
		return
	}
	m.cancel(cause)
	if m.idle() {
		h.close(m)
	}
	m.state = closing
}

// close closes an idle model in the background. The caller holds mu.
func (h *Host) close(m *model) {
	m.state = closing
	go h.free(m, m.value)
}

// free closes value, which may be nil, and removes m from the list.
func (h *Host) free(m *model, value io.Closer) {
	m.cancel(nil)
	var err error
	if value != nil {
		err = value.Close()
		value = nil
		h.mu.Lock()
		m.value = nil
		last := h.closed
		h.mu.Unlock()
		if !last { // the process continues
			debug.FreeOSMemory() // the weights are garbage of hundreds of megabytes
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.errs = errors.Join(h.errs, err)
	delete(h.models, m.key)
	close(m.gone)
	h.all.Done()
}

// release ends one use of m.
func (h *Host) release(m *model) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lastUse = time.Now()
	h.returned(m)
}

// returned is release without a use of the model. The caller holds mu.
func (h *Host) returned(m *model) {
	m.users--
	h.uses++
	m.used = h.uses
	if m.users > 0 {
		return
	}
	if m.state == closing {
		h.close(m)
		return
	}
	h.rest(m)
}

// rest handles a model that has become idle or was just loaded. The caller holds mu.
func (h *Host) rest(m *model) {
	h.trim()
	if !m.idle() || m.keep == 0 {
		return
	}
	used := m.used
	time.AfterFunc(m.keep, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		if m.idle() && m.used == used {
			h.close(m)
		}
	})
}

// Loaded describes a model that uses memory.
type Loaded struct {
	Kind  registry.Kind
	Name  string // in the library, or its path
	Bytes int64
	Users int  // number of leases
	Open  bool // false while it is being loaded or closed
	// Waiting and Running are the numbers of answers of a chat model that wait to be begun, and that are under way.
	Waiting, Running int
}

// Loaded lists the models that use memory, in no particular order.
func (h *Host) Loaded() (list []Loaded) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, m := range h.models {
		l := Loaded{Kind: m.key.kind, Name: m.key.name, Bytes: m.bytes, Users: m.users, Open: m.state == opened}
		if chat, ok := m.value.(*engine.Model); ok {
			l.Waiting, l.Running = chat.Requests()
		}
		list = append(list, l)
	}
	return list
}
