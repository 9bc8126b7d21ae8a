package cpu

import (
	"fmt"
	"testing"

	"soberano/kernels"
	"soberano/kernels/devicetest"
	"soberano/kernels/quant"
)

// benchDevice returns a device of the level in use (see chosen).
func benchDevice(b *testing.B, threads int) *device {
	lv, err := chosen()
	if err != nil {
		b.Fatal(err)
	}
	return device2(b, lv, threads, false)
}

// BenchmarkMatVec measures products with one token. The matrices of a call have 64 MB in total, more than
// most caches.
func BenchmarkMatVec(b *testing.B) {
	for _, ty := range []quant.Type{quant.Q4_0, quant.Q4_1, quant.Q8_0, quant.Q4_K, quant.Q6_K, quant.F16,
		quant.IQ4_NL, quant.MXFP4, quant.NVFP4, quant.IQ3_S, quant.IQ2_XXS, quant.IQ2_XS, quant.TQ2_0} {
		for _, threads := range []int{1, 2} {
			b.Run(fmt.Sprintf("type=%v/threads=%d", ty, threads), func(b *testing.B) {
				d := benchDevice(b, threads)
				r := devicetest.Rand()
				w := devicetest.RandomWeights(r, ty, 1536, 768)
				var ms []kernels.Matrix
				size := int64(0)
				for size < 64<<20 {
					m, err := d.Load(w)
					if err != nil {
						b.Fatal(err)
					}
					ms = append(ms, m)
					size += m.Bytes()
				}
				st := begin(d, nil)
				x, y := tensorOf(st, devicetest.Gauss(r, 768), 1, 768), st.New(1, 1536)
				b.SetBytes(size)
				for b.Loop() {
					for _, m := range ms {
						st.MatMul(y, x, m)
					}
				}
			})
		}
	}
}

// BenchmarkMatMul measures products with 512 tokens. Its MB/s are millions of multiplications and additions a second.
func BenchmarkMatMul(b *testing.B) {
	for _, ty := range []quant.Type{quant.Q4_0, quant.Q4_1, quant.Q8_0, quant.Q4_K, quant.Q6_K, quant.Q2_K, quant.F16, quant.F32,
		quant.IQ4_NL, quant.MXFP4, quant.NVFP4, quant.IQ3_S, quant.IQ2_XXS, quant.IQ2_XS, quant.TQ2_0} {
		for _, s := range [][2]int{{576, 768}, {2048, 2048}} {
			b.Run(fmt.Sprintf("type=%v/matrix=%dx%d", ty, s[0], s[1]), func(b *testing.B) {
				d := benchDevice(b, 1)
				r := devicetest.Rand()
				m, err := d.Load(devicetest.RandomWeights(r, ty, s[0], s[1]))
				if err != nil {
					b.Fatal(err)
				}
				st := begin(d, nil)
				x, y := tensorOf(st, devicetest.Gauss(r, 512*s[1]), 512, s[1]), st.New(512, s[0])
				for b.Loop() {
					st.MatMul(y, x, m)
				}
				b.ReportMetric(2*512*float64(s[0]*s[1])*float64(b.N)/b.Elapsed().Seconds()/1e9, "GOPS")
			})
		}
	}
}

