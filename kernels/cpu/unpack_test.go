package cpu

import (
	"bytes"
	"math"
	"testing"

	"soberano/kernels/devicetest"
	"soberano/kernels/quant"
)

// TestUnpack checks that the unpacked integers, scales and minima of each format give its values.
func TestUnpack(t *testing.T) {
	r := devicetest.Rand()
	for ty, u := range unpackers {
		l := &layouts[u.kind]
		w := devicetest.RandomWeights(r, ty, 40, 256)
		want := devicetest.Values(w)
		n := ty.BlockValues()
		run := 32 / l.halves
		var b unpacked
		for i := 0; i < len(want); i += n {
			src := w.Data[i/n*ty.BlockBytes():][:ty.BlockBytes()]
			if u.scales != nil {
				u.scales(&b, src)
			}
			u.quants(&b, src)
			for j := range n {
				v := float64(b.d[j/run]) * float64(l.integer(b.q[j]))
				if l.mins {
					v += float64(b.m[j/run])
				}
				if e := math.Abs(v - float64(want[i+j])); e > 1e-6*(math.Abs(v)+math.Abs(float64(b.m[j/run]))) {
					t.Fatalf("%v: value %d: %g, want %g", ty, i+j, v, want[i+j])
				}
				if int(b.q[j]) >= 1<<l.bits {
					t.Fatalf("%v: integer %d does not fit its layout", ty, b.q[j])
				}
			}
		}
	}
	for ty := quant.Type(0); ty < 64; ty++ { // every format must have a test case
		if _, ok := unpackers[ty]; ty.Known() && !ok && ty != quant.F32 && ty != quant.F16 && ty != quant.BF16 {
			t.Logf("%v has no unpacker: it is multiplied as float16", ty)
		}
	}
}

// TestPlanes checks that the planes of formats that are not unpacked are those of their integers.
func TestPlanes(t *testing.T) {
	r, tested := devicetest.Rand(), 0
	for ty, u := range unpackers {
		if u.planes == nil {
			continue
		}
		tested++
		l := &layouts[u.kind]
		n := l.blockBytes()
		w := devicetest.RandomWeights(r, ty, 16, ty.BlockValues())
		values := ty.BlockValues()
		got, want := make([]byte, values/32*2*n), make([]byte, values/32*2*n)
		var p packer
		for i := range 16 {
			src := w.Data[i*ty.BlockBytes():][:ty.BlockBytes()]
			u.planes(got[4*i:], 2*n, src)
			p.putQuants(want, i, l, &u, src, values)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%v: the planes differ", ty)
		}
	}
	if tested == 0 {
		t.Error("no format has planes")
	}
}

// TestScaleFor checks that every scale of a matrix is in float16's normal range if the
// peak allows it, also with tiny and huge scales.
func TestScaleFor(t *testing.T) {
	for _, peak := range []float32{1e-38, 1e-10, 0.003, 1, 65504, 1e30, math.MaxFloat32} {
		s := scaleFor(peak)
		if v := peak / s; !(v < 65504) || v < 1000 && peak > 1e-30 {
			t.Errorf("peak %g: scale %g leaves %g", peak, s, v)
		}
	}
	for _, peak := range []float32{0, float32(math.Inf(1)), float32(math.NaN())} {
		if s := scaleFor(peak); s != 1 {
			t.Errorf("peak %g: scale %g", peak, s)
		}
	}
}
