package remote

import (
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"soberano/kernels"
	"soberano/kernels/cpu"
	"soberano/kernels/devicetest"
	"soberano/kernels/quant"
)

var errKnown = errors.New("an error of the device")

// over returns a device that is served in this process.
func over(t testing.TB, dev kernels.Device, o Options) kernels.Device {
	t.Helper()
	here, there := net.Pipe()
	served := make(chan error, 1)
	go func() { served <- Serve(there, dev, ServeOptions{Errors: []error{errKnown}}, func() {}) }()
	o.Errors = []error{errKnown}
	d, err := Open(here, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return d
}

func newCPU(t testing.TB) kernels.Device {
	t.Helper()
	d, err := cpu.New(cpu.Options{Threads: 1, Exact: true})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestDevice checks the contract of a Device with steps that are sent whole, and with operations that are sent one by one, whose misuse
// panics where it happens.
func TestDevice(t *testing.T) {
	open := func(immediate bool) devicetest.Subject {
		return devicetest.Subject{Open: func(t testing.TB) kernels.Device { return over(t, newCPU(t), Options{Immediate: immediate}) }}
	}
	devicetest.Operations(t, open(false))
	t.Run("Misuse", func(t *testing.T) { devicetest.Misuse(t, open(true)) })
}

// scale runs a step that doubles four numbers.
func scale(d kernels.Device) ([]float32, error) {
	st := d.Begin(nil)
	x := st.New(1, 4)
	st.Write(x, []float32{1, 2, 3, 4})
	st.Scale(x, x, 2)
	rows := st.Read(x)
	if err := st.End(); err != nil {
		return nil, err
	}
	return rows.Row(0), nil
}

// failing is a device whose End waits for hold, and then fails with err.
type failing struct {
	kernels.Device
	err  error
	hold chan struct{}
}

type failingStep struct {
	kernels.Step
	d *failing
}

func (d *failing) Begin(b *kernels.Batch) kernels.Step { return &failingStep{d.Device.Begin(b), d} }

func (s *failingStep) End() error {
	if s.d.hold != nil {
		<-s.d.hold
	}
	return errors.Join(s.d.err, s.Step.End())
}

// TestErrors checks that an error of the device keeps its identity and its text, and that the device works on after it.
func TestErrors(t *testing.T) {
	f := &failing{Device: newCPU(t), err: errKnown}
	d := over(t, f, Options{})
	if _, err := scale(d); !errors.Is(err, errKnown) || !strings.Contains(err.Error(), errKnown.Error()) {
		t.Errorf("a known error came as %v", err)
	}
	f.err = errors.New("something else")
	if _, err := scale(d); err == nil || errors.Is(err, errKnown) || !strings.Contains(err.Error(), "something else") {
		t.Errorf("another error came as %v", err)
	}
	f.err = nil
	if x, err := scale(d); err != nil || x[3] != 8 {
		t.Errorf("the step after that: %v, %v", x, err)
	}
}

// TestMisuse checks that misuse that the other process finds is an error of End.
func TestMisuse(t *testing.T) {
	d := over(t, newCPU(t), Options{})
	st := d.Begin(nil)
	st.Add(st.New(1, 4), st.New(1, 5))
	if err := st.End(); !errors.Is(err, ErrPanic) || !strings.Contains(err.Error(), "Add") {
		t.Errorf("shapes that differ: %v", err)
	}
}

// TestTimeout checks that a step that does not end in time fails, and everything after it with the same error.
func TestTimeout(t *testing.T) {
	f := &failing{Device: newCPU(t), hold: make(chan struct{})}
	here, there := net.Pipe()
	served := make(chan error, 1)
	ended := make(chan struct{})
	go func() { served <- Serve(there, f, ServeOptions{}, func() { close(ended) }) }()
	d, err := Open(here, Options{Timeout: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	state, err := d.NewState(kernels.StateShape{Layers: []kernels.Layer{{Kind: kernels.Recurrent, Rows: 1, Cols: 1}}, Cap: 1})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := scale(d); !errors.Is(err, ErrTimeout) {
		t.Errorf("a step that hangs: %v", err)
	}
	<-ended // although the device hangs
	if _, err := scale(d); !errors.Is(err, ErrTimeout) {
		t.Errorf("the step after that: %v", err)
	}
	if _, err := d.NewVector([]float32{1}); !errors.Is(err, ErrTimeout) {
		t.Errorf("a vector after that: %v", err)
	}
	if state.Len() != 0 || state.Truncate(0) || state.Close() != nil {
		t.Error("a state can't be used and closed after that")
	}
	if err := d.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	close(f.hold)
	<-served // the answer that nobody reads
}

// TestMalformed checks that an answer that can't be read breaks the connection.
func TestMalformed(t *testing.T) {
	here, there := net.Pipe()
	go func() {
		for _, answer := range [][]byte{{succeeded, 2, 'x'}, {succeeded, 9, 9, 9}} {
			if _, err := receive(there, nil); err != nil {
				return
			}
			w := writer{b: answer}
			if w.send(there) != nil {
				return
			}
		}
	}()
	d, err := Open(here, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := scale(d); !errors.Is(err, ErrEnded) {
		t.Errorf("rows that are too short: %v", err)
	}
	if _, err := d.NewVector(nil); !errors.Is(err, ErrEnded) {
		t.Errorf("a vector after that: %v", err)
	}
	if err := d.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
}

// TestLocate checks that weights in a file are read from there.
func TestLocate(t *testing.T) {
	w := devicetest.RandomWeights(devicetest.Rand(), quant.Q8_0, 64, 256)
	file := append([]byte("head"), w.Data...)
	located := 0
	here, there := net.Pipe()
	served := make(chan error, 1)
	go func() {
		served <- Serve(there, newCPU(t), ServeOptions{Map: func(path string) ([]byte, error) {
			if path != "/model" {
				return nil, errors.New("there is no " + path)
			}
			return file, nil
		}}, func() {})
	}()
	path := "/model"
	d, err := Open(here, Options{Locate: func(data []byte) (string, int64, int64, bool) {
		located++
		return path, int64(len(file)), 4, true
	}})
	if err != nil {
		t.Fatal(err)
	}
	m, err := d.Load(w)
	if err != nil || located != 1 {
		t.Fatalf("Load: %v, located %d times", err, located)
	}
	x := devicetest.Gauss(devicetest.Rand(), 256)
	st := d.Begin(nil)
	in, out := st.New(1, 256), st.New(1, 64)
	st.Write(in, x)
	st.MatMul(out, in, m)
	rows := st.Read(out)
	if err := st.End(); err != nil {
		t.Fatal(err)
	}
	if e := devicetest.Distance(rows.Row(0), devicetest.Product(x, 1, w)); !(e < devicetest.Float) {
		t.Errorf("error %g", e)
	}
	file = append(file, 0) // it has changed
	path = "/other"
	if _, err := d.Load(w); err == nil || !strings.Contains(err.Error(), "/other") {
		t.Errorf("a file that is not there: %v", err)
	}
	path = "/model"
	if _, err := d.Load(w); err == nil {
		t.Error("weights of a file of another size were loaded")
	}
	if err := errors.Join(d.Close(), <-served); err != nil {
		t.Error(err)
	}
}
