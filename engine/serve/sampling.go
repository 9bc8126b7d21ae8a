package serve

import (
	"strconv"

	"soberano/engine/sample"
)

// openAISampling are the parameters of sampling: those of OpenAI, and the others of this engine under the names that llama.cpp's server
// gives them, with repetition_penalty for repeat_penalty, as vLLM has it.
type openAISampling struct {
	Temperature      *float64           `json:"temperature"`
	TopP             *float64           `json:"top_p"`
	FrequencyPenalty *float64           `json:"frequency_penalty"`
	PresencePenalty  *float64           `json:"presence_penalty"`
	Seed             *int64             `json:"seed"`
	LogitBias        map[string]float64 `json:"logit_bias"`

	moreSampling
	RepetitionPenalty *float64 `json:"repetition_penalty"`
}

// moreSampling are the parameters of this engine that OpenAI does not have.
type moreSampling struct {
	TopK             *int      `json:"top_k"`
	MinP             *float64  `json:"min_p"`
	TypicalP         *float64  `json:"typical_p"`
	TopNSigma        *float64  `json:"top_n_sigma"`
	RepeatPenalty    *float64  `json:"repeat_penalty"`
	RepeatLast       *int      `json:"repeat_last_n"`
	DynatempRange    *float64  `json:"dynatemp_range"`
	DynatempExponent *float64  `json:"dynatemp_exponent"`
	XTCProbability   *float64  `json:"xtc_probability"`
	XTCThreshold     *float64  `json:"xtc_threshold"`
	DRYMultiplier    *float64  `json:"dry_multiplier"`
	DRYBase          *float64  `json:"dry_base"`
	DRYAllowed       *int      `json:"dry_allowed_length"`
	DRYLast          *int      `json:"dry_penalty_last_n"`
	DRYBreakers      *[]string `json:"dry_sequence_breakers"`
	Mirostat         *int      `json:"mirostat"`
	MirostatTau      *float64  `json:"mirostat_tau"`
	MirostatEta      *float64  `json:"mirostat_eta"`
	Samplers         *[]string `json:"samplers"`
}

// settings returns the parameters, or a refusal.
func (s *openAISampling) settings() (out settings, err error) {
	for _, n := range []struct {
		name        string
		value       *float64
		least, most float64
	}{{"temperature", s.Temperature, 0, 2}, {"top_p", s.TopP, 0, 1}, {"frequency_penalty", s.FrequencyPenalty, -2, 2}, {"presence_penalty", s.PresencePenalty, -2, 2}} {
		if err := within(n.name, n.value, n.least, n.most); err != nil {
			return nil, err
		}
	}
	if s.RepeatPenalty == nil {
		s.RepeatPenalty = s.RepetitionPenalty
	}
	set(&out, s.Temperature, func(p *sample.Params, v float64) { p.Temperature = float32(v) })
	set(&out, s.TopP, func(p *sample.Params, v float64) { p.TopP = float32(v) })
	set(&out, s.FrequencyPenalty, func(p *sample.Params, v float64) { p.Frequency = float32(v) })
	set(&out, s.PresencePenalty, func(p *sample.Params, v float64) { p.Presence = float32(v) })
	out.seed(s.Seed)
	bias, err := biases(s.LogitBias)
	if err != nil {
		return nil, err
	}
	if bias != nil {
		out = append(out, func(p *sample.Params) { p.Bias = bias })
	}
	return append(out, s.more()...), nil
}

// biases returns the biases of tokens, or a refusal.
func biases(list map[string]float64) (map[int32]float32, error) {
	var out map[int32]float32
	for name, v := range list {
		id, err := strconv.ParseInt(name, 10, 32)
		if err != nil || id < 0 {
			return nil, refuse("logit_bias", "The parameter \"logit_bias\" maps numbers of tokens to numbers; %s is none.", quoted(name))
		}
		if v < -100 || v > 100 {
			return nil, refuse("logit_bias", "A bias must be from -100 to 100.")
		}
		if out == nil {
			out = map[int32]float32{}
		}
		out[int32(id)] = float32(v)
	}
	return out, nil
}

// more returns the parameters. Whether they are in range is checked by sample.Params.Check.
func (s *moreSampling) more() (out settings) {
	for _, n := range []struct {
		value *float64
		to    func(p *sample.Params) *float32
	}{
		{s.MinP, func(p *sample.Params) *float32 { return &p.MinP }},
		{s.TypicalP, func(p *sample.Params) *float32 { return &p.Typical }},
		{s.TopNSigma, func(p *sample.Params) *float32 { return &p.TopNSigma }},
		{s.RepeatPenalty, func(p *sample.Params) *float32 { return &p.Repeat }},
		{s.DynatempRange, func(p *sample.Params) *float32 { return &p.Range }},
		{s.DynatempExponent, func(p *sample.Params) *float32 { return &p.Exponent }},
		{s.XTCProbability, func(p *sample.Params) *float32 { return &p.XTCProbability }},
		{s.XTCThreshold, func(p *sample.Params) *float32 { return &p.XTCThreshold }},
		{s.DRYMultiplier, func(p *sample.Params) *float32 { return &p.DRYMultiplier }},
		{s.DRYBase, func(p *sample.Params) *float32 { return &p.DRYBase }},
		{s.MirostatTau, func(p *sample.Params) *float32 { return &p.MirostatTau }},
		{s.MirostatEta, func(p *sample.Params) *float32 { return &p.MirostatEta }},
	} {
		set(&out, n.value, func(p *sample.Params, v float64) { *n.to(p) = float32(v) })
	}
	set(&out, s.TopK, func(p *sample.Params, v int) { p.TopK = v })
	set(&out, s.RepeatLast, func(p *sample.Params, v int) { p.Last = v })
	set(&out, s.DRYAllowed, func(p *sample.Params, v int) { p.DRYAllowed = v })
	set(&out, s.DRYLast, func(p *sample.Params, v int) { p.DRYLast = v })
	set(&out, s.DRYBreakers, func(p *sample.Params, v []string) { p.DRYBreakers = v })
	set(&out, s.Mirostat, func(p *sample.Params, v int) { p.Mirostat = v })
	set(&out, s.Samplers, func(p *sample.Params, v []string) {
		p.Order = []sample.Stage{}
		for _, name := range v {
			p.Order = append(p.Order, sample.Stage(name))
		}
	})
	return out
}
