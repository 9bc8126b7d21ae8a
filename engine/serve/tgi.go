package serve

import (
	"net/http"
	"strings"
	"unicode/utf8"

	"soberano/engine/sample"
)

// tgi is the form of text-generation-inference (its router/src, version 3).
var tgi = &dialect{name: "text-generation-inference", fail: func(f *failure) (int, any) { return tgiStatus(f), tgiError(f) }}

// The limits of text-generation-inference.
const (
	tgiBestOf = 2
	tgiStops  = 4
	tgiTop    = 5
)

// tgiFailure is the body of a failure.
type tgiFailure struct {
	Error string `json:"error"`
	Type  string `json:"error_type"`
}

func tgiStatus(f *failure) int {
	switch f.class {
	case invalid:
		return http.StatusUnprocessableEntity
	case generation:
		return http.StatusFailedDependency
	}
	return f.status()
}

func tgiError(f *failure) tgiFailure {
	switch f.class {
	case invalid, tooLarge:
		return tgiFailure{"Input validation error: " + f.message, "validation"}
	case overloaded:
		return tgiFailure{"Model is overloaded", "overloaded"}
	case generation:
		return tgiFailure{"Request failed during generation: " + f.message, "generation"}
	case incomplete:
		return tgiFailure{"Incomplete generation", "incomplete_generation"}
	case unavailable:
		return tgiFailure{f.message, "unavailable"}
	case unauthorized, forbidden:
		return tgiFailure{f.message, "authentication"}
	}
	return tgiFailure{f.message, "not_found"}
}

// tgiRequest is the body of POST /generate, /generate_stream and /.
type tgiRequest struct {
	Inputs     string        `json:"inputs"`
	Parameters tgiParameters `json:"parameters"`
	Stream     bool          `json:"stream"` // of / only
}

type tgiParameters struct {
	BestOf            *int        `json:"best_of"`
	Temperature       *float64    `json:"temperature"`
	RepetitionPenalty *float64    `json:"repetition_penalty"`
	FrequencyPenalty  *float64    `json:"frequency_penalty"`
	TopK              *int        `json:"top_k"`
	TopP              *float64    `json:"top_p"`
	TypicalP          *float64    `json:"typical_p"`
	DoSample          *bool       `json:"do_sample"`
	MaxNewTokens      *int        `json:"max_new_tokens"`
	ReturnFullText    *bool       `json:"return_full_text"`
	Stop              []string    `json:"stop"`
	Truncate          *int        `json:"truncate"`
	Details           *bool       `json:"details"`
	Seed              *int64      `json:"seed"`
	TopNTokens        *int        `json:"top_n_tokens"`
	Grammar           *tgiGrammar `json:"grammar"`
	AdapterID         string      `json:"adapter_id"` // the name of an adapter
	besideParameters

	Watermark           absent `json:"watermark"`
	DecoderInputDetails absent `json:"decoder_input_details"`
}

// sampling reports whether tokens are chosen at random; otherwise the most probable one is.
func (p *tgiParameters) sampling() bool {
	return yes(p.DoSample) || p.Temperature != nil || p.TopK != nil || p.TopP != nil || p.TypicalP != nil
}

func yes(b *bool) bool { return b != nil && *b }

// value returns *p, or standard for nil.
func value[T any](p *T, standard T) T {
	if p == nil {
		return standard
	}
	return *p
}

