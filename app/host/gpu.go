package host

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"time"

	"soberano/kernels"
	"soberano/kernels/gl"
	"soberano/kernels/remote"
)

// GPUChoice says whether models run on a GPU: GPUAuto, GPUOff, or the number of layers that are on it, as text.
type GPUChoice string

// GPUUse says how models use a GPU.
type GPUUse struct {
	Choice GPUChoice
	// Device is the number of the GPU, as text; "": the one with the largest memory of those that compute correctly.
	Device string
	// CPUExperts keeps the experts of mixtures on the CPU.
	CPUExperts bool
}

// chosen reports whether a GPU is to be used even if the CPU is faster.
func (u GPUUse) chosen() bool { return u.Choice != GPUAuto || u.Device != "" }

// layers returns the number of layers that are to be on the GPU, if one is chosen.
func (c GPUChoice) layers() (n int, chosen bool) {
	n, err := strconv.Atoi(string(c))
	return n, err == nil
}

const (
	// GPUAuto runs a model on the GPU if it computes correctly there, and faster than on the CPU.
	GPUAuto GPUChoice = ""
	// GPUOff uses no GPU.
	GPUOff GPUChoice = "off"
)

// ParseGPU returns the choice of a text: "auto", "off" or a number of layers; 0 is off.
func ParseGPU(text string) (GPUChoice, error) {
	switch n, err := strconv.Atoi(text); {
	case text == "auto" || text == "":
		return GPUAuto, nil
	case text == string(GPUOff) || err == nil && n == 0:
		return GPUOff, nil
	case err == nil && n > 0 && n < mostLayers:
		return GPUChoice(strconv.Itoa(n)), nil
	}
	return GPUAuto, fmt.Errorf("%q is neither auto nor off nor a number of layers", text)
}

// mostLayers is more than any model has.
const mostLayers = 1 << 16

// ParseGPUDevice returns the number of a GPU that a text has, as GPUUse.Device.
func ParseGPUDevice(text string) (string, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n >= mostGPUs {
		return "", fmt.Errorf("%q is not the number of a GPU, as soberano doctor lists them", text)
	}
	return strconv.Itoa(n), nil
}

// GPUBuilt reports whether this build of the program can use GPUs.
const GPUBuilt = gl.Built

// mostGPUs is more than any machine has.
const mostGPUs = 64

// GPUFault is what went wrong with a GPU.
type GPUFault int

const (
	GPUFailed  GPUFault = iota // anything else
	GPUMemory                  // its memory is full
	GPULost                    // the driver has reset it
	GPUHung                    // it did not answer in time
	GPUCrashed                 // the helper process ended, with which the driver was loaded
	GPUWrong                   // it computes wrong values
	GPUNone                    // there is none of the chosen number
	GPUMissing                 // there is none that can be used
	GPUUnfit                   // a software renderer was chosen
	GPUBuild                   // this build of the program uses none
)

// GPUError reports that a GPU can't be used, or not any longer.
type GPUError struct {
	Name  string // of the GPU, or its number if there is none
	Fault GPUFault
	Err   error
}

func (e *GPUError) Error() string { return fmt.Sprintf("GPU %s: %v", e.Name, e.Err) }

// Unwrap returns the cause.
func (e *GPUError) Unwrap() error { return e.Err }

// gpuError returns the GPUError of a failure.
func gpuError(name string, err error) *GPUError {
	e := &GPUError{Name: name, Err: err}
	for _, c := range []struct {
		is    error
		fault GPUFault
	}{{gl.ErrOutOfMemory, GPUMemory}, {gl.ErrLost, GPULost}, {remote.ErrTimeout, GPUHung}, {remote.ErrEnded, GPUCrashed}, {gl.ErrWrong, GPUWrong}, {kernels.ErrNotANumber, GPUWrong}} {
		if errors.Is(err, c.is) {
			e.Fault = c.fault
			break
		}
	}
	return e
}

// GPU is a GPU of the machine.
type GPU struct {
	gl.Info
	Number int    `json:"number"`
	Error  string `json:"error,omitempty"` // why it is not used: it can't be opened, or the self-check has failed
	// Models are the results of the models that were tried on it with its present driver.
	Models []ModelTrial `json:"models,omitempty"`
}

// softwareVariable is the environment variable that has a software renderer count as a GPU, for tests.
const softwareVariable = "SOBERANO_GPU_SOFTWARE"

// gpus chooses the GPU of the models of a Host.
type gpus struct {
	helper  []string      // command of a helper process; nil: no GPU is used
	timeout time.Duration // of a step; 0: chosen
	tell    func(error)

	mu     sync.Mutex
	listed bool
	list   []GPU
	off    bool // a GPU has failed: none is used until the program ends

	beside   bool           // self-checks run beside the models, which are on the CPU meanwhile
	checking map[int]bool   // GPUs whose self-check is under way
	checks   sync.WaitGroup // counts them
	stop     context.CancelFunc
	running  context.Context // of the checks; see stop
	passed   func()          // is called after a self-check that a GPU has passed
}

