package engine

import (
	"context"
	"errors"
	"testing"

	"soberano/engine/arch/tiny"
	"soberano/kernels"
	"soberano/kernels/cpu"
	"soberano/kernels/devicetest"
	"soberano/models/gguf"
)

// onFailing returns what opening needs: a file, a device that fails, and options that say how it is replaced and keep the cause.
func onFailing(t *testing.T, s *tiny.Source, d *devicetest.Failing) (Options, *error) {
	t.Helper()
	newCPU := func() (kernels.Device, error) { return cpu.New(cpu.Options{Exact: true, Threads: 2}) }
	var err error
	if d.Device, err = newCPU(); err != nil {
		t.Fatal(err)
	}
	said := new(error)
	return Options{Replace: func(cause error) (kernels.Device, error) {
		*said = cause
		return newCPU()
	}}, said
}

// TestReplace checks that an answer continues on another device when the first fails, and that Info names that one then.
func TestReplace(t *testing.T) {
	s := tiny.New("llama")
	r := Request{Prompt: "abc", MaxTokens: 20}
	want, _, err := collect(openTiny(t, s, settings{Exact: true}), context.Background(), r)
	if err != nil {
		t.Fatal(err)
	}
	d := &devicetest.Failing{Steps: 7}
	o, said := onFailing(t, s, d)
	f, err := gguf.Open(s.Write(t))
	if err != nil {
		t.Fatal(err)
	}
	m, err := Open(f, d, o)
	if err != nil {
		t.Fatal(err)
	}
	if name := m.Info().Device; name != "failing" {
		t.Errorf("before: %s", name)
	}
	if got, _, err := collect(m, context.Background(), r); err != nil || got != want {
		t.Errorf("%q, %v; without a failure %q", got, err, want)
	}
	if name := m.Info().Device; !errors.Is(*said, devicetest.ErrLost) || name == "failing" {
		t.Errorf("after %v: %s", *said, name)
	}
	if err := m.Close(); err != nil {
		t.Error(err)
	}
}

// TestReplaceEncoder checks the same for vectors, also if the first device computes values that are no numbers.
func TestReplaceEncoder(t *testing.T) {
	s := tiny.New("eurobert")
	texts := [][]int32{ids(1, 9), ids(2, 5)}
	want, err := openEncoder(t, s, 0).Encode(context.Background(), texts...)
	if err != nil {
		t.Fatal(err)
	}
	for _, nan := range []bool{false, true} {
		d := &devicetest.Failing{NaN: nan}
		o, said := onFailing(t, s, d)
		f, err := gguf.Open(s.Write(t))
		if err != nil {
			t.Fatal(err)
		}
		e, err := OpenEncoder(f, d, o)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			got, err := e.Encode(context.Background(), texts...)
			if err != nil {
				t.Fatal(err)
			}
			for i := range texts {
				if off := distance(got[i], want[i]); !(off < 1e-5) {
					t.Errorf("text %d: %g off", i, off)
				}
			}
		}
		if !errors.Is(*said, map[bool]error{false: devicetest.ErrLost, true: kernels.ErrNotANumber}[nan]) || e.Info().Device == "failing" {
			t.Errorf("after %v: %s", *said, e.Info().Device)
		}
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestReplaceVision checks the same for the rows of an image.
func TestReplaceVision(t *testing.T) {
	_, encoder := qwenSeeing("qwen2vl", "qwen2vl_merger")
	open := func(d kernels.Device, replace func(error) (kernels.Device, error)) *Vision {
		f, err := gguf.Open(encoder.Write(t))
		if err != nil {
			t.Fatal(err)
		}
		v, err := OpenVision(f, d, replace)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := v.Close(); err != nil {
				t.Error(err)
			}
		})
		return v
	}
	exact, err := cpu.New(cpu.Options{Exact: true, Threads: 2})
	if err != nil {
		t.Fatal(err)
	}
	want, speed, err := open(exact, nil).Trial(context.Background())
	if err != nil || len(want) == 0 || speed <= 0 {
		t.Fatal(want, speed, err)
	}
	for _, d := range []*devicetest.Failing{{Steps: 3}, {NaN: true}} {
		o, said := onFailing(t, encoder, d)
		v := open(d, o.Replace)
		if v.Device() != "failing" {
			t.Errorf("before: %s", v.Device())
		}
		got, _, err := v.Trial(context.Background()) // two steps for each of its two passes
		if err != nil || len(got) != len(want) {
			t.Fatalf("%d rows, expected %d: %v", len(got), len(want), err)
		}
		for i := range want {
			if off := distance(got[i], want[i]); !(off < 1e-5) {
				t.Errorf("row %d: %g off", i, off)
			}
		}
		if failed := errors.Is(*said, devicetest.ErrLost) || errors.Is(*said, kernels.ErrNotANumber); !failed || v.Device() == "failing" {
			t.Errorf("after %v: %s", *said, v.Device())
		}
	}
}
