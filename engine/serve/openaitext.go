package serve

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"soberano/engine"
)

// completionRequest is the body of POST /v1/completions.
type completionRequest struct {
	Model         string         `json:"model"`
	Prompt        prompts        `json:"prompt"`
	Stream        bool           `json:"stream"`
	StreamOptions *streamOptions `json:"stream_options"`
	N             *int           `json:"n"`
	MaxTokens     *int           `json:"max_tokens"`
	Stop          texts          `json:"stop"`
	Echo          bool           `json:"echo"`
	openAISampling
	ownParameters
	guided
	ResponseFormat *responseFormat `json:"response_format"`

	BestOf   *int   `json:"best_of"`
	Logprobs *int   `json:"logprobs"`
	Suffix   absent `json:"suffix"`

	openAIIgnored
}

// prompts are one or several prompts, as texts or as tokens.
type prompts struct {
	texts  []string
	tokens [][]int32
}

// UnmarshalJSON implements json.Unmarshaler.
func (p *prompts) UnmarshalJSON(raw []byte) error {
	var one string
	var ids []int32
	switch {
	case string(raw) == "null":
	case json.Unmarshal(raw, &one) == nil:
		p.texts = []string{one}
	case string(raw) == "[]":
	case json.Unmarshal(raw, &p.texts) == nil:
	case json.Unmarshal(raw, &ids) == nil:
		p.texts, p.tokens = nil, [][]int32{ids}
	default:
		p.texts = nil
		if err := json.Unmarshal(raw, &p.tokens); err != nil {
			return refuse("", "A list of texts or tokens must be a text, texts, tokens or lists of tokens.")
		}
	}
	return nil
}

func (p *prompts) len() int { return max(len(p.texts), len(p.tokens)) }

// completion is a whole answer or a part of one.
type completion struct {
	ID          string             `json:"id"`
	Object      string             `json:"object"`
	Created     int64              `json:"created"`
	Model       string             `json:"model"`
	Fingerprint string             `json:"system_fingerprint"`
	Choices     []completionChoice `json:"choices"`
	Usage       *openAIUsage       `json:"usage"`
}

type completionChoice struct {
	Index    int           `json:"index"`
	Text     string        `json:"text"`
	Logprobs *textLogprobs `json:"logprobs"`
	Reason   *string       `json:"finish_reason"`
}

// defaultCompletion is the number of tokens of a completion that sets no limit, as at OpenAI.
const defaultCompletion = 16

// openAIComplete answers POST /v1/completions.
func openAIComplete(c *call) error {
	var r completionRequest
	if err := c.parse(&r); err != nil {
		return err
	}
	orders, err := r.orders()
	if err != nil {
		return err
	}
	w := &completing{c: c, r: &r, head: completion{ID: newID("cmpl-"), Object: "text_completion", Created: time.Now().Unix(), Fingerprint: c.fingerprint()}}
	for i, o := range orders {
		if err := w.prompt(i, o); err != nil {
			return err
		}
	}
	if !r.Stream {
		w.head.Choices, w.head.Usage = w.done, &w.usage
		return c.reply(http.StatusOK, w.head)
	}
	if r.StreamOptions != nil && r.StreamOptions.IncludeUsage {
		w.head.Choices, w.head.Usage = []completionChoice{}, &w.usage
		if err := w.s.send("", w.head); err != nil {
			return err
		}
	}
	return w.s.send("", "[DONE]")
}

// completing answers the prompts of a request, one after the other.
type completing struct {
	c     *call
	r     *completionRequest
	head  completion
	s     *stream // nil: it has not begun
	done  []completionChoice
	usage openAIUsage
}