// order returns what the request asks for, or a refusal in the words of text-generation-inference.
func (r *tgiRequest) order(stream bool) (*order, error) {
	p := &r.Parameters
	if err := p.check(stream); err != nil {
		return nil, err
	}
	if r.Inputs == "" {
		return nil, refuse("inputs", "`inputs` cannot be empty")
	}
	o := &order{}
	var err error
	if o.request.Grammar, err = p.Grammar.spec(); err != nil {
		return nil, err
	}
	o.request.Prompt, o.request.MaxTokens, o.request.Stop = r.Inputs, value(p.MaxNewTokens, 0), p.Stop
	o.request.N = value(p.BestOf, 1)
	if err := p.besideParameters.into(o); err != nil {
		return nil, err
	}
	if p.AdapterID != "" {
		o.beside.Adapters = append(o.beside.Adapters, AdapterChoice{p.AdapterID, 1})
	}
	o.request.Logprobs, o.request.TopLogprobs = stream || yes(p.Details) || o.request.N > 1, value(p.TopNTokens, 0)
	o.settings = append(o.settings, func(s *sample.Params) {
		*s = sample.Params{TopK: value(p.TopK, 0), TopP: float32(value(p.TopP, 0)), Typical: float32(value(p.TypicalP, 0)),
			Repeat: float32(value(p.RepetitionPenalty, 0)), Frequency: float32(value(p.FrequencyPenalty, 0))}
		if p.sampling() {
			s.Temperature = float32(value(p.Temperature, 1))
		}
	})
	o.settings.seed(p.Seed)
	return o, nil
}

// check refuses parameters that are out of range.
func (p *tgiParameters) check(stream bool) error {
	outside := func(x *float64) bool { return x != nil && !(*x > 0 && *x < 1) }
	bestOf := value(p.BestOf, 1)
	switch {
	case stream && bestOf != 1:
		return refuse("best_of", "`best_of` != 1 is not supported when streaming tokens")
	case bestOf < 1 || bestOf > tgiBestOf:
		return refuse("best_of", "`best_of` must be > 0 and <= %d. Given: %d", tgiBestOf, bestOf)
	case bestOf > 1 && !p.sampling():
		return refuse("best_of", "you must use sampling when `best_of` is > 1")
	case !(value(p.Temperature, 1) > 0):
		return refuse("temperature", "`temperature` must be strictly positive")
	case !(value(p.RepetitionPenalty, 1) > 0):
		return refuse("repetition_penalty", "`repetition_penalty` must be strictly positive")
	case !(value(p.FrequencyPenalty, 0) >= -2 && value(p.FrequencyPenalty, 0) <= 2):
		return refuse("frequency_penalty", "`frequency_penalty` must be >= -2.0 and <= 2.0")
	case outside(p.TopP):
		return refuse("top_p", "`top_p` must be > 0.0 and < 1.0")
	case outside(p.TypicalP):
		return refuse("typical_p", "`typical_p` must be > 0.0 and < 1.0")
	case value(p.TopK, 1) <= 0:
		return refuse("top_k", "`top_k` must be strictly positive")
	case value(p.MaxNewTokens, 1) <= 0:
		return refuse("max_new_tokens", "`max_new_tokens` must be strictly positive")
	case len(p.Stop) > tgiStops:
		return refuse("stop", "`stop` supports up to %d stop sequences. Given: %d", tgiStops, len(p.Stop))
	case p.Seed != nil && bestOf > 1:
		return refuse("seed", "`seed` must not be set when `best_of` > 1")
	case value(p.TopNTokens, 0) < 0 || value(p.TopNTokens, 0) > tgiTop:
		return refuse("top_n_tokens", "`top_n_tokens` must be >= 0 and <= %d. Given: %d", tgiTop, *p.TopNTokens)
	case value(p.Truncate, 1) < 1:
		return refuse("truncate", "`truncate` must be strictly positive and less than the length of the context. Given: %d", *p.Truncate)
	}
	return nil
}

// fit cuts the inputs at their beginning to `truncate` tokens, and refuses what does not fit into the context.
func (g *generating) fit(p *tgiParameters) error {
	total := g.lease.Model.Info().Context
	longest := total - 1
	if p.Truncate != nil && *p.Truncate > longest {
		return refuse("truncate", "`truncate` must be strictly positive and less than %d. Given: %d", longest, *p.Truncate)
	}
	ids, err := g.lease.Model.PromptTokens(g.request)
	if err != nil {
		return err
	}
	if p.Truncate != nil && len(ids) > *p.Truncate {
		ids = ids[len(ids)-*p.Truncate:]
	}
	g.request.Prompt, g.request.Tokens = "", ids
	switch {
	case len(ids) > longest:
		return refuse("inputs", "`inputs` must have less than %d tokens. Given: %d", longest, len(ids))
	case p.MaxNewTokens != nil && len(ids)+*p.MaxNewTokens > total:
		return refuse("max_new_tokens", "`inputs` tokens + `max_new_tokens` must be <= %d. Given: %d `inputs` tokens and %d `max_new_tokens`", total, len(ids), *p.MaxNewTokens)
	}
	return nil
}

