//go:build linux && cgo

package host

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"soberano/engine"
	"soberano/engine/arch/tiny"
	"soberano/kernels"
	"soberano/kernels/gl"
	"soberano/models/registry"
)

// faultVariable says what a helper process of a test does wrong, and after how many steps: "stop 3"; "vision stop 0" counts only steps with patches
// of images.
const faultVariable = "SOBERANO_TEST_GPU_FAULT"

// hardwareVariable has a helper process of a test say that the software driver is a GPU.
const hardwareVariable = "SOBERANO_TEST_GPU_HARDWARE"

// freeVariable is how much memory is free according to a helper process of a test.
const freeVariable = "SOBERANO_TEST_GPU_FREE"

// TestMain is also the main function of helper processes.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == HelperVerb && os.Args[2] == "check" && os.Getenv(faultVariable) == "check" {
		for range 1000 { // until the test has written the file
			if _, err := os.Stat(filepath.Join(os.Getenv("SOBERANO_HOME"), "checked")); err == nil {
				fmt.Println("{}")
				os.Exit(0)
			}
			time.Sleep(10 * time.Millisecond)
		}
		os.Exit(1)
	}
	if free := os.Getenv(freeVariable); free != "" && len(os.Args) > 2 && os.Args[1] == HelperVerb && os.Args[2] == "describe" {
		fmt.Printf("{\"free_bytes\": %s}\n", free)
		os.Exit(0)
	}
	if os.Getenv(hardwareVariable) != "" && len(os.Args) > 2 && os.Args[1] == HelperVerb && os.Args[2] == "list" {
		var list bytes.Buffer
		if err := listGPUs(&list); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		fmt.Print(strings.ReplaceAll(list.String(), `"software":true`, `"software":false`))
		os.Exit(0)
	}
	if len(os.Args) > 1 && os.Args[1] == HelperVerb {
		if err := RunHelper(os.Args[2:], faulty); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// faultyDevice is the device of a helper process that does something wrong.
type faultyDevice struct {
	kernels.Device
	fault string
	steps int // that end well, or matrices that fit
	loads int

	vision bool // only steps of vision encoders fail
}

type faultyStep struct {
	kernels.Step
	d    *faultyDevice
	rows *kernels.Rows
}

func faulty(d kernels.Device) kernels.Device {
	fault, vision := strings.CutPrefix(os.Getenv(faultVariable), "vision ")
	fault, n, _ := strings.Cut(fault, " ")
	steps, err := strconv.Atoi(n)
	if err != nil {
		return d
	}
	return &faultyDevice{Device: d, fault: fault, steps: steps, vision: vision}
}

func (d *faultyDevice) Load(parts ...kernels.Weights) (kernels.Matrix, error) {
	if d.loads++; d.fault == "memory" && d.loads > d.steps {
		return nil, fmt.Errorf("gl: %w", gl.ErrOutOfMemory)
	}
	return d.Device.Load(parts...)
}

func (d *faultyDevice) Begin(b *kernels.Batch) kernels.Step {
	if d.vision && (b == nil || b.Axes == nil) {
		return d.Device.Begin(b)
	}
	return &faultyStep{Step: d.Device.Begin(b), d: d}
}

func (s *faultyStep) Read(t kernels.Tensor) *kernels.Rows {
	s.rows = s.Step.Read(t)
	return s.rows
}

func (s *faultyStep) End() error {
	if s.d.fault == "kill" && s.d.steps == 0 { // in the middle of the step, which may take long
		time.AfterFunc(20*time.Millisecond, func() { _ = syscall.Kill(os.Getpid(), syscall.SIGKILL) })
	}
	err := s.Step.End()
	if s.d.steps--; err != nil || s.d.steps >= 0 {
		return err
	}
	switch s.d.fault {
	case "kill":
		return syscall.Kill(os.Getpid(), syscall.SIGKILL)
	case "stop":
		return syscall.Kill(os.Getpid(), syscall.SIGSTOP)
	case "lost":
		return fmt.Errorf("gl: %w", gl.ErrLost)
	case "interrupt":
		return syscall.Kill(os.Getpid(), syscall.SIGINT)
	case "full":
		return fmt.Errorf("gl: %w", gl.ErrOutOfMemory)
	case "nan":
		s.rows.Row(0)[0] = float32(math.NaN())
	case "wrong":
		for i := range s.rows.Len {
			for j := range s.rows.Row(i) {
				s.rows.Row(i)[j] *= float32(1 - j%3)
			}
		}
	}
	return nil
}

// withGPU has Mesa's software driver count as a GPU, whose self-check has passed, and returns options and what is reported of its failure.
func withGPU(t *testing.T, fault string) (Options, func() []error) {
	t.Helper()
	t.Setenv("SOBERANO_HOME", t.TempDir())
	t.Setenv(softwareVariable, "1")
	t.Setenv(faultVariable, fault)
	helper := []string{os.Args[0], HelperVerb}
	list, err := listed(context.Background(), helper)
	if err != nil || len(list) == 0 || !list[0].Usable() {
		if os.Getenv("SOBERANO_REQUIRE_DESKTOP") != "" {
			t.Fatalf("Mesa's software driver is required: %v, %+v", err, list)
		}
		t.Skipf("no software driver of OpenGL: %v", err)
	}
	r := loadRecords()
	for _, g := range list {
		r.Drivers[driverKey(g.Info)] = driverRecord{}
	}
	r.save()
	var mu sync.Mutex
	var said []error
	return Options{Budget: Unlimited, Helper: helper, GPUFailed: func(err error) {
			mu.Lock()
			defer mu.Unlock()
			said = append(said, err)
		}}, func() []error {
			mu.Lock()
			defer mu.Unlock()
			return said
		}
}

// answered opens a tiny model and returns its answer, and the devices before and after it.
func answered(t *testing.T, h *Host, e registry.Entry, s Settings) (text, before, after string) {
	t.Helper()
	l, err := Chats(h).Acquire(context.Background(), e, s, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Release()
	before = l.Model.Info().Device
	text, err = generate(context.Background(), l, "abc", 12, func(engine.Piece) {})
	if err != nil {
		t.Fatal(err)
	}
	return text, before, l.Model.Info().Device
}

// onGPU reports whether a device is a GPU's.
func onGPU(device string) bool { return strings.Contains(device, "OpenGL") }

// TestGPU checks that a model is tried on a GPU once, that it answers there as on the CPU, and that GPUOff is the CPU.
func TestGPU(t *testing.T) {
	o, said := withGPU(t, "")
	h := hostOf(t, o)
	e := resolve(t, tiny.New("llama").Write(t))
	want, device, _ := answered(t, h, e, Settings{Threads: 2, Exact: true, GPU: GPUUse{Choice: GPUOff}})
	if onGPU(device) {
		t.Errorf("with GPUOff it runs on %s", device)
	}
	for range 2 {
		got, before, after := answered(t, h, e, Settings{Threads: 2, Exact: true})
		if !onGPU(before) || after != before || got != want {
			t.Errorf("on %s, then %s: %q, on the CPU %q", before, after, got, want)
		}
		answered(t, h, e, Settings{Threads: 2, Exact: true, GPU: GPUUse{Choice: GPUOff}}) // closes it
		r := loadRecords()
		if len(r.Models) != 1 {
			t.Fatalf("records: %+v", r.Models)
		}
		for key, trial := range r.Models {
			if trial.Error != "" || !(trial.Off < 1e-3) || trial.CPU <= 0 || trial.GPU <= 0 {
				t.Errorf("the trial: %+v", trial)
			}
			trial.Off = 1e-9
			r.Models[key] = trial
			r.save()
		}
	}
	for _, trial := range loadRecords().Models {
		if trial.Off != 1e-9 {
			t.Error("the model was tried again")
		}
	}
	if len(said()) > 0 {
		t.Errorf("reported: %v", said())
	}
}

// TestGPUTriedBeside checks that a model is on the CPU while it was not tried on a GPU, that self-check and trial are made when nobody uses a model,
// that the model is on the GPU after that, and that closing the host ends them.
func TestGPUTriedBeside(t *testing.T) {
	for _, passes := range []bool{true, false} {
		o, said := withGPU(t, "check")
		var moved atomic.Int32
		o.TryBeside, o.Moved = true, func(registry.Entry, string) { moved.Add(1) }
		records{}.save()
		h := New(o)
		h.quiet = 50 * time.Millisecond
		e := resolve(t, tiny.New("llama").Write(t))
		s := Settings{Threads: 2, Exact: true}
		for range 2 {
			if _, device, _ := answered(t, h, e, s); onGPU(device) {
				t.Fatalf("before the self-check it runs on %s", device)
			}
		}
		if passes {
			if err := os.WriteFile(filepath.Join(os.Getenv("SOBERANO_HOME"), "checked"), nil, 0o600); err != nil {
				t.Fatal(err)
			}
			until(t, "the model to be on the GPU", func() bool { return moved.Load() == 1 })
			if _, device, _ := answered(t, h, e, s); !onGPU(device) || len(h.Loaded()) != 1 {
				t.Errorf("after the trial it runs on %s; opened are %+v", device, h.Loaded())
			}
		}
		if err := h.Close(); err != nil || len(said()) > 0 || len(loadRecords().Drivers) > 0 != passes || len(loadRecords().Models) > 0 != passes {
			t.Errorf("%v, reported: %v, records %+v", err, said(), loadRecords())
		}
	}
}

// TestGPUTrialDisturbed checks that a trial on a GPU ends when a model is asked for, and is made again, and that a model that is in use stays on the CPU.
func TestGPUTrialDisturbed(t *testing.T) {
	o, said := withGPU(t, "")
	o.TryBeside = true
	h := hostOf(t, o)
	h.quiet = time.Millisecond
	e := resolve(t, tiny.New("llama").Write(t))
	tries := make(chan context.Context)
	l, err := Chats(h).Acquire(context.Background(), e, Settings{Threads: 2}, nil)
	if err != nil {
		t.Fatal(err)
	}
	h.tryIdle(trial{"first", func(ctx context.Context) {
		tries <- ctx
		<-ctx.Done()
	}})
	select {
	case <-tries:
		t.Fatal("a trial has begun while a model is in use")
	case <-time.After(50 * time.Millisecond):
	}
	at := &hostSeat[*engine.Model]{h, keyOf(e), Settings{Threads: 2}}
	if _, _, _, ok := at.borrow(t.Context()); ok {
		t.Error("a model in use was lent")
	}
	l.Release()
	for range 2 {
		ctx := <-tries
		_, _, release, ok := at.borrow(ctx)
		if !ok {
			t.Fatal("an idle model was not lent")
		}
		got := make(chan error)
		go func() {
			l, err := Chats(h).Acquire(context.Background(), e, Settings{Threads: 2}, nil)
			if err == nil {
				l.Release()
			}
			got <- err
		}()
		<-ctx.Done()
		release()
		if err := <-got; err != nil {
			t.Error(err)
		}
	}
	<-tries
	other := make(chan string, 2)
	for _, key := range []string{"second", "first", "second"} { // "first" is under way, and "second" waits: the later one takes its place
		h.tryIdle(trial{key, func(context.Context) { other <- key }})
	}
	h.mu.Lock()
	if n := len(h.trials.waiting); n != 3 {
		t.Errorf("%d trials wait", n)
	}
	h.mu.Unlock()
	if len(said()) > 0 {
		t.Error(said())
	}
}

// TestGPUFails checks that an answer is that of the CPU if the GPU's helper process is killed or stopped in its middle, the context is lost,
// the memory is full or the GPU computes what is no number, that the failure is reported once, and that the GPU is not used after it.
func TestGPUFails(t *testing.T) {
	for fault, want := range map[string]GPUFault{"kill": GPUCrashed, "stop": GPUHung, "lost": GPULost, "full": GPUMemory, "nan": GPUWrong} {
		t.Run(fault, func(t *testing.T) {
			o, said := withGPU(t, fault+" 6")
			if fault == "stop" {
				o.GPUTimeout = 10 * time.Second
			}
			h := hostOf(t, o)
			e := resolve(t, tiny.New("llama").Write(t))
			tried(t, e, true, placement{})
			text, before, after := answered(t, h, e, Settings{Threads: 2, Exact: true})
			if !onGPU(before) || onGPU(after) {
				t.Errorf("the answer began on %s and ended on %s", before, after)
			}
			if cpu, _, _ := answered(t, h, e, Settings{Threads: 2, Exact: true, GPU: GPUUse{Choice: GPUOff}}); text != cpu {
				t.Errorf("%q, on the CPU %q", text, cpu)
			}
			var f *GPUError
			if list := said(); len(list) != 1 || !errors.As(list[0], &f) || f.Fault != want || f.Name == "" {
				t.Errorf("reported: %v", list)
			}
			if _, device, _ := answered(t, h, e, Settings{Threads: 2, Exact: true}); onGPU(device) {
				t.Error("the GPU is used again")
			}
		})
	}
}

// TestGPUInterrupted checks that Ctrl+C, which a terminal sends to the helper process too, does not end it.
func TestGPUInterrupted(t *testing.T) {
	o, said := withGPU(t, "interrupt 3")
	e := resolve(t, tiny.New("llama").Write(t))
	tried(t, e, true, placement{})
	if _, before, after := answered(t, hostOf(t, o), e, Settings{Threads: 2, Exact: true}); !onGPU(before) || !onGPU(after) || len(said()) > 0 {
		t.Errorf("the answer began on %s and ended on %s, reported: %v", before, after, said())
	}
}

// tried records that a part of a model was tried on every GPU; placement{} is all of it.
func tried(t *testing.T, e registry.Entry, exact bool, p placement) {
	t.Helper()
	f, err := registry.Read(e.Path())
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r := loadRecords()
	list, err := listed(context.Background(), []string{os.Args[0], HelperVerb})
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range list {
		r.Models[trialKey(g.Info, f.Identity(), exact, p)] = ModelTrial{CPU: 1, GPU: 2}
	}
	r.save()
}

// TestGPUWrong checks that a GPU that computes wrong values is found in the trial of a model, and not tried again.
func TestGPUWrong(t *testing.T) {
	o, said := withGPU(t, "wrong 0")
	e := resolve(t, tiny.New("llama").Write(t))
	for i := range 2 {
		h := hostOf(t, o)
		if _, device, _ := answered(t, h, e, Settings{Threads: 2}); onGPU(device) {
			t.Fatalf("it runs on %s", device)
		}
		var f *GPUError
		if list := said(); len(list) != 1 || !errors.As(list[0], &f) || f.Fault != GPUWrong {
			t.Errorf("start %d: reported: %v", i, list)
		}
	}
	list, err := GPUs(context.Background(), o.Helper, false)
	if err != nil || len(list) == 0 || len(list[0].Models) != 1 || list[0].Models[0].Error == "" {
		t.Errorf("the list says %+v, %v", list, err)
	}
}

// TestGPUWithoutMemory checks that a model for which a GPU has too little memory runs on the CPU, without a report.
func TestGPUWithoutMemory(t *testing.T) {
	o, said := withGPU(t, "memory 0")
	if _, device, _ := answered(t, hostOf(t, o), resolve(t, tiny.New("llama").Write(t)), Settings{Threads: 2}); onGPU(device) || len(said()) > 0 {
		t.Errorf("it runs on %s, reported: %v", device, said())
	}
}

// TestGPUSplit checks that a model of which some layers are on the GPU answers as on the CPU: as many as are chosen, or as its memory takes; and that the
// CPU takes over if the GPU fails.
func TestGPUSplit(t *testing.T) {
	e := resolve(t, tiny.New("llama4").Write(t)) // five layers, mixtures among them
	var want string
	for _, c := range []struct {
		fault  string
		use    GPUUse
		device string // at the beginning
		fails  bool
	}{
		{"", GPUUse{Choice: GPUOff}, "", false},
		{"", GPUUse{Choice: "2"}, "2 of 5 layers on ", false},
		{"", GPUUse{Choice: "3", CPUExperts: true}, "3 of 5 layers, experts on the processor on ", false},
		{"memory 15", GPUUse{}, "2 of 5 layers on ", false}, // one less than fit, for the conversation
		{"kill 3", GPUUse{Choice: "2", Device: "0"}, "2 of 5 layers on ", true},
	} {
		o, said := withGPU(t, c.fault)
		h := hostOf(t, o)
		if c.fails {
			tried(t, e, true, placement{layers: 2, of: 5})
		}
		text, before, after := answered(t, h, e, Settings{Threads: 2, Exact: true, GPU: c.use})
		if want == "" {
			want = text
		}
		if text != want || !strings.HasPrefix(before, c.device) || onGPU(before) != (c.device != "") || onGPU(after) != (onGPU(before) && !c.fails) || (len(said()) > 0) != c.fails {
			t.Errorf("%+v: %q on %s, then %s, expected %q; reported: %v", c, text, before, after, want, said())
		}
	}
}

// TestGPUEncoder checks that vectors are computed on the GPU, and on the CPU after it has failed.
func TestGPUEncoder(t *testing.T) {
	o, said := withGPU(t, "lost 1")
	h := hostOf(t, o)
	e := resolve(t, tiny.New("eurobert").Write(t))
	tried(t, e, true, placement{})
	l, err := Encoders(h).Acquire(context.Background(), e, Settings{Threads: 2, Exact: true}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Release()
	if !onGPU(l.Model.Info().Device) {
		t.Fatalf("it runs on %s", l.Model.Info().Device)
	}
	var all [][]float32
	for range 2 { // the second one fails on the GPU
		v, err := l.Model.Encode(context.Background(), l.Model.Tokens("abc"))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, v[0])
	}
	if off := distance(all[0], all[1]); !(off < 1e-3) || onGPU(l.Model.Info().Device) || len(said()) != 1 {
		t.Errorf("%g off, on %s, reported: %v", off, l.Model.Info().Device, said())
	}
}

// TestGPUSoftware checks that auto takes no software renderer, and that one can't be chosen either, nor a GPU that is not there.
func TestGPUSoftware(t *testing.T) {
	o, _ := withGPU(t, "")
	t.Setenv(softwareVariable, "")
	h := hostOf(t, o)
	list, err := listed(context.Background(), o.Helper)
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range list {
		if !g.Software {
			t.Skip("this machine has a GPU")
		}
	}
	e := resolve(t, tiny.New("llama").Write(t))
	if _, device, _ := answered(t, h, e, Settings{Threads: 2}); onGPU(device) {
		t.Errorf("auto has chosen %s", device)
	}
	for device, want := range map[string]GPUFault{"0": GPUUnfit, "63": GPUNone} {
		_, err := Chats(h).Acquire(context.Background(), e, Settings{Threads: 1, GPU: GPUUse{Device: device}}, nil)
		if f, ok := errors.AsType[*GPUError](err); !ok || f.Fault != want {
			t.Errorf("--gpu-device %s: %v", device, err)
		}
	}
}

// TestGPUFaster checks that a model is on a GPU if it was faster there than on the CPU when it was tried, and not if it was slower, unless the GPU is chosen.
func TestGPUFaster(t *testing.T) {
	o, said := withGPU(t, "")
	t.Setenv(hardwareVariable, "1")
	e := resolve(t, tiny.New("llama").Write(t))
	s := Settings{Threads: 2}
	answered(t, hostOf(t, o), e, s) // is tried
	for key, trial := range loadRecords().Models {
		for _, faster := range []bool{false, true} {
			if trial.GPU = trial.CPU / 2; faster {
				trial.GPU = trial.CPU * 2
			}
			r := loadRecords()
			r.Models[key] = trial
			r.save()
			if _, device, _ := answered(t, hostOf(t, o), e, s); onGPU(device) != faster {
				t.Errorf("%.1f tokens a second on the GPU, %.1f on the CPU: it runs on %s", trial.GPU, trial.CPU, device)
			}
			if _, device, _ := answered(t, hostOf(t, o), e, Settings{Threads: 2, GPU: GPUUse{Device: "0"}}); !onGPU(device) {
				t.Errorf("a GPU is chosen, it runs on %s", device)
			}
		}
	}
	if n := len(loadRecords().Models); n != 1 || len(said()) > 0 {
		t.Errorf("%d trials, reported: %v", n, said())
	}
}

// TestGPUSpeed checks that the speeds of a GPU and of the CPU are measured, and told with the list.
func TestGPUSpeed(t *testing.T) {
	o, _ := withGPU(t, "")
	list, err := listed(t.Context(), o.Helper)
	if err != nil {
		t.Fatal(err)
	}
	g, err := gl.Open(0)
	if err != nil {
		t.Fatal(err)
	}
	s, err := measureGPU(g)
	if err = errors.Join(err, g.Close()); err != nil || s.GPU <= 0 || s.CPU <= s.GPU {
		t.Errorf("%+v, %v", s, err)
	}
	r := loadRecords()
	r.Drivers[driverKey(list[0].Info)] = driverRecord{Uses: "SUBGROUPS", Speed: s}
	r.save()
	if list, err = GPUs(t.Context(), o.Helper, false); err != nil || list[0].Speed != s || list[0].Uses != "SUBGROUPS" || !list[0].Checked {
		t.Errorf("listed: %+v, %v", list, err)
	}
}

// TestMedianDistance checks that one of several values may be far away, that most may not, and that means have no influence.
func TestMedianDistance(t *testing.T) {
	want := [][]float32{{1, 2, 3, 4}, {4, 3, 2, 1}, {1, 1, 2, 2}}
	near, far := []float32{11, 12, 13, 14}, []float32{4, 3, 2, 1}
	for _, c := range []struct {
		got  [][]float32
		most float64
		good bool
	}{
		{[][]float32{near, want[1], want[2]}, 1e-6, true},
		{[][]float32{far, want[1], want[2]}, 1e-6, true},
		{[][]float32{far, near, want[2]}, 1, false},
		{[][]float32{{1, 2}, {2, 1}, want[2]}, 1, false},
		{want[:2], 1, false},
	} {
		if off := medianDistance(c.got, want); (off <= c.most) != c.good {
			t.Errorf("%v: %g", c.got, off)
		}
	}
	if off := medianDistance([][]float32{{float32(math.NaN()), 0, 0}}, [][]float32{{1, 2, 3}}); off <= mostOff {
		t.Errorf("NaN is %g off", off)
	}
}

// TestParseGPU checks what may be chosen.
func TestParseGPU(t *testing.T) {
	for text, want := range map[string]GPUChoice{"auto": GPUAuto, "off": GPUOff, "0": GPUOff, "07": "7"} {
		if c, err := ParseGPU(text); err != nil || c != want {
			t.Errorf("%q: %q, %v", text, c, err)
		}
	}
	for _, text := range []string{"on", "-1", "65536", "1.5", "OFF"} {
		if c, err := ParseGPU(text); err == nil {
			t.Errorf("%q was taken as %q", text, c)
		}
	}
}
