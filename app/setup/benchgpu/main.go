//go:build linux && cgo

// Command benchgpu counts what a language model's steps do on a GPU, and measures their speed. It needs a driver with OpenGL 4.3; with
// -count it needs none. It writes JSON.
//
//	benchgpu -count                         commands and bytes for each token, for the shapes of three models
//	benchgpu -number 0 -real FILE.gguf      the same, and the speed, with random weights and with a model
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"soberano/kernels/gl"
	"soberano/models"
	"soberano/models/gguf"
)

// options are those of the command line.
type options struct {
	count, software bool
	number          int
	shapes, formats string
	real, programs  string
	load
}

// report is the JSON of the command.
type report struct {
	GPU   *gl.Info `json:"gpu,omitempty"`
	Check string   `json:"self_check,omitempty"`
	// Variants are those of kernels that need extensions: the names of those in use, and why others are not used that the driver offers.
	Variants string     `json:"variants,omitempty"`
	Refused  []string   `json:"refused_variants,omitempty"`
	Limits   *gl.Limits `json:"limits,omitempty"`
	Results  []result   `json:"results"`
	Failed   []string   `json:"failed,omitempty"`
}

func main() {
	var o options
	flag.BoolVar(&o.count, "count", false, "count only; no driver is needed")
	flag.BoolVar(&o.software, "software", false, "measure on a software driver, too")
	flag.IntVar(&o.number, "number", 0, "the GPU, as `soberano doctor` numbers them from 0")
	flag.StringVar(&o.shapes, "shapes", "0.5B,3B,8B", "shapes of the models of random weights")
	flag.StringVar(&o.formats, "formats", "Q4_K_M,Q8_0", "mixtures of formats")
	flag.StringVar(&o.real, "real", "", "a GGUF file to measure, too")
	flag.StringVar(&o.programs, "programs", "", "folder that keeps compiled programs")
	flag.IntVar(&o.prompt, "prompt", 512, "tokens of the prompt")
	flag.IntVar(&o.chunk, "chunk", 512, "tokens of a step of the prompt")
	flag.IntVar(&o.generate, "generate", 64, "tokens that are generated")
	flag.IntVar(&o.rounds, "rounds", 3, "measurements of each model")
	flag.Parse()
	if err := o.run(os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "benchgpu:", err)
		os.Exit(1)
	}
}

// run counts or measures, and writes the report. A model that fails is named in the report, and then the error says so.
func (o *options) run(w io.Writer) error {
	var r report
	var g *gl.GPU
	if !o.count {
		var err error
		if g, err = gl.Open(o.number); err != nil {
			return err
		}
		if err := o.examine(g, &r); err != nil {
			return errors.Join(err, g.Close())
		}
	}
	err := o.models(func(f *models.File, name, format string) {
		one := result{Model: name, Format: format}
		err := one.count(f, o.load)
		if err == nil && g != nil {
			err = one.measure(g, f, o.load, *r.Limits)
		}
		if err != nil {
			r.Failed = append(r.Failed, fmt.Sprintf("%s %s: %v", name, format, err))
			return
		}
		r.Results = append(r.Results, one)
	})
	if g != nil {
		err = errors.Join(err, g.Close())
	}
	out := json.NewEncoder(w)
	out.SetIndent("", "  ")
	if err = errors.Join(err, out.Encode(r)); err == nil && r.Failed != nil {
		err = errors.New(strings.Join(r.Failed, "; "))
	}
	return err
}

// examine describes and checks the GPU, and measures its limits.
func (o *options) examine(g *gl.GPU, r *report) error {
	info := g.Info()
	if r.GPU = &info; info.Software && !o.software {
		return fmt.Errorf("%s is a software driver; -software measures it", info.Renderer)
	}
	if o.programs != "" {
		g.KeepPrograms(o.programs)
	}
	r.Check = "passed"
	if err := gl.Check(g); err != nil {
		r.Check = err.Error()
	}
	d, err := gl.New(gl.Options{GPU: g})
	if err != nil {
		return err
	}
	used, refused := g.Variants()
	r.Variants = used
	for _, err := range refused {
		r.Refused = append(r.Refused, err.Error())
	}
	bytes := 1 << 30
	if info.Software {
		bytes = 32 << 20
	}
	limits, err := gl.Measure(d, bytes)
	r.Limits = &limits
	return errors.Join(err, d.Close())
}

// models calls f for the real model, if there is one, and for each shape in each mixture of formats.
func (o *options) models(f func(m *models.File, name, format string)) error {
	if o.real != "" {
		m, err := gguf.Open(o.real)
		if err != nil {
			return err
		}
		f(m, o.real, "file")
		if err := m.Close(); err != nil {
			return err
		}
	}
	for name := range strings.SplitSeq(o.shapes, ",") {
		if name == "" {
			continue
		}
		s, err := find(name)
		if err != nil {
			return err
		}
		for format := range strings.SplitSeq(o.formats, ",") {
			m, err := s.model(format, !o.count)
			if err != nil {
				return err
			}
			f(m, name, format)
		}
	}
	return nil
}
