package cli

import (
	"math"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"soberano/engine/sample"
)

// samplerFlags are the flags of sampling, by the names that llama.cpp gives them.
type samplerFlags struct {
	given  sample.Params // values of the flags
	order  string
	biases []string

	repeatLast, dryLast int                               // here 0 means none
	apply               map[string]func(p *sample.Params) // what a flag that was given does
}

// add adds the flags to those of a command.
func (f *samplerFlags) add(fs *pflag.FlagSet) {
	f.apply = map[string]func(*sample.Params){}
	p := &f.given
	share := func(to *float32, name string, most float32, usage string, field func(*sample.Params) *float32) {
		numberFlag(fs, to, name, "", 0, most, usage)
		f.apply[name] = func(p *sample.Params) { *field(p) = *to }
	}
	whole := func(to *int, name string, least, most int, usage string, field func(*sample.Params) *int) {
		numberFlag(fs, to, name, "", least, most, usage)
		f.apply[name] = func(p *sample.Params) { *field(p) = *to }
	}
	share(&p.Temperature, "temp", 100, "temperature, 0: always the likeliest token (default: the model's own)", func(p *sample.Params) *float32 { return &p.Temperature })
	share(&p.Range, "dynatemp-range", 100, "the temperature goes up and down by this with the entropy", func(p *sample.Params) *float32 { return &p.Range })
	share(&p.Exponent, "dynatemp-exp", 100, "exponent of the entropy for --dynatemp-range (default: 1)", func(p *sample.Params) *float32 { return &p.Exponent })
	whole(&p.TopK, "top-k", 0, math.MaxInt32, "only this many of the likeliest tokens, 0: all (default: the model's own)", func(p *sample.Params) *int { return &p.TopK })
	share(&p.TopP, "top-p", 1, "only the likeliest tokens with this share of the probability, 1: all (default: the model's own)", func(p *sample.Params) *float32 { return &p.TopP })
	share(&p.MinP, "min-p", 1, "only tokens with this share of the likeliest one's probability, 0: all (default: the model's own)", func(p *sample.Params) *float32 { return &p.MinP })
	share(&p.Typical, "typical", 1, "only the most typical tokens with this share of the probability, 1: all", func(p *sample.Params) *float32 { return &p.Typical })
	share(&p.TopNSigma, "top-nsigma", 1000, "only logits within this many standard deviations of the largest, 0: all", func(p *sample.Params) *float32 { return &p.TopNSigma })
	share(&p.XTCProbability, "xtc-probability", 1, "how often all likely tokens but the last are removed, 0: never", func(p *sample.Params) *float32 { return &p.XTCProbability })
	share(&p.XTCThreshold, "xtc-threshold", 1, "from which probability on tokens are likely for --xtc-probability (default: 0.1)", func(p *sample.Params) *float32 { return &p.XTCThreshold })
	share(&p.Repeat, "repeat-penalty", 100, "divides the logits of recent tokens, 1: none (default: the model's own)", func(p *sample.Params) *float32 { return &p.Repeat })
	whole(&f.repeatLast, "repeat-last-n", -1, math.MaxInt32, "how many tokens are recent for penalties, 0: none, -1: all (default: 64)", func(p *sample.Params) *int { return &p.Last })
	share(&p.DRYMultiplier, "dry-multiplier", 100, "strength of the penalty for tokens that continue a repetition, 0: none", func(p *sample.Params) *float32 { return &p.DRYMultiplier })
	share(&p.DRYBase, "dry-base", 100, "growth of that penalty with each token of the repetition (default: 1.75)", func(p *sample.Params) *float32 { return &p.DRYBase })
	whole(&p.DRYAllowed, "dry-allowed-length", 0, math.MaxInt32, "length from which on repetitions are penalized (default: 2)", func(p *sample.Params) *int { return &p.DRYAllowed })
	whole(&f.dryLast, "dry-penalty-last-n", -1, math.MaxInt32, "how many tokens are searched for repetitions, 0: none, -1: all (default: 64)", func(p *sample.Params) *int { return &p.DRYLast })
	whole(&p.Mirostat, "mirostat", 0, 2, "1 or 2: Mirostat in place of the other samplers", func(p *sample.Params) *int { return &p.Mirostat })
	share(&p.MirostatTau, "mirostat-ent", 100, "surprise that Mirostat keeps, in bits (default: 5)", func(p *sample.Params) *float32 { return &p.MirostatTau })
	share(&p.MirostatEta, "mirostat-lr", 1, "rate at which Mirostat learns (default: 0.1)", func(p *sample.Params) *float32 { return &p.MirostatEta })
	for name, to := range map[string]*float32{"frequency-penalty": &p.Frequency, "presence-penalty": &p.Presence} {
		numberFlag(fs, to, name, "", -100, 100, "subtracted from the logits of recent tokens"+map[string]string{"frequency-penalty": ", for each time"}[name])
	}
	f.apply["frequency-penalty"] = func(q *sample.Params) { q.Frequency = p.Frequency }
	f.apply["presence-penalty"] = func(q *sample.Params) { q.Presence = p.Presence }
	fs.StringArrayVar(&p.DRYBreakers, "dry-sequence-breaker", nil, "a `text` at which repetitions end, none: there is none (default: line end, colon, quotation mark, asterisk); may be repeated")
	f.apply["dry-sequence-breaker"] = func(q *sample.Params) { q.DRYBreakers = p.DRYBreakers }
	fs.StringVar(&f.order, "samplers", "", "the samplers in their order, with semicolons, such as top_k;temperature (default: "+strings.ReplaceAll(orderText(), " ", ";")+")")
	fs.StringArrayVarP(&f.biases, "logit-bias", "", nil, "a token's `ID+N` or ID-N: N is added to its logit, or subtracted; may be repeated")
}

