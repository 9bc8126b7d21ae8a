package sample

import (
	"fmt"
	"math"
	"slices"
)

// Check returns a *ParamError for the first parameter whose value is out of range.
func (p Params) Check() error {
	fields := []struct {
		name      string
		v, lo, hi float32
	}{
		{"temperature", p.Temperature, 0, 100},
		{"dynatemp_range", p.Range, 0, 100},
		{"dynatemp_exponent", p.Exponent, 0, 100},
		{"top_p", p.TopP, 0, 1},
		{"min_p", p.MinP, 0, 1},
		{"typical_p", p.Typical, 0, 1},
		{"top_n_sigma", p.TopNSigma, 0, 1000},
		{"xtc_probability", p.XTCProbability, 0, 1},
		{"xtc_threshold", p.XTCThreshold, 0, 1},
		{"dry_multiplier", p.DRYMultiplier, 0, 100},
		{"repeat_penalty", p.Repeat, 0, 100},
		{"frequency_penalty", p.Frequency, -100, 100},
		{"presence_penalty", p.Presence, -100, 100},
		{"mirostat_tau", p.MirostatTau, 0, 100},
		{"mirostat_eta", p.MirostatEta, 0, 1},
	}
	for _, f := range fields {
		if !(f.v >= f.lo && f.v <= f.hi) { // also true for NaN
			return &ParamError{Name: f.name, Value: f.v, Min: float64(f.lo), Max: float64(f.hi)}
		}
	}
	if p.DRYBase != 0 && !(p.DRYBase >= 1 && p.DRYBase <= 100) {
		return &ParamError{Name: "dry_base", Value: p.DRYBase, Expected: fmt.Sprintf("0 (%v), or 1 to 100", float32(defaultBase))}
	}
	for _, check := range []func() error{p.checkNumbers, p.checkBreakers, p.checkBias, p.checkOrder} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

func (p Params) checkNumbers() error {
	for _, f := range []struct {
		name     string
		v, lo    int
		hi       int
		expected string
	}{
		{"top_k", p.TopK, 0, math.MaxInt32, "0 (all) or more"},
		{"repeat_last", p.Last, -1, math.MaxInt32, fmt.Sprintf("-1 (all), 0 (%d) or more", defaultLast)},
		{"dry_penalty_last_n", p.DRYLast, -1, math.MaxInt32, fmt.Sprintf("-1 (all), 0 (%d) or more", defaultLast)},
		{"dry_allowed_length", p.DRYAllowed, 0, math.MaxInt32, fmt.Sprintf("0 (%d) or more", defaultAllowed)},
		{"mirostat", p.Mirostat, 0, 2, "0 (off), 1 or 2"},
	} {
		if f.v < f.lo || f.v > f.hi {
			return &ParamError{Name: f.name, Value: f.v, Min: float64(f.lo), Max: float64(f.hi), Expected: f.expected}
		}
	}
	return nil
}

func (p Params) checkBreakers() error {
	if len(p.DRYBreakers) > MaxBreakers {
		return &ParamError{Name: "dry_sequence_breakers", Value: fmt.Sprintf("a list of %d", len(p.DRYBreakers)), Expected: fmt.Sprintf("at most %d strings", MaxBreakers)}
	}
	for _, b := range p.DRYBreakers {
		if b == "" || len(b) > MaxBreakerBytes {
			return &ParamError{Name: "dry_sequence_breakers", Value: fmt.Sprintf("a string of %d bytes", len(b)), Expected: fmt.Sprintf("strings of 1 to %d bytes", MaxBreakerBytes)}
		}
	}
	return nil
}

func (p Params) checkBias() error {
	for id, b := range p.Bias {
		if b != b || math.IsInf(float64(b), 1) {
			return &ParamError{Name: fmt.Sprintf("logit_bias of token %d", id), Value: b, Expected: "a finite number, or -Inf, which excludes the token"}
		}
	}
	return nil
}

func (p Params) checkOrder() error {
	for i, stage := range p.Order {
		if !slices.Contains(DefaultOrder(), stage) {
			return &ParamError{Name: "samplers", Value: fmt.Sprintf("%q", stage), Expected: fmt.Sprint("some of ", DefaultOrder())}
		}
		if slices.Contains(p.Order[:i], stage) {
			return &ParamError{Name: "samplers", Value: fmt.Sprintf("%q twice", stage), Expected: "each stage at most once"}
		}
	}
	return nil
}
