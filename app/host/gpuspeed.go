package host

import (
	"errors"
	"math/rand/v2"
	"time"

	"soberano/kernels"
	"soberano/kernels/cpu"
	"soberano/kernels/gl"
	"soberano/kernels/quant"
)

// GPUSpeed is how fast a GPU and the CPU multiply one row of activations with a large matrix (Q4_K), as writing a token mostly does, in bytes of weights a
// second; 0: not measured.
type GPUSpeed struct {
	GPU float64 `json:"gpu"`
	CPU float64 `json:"cpu"`
}

// The matrix of the measurement has 64 MB: more than most caches hold.
const (
	speedRows = 28 << 10
	speedCols = 4096
)

// measureGPU measures the speed of g, and that of the CPU with all its threads. The error is one of the GPU; if the CPU can't be measured, neither is.
func measureGPU(g *gl.GPU) (s GPUSpeed, err error) {
	dev, err := gl.New(gl.Options{GPU: g})
	if err != nil {
		return s, err
	}
	s.GPU, err = weightSpeed(dev)
	if err = errors.Join(err, dev.Close()); err != nil {
		return GPUSpeed{}, err
	}
	if s.CPU, err = measureCPU(); err != nil {
		return GPUSpeed{}, nil
	}
	return s, nil
}

// measureCPU measures the speed of the CPU.
func measureCPU() (speed float64, err error) {
	pool, err := cpu.NewPool(0)
	if err != nil {
		return 0, err
	}
	dev, err := cpu.New(cpu.Options{Pool: pool})
	if err == nil {
		speed, err = weightSpeed(dev)
		err = errors.Join(err, dev.Close())
	}
	return speed, errors.Join(err, pool.Close())
}

// weightSpeed returns the bytes of weights that a device multiplies with a row in a second: the fastest of some products.
func weightSpeed(dev kernels.Device) (float64, error) {
	r := rand.New(rand.NewPCG(1, 2))
	x := make([]float32, speedCols)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	row := make([]byte, quant.Q4_K.RowBytes(speedCols))
	quant.Quantize(quant.Q4_K, row, x)
	data := make([]byte, 0, speedRows*len(row))
	for range speedRows {
		data = append(data, row...)
	}
	w, err := dev.Load(kernels.Weights{Type: quant.Q4_K, Rows: speedRows, Cols: speedCols, Data: data})
	if err != nil {
		return 0, err
	}
	var least time.Duration
	for round, start := 0, time.Now(); round < 2 || round < 10 && time.Since(start) < time.Second; round++ {
		began := time.Now()
		st := dev.Begin(nil)
		in, out := st.New(1, speedCols), st.New(1, speedRows)
		st.Write(in, x)
		st.MatMul(out, in, w)
		st.Read(out)
		if err := st.End(); err != nil {
			return 0, errors.Join(err, w.Close())
		}
		if took := time.Since(began); round == 1 || round > 1 && took < least { // the first one compiles shaders and touches the memory
			least = took
		}
	}
	return float64(len(data)) / least.Seconds(), w.Close()
}
