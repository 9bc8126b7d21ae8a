package kernels

import (
	"testing"

	"soberano/kernels/quant"
)

// TestCheckParts checks parts that fit together, and each number that does not.
func TestCheckParts(t *testing.T) {
	good := Weights{Type: quant.F32, Rows: 3, Cols: 4, Data: make([]byte, 48), Bias: make([]float32, 3)}
	experts := Weights{Type: quant.Q8_0, Rows: 2, Cols: 32, Data: make([]byte, 3*2*34), Bias: make([]float32, 6), Experts: 3}
	for name, parts := range map[string][]Weights{"one": {good}, "two": {good, good}, "experts": {experts, experts}} {
		if err := CheckParts(parts); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if e := experts.Expert(2); len(e.Data) != 68 || len(e.Bias) != 2 || e.Experts != 0 || &e.Data[67] != &experts.Data[len(experts.Data)-1] {
		t.Errorf("the last expert is %d bytes, %d biases", len(e.Data), len(e.Bias))
	}
	apart := Weights{Type: quant.Q8_0, Rows: 1, Cols: 32, Data: make([]byte, 34+2*68), Experts: 3, ExpertBytes: 68}
	if err := CheckParts([]Weights{apart, apart}); err != nil {
		t.Errorf("matrices with a distance: %v", err)
	}
	if e := apart.Expert(2); len(e.Data) != 34 || &e.Data[33] != &apart.Data[len(apart.Data)-1] {
		t.Errorf("the last of matrices with a distance has %d bytes", len(e.Data))
	}
	for _, stride := range []int{-68, 33, 69, 1 << 40} {
		w := apart
		if w.ExpertBytes = stride; CheckParts([]Weights{w}) == nil {
			t.Errorf("a distance of %d is accepted", stride)
		}
	}
	if CheckParts(nil) == nil {
		t.Error("no parts are accepted")
	}
	for name, change := range map[string]func(w *Weights){
		"unknown type":     func(w *Weights) { w.Type = 99 },
		"no rows":          func(w *Weights) { w.Rows = 0 },
		"too many rows":    func(w *Weights) { w.Rows = 1<<31 + 1 },
		"an overflow":      func(w *Weights) { w.Rows, w.Cols = 1<<31, 1<<31 },
		"other columns":    func(w *Weights) { w.Cols = 2 },
		"a broken block":   func(w *Weights) { w.Type = quant.Q4_0 },
		"short data":       func(w *Weights) { w.Data = w.Data[:len(w.Data)-1] },
		"a short bias":     func(w *Weights) { w.Bias = w.Bias[1:] },
		"a long bias":      func(w *Weights) { w.Bias = make([]float32, 100) },
		"other experts":    func(w *Weights) { w.Experts++ },
		"negative experts": func(w *Weights) { w.Experts = -1 },
	} {
		for _, first := range []Weights{good, experts} {
			w := first
			if change(&w); name == "a broken block" && first.Experts > 0 {
				w.Cols, w.Data = 33, make([]byte, 1<<20)
			}
			if CheckParts([]Weights{first, w}) == nil {
				t.Errorf("%s: accepted as the second part", name)
			}
		}
	}
	for _, n := range []int{-1, MaxExperts + 1} {
		if CheckParts([]Weights{{Type: quant.F32, Rows: 1, Cols: 1, Data: make([]byte, 1<<20), Experts: n}}) == nil {
			t.Errorf("%d experts are accepted", n)
		}
	}
	huge := Weights{Type: quant.F32, Rows: 1 << 31, Cols: 1 << 31}
	if CheckParts([]Weights{huge}) == nil {
		t.Error("weights whose size overflows are accepted")
	}
}