// BenchmarkEncoder measures the attention of a layer of Whisper base: 1500 × 1500, 8 heads of 64.
func BenchmarkEncoder(b *testing.B) {
	d := benchDevice(b, 1)
	c, err := d.NewState(stateShape(1, 8, 64, 1500))
	if err != nil {
		b.Fatal(err)
	}
	r := devicetest.Rand()
	st := begin(d, &kernels.Batch{Spans: []kernels.Span{{State: c, N: 1500, Len: 1500}}})
	x := tensorOf(st, devicetest.Gauss(r, 1500*512), 1500, 512)
	y := st.New(1500, 512)
	a := &kernels.Attention{Heads: 8, KVHeads: 8, HeadDim: 64, Scale: 0.125}
	b.Run("op=store", func(b *testing.B) {
		for b.Loop() {
			st.Store(x, x, 0, a)
		}
	})
	b.Run("op=attend", func(b *testing.B) {
		for b.Loop() {
			st.Attend(y, x, 0, a)
		}
		b.ReportMetric(4*8*64*1500*1500*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOPS")
	})
}

// BenchmarkRows measures what a layer computes in addition to products, on 1536 values.
func BenchmarkRows(b *testing.B) {
	d := benchDevice(b, 1)
	r := devicetest.Rand()
	st := begin(d, &kernels.Batch{Positions: []int32{100}})
	x, u, y := tensorOf(st, devicetest.Gauss(r, 1536), 1, 1536), tensorOf(st, devicetest.Gauss(r, 1536), 1, 1536), st.New(1, 1536)
	w := vectorOf(b, d, devicetest.Gauss(r, 1536))
	rope := &kernels.RoPE{HeadDim: 64, Freq: vectorOf(b, d, make([]float32, 32)), Scale: 1}
	for name, f := range map[string]func(){
		"silu":      func() { st.Activate(y, x, u, kernels.SiLU) },
		"gelu-tanh": func() { st.Activate(y, x, u, kernels.GELUTanh) },
		"gelu-erf":  func() { st.Activate(y, x, kernels.Tensor{}, kernels.GELUErf) },
		"rmsnorm":   func() { st.RMSNorm(y, x, w, 1e-5) },
		"layernorm": func() { st.LayerNorm(y, x, w, w, 1e-5) },
		"rotate":    func() { st.Rotate(x, rope) },
	} {
		b.Run("op="+name, func(b *testing.B) {
			for b.Loop() {
				f()
			}
		})
	}
}

// BenchmarkLoad measures repacking.
func BenchmarkLoad(b *testing.B) {
	for _, ty := range []quant.Type{quant.Q4_0, quant.Q4_1, quant.Q5_0, quant.Q5_1, quant.Q8_0, quant.Q2_K, quant.Q3_K, quant.Q4_K, quant.Q5_K, quant.Q6_K, quant.F16,
		quant.MXFP4, quant.IQ4_XS, quant.IQ3_S, quant.IQ2_XS, quant.IQ1_M, quant.TQ1_0} {
		b.Run("type="+ty.String(), func(b *testing.B) {
			d := benchDevice(b, 1)
			w := devicetest.RandomWeights(devicetest.Rand(), ty, 2048, 2048)
			b.SetBytes(int64(len(w.Data)))
			for b.Loop() {
				if _, err := d.Load(w); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkPack measures repacking into memory that the process has already, one thread.
func BenchmarkPack(b *testing.B) {
	for _, ty := range []quant.Type{quant.Q4_0, quant.Q4_1, quant.Q5_0, quant.Q5_1, quant.Q8_0, quant.Q2_K, quant.Q3_K, quant.Q4_K, quant.Q5_K, quant.Q6_K, quant.F16,
		quant.MXFP4, quant.IQ4_XS, quant.IQ3_S, quant.IQ2_XS, quant.IQ1_M, quant.TQ1_0} {
		b.Run("type="+ty.String(), func(b *testing.B) {
			d := benchDevice(b, 1)
			w := devicetest.RandomWeights(devicetest.Rand(), ty, 2048, 2048)
			m, err := d.Load(w)
			if err != nil {
				b.Fatal(err)
			}
			s, p := m.(*matrix).segments[0], packer{lv: d.lv}
			b.SetBytes(int64(len(w.Data)))
			for b.Loop() {
				for i := range s.panels {
					s.pack(&p, i)
				}
			}
		})
	}
}

// BenchmarkDeltaRule measures a delta rule with the heads of Qwen3.5 9B. Its MB/s are those of reading and writing the state
// once a step.
func BenchmarkDeltaRule(b *testing.B) {
	rule := &kernels.DeltaRule{Heads: 32, KeyHeads: 16, KeyDim: 128, ValueDim: 128, Cyclic: true}
	for _, perKey := range []bool{false, true} {
		for _, n := range []int{1, 7, 64, 512} {
			b.Run(fmt.Sprintf("rows=%d/decays=%v", n, perKey), func(b *testing.B) { benchDelta(b, rule, n, perKey) })
		}
	}
}

func benchDelta(b *testing.B, rule *kernels.DeltaRule, n int, perKey bool) {
	var d kernels.Device = device2(b, best(), 2, false)
	l := rule.Layer()
	state, err := d.NewState(kernels.StateShape{Cap: 1 << 40, Layers: []kernels.Layer{l}})
	if err != nil {
		b.Fatal(err)
	}
	keys, values, decays := rule.KeyHeads*rule.KeyDim, rule.Heads*rule.ValueDim, rule.Heads
	if perKey {
		decays *= rule.KeyDim
	}
	batch := &kernels.Batch{Spans: []kernels.Span{{State: state, N: n}}}
	b.SetBytes(int64(8 * l.Rows * l.Cols))
	for b.Loop() {
		st := d.Begin(batch)
		dst, q, k, v := st.New(n, values), st.New(n, keys), st.New(n, keys), st.New(n, values)
		decay, beta := st.New(n, decays), st.New(n, rule.Heads)
		st.DeltaRule(dst, q, k, v, decay, beta, 0, rule)
		if err := st.End(); err != nil {
			b.Fatal(err)
		}
		batch.Spans[0].Pos += n
	}
}
