package sample

import (
	"fmt"
	"slices"
	"strings"
)

// Params are the settings of sampling, with the definitions of llama.cpp. The zero value is greedy: it always chooses the
// best token. First Bias is added to the logits. Then come the stages in the order of Order, then the random choice. With
// Mirostat, only the temperature comes between.
type Params struct {
	Temperature float32 `json:"temperature"`       // divides the logits; 0: greedy
	Range       float32 `json:"dynatemp_range"`    // the temperature goes from Temperature-Range to Temperature+Range with the entropy; 0: it is fixed
	Exponent    float32 `json:"dynatemp_exponent"` // of the entropy, as a share of the largest possible, in this; 0: 1

	TopK      int     `json:"top_k"`       // keep the k best; 0: all
	TopP      float32 `json:"top_p"`       // keep the fewest best tokens whose probabilities add up to at least this; 0 or 1: all
	MinP      float32 `json:"min_p"`       // keep tokens with at least MinP times the probability of the best; 0: all
	Typical   float32 `json:"typical_p"`   // keep the tokens whose surprise is nearest to the entropy and whose probabilities add up to more than this (arXiv:2202.00666); 0 or 1: all
	TopNSigma float32 `json:"top_n_sigma"` // keep logits of at least the largest minus so many standard deviations (arXiv:2411.07641); 0: all

	// XTC: with XTCProbability, all tokens of at least XTCThreshold but the least probable of them are removed.
	XTCProbability float32 `json:"xtc_probability"` // 0: never
	XTCThreshold   float32 `json:"xtc_threshold"`   // 0: 0.1; above 0.5 nothing is removed

	// DRY: a token that would continue a repetition of at least DRYAllowed tokens loses DRYMultiplier · DRYBase^(length of the
	// repetition - DRYAllowed). Repetitions end at DRYBreakers.
	DRYMultiplier float32  `json:"dry_multiplier"`        // 0: off
	DRYBase       float32  `json:"dry_base"`              // 0: 1.75
	DRYAllowed    int      `json:"dry_allowed_length"`    // 0: 2
	DRYLast       int      `json:"dry_penalty_last_n"`    // number of last tokens that are searched; 0: 64; -1: all
	DRYBreakers   []string `json:"dry_sequence_breakers"` // nil: line end, colon, quotation mark, asterisk; see Sampler.SetBreakers

	Repeat    float32 `json:"repeat_penalty"`    // divides positive and multiplies negative logits of tokens seen; 0 or 1: none
	Frequency float32 `json:"frequency_penalty"` // subtracted once for each time a token was seen
	Presence  float32 `json:"presence_penalty"`  // subtracted once from each seen token
	Last      int     `json:"repeat_last"`       // number of last tokens that these penalties consider; 0: 64; -1: all

	// Mirostat 1 or 2 keeps the surprise of the chosen tokens near MirostatTau bits (arXiv:2007.14966) and takes the place of all
	// stages but the temperature; 0: off.
	Mirostat    int     `json:"mirostat"`
	MirostatTau float32 `json:"mirostat_tau"` // 0: 5
	MirostatEta float32 `json:"mirostat_eta"` // rate of learning; 0: 0.1

	// Bias is added to the logits of tokens; -Inf excludes a token. Ids outside the vocabulary are ignored.
	Bias map[int32]float32 `json:"logit_bias,omitempty"`
	// Order is the order of the stages; nil: DefaultOrder. A stage that is not in it is left out; without StageTemperature, the
	// temperature is 1.
	Order []Stage `json:"samplers,omitempty"`

	Seed   uint64 `json:"seed"`             // of the random choices; 0: a random one, unless Seeded
	Seeded bool   `json:"seeded,omitempty"` // Seed is used even if it is 0
}

// Stage is a step of sampling, by the name that llama.cpp gives it.
type Stage string

// The stages.
const (
	StagePenalties   Stage = "penalties" // Repeat, Frequency and Presence
	StageDRY         Stage = "dry"
	StageTopNSigma   Stage = "top_n_sigma"
	StageTopK        Stage = "top_k"
	StageTypical     Stage = "typ_p"
	StageTopP        Stage = "top_p"
	StageMinP        Stage = "min_p"
	StageXTC         Stage = "xtc"
	StageTemperature Stage = "temperature"
)

// DefaultOrder returns the stages in the order of llama.cpp.
func DefaultOrder() []Stage {
	return []Stage{StagePenalties, StageDRY, StageTopNSigma, StageTopK, StageTypical, StageTopP, StageMinP, StageXTC, StageTemperature}
}

// needed returns the stages of order that have an effect. If the best token is chosen, these are not those just before the temperature that keep the best
// token in any case: over a whole vocabulary, top-p takes longer than a step of a small model.
func (p Params) needed(order []Stage) []Stage {
	idle := map[Stage]bool{
		StagePenalties: (p.Repeat == 0 || p.Repeat == 1) && p.Frequency == 0 && p.Presence == 0, StageDRY: p.DRYMultiplier == 0,
		StageTypical: !(p.Typical > 0 && p.Typical < 1), StageXTC: p.XTCProbability == 0,
		StageTopNSigma: true, StageTopK: true, StageTopP: true, StageMinP: true,
	}
	at := slices.Index(order, StageTemperature)
	if at < 0 || p.Temperature >= leastTemperature || p.Range > 0 || p.Mirostat > 0 {
		return order
	}
	from := at
	for from > 0 && idle[order[from-1]] {
		from--
	}
	return slices.Concat(order[:from], order[at:])
}

// otherNames are further names of stages that llama.cpp takes.
var otherNames = map[Stage]Stage{
	"top-k": StageTopK, "top-p": StageTopP, "nucleus": StageTopP, "typical-p": StageTypical, "typical_p": StageTypical, "typical": StageTypical, "typ-p": StageTypical, "typ": StageTypical,
	"min-p": StageMinP, "temp": StageTemperature, "top-n-sigma": StageTopNSigma,
}

// ParseOrder parses names of stages with semicolons between them, such as "top_k;temperature".
func ParseOrder(names string) ([]Stage, error) {
	order := []Stage{}
	for name := range strings.SplitSeq(names, ";") {
		stage := Stage(strings.TrimSpace(name))
		if other, ok := otherNames[stage]; ok {
			stage = other
		}
		order = append(order, stage)
	}
	return order, Params{Order: order}.Check()
}

// DefaultBreakers returns the strings at which repetitions end if Params.DRYBreakers is nil.
func DefaultBreakers() []string { return []string{"\n", ":", "\"", "*"} }

// MaxBreakers and MaxBreakerBytes limit Params.DRYBreakers, since each is looked for in the whole vocabulary.
const (
	MaxBreakers     = 64
	MaxBreakerBytes = 40
)

// ParamError is a parameter whose value can't be used.
type ParamError struct {
	Name     string // as in JSON
	Value    any
	Min, Max float64 // of numbers
	Expected string  // what else was expected; "": a number from Min to Max
}

func (e *ParamError) Error() string {
	if e.Expected != "" {
		return fmt.Sprintf("sample: %s is %v, expected %s", e.Name, e.Value, e.Expected)
	}
	return fmt.Sprintf("sample: %s is %v, expected %v to %v", e.Name, e.Value, e.Min, e.Max)
}