// choose returns the GPU on which a model is to be tried; nil stands for the CPU.
func (g *gpus) choose(ctx context.Context, u GPUUse) (*GPU, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.helper == nil || u.Choice == GPUOff || g.off {
		return nil, nil
	}
	if !gl.Built && u.chosen() {
		return nil, &GPUError{Name: u.Device, Fault: GPUBuild, Err: gl.ErrUnavailable}
	}
	if !g.listed && (u.chosen() || likely()) {
		list, err := listed(ctx, g.helper)
		if err != nil && (u.chosen() || ctx.Err() != nil) {
			return nil, gpuError(u.Device, err)
		}
		g.list, g.listed = list, true
	}
	if u.Device == "" {
		best := g.best(ctx, g.beside && !u.chosen())
		if best == nil && u.chosen() && ctx.Err() == nil {
			return nil, &GPUError{Fault: GPUMissing, Err: fmt.Errorf("of %d GPUs none can be used", len(g.list))}
		}
		return best, ctx.Err()
	}
	n, err := strconv.Atoi(u.Device)
	switch {
	case err != nil || n < 0 || n >= len(g.list):
		return nil, &GPUError{Name: u.Device, Fault: GPUNone, Err: fmt.Errorf("there are %d GPUs", len(g.list))}
	case g.list[n].Software && os.Getenv(softwareVariable) == "":
		return nil, &GPUError{Name: g.list[n].Renderer, Fault: GPUUnfit, Err: errors.New("it is a software renderer")}
	}
	if err := g.check(ctx, n); err != nil {
		return nil, err
	}
	return &g.list[n], nil
}

// best returns the GPU with the largest memory of those that compute correctly; nil if there is none. With beside, those whose self-check was not made
// yet do not count, and it begins. The caller holds mu.
func (g *gpus) best(ctx context.Context, beside bool) (best *GPU) {
	for i := range g.list {
		c := &g.list[i]
		if !c.Usable() || best != nil && c.MemoryBytes <= best.MemoryBytes {
			continue
		}
		if _, known := loadRecords().Drivers[driverKey(c.Info)]; beside && !known {
			g.checkBeside(i)
			continue
		}
		if g.check(ctx, i) == nil {
			best = c
		}
	}
	return best
}

// checkBeside makes the self-check of a GPU in the background. The caller holds mu.
func (g *gpus) checkBeside(n int) {
	if g.checking[n] {
		return
	}
	if g.checking == nil {
		g.checking = map[int]bool{}
		g.running, g.stop = context.WithCancel(context.Background())
	}
	g.checking[n] = true
	c := g.list[n]
	g.checks.Go(func() {
		if checked(g.running, g.helper, c) == "" && g.running.Err() == nil {
			g.passed()
		}
	})
}

// close ends the self-checks that are under way. They are made again the next time.
func (g *gpus) close() {
	g.mu.Lock()
	g.off = true
	if g.stop != nil {
		g.stop()
	}
	g.mu.Unlock()
	g.checks.Wait()
}

// Usable reports whether models may run on the GPU.
func (c GPU) Usable() bool {
	return c.Error == "" && c.Compute && (!c.Software || os.Getenv(softwareVariable) != "")
}

// check returns the result of the self-check of a GPU, which is made once for each driver. The caller holds mu.
func (g *gpus) check(ctx context.Context, n int) error {
	c := &g.list[n]
	if c.Error == "" {
		c.Error = checked(ctx, g.helper, *c)
	}
	if err := ctx.Err(); err != nil {
		c.Error = ""
		return err
	}
	if c.Error != "" {
		return &GPUError{Name: c.Renderer, Fault: GPUWrong, Err: errors.New(c.Error)}
	}
	return nil
}

// fail reports that a GPU has failed, and switches all of them off until the program ends.
func (g *gpus) fail(e *GPUError) {
	g.mu.Lock()
	told, tell := g.off, g.tell
	g.off = true
	g.mu.Unlock()
	if !told {
		tell(e)
	}
}

// listed returns the GPUs of the machine.
func listed(ctx context.Context, helper []string) ([]GPU, error) {
	var found []described
	if err := ask(ctx, helper, 20*time.Second, &found, "list"); err != nil {
		return nil, err
	}
	list := make([]GPU, len(found))
	for i, f := range found {
		list[i] = GPU{Info: f.Info, Number: i, Error: f.Error}
	}
	return list, nil
}

// checked returns what is wrong with a GPU according to the self-check, and "" if nothing is.
func checked(ctx context.Context, helper []string, c GPU) string {
	key := driverKey(c.Info)
	if r, known := loadRecords().Drivers[key]; known {
		return r.Error
	}
	limit := 2 * time.Minute
	if c.Software {
		limit = 15 * time.Minute
	}
	var d described
	if err := ask(ctx, helper, limit, &d, "check", strconv.Itoa(c.Number)); err != nil {
		if ctx.Err() != nil {
			return ""
		}
		d.Error = err.Error()
	}
	records := loadRecords() // which others may have changed meanwhile
	records.Drivers[key] = driverRecord{Error: d.Error}
	records.save()
	return d.Error
}

// GPUs returns the GPUs of the machine, with the results of their self-checks and of the models that were tried on them. Software
// renderers are not checked unless they count as GPUs. helper is the command of a helper process, see Helper.
func GPUs(ctx context.Context, helper []string) ([]GPU, error) {
	list, err := listed(ctx, helper)
	if err != nil {
		return nil, err
	}
	for i := range list {
		if list[i].Usable() {
			list[i].Error = checked(ctx, helper, list[i])
		}
		list[i].Models = loadRecords().of(list[i].Info)
	}
	return list, ctx.Err()
}

// likely reports whether the machine may have a GPU, without loading a driver.
func likely() bool {
	if runtime.GOOS != "linux" || os.Getenv(softwareVariable) != "" {
		return true
	}
	for _, pattern := range []string{"/dev/dri/renderD*", "/dev/nvidia[0-9]*", "/dev/dxg"} {
		if found, err := filepath.Glob(pattern); err == nil && len(found) > 0 {
			return true
		}
	}
	return false
}