// orders returns what each prompt asks for, or a refusal.
func (r *completionRequest) orders() (list []*order, err error) {
	s, err := r.settings()
	if err != nil {
		return nil, err
	}
	o := order{settings: s}
	if o.request.N, err = choices(r.N); err != nil {
		return nil, err
	}
	switch {
	case r.BestOf != nil && (*r.BestOf < o.request.N || *r.BestOf > mostChoices):
		return nil, refuse("best_of", "The parameter \"best_of\" must be from \"n\" to %d.", mostChoices)
	case r.BestOf != nil && *r.BestOf > o.request.N && r.Stream:
		return nil, refuse("best_of", "A stream can't have the best of several answers.")
	case r.Logprobs != nil && (*r.Logprobs < 0 || *r.Logprobs > mostTop):
		return nil, refuse("logprobs", "The parameter \"logprobs\" must be from 0 to %d.", mostTop)
	case r.Logprobs != nil && r.Echo:
		return nil, refuse("logprobs", "The probabilities of a prompt are not available.")
	case r.Prompt.len() == 0:
		return nil, refuse("prompt", "There is no prompt.")
	case r.Prompt.len() > mostInputs:
		return nil, refuse("prompt", "A request may have at most %d prompts.", mostInputs)
	case r.Echo && r.Prompt.tokens != nil:
		return nil, refuse("echo", "A prompt of tokens can't be echoed.")
	}
	if err := r.ownParameters.into(&o); err != nil {
		return nil, err
	}
	if o.request.Stop, err = stops(r.Stop); err != nil {
		return nil, err
	}
	if o.request.MaxTokens, err = mostTokens(r.MaxTokens, new(defaultCompletion)); err != nil {
		return nil, err
	}
	if o.request.Grammar, err = r.spec(r.ResponseFormat); err != nil {
		return nil, err
	}
	if r.BestOf != nil {
		o.request.BestOf = *r.BestOf
	}
	if r.Logprobs != nil {
		o.request.Logprobs, o.request.TopLogprobs = true, *r.Logprobs
	}
	for i := range r.Prompt.len() {
		one := o
		if r.Prompt.tokens != nil {
			one.request.Tokens = r.Prompt.tokens[i]
		} else {
			one.request.Prompt = r.Prompt.texts[i]
		}
		if len(one.request.Tokens) == 0 && one.request.Prompt == "" {
			return nil, refuse("prompt", "A prompt is empty.")
		}
		list = append(list, &one)
	}
	return list, nil
}

// prompt answers prompt number n.
func (w *completing) prompt(n int, o *order) error {
	g, err := w.c.generate(w.r.Model, o)
	if err != nil {
		return err
	}
	defer g.close()
	if err := checkTokens(g.lease.Model, o.request.Tokens); err != nil {
		return err
	}
	w.head.Model = g.lease.About.ID
	var each func(int, engine.Piece) error
	echoed, offset := make([]bool, g.request.N), make([]int, g.request.N)
	if w.r.Stream {
		each = func(i int, p engine.Piece) error {
			part := completionChoice{Index: n*g.request.N + i, Text: p.Text}
			part.Logprobs, offset[i] = textLogprobsOf(p.Tokens, offset[i])
			if w.r.Echo && !echoed[i] {
				echoed[i], part.Text = true, o.request.Prompt+p.Text
			}
			if p.Reason != "" {
				part.Reason = g.results[i].chatReason()
			}
			return w.send(part)
		}
	}
	if err := g.run(each); err != nil {
		return err
	}
	for i, r := range g.results {
		if w.r.Echo {
			r.text = o.request.Prompt + r.text
		}
		done := completionChoice{Index: n*g.request.N + i, Text: r.text, Reason: r.chatReason()}
		done.Logprobs, _ = textLogprobsOf(r.tokens, 0)
		w.done = append(w.done, done)
	}
	u := g.openAIUsage()
	w.usage.Prompt, w.usage.Completion, w.usage.Total = w.usage.Prompt+u.Prompt, w.usage.Completion+u.Completion, w.usage.Total+u.Total
	w.usage.Details.Cached += u.Details.Cached
	w.usage.Dropped += u.Dropped
	return nil
}

// send sends a part of a choice, unless it says nothing.
func (w *completing) send(part completionChoice) error {
	if w.s == nil {
		w.s = w.c.events(openAIFails)
	}
	if part.Text == "" && part.Reason == nil && part.Logprobs == nil {
		return nil
	}
	out := w.head
	out.Choices = []completionChoice{part}
	return w.s.send("", out)
}

// checkTokens returns a refusal if a prompt has tokens that the model does not have.
func checkTokens(m Generator, ids []int32) error {
	for _, id := range ids {
		if id < 0 || int(id) >= m.Info().Vocabulary {
			return refuse("prompt", "The token %d is not in the vocabulary of %d tokens.", id, m.Info().Vocabulary)
		}
	}
	return nil
}

// mostInputs is the largest number of texts in a request.
const mostInputs = 2048

// dialectOf returns the dialect of a path that has no route.
func dialectOf(path string) *dialect {
	switch {
	case strings.HasPrefix(path, "/v1/messages"):
		return anthropic
	case strings.HasPrefix(path, "/api/"):
		return ollama
	}
	return openAI
}
