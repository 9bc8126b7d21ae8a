package cpu

import (
	"os"
	"testing"

	"soberano/kernels"
	"soberano/kernels/devicetest"
)

// everyLevel runs f on each instruction set, and skips those that this machine lacks, with a message.
func everyLevel(t *testing.T, f func(t *testing.T, lv level)) {
	for l := range levelNames {
		t.Run(levelNames[l], func(t *testing.T) {
			if !supports(level(l)) {
				t.Skipf("this machine has no %s: not tested", levelNames[l])
			}
			if level(l).asked() && os.Getenv("SOBERANO_CPU") != levelNames[l] {
				t.Skipf("%[1]s is used, and tested, only where it is asked for: SOBERANO_CPU=%[1]s", levelNames[l])
			}
			f(t, level(l))
		})
	}
}

func device2(t testing.TB, lv level, threads int, exact bool) *device {
	d, err := newDevice(Options{Threads: threads, Exact: exact}, lv)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

// tensorOf returns a new tensor with rows × cols values.
func tensorOf(s *step, x []float32, rows, cols int) kernels.Tensor {
	t := s.New(rows, cols)
	s.Write(t, x)
	return t
}

// begin ends the open step, if there is one, and begins another.
func begin(d *device, b *kernels.Batch) *step {
	if s := &d.steps[d.step]; s.IsOpen() {
		_ = s.End() // End of this device returns no error
	}
	if b == nil {
		b = nil
	}
	return d.begin(b)
}

func vectorOf(t testing.TB, d *device, x []float32) kernels.Vector {
	t.Helper()
	v, err := d.NewVector(x)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func flat(t kernels.Tensor) []float32 {
	var out []float32
	for r := range t.Rows {
		out = append(out, t.Row(r)...)
	}
	return out
}

// productLimit returns the largest permitted distance of products with w from those in float64.
func (d *device) productLimit(w kernels.Weights) float64 {
	switch k := d.kindOf(w); {
	case k == kindPairs:
		return 0.005
	case k.float():
		return devicetest.Float
	}
	return 0.02 // 8-bit activations, and minima that partly cancel the scaled products
}