func orderText() string {
	var names []string
	for _, s := range sample.DefaultOrder() {
		names = append(names, string(s))
	}
	return strings.Join(names, " ")
}

// over returns the parameters of a model with those of the flags that were given.
func (f *samplerFlags) over(p sample.Params, fs *pflag.FlagSet) (sample.Params, error) {
	fs.Visit(func(flag *pflag.Flag) {
		if apply := f.apply[flag.Name]; apply != nil {
			apply(&p)
		}
	})
	if fs.Changed("repeat-last-n") && f.repeatLast == 0 {
		p.Repeat, p.Frequency, p.Presence = 0, 0, 0
	}
	if fs.Changed("dry-penalty-last-n") && f.dryLast == 0 {
		p.DRYMultiplier = 0
	}
	if len(p.DRYBreakers) == 1 && p.DRYBreakers[0] == "none" {
		p.DRYBreakers = []string{}
	}
	if f.order != "" {
		order, err := sample.ParseOrder(f.order)
		if err != nil {
			return p, usagef("--samplers: %w", err)
		}
		p.Order = order
	}
	for _, text := range f.biases {
		if err := addBias(&p, text); err != nil {
			return p, err
		}
	}
	if err := p.Check(); err != nil {
		return p, usagef("%w", err)
	}
	return p, nil
}

// addBias adds the bias of a flag, such as 15043+1 or 15043-0.5.
func addBias(p *sample.Params, text string) error {
	at := strings.IndexAny(text, "+-")
	if at > 0 {
		id, err := strconv.ParseInt(text[:at], 10, 32)
		bias, err2 := strconv.ParseFloat(text[at:], 32)
		if err == nil && err2 == nil {
			if p.Bias == nil {
				p.Bias = map[int32]float32{}
			}
			p.Bias[int32(id)] = float32(bias)
			return nil
		}
	}
	return usagef("--logit-bias %s: expected the number of a token with a bias, such as 15043+1 or 15043-0.5", text)
}
