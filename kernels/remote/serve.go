package remote

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	"soberano/kernels"
	"soberano/kernels/quant"
)

// ServeOptions are the options of Serve.
type ServeOptions struct {
	// Map returns the bytes of a file, which stay valid until the process ends.
	Map func(path string) ([]byte, error)
	// Errors are those of Options.
	Errors []error
}

// server is the other side of a device.
type server struct {
	reader
	dev      kernels.Device
	o        ServeOptions
	matrices map[int]kernels.Matrix
	vectors  map[int]kernels.Vector
	states   map[int]kernels.State
	files    map[string][]byte
	step     served
	out      writer
	rows     []*kernels.Rows
}

// served is a step that the other side has begun.
type served struct {
	*server
	step    kernels.Step
	tensors []kernels.Tensor
	choices []kernels.Choice
}

// Serve runs the requests that come in through conn on dev until the device at the other end is closed, or the connection ends. It
// closes dev. A request is read while the one before is being run, so end is called as soon as the connection ends, even if dev hangs.
func Serve(conn io.ReadWriter, dev kernels.Device, o ServeOptions, end func()) error {
	s := &server{dev: dev, o: o, matrices: map[int]kernels.Matrix{}, vectors: map[int]kernels.Vector{}, states: map[int]kernels.State{}, files: map[string][]byte{}}
	s.step.server = s
	requests, free := make(chan []byte), make(chan []byte, 2)
	go func() {
		defer close(requests)
		in := bufio.NewReaderSize(conn, 1<<16)
		for {
			var b []byte
			select {
			case b = <-free:
			default:
			}
			b, err := receive(in, b)
			if err != nil {
				end()
				return
			}
			requests <- b
		}
	}()
	out := bufio.NewWriterSize(conn, 1<<16)
	for b := range requests {
		s.answer(b)
		if err := errors.Join(s.out.send(out), out.Flush()); err != nil {
			return errors.Join(err, dev.Close())
		}
		switch kind(b[0]) {
		case kindClose:
			return nil
		case kindLoad: // the weights may be read later
		default:
			select {
			case free <- b:
			default:
			}
		}
	}
	return dev.Close()
}

// answer runs a request and writes the answer.
func (s *server) answer(b []byte) {
	s.b = b
	s.out.reset()
	s.out.byte(succeeded)
	defer func() {
		if v := recover(); v != nil {
			s.fail(panicked, -1, fmt.Sprint(v))
		}
	}()
	err := s.run(kind(s.byte()))
	if err == nil {
		return
	}
	which := -1
	for i, e := range s.o.Errors {
		if errors.Is(err, e) {
			which = i
			break
		}
	}
	s.fail(failed, which, err.Error())
}

func (s *server) fail(outcome byte, which int, text string) {
	s.out.reset()
	s.out.byte(outcome)
	s.out.int(which)
	s.out.text(text)
}

func (s *server) run(k kind) error {
	switch k {
	case kindHello:
		s.out.text(s.dev.Name())
	case kindLoad:
		return s.load()
	case kindVector:
		return s.newVector()
	case kindState:
		return s.newState()
	case kindTruncate:
		st, n := s.state(), s.int()
		s.out.bool(st.Truncate(n))
	case kindFork:
		return s.fork()
	case kindStates:
		s.lengths()
	case kindMaxBytes:
		st, n := s.state(), s.int()
		s.out.int(int(st.MaxBytes(n)))
	case kindLoaded:
		return s.dev.Loaded()
	case kindStep:
		return s.step.run()
	case kindClose:
		return s.dev.Close()
	case kindCloseMatrix:
		return closed(s.matrices, s.int())
	case kindCloseVector:
		return closed(s.vectors, s.int())
	case kindCloseState:
		return closed(s.states, s.int())
	default:
		panic(errMalformed)
	}
	return nil
}

// closed closes an object.
func closed[T interface{ Close() error }](all map[int]T, number int) error {
	x, ok := all[number]
	if !ok {
		return nil
	}
	delete(all, number)
	return x.Close()
}

func (s *server) load() error {
	number := s.int()
	parts := make([]kernels.Weights, s.int())
	for i := range parts {
		var err error
		if parts[i], err = s.weights(); err != nil {
			return err
		}
	}
	m, err := s.dev.Load(parts...)
	if err != nil {
		return err
	}
	s.matrices[number] = m
	s.out.int(int(m.Bytes()))
	return nil
}

// weights reads one part of a matrix.
func (s *server) weights() (p kernels.Weights, err error) {
	p = kernels.Weights{Type: quant.Type(s.int()), Rows: s.int(), Cols: s.int(), Experts: s.int(), ExpertBytes: s.int(), Lookup: s.bool()}
	biased := s.bool()
	if bias := s.floats(); biased {
		p.Bias = bias
	}
	if !s.bool() {
		p.Data = s.bytes()
		return p, nil
	}
	path, size, offset, n := s.text(), s.int(), s.int(), s.int()
	data, ok := s.files[path]
	if !ok {
		if data, err = s.o.Map(path); err != nil {
			return p, err
		}
		s.files[path] = data
	}
	if len(data) != size || offset < 0 || n < 0 || offset > size-n {
		return p, fmt.Errorf("%s has %d bytes, %d are expected", path, len(data), size)
	}
	p.Data = data[offset : offset+n]
	return p, nil
}

func (s *server) newVector() error {
	number := s.int()
	v, err := s.dev.NewVector(s.floats())
	if err != nil {
		return err
	}
	s.vectors[number] = v
	s.out.int(int(v.Bytes()))
	return nil
}

func (s *server) newState() error {
	number := s.int()
	shape := kernels.StateShape{Cap: s.int()}
	for range s.int() {
		shape.Layers = append(shape.Layers, kernels.Layer{Kind: kernels.LayerKind(s.int()), KVHeads: s.int(), KeyDim: s.int(), ValueDim: s.int(),
			Window: s.int(), Rows: s.int(), Cols: s.int(), Fine: s.bool()})
	}
	st, err := s.dev.NewState(shape)
	if err != nil {
		return err
	}
	s.states[number] = st
	return nil
}

func (s *server) state() kernels.State {
	if st := s.states[s.int()]; st != nil {
		return st
	}
	panic(errMalformed)
}

func (s *server) fork() error {
	st, number := s.state(), s.int()
	f, err := st.Fork()
	if err != nil {
		return err
	}
	s.states[number] = f
	return nil
}

// lengths answers with the lengths and sizes of all states.
func (s *server) lengths() {
	s.out.int(len(s.states))
	for number, st := range s.states {
		for _, n := range []int{number, st.Len(), int(st.Bytes())} {
			s.out.int(n)
		}
	}
}