// tgiInfo is the answer of GET /info.
type tgiInfo struct {
	Model         string  `json:"model_id"`
	SHA           *string `json:"model_sha"`
	Task          string  `json:"model_pipeline_tag"`
	Requests      int     `json:"max_concurrent_requests"`
	BestOf        int     `json:"max_best_of"`
	Stops         int     `json:"max_stop_sequences"`
	MaxInput      int     `json:"max_input_tokens"`
	MaxTotal      int     `json:"max_total_tokens"`
	Workers       int     `json:"validation_workers"`
	MaxClientSize int     `json:"max_client_batch_size"`
	Router        string  `json:"router"`
	Version       string  `json:"version"`
	Commit        *string `json:"sha"`
	Docker        *string `json:"docker_label"`
}

// tgiAbout answers GET /info. It opens the model, whose context depends on how it is opened.
func tgiAbout(c *call) error {
	l, err := c.models.Chat(c.ctx, "", Beside{})
	if err != nil {
		return err
	}
	defer l.Free()
	context := l.Model.Info().Context
	return c.reply(http.StatusOK, tgiInfo{Model: l.About.ID, SHA: text(l.About.Digest), Task: "text-generation", Requests: c.limits.Requests, BestOf: tgiBestOf, Stops: tgiStops,
		MaxInput: context - 1, MaxTotal: context, Workers: 1, MaxClientSize: 1, Router: "soberano", Version: c.version})
}

// tgiToken is a token of a text and the characters that it stands for, from start to stop.
type tgiToken struct {
	ID    int32  `json:"id"`
	Text  string `json:"text"`
	Start int    `json:"start"`
	Stop  int    `json:"stop"`
}

// tgiTokenize answers POST /tokenize.
func tgiTokenize(c *call) error {
	var r tgiRequest
	if err := c.parse(&r); err != nil {
		return err
	}
	if r.Inputs == "" {
		return refuse("inputs", "`inputs` cannot be empty")
	}
	l, err := c.models.Chat(c.ctx, "", Beside{})
	if err != nil {
		return err
	}
	defer l.Free()
	return c.reply(http.StatusOK, located(r.Inputs, l.Model.Tokenize(r.Inputs, true), l.Model.TokenBytes, l.Model.TokenText))
}

// located returns tokens with the characters of text that each stands for. Tokens that stand for none, such as the one at the beginning,
// have no length.
func located(text string, ids []int32, bytesOf func(int32) []byte, spelling func(int32) string) []tgiToken {
	out := []tgiToken{}
	at := 0 // byte
	for _, id := range ids {
		begin := at
		for _, piece := range []string{string(bytesOf(id)), strings.TrimPrefix(string(bytesOf(id)), " "), spelling(id)} {
			if piece != "" && strings.HasPrefix(text[at:], piece) {
				at += len(piece)
				break
			}
		}
		// A token that ends within a character stands for none; the one that completes it stands for the whole.
		from, to := characters(text, begin), characters(text, at)
		out = append(out, tgiToken{id, string([]rune(text)[from:to]), from, to})
	}
	return out
}

// characters returns how many characters of text end at or before byte at.
func characters(text string, at int) int {
	n := 0
	for i, r := range text {
		if i+utf8.RuneLen(r) > at {
			break
		}
		n++
	}
	return n
}

// alive answers GET /health and /health/live.
func alive(c *call) error {
	c.w.WriteHeader(http.StatusOK)
	return nil
}

// ready answers GET /health/ready: whether there is a model to answer with, and room for a request.
func ready(c *call) error {
	list, err := c.models.List()
	switch {
	case err != nil:
		return err
	case len(list) == 0:
		return &failure{class: unavailable, message: "There is no model in the library."}
	case len(c.slots) == cap(c.slots):
		return &failure{class: unavailable, message: "Model is overloaded"}
	}
	return alive(c)
}
