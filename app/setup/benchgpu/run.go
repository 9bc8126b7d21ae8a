//go:build linux && cgo

package main

import (
	"errors"
	"time"

	"soberano/engine/arch"
	"soberano/engine/nn"
	"soberano/kernels"
	"soberano/kernels/gl"
	"soberano/models"
)

// load is how much a measurement does.
type load struct{ prompt, chunk, generate, rounds int }

// result is what was counted and measured of one model.
type result struct {
	Model  string `json:"model"`
	Format string `json:"format"`
	// WeightBytes is the size of all weights that a token needs: the matrices without the rows of the embedding.
	WeightBytes int64 `json:"weight_bytes"`
	// ReadRatio is the bytes that a token's dispatches read or write, at an empty context, over WeightBytes.
	ReadRatio float64   `json:"read_ratio"`
	Token     gl.Counts `json:"token"`      // of a step of one token
	Deep      gl.Counts `json:"deep_token"` // at the end of the prompt
	Prompt    gl.Counts `json:"prompt"`     // of the last step of the prompt

	PromptTokensPerSecond     []float64 `json:"prompt_tokens_per_second,omitempty"`
	GenerationTokensPerSecond []float64 `json:"generation_tokens_per_second,omitempty"`
	// BandwidthShare is that of the measured bandwidth at which weights, keys and values were read in the fastest generation; OperationsShare
	// that of the measured float32 rate in the fastest prompt.
	BandwidthShare  float64 `json:"bandwidth_share,omitempty"`
	OperationsShare float64 `json:"operations_share,omitempty"`
}

// session is a model on a device with a sequence.
type session struct {
	m     arch.Model
	dev   kernels.Device
	state kernels.State
	step  nn.Step
}

// add runs a step with n tokens, of which the last gets logits.
func (s *session) add(n int) error {
	s.step.Reset()
	tokens := make([]int32, n)
	for i := range tokens {
		tokens[i] = int32((s.state.Len() + i*7) % s.m.Shape().Vocabulary)
	}
	s.step.Append(s.state, tokens, s.state.Len())
	s.step.Out = append(s.step.Out, n-1)
	_, err := s.m.Forward(&s.step)
	return err
}

// prompt adds the tokens of a prompt in chunks.
func (s *session) prompt(l load) error {
	for left := l.prompt; left > 0; left -= l.chunk {
		if err := s.add(min(left, l.chunk)); err != nil {
			return err
		}
	}
	return nil
}

// open opens a model on a GPU.
func open(g *gl.GPU, f *models.File, positions int) (*session, error) {
	dev, err := gl.New(gl.Options{GPU: g})
	if err != nil {
		return nil, err
	}
	m, err := arch.Open(f, dev, 0)
	if err == nil {
		var state kernels.State
		if state, err = dev.NewState(m.Shape().State(positions)); err == nil {
			return &session{m: m, dev: dev, state: state}, nil
		}
	}
	return nil, errors.Join(err, dev.Close())
}

// count runs the steps of a model on a device that only counts.
func (r *result) count(f *models.File, l load) error {
	g := gl.NewCounter()
	s, err := open(g, f, l.prompt+2)
	if err != nil {
		return errors.Join(err, g.Close())
	}
	if err = s.add(1); err == nil {
		r.Token = gl.Count(s.dev)
		s.state.Truncate(0)
		err = s.prompt(l)
	}
	if err == nil {
		r.Prompt = gl.Count(s.dev)
		err = s.add(1)
	}
	r.Deep = gl.Count(s.dev)
	r.WeightBytes = weightBytes(f)
	r.ReadRatio = float64(r.Token.WeightBytes+r.Token.KeyValueBytes+r.Token.OtherBytes) / float64(r.WeightBytes)
	return errors.Join(err, s.state.Close(), s.dev.Close(), g.Close())
}

// weightBytes returns the bytes of the matrices with which a token is multiplied.
func weightBytes(f *models.File) int64 {
	_, apart := f.Tensor("output.weight")
	sum := int64(0)
	for _, t := range f.Tensors {
		if len(t.Shape) == 2 && !(apart && t.Name == "token_embd.weight") {
			sum += int64(len(t.Data))
		}
	}
	return sum
}

// measure measures a model on a GPU.
func (r *result) measure(g *gl.GPU, f *models.File, l load, limits gl.Limits) error {
	s, err := open(g, f, l.prompt+l.generate)
	if err != nil {
		return err
	}
	for round := -1; round < l.rounds && err == nil; round++ { // the first compiles shaders
		s.state.Truncate(0)
		err = r.round(s, l, round >= 0)
	}
	if n := len(r.GenerationTokensPerSecond); err == nil && n > 0 {
		best := max(r.GenerationTokensPerSecond[0], r.GenerationTokensPerSecond[n-1])
		r.BandwidthShare = best * float64(r.Deep.WeightBytes+r.Deep.KeyValueBytes) / limits.BytesPerSecond
		fast := max(r.PromptTokensPerSecond[0], r.PromptTokensPerSecond[n-1])
		perToken := 2 * r.Prompt.MultiplyAdds / float64(min(l.prompt, l.chunk))
		r.OperationsShare = fast * perToken / limits.OperationsPerSecond
	}
	return errors.Join(err, s.state.Close(), s.dev.Close())
}

// round runs a prompt and a generation and, with keep, notes their speed.
func (r *result) round(s *session, l load, keep bool) error {
	start := time.Now()
	if err := s.prompt(l); err != nil {
		return err
	}
	prompt := time.Since(start).Seconds()
	start = time.Now()
	for range l.generate {
		if err := s.add(1); err != nil {
			return err
		}
	}
	if keep {
		r.PromptTokensPerSecond = append(r.PromptTokensPerSecond, float64(l.prompt)/prompt)
		r.GenerationTokensPerSecond = append(r.GenerationTokensPerSecond, float64(l.generate)/time.Since(start).Seconds())
	}
	return nil
}
