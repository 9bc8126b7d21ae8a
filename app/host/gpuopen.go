package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"sync/atomic"
	"time"

	"soberano/asr"
	"soberano/engine"
	"soberano/kernels"
	"soberano/kernels/cpu"
	"soberano/kernels/gl"
	"soberano/kernels/split"
	"soberano/models"
	"soberano/models/registry"
)

// kindOf says how models of one kind are opened and tried.
type kindOf[M io.Closer] struct {
	trial TrialKind
	// open opens f on dev. replace, which may be nil, is engine.Options.Replace.
	open func(f *models.File, dev kernels.Device, pool *cpu.Pool, replace func(error) (kernels.Device, error)) (M, error)
	// try computes values for several beginnings of a text, which are compared with those of another device, and returns the speed as
	// ModelTrial has it.
	try func(ctx context.Context, m M) (values [][]float32, speed float64, err error)
	// device returns the name of the device on which m runs.
	device func(m M) string
	// floats says how the CPU stores weights of 16 and 32 bits.
	floats cpu.Floats
}

// opening is a model that is being opened.
type opening[M io.Closer] struct {
	kindOf[M]
	h      *Host
	e      registry.Entry
	s      Settings
	file   func(ctx context.Context) (*models.File, error) // opens the model's file
	report func(share float64)
	// seat returns where the model m, which was opened on the CPU, is used, so that one on a GPU can take its place.
	seat func(m M) seat[M]
	// untried, if it is not nil, is set if the model was not tried on a GPU yet. Then the CPU is used meanwhile.
	untried *bool
	// place is where the same model on the CPU is used, with which the one on a GPU is compared; nil: another one is opened for that.
	place seat[M]
}

// run opens the model on the GPU that is to be used or, if there is none or it fails, on the CPU. With Options.TryBeside, a GPU on which it was not
// tried yet is tried later.
func (o opening[M]) run(ctx context.Context) (M, error) {
	untried := false
	if o.h.beside {
		o.untried = &untried
	}
	m, ok, err := o.onChosen(ctx)
	if err != nil || ok {
		return m, err
	}
	if m, err = o.onCPU(ctx, o.report); err == nil && untried {
		o.tryLater(m)
	}
	return m, err
}

// onChosen opens the model on the GPU that is to be used. ok is false if it is to run on the CPU.
func (o opening[M]) onChosen(ctx context.Context) (m M, ok bool, err error) {
	gpu, err := o.h.gpus.choose(ctx, o.s.GPU, o.untried)
	if err != nil || gpu == nil {
		return m, false, err
	}
	m, ok, err = o.onGPU(ctx, gpu)
	if err == nil && ok || ctx.Err() != nil {
		return m, ok, errors.Join(err, ctx.Err())
	}
	if _, ofFile := errors.AsType[*models.FileError](err); ofFile {
		return m, false, err
	}
	if errors.Is(err, errOnCPU) { // the GPU has not failed
		return m, false, nil
	}
	if err != nil && (o.s.GPU.chosen() || !errors.Is(err, gl.ErrOutOfMemory) && !errors.Is(err, gl.ErrUnsupported)) {
		o.h.gpus.fail(gpuError(gpu.Renderer, err))
	}
	return m, false, nil
}

// onCPU opens the model on the CPU.
func (o opening[M]) onCPU(ctx context.Context, report func(float64)) (M, error) {
	var none M
	pool, err := o.h.pools.get(o.s.Threads)
	if err != nil {
		return none, err
	}
	f, err := o.file(ctx)
	if err != nil {
		return none, err
	}
	dev, err := o.h.cpuDevice(o.e, o.s, f, o.floats, pool)
	if err != nil {
		return none, errors.Join(err, f.Close())
	}
	return o.open(f, newLoadingDevice(ctx, dev, f, report), pool, nil)
}

// onGPU opens the model on a GPU, as much of it as its memory takes. ok is false if it runs better on the CPU.
func (o opening[M]) onGPU(ctx context.Context, gpu *GPU) (m M, ok bool, err error) {
	f, err := o.file(ctx)
	if err != nil {
		return m, false, err
	}
	c, p, err := o.claim(ctx, gpu, f)
	if err != nil {
		return m, false, errors.Join(err, f.Close())
	}
	defer c.drop()
	for !p.none() {
		reached := 0
		m, ok, err = o.tryOn(ctx, gpu, c, f, p, &reached)
		if !errors.Is(err, gl.ErrOutOfMemory) || ctx.Err() != nil {
			return m, ok, err
		}
		if p = p.fewer(reached); p.none() {
			return m, false, err
		}
		c.shrink(p.bytes)
		if f, err = o.file(ctx); err != nil {
			return m, false, err
		}
	}
	return m, false, f.Close()
}

