package host

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
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

// Layers returns the number of layers that are to be on the GPU, if one is chosen.
func (c GPUChoice) Layers() (n int, chosen bool) {
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
	// Checked says that the self-check was made with its present driver.
	Checked bool `json:"checked"`
	// Uses names the variants of kernels that passed it and need extensions of the driver (gl.GPU.Variants).
	Uses  string   `json:"uses,omitempty"`
	Speed GPUSpeed `json:"speed,omitzero"`
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
	claims  claims

	mu     sync.Mutex
	listed bool
	list   []GPU
	off    bool // a GPU has failed: none is used until the program ends
}

// choose returns the GPU on which a model is to be tried; nil stands for the CPU. If untried is not nil, a self-check that was not made yet
// is not made either: it is set, and the CPU is to be used meanwhile.
func (g *gpus) choose(ctx context.Context, u GPUUse, untried *bool) (*GPU, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.helper == nil || u.Choice == GPUOff || g.off {
		return nil, nil
	}
	if !gl.Built && u.chosen() {
		return nil, &GPUError{Name: u.Device, Fault: GPUBuild, Err: gl.ErrUnavailable}
	}
	if u.chosen() || likely() {
		if err := g.enumerate(ctx); err != nil && (u.chosen() || ctx.Err() != nil) {
			return nil, gpuError(u.Device, err)
		}
	}
	if u.Device != "" {
		return g.numbered(ctx, u.Device, untried)
	}
	best := g.best(ctx, untried)
	if best == nil && u.chosen() && ctx.Err() == nil && (untried == nil || !*untried) {
		return nil, &GPUError{Fault: GPUMissing, Err: fmt.Errorf("of %d GPUs none can be used", len(g.list))}
	}
	return best, ctx.Err()
}

// enumerate lists the GPUs of the machine, once. The caller holds mu.
func (g *gpus) enumerate(ctx context.Context) (err error) {
	if !g.listed {
		g.list, err = listed(ctx, g.helper)
		g.listed = ctx.Err() == nil
	}
	return err
}

// numbered returns the GPU of a number. The caller holds mu.
func (g *gpus) numbered(ctx context.Context, number string, untried *bool) (*GPU, error) {
	n, err := strconv.Atoi(number)
	switch {
	case err != nil || n < 0 || n >= len(g.list):
		return nil, &GPUError{Name: number, Fault: GPUNone, Err: fmt.Errorf("there are %d GPUs", len(g.list))}
	case g.list[n].Software && os.Getenv(softwareVariable) == "":
		return nil, &GPUError{Name: g.list[n].Renderer, Fault: GPUUnfit, Err: errors.New("it is a software renderer")}
	case g.postpones(n, untried):
		return nil, nil
	}
	if err := g.check(ctx, n); err != nil {
		return nil, err
	}
	return &g.list[n], nil
}

// best returns the GPU with the largest memory of those that compute correctly; nil if there is none. The caller holds mu.
func (g *gpus) best(ctx context.Context, untried *bool) *GPU {
	var usable []int
	for i := range g.list {
		if g.list[i].Usable() {
			usable = append(usable, i)
		}
	}
	slices.SortStableFunc(usable, func(a, b int) int { return cmp.Compare(g.list[b].MemoryBytes, g.list[a].MemoryBytes) })
	for _, i := range usable {
		if g.postpones(i, untried) {
			return nil
		}
		if g.check(ctx, i) == nil {
			return &g.list[i]
		}
	}
	return nil
}

// postpones sets untried, if it is not nil and the self-check of GPU n was not made yet. The caller holds mu.
func (g *gpus) postpones(n int, untried *bool) bool {
	if untried == nil || g.list[n].Error != "" {
		return false
	}
	_, known := loadRecords().Drivers[driverKey(g.list[n].Info)]
	*untried = !known
	return !known
}

// Usable reports whether models may run on the GPU.
func (c GPU) Usable() bool {
	return c.Error == "" && c.Compute && (!c.Software || os.Getenv(softwareVariable) != "")
}

// check returns the result of the self-check of a GPU, which is made once for each driver. The caller holds mu, which is free meanwhile.
func (g *gpus) check(ctx context.Context, n int) error {
	c := g.list[n]
	if c.Error == "" {
		g.mu.Unlock()
		c.Error = checked(ctx, g.helper, c)
		g.mu.Lock()
		if err := ctx.Err(); err != nil {
			return err
		}
		g.list[n].Error = c.Error
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
	records.Drivers[key] = driverRecord{d.Error, d.Uses, d.Speed}
	records.save()
	return d.Error
}

// GPUs returns the GPUs of the machine, with the results of their self-checks and of the models that were tried on them. The self-checks that were
// not made yet are made, with again all of them; software renderers are not checked unless they count as GPUs. helper is the command of a
// helper process, see Helper.
func GPUs(ctx context.Context, helper []string, again bool) ([]GPU, error) {
	list, err := listed(ctx, helper)
	if err != nil {
		return nil, err
	}
	if again {
		r := loadRecords()
		for _, c := range list {
			delete(r.Drivers, driverKey(c.Info))
		}
		r.save()
	}
	for i := range list {
		if list[i].Usable() {
			list[i].Error = checked(ctx, helper, list[i])
		}
	}
	return recorded(list), ctx.Err()
}

// GPUs returns the GPUs of the machine, with the results that are known of them. It starts a helper process the first time.
func (h *Host) GPUs() ([]GPU, error) {
	if h.gpus.helper == nil || !likely() {
		return nil, nil
	}
	h.gpus.mu.Lock()
	defer h.gpus.mu.Unlock()
	if err := h.gpus.enumerate(h.ending); err != nil {
		return nil, err
	}
	return recorded(slices.Clone(h.gpus.list)), nil
}

// recorded adds the results that were stored to the GPUs of list, and returns it.
func recorded(list []GPU) []GPU {
	r := loadRecords()
	for i := range list {
		c := &list[i]
		driver, known := r.Drivers[driverKey(c.Info)]
		c.Error, c.Checked, c.Models = cmp.Or(c.Error, driver.Error), known, r.of(c.Info)
		c.Uses, c.Speed = driver.Uses, driver.Speed
	}
	return list
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
