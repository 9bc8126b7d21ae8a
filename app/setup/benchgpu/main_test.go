//go:build linux && cgo

package main

import (
	"bytes"
	"encoding/json"
	"os"
	"slices"
	"testing"

	"soberano/kernels/gl"
	"soberano/models/defaults"
)

// runReport runs the command and returns its report.
func runReport(t *testing.T, o options) report {
	t.Helper()
	var out bytes.Buffer
	if err := o.run(&out); err != nil {
		t.Fatal(err)
	}
	var r report
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		t.Fatal(err)
	}
	return r
}

// TestCounts checks the counts of all shapes and mixtures of formats.
func TestCounts(t *testing.T) {
	r := runReport(t, options{count: true, shapes: "0.5B,3B,8B", formats: "Q4_K_M,Q8_0", load: load{prompt: 512, chunk: 512}})
	if len(r.Results) != 6 {
		t.Fatalf("%d models are counted", len(r.Results))
	}
	for _, m := range r.Results {
		checkCounts(t, m, map[string]int{"0.5B": 24, "3B": 28, "8B": 32}[m.Model])
	}
}

// TestCountsOfModel checks the counts of a real model.
func TestCountsOfModel(t *testing.T) {
	r := runReport(t, options{count: true, real: defaults.Need(t, "qwen2.5-coder-0.5b"), load: load{prompt: 512, chunk: 512}})
	if len(r.Results) != 1 {
		t.Fatalf("%d models are counted", len(r.Results))
	}
	checkCounts(t, r.Results[0], 24)
}

// checkCounts checks that a token's dispatches, at an empty context and behind 512 others, read the weights once and little else, that they are few, and
// that every one of them is counted.
func checkCounts(t *testing.T, m result, layers int) {
	t.Helper()
	for _, c := range []gl.Counts{m.Token, m.Deep} {
		if c.WeightBytes != m.WeightBytes {
			t.Errorf("%s %s: a token reads %d bytes of weights, there are %d", m.Model, m.Format, c.WeightBytes, m.WeightBytes)
		}
		if ratio := float64(c.WeightBytes+c.KeyValueBytes+c.OtherBytes) / float64(m.WeightBytes); ratio > 1.05 || ratio < 1 {
			t.Errorf("%s %s: a token reads and writes %g times the bytes of the weights", m.Model, m.Format, ratio)
		}
	}
	if m.ReadRatio > 1.05 || m.ReadRatio < 1 {
		t.Errorf("%s %s: a token reads and writes %g times the bytes of the weights", m.Model, m.Format, m.ReadRatio)
	}
	for _, c := range []gl.Counts{m.Token, m.Deep, m.Prompt} {
		if c.MostMultiplyAdds > 1<<31 || c.MostAtOnce > 1<<31 {
			t.Errorf("%s %s: a dispatch has %g multiplications, %g are done at once", m.Model, m.Format, c.MostMultiplyAdds, c.MostAtOnce)
		}
	}
	if m.Token.Uncounted+m.Deep.Uncounted+m.Prompt.Uncounted > 0 {
		t.Errorf("%s %s: not every dispatch is counted", m.Model, m.Format)
	}
	if most := 8*layers + 5; m.Token.Barriers > most {
		t.Errorf("%s %s: %d barriers for a token, %d are expected", m.Model, m.Format, m.Token.Barriers, most)
	}
}

// TestMeasures measures a small model on Mesa's software driver.
func TestMeasures(t *testing.T) {
	if testing.Short() {
		t.Skip("it runs models on a software driver")
	}
	all, err := gl.List()
	number := slices.IndexFunc(all, func(f gl.Found) bool { return f.Software })
	switch {
	case number < 0 && os.Getenv("SOBERANO_REQUIRE_DESKTOP") != "":
		t.Fatalf("Mesa's software driver is required (Debian: libgl1-mesa-dri): %v", err)
	case number < 0:
		t.Skipf("no software driver of OpenGL: %v", err)
	}
	o := options{software: true, number: number, shapes: "small", formats: "Q4_K_M", programs: t.TempDir(), load: load{prompt: 40, chunk: 16, generate: 3, rounds: 1}}
	r := runReport(t, o)
	if r.Check != "passed" || r.Limits.BytesPerSecond <= 0 || r.Limits.OperationsPerSecond <= 0 || len(r.Results) != 1 {
		t.Fatalf("the report says %+v", r)
	}
	if m := r.Results[0]; len(m.GenerationTokensPerSecond) != 1 || m.GenerationTokensPerSecond[0] <= 0 || m.BandwidthShare <= 0 || m.OperationsShare <= 0 {
		t.Errorf("the small model: %+v", m)
	}
	o.software = false
	if err := o.run(new(bytes.Buffer)); err == nil {
		t.Error("a software driver is measured without being asked for")
	}
}