// claim claims memory of a GPU for as much of f as is left for it there. If that is not all, idle models of its kind are closed.
func (o opening[M]) claim(ctx context.Context, gpu *GPU, f *models.File) (*claim, placement, error) {
	place := func(memory int64) (placement, error) { return o.placed(f, memory) }
	for {
		c, p, err := o.h.gpus.claims.take(o.h.gpus.free(ctx, gpu), keyOf(o.e), place)
		if err != nil || p.layers >= p.of || o.s.GPU.chosen() || !o.h.evict(gpu.Number, keyOf(o.e)) {
			return c, p, err
		}
		c.drop()
	}
}

// tryOn opens a part of f, which it takes over, on a GPU. The first time it is tried there. reached is set to the last layer of which weights were loaded
// there.
func (o opening[M]) tryOn(ctx context.Context, gpu *GPU, c *claim, f *models.File, p placement, reached *int) (m M, ok bool, err error) {
	var none M
	key := trialKey(gpu.Info, f.Identity(), o.s.Exact, p)
	trial, known := loadRecords().Models[key]
	switch {
	case known && !o.s.GPU.chosen() && (trial.Error != "" || !gpu.Software && !trial.faster()):
		return none, false, f.Close()
	case trial.Error != "": // it is asked for again
		known = false
	}
	if !known && o.untried != nil {
		*o.untried = true
		return none, false, f.Close()
	}
	report := o.report
	if !known {
		report = func(share float64) { o.report(share / 2) }
	}
	trying := new(atomic.Bool)
	trying.Store(!known)
	if m, err = o.onGPUWith(ctx, gpu, c, f, p, report, reached, trying); err != nil || known {
		return m, err == nil, err
	}
	trial, err = o.compared(ctx, m, p)
	trying.Store(false)
	if errors.Is(err, gl.ErrOutOfMemory) {
		return none, false, errors.Join(err, m.Close())
	}
	if ctx.Err() != nil || err != nil && trial.Error == "" {
		return none, false, errors.Join(err, ctx.Err(), m.Close())
	}
	r := loadRecords()
	r.Models[key] = trial
	r.save()
	if err == nil && (trial.faster() || o.s.GPU.chosen() || gpu.Software) {
		return m, true, nil
	}
	return none, false, errors.Join(err, m.Close())
}

// onGPUWith opens f, which it takes over, with a part on a GPU. A failure while it is being tried is not replaced by the CPU.
func (o opening[M]) onGPUWith(ctx context.Context, gpu *GPU, c *claim, f *models.File, p placement, report func(float64), reached *int, trying *atomic.Bool) (M, error) {
	var none M
	pool, err := o.h.pools.get(o.s.Threads)
	if err != nil {
		return none, errors.Join(err, f.Close())
	}
	dev, err := o.h.gpus.connect(gpu.Number, o.s.Exact, gpu.Software)
	if err != nil {
		return none, errors.Join(err, f.Close())
	}
	c.use()
	dev = &claimingDevice{Device: dev, c: c}
	if !p.whole() {
		if dev, err = o.divided(dev, f, p, pool); err != nil {
			return none, errors.Join(err, f.Close())
		}
	}
	loading := newLoadingDevice(ctx, dev, f, report)
	loading.block = reached
	return o.open(f, loading, pool, func(cause error) (kernels.Device, error) {
		if trying.Load() {
			return nil, cause
		}
		o.h.gpus.fail(gpuError(gpu.Renderer, cause))
		return o.h.cpuDevice(o.e, o.s, f, o.floats, pool)
	})
}

// divided returns a device with the layers of p on the GPU, whose device it takes over, and the others on the CPU.
func (o opening[M]) divided(gpu kernels.Device, f *models.File, p placement, pool *cpu.Pool) (kernels.Device, error) {
	if o.place != nil && !o.h.spare(estimate(o.e, o.s)) { // the model on the CPU stays open during the trial
		return nil, errors.Join(fmt.Errorf("%w: too little memory for a second one", errOnCPU), gpu.Close())
	}
	// Repacked weights are kept for whole models only.
	rest, err := cpu.New(cpu.Options{Pool: pool, Exact: o.s.Exact, Floats: o.floats, Cache: o.s.KV.Cached(), Forget: models.Forget, Lost: o.h.lost(o.e)})
	if err != nil {
		return nil, errors.Join(err, gpu.Close())
	}
	return split.New(split.Options{Devices: [2]kernels.Device{gpu, rest}, Place: p.place, Name: fmt.Sprintf("%s on %s; the rest on %s", p, gpu.Name(), rest.Name())}), nil
}

// mostOff is the largest distance between the results of a GPU and of the CPU, as a share of their size. The CPU's rounded activations and
// weights account for up to a few hundredths; wrong values are farther away than that by far.
const mostOff = 0.25

// compared tries the model m, which is on a GPU, against the same one on the CPU. An error that is recorded in the trial is the GPU's.
func (o opening[M]) compared(ctx context.Context, m M, p placement) (ModelTrial, error) {
	t := ModelTrial{Title: o.e.Title, Part: p.String(), Kind: o.trial}
	device := o.device(m)
	got, speed, err := o.try(ctx, m)
	if err == nil && o.device(m) != device {
		err = fmt.Errorf("%w: it has failed in the trial", gl.ErrLost)
	}
	if err != nil {
		t.Error = err.Error()
		return t, err
	}
	want, slow, err := o.tryOnCPU(ctx)
	if err != nil {
		return t, fmt.Errorf("%w: %w", errOnCPU, err)
	}
	t.GPU, t.CPU, t.Off = speed, slow, medianDistance(got, want)
	if !(t.Off <= mostOff) {
		err = fmt.Errorf("%w: the first tokens are %.2g off", gl.ErrWrong, t.Off)
		t.Error, t.Off = err.Error(), min(t.Off, math.MaxFloat64)
	}
	return t, err
}

// errOnCPU means that in a trial the CPU has failed, or the model on it is in use.
var errOnCPU = errors.New("host: no trial on the CPU")

// tryOnCPU tries the model on the CPU.
func (o opening[M]) tryOnCPU(ctx context.Context) (values [][]float32, speed float64, err error) {
	if o.place != nil {
		m, ctx, release, ok := o.place.borrow(ctx)
		if !ok {
			return nil, 0, errOnCPU
		}
		defer release()
		return o.try(ctx, m)
	}
	m, err := o.onCPU(ctx, func(share float64) { o.report((1 + share) / 2) })
	if err != nil {
		return nil, 0, err
	}
	values, speed, err = o.try(ctx, m)
	return values, speed, errors.Join(err, m.Close())
}

// medianDistance returns the median of the distances of all values: where experts are chosen, rounding can change one of them, but not most.
func medianDistance(got, want [][]float32) float64 {
	if len(got) != len(want) || len(want) == 0 {
		return math.Inf(1)
	}
	all := make([]float64, len(want))
	for i := range want {
		all[i] = distance(got[i], want[i])
	}
	slices.Sort(all)
	return all[len(all)/2]
}

// distance returns ‖got-want‖ / ‖want‖ of the values without their means, which have no influence on the choice of a token.
func distance(got, want []float32) float64 {
	if len(got) != len(want) || len(want) == 0 {
		return math.Inf(1)
	}
	var g, w float64
	for i := range want {
		g, w = g+float64(got[i]), w+float64(want[i])
	}
	n := float64(len(want))
	if n < 3 { // the scores of a reranker
		g, w = 0, 0
	}
	var off, size float64
	for i := range want {
		x, y := float64(got[i])-g/n, float64(want[i])-w/n
		off, size = off+(x-y)*(x-y), size+y*y
	}
	return math.Sqrt(off / max(size, 1e-12))
}

// trialText is what models read in a trial.
const trialText = "The quick brown fox jumps over the lazy dog, and then sits down to read a book about the history of the sea."

// tryChat is kindOf.try for language models: the logits after some tokens, and the speed of writing tokens one by one.
func tryChat(ctx context.Context, m *engine.Model) (values [][]float32, speed float64, err error) {
	most := max(1, min(16, m.Info().Context-1))
	tokens := m.Tokenize(trialText, false)
	tokens = tokens[:min(len(tokens), most)]
	if len(tokens) == 0 {
		tokens = []int32{0}
	}
	for n := len(tokens); n > 0 && len(values) < 5; n -= 2 {
		logits, err := m.Logits(ctx, tokens[:n])
		if err != nil {
			return nil, 0, err
		}
		values = append(values, logits)
	}
	n := 1
	for {
		seconds, err := m.BenchGenerate(ctx, 0, n)
		if err != nil {
			return nil, 0, err
		}
		if n >= most || n > 1 && seconds > 0.5 { // the first one warms up
			return values, float64(n) / seconds, nil
		}
		n = min(most, 4*n)
	}
}

// tryEncoder is kindOf.try for encoders: the vector of a text, and the speed of reading it.
func tryEncoder(ctx context.Context, e *engine.Encoder) (values [][]float32, speed float64, err error) {
	tokens := e.Tokens(trialText)
	if e.Ranks() {
		if tokens, err = e.PairTokens(trialText, trialText); err != nil {
			return nil, 0, err
		}
	}
	tokens = tokens[:min(len(tokens), e.Info().Context)]
	for range 2 { // the first one warms up
		start := time.Now()
		vectors, err := e.Encode(ctx, tokens)
		if err != nil {
			return nil, 0, err
		}
		values, speed = vectors, float64(len(tokens))/time.Since(start).Seconds()
	}
	return values, speed, nil
}

// trySpeech is kindOf.try for speech models.
func trySpeech(ctx context.Context, m *asr.Model) (values [][]float32, speed float64, err error) {
	return m.Trial(ctx)
}

// tryVision is kindOf.try for vision encoders.
func tryVision(ctx context.Context, v *engine.Vision) (values [][]float32, speed float64, err error) {
	return v.Trial(ctx)
}
