package serve

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"soberano/engine"
	"soberano/engine/reply"
	"soberano/engine/sample"
)

// mostChoices is the largest number of answers that a request may ask for.
const mostChoices = 16

// order is what a request asks of a chat model, in the form of no dialect.
type order struct {
	request  engine.Request
	choices  int  // answers to generate; 0: 1
	oneCall  bool // an answer ends with its first call of a tool
	settings settings
}

// settings are the parameters of sampling that a request sets; nil: as recommended for the model.
type settings struct {
	temperature, topP, minP, typical, repeat, frequency, presence *float64
	topK, last                                                    *int
	seed                                                          *int64
}

// over returns p with what s sets.
func (s settings) over(p sample.Params) sample.Params {
	for _, n := range []struct {
		to    *float32
		value *float64
	}{{&p.Temperature, s.temperature}, {&p.TopP, s.topP}, {&p.MinP, s.minP}, {&p.Repeat, s.repeat}, {&p.Frequency, s.frequency}, {&p.Presence, s.presence}} {
		if n.value != nil {
			*n.to = float32(*n.value)
		}
	}
	if s.topK != nil {
		p.TopK = max(0, *s.topK)
	}
	if s.last != nil {
		p.Last = *s.last
	}
	if s.seed != nil {
		p.Seed, p.Seeded = uint64(*s.seed), true
	}
	return p
}

// within returns a refusal if a number that a request sets is outside its range.
func within(name string, value *float64, least, most float64) error {
	if value != nil && !(*value >= least && *value <= most) {
		return &failure{class: invalid, param: name, message: "The parameter \"" + name + "\" must be from " + number(least) + " to " + number(most) + "."}
	}
	return nil
}

// generating is an order that is being answered by an opened model.
type generating struct {
	*order
	c       *call
	lease   Lease[Generator]
	ctx     context.Context
	cancel  context.CancelFunc
	opened  time.Time // when the model was there
	first   time.Time // when the first piece came
	results []result
}

// result is an answer.
type result struct {
	text, thinking string
	calls          []reply.Call
	reason         engine.Reason
	stop           string
	usage          engine.Usage
}

// generate opens the model of an order. The result must be closed.
func (c *call) generate(model string, o *order) (*generating, error) {
	lease, err := c.models.Chat(c.ctx, model)
	if err != nil {
		return nil, err
	}
	g := &generating{order: o, c: c, lease: lease, opened: time.Now()}
	g.ctx, g.cancel = lease.Within(c.ctx)
	if err := g.check(); err != nil {
		g.close()
		return nil, err
	}
	return g, nil
}

// check completes the order for the model and returns a refusal if the model can't follow it.
func (g *generating) check() error {
	o := g.order
	o.choices = max(1, o.choices)
	o.request.Sampling = o.settings.over(g.lease.About.Sampling)
	if err := o.request.Sampling.Check(); err != nil {
		return &failure{class: invalid, message: err.Error(), err: err}
	}
	if len(o.request.Images) > 0 && !g.lease.Model.Sees() {
		return engine.ErrNoVision
	}
	if o.request.Tools != nil && !g.c.tools.describes(g.lease) {
		return &failure{class: invalid, code: "tools_not_supported", param: "tools", message: "The chat template of this model does not describe tools."}
	}
	g.results = make([]result, o.choices)
	return nil
}

// close ends the generation.
func (g *generating) close() {
	g.cancel()
	g.lease.Free()
	for _, r := range g.results {
		g.c.used.generated += r.usage.Generated
	}
	if len(g.results) > 0 {
		g.c.used.prompt += g.results[0].usage.Prompt
	}
}

// errEnough ends the generation of one choice.
var errEnough = errors.New("enough")

// run generates all choices side by side. Their pieces go to each, one at a time; it may be nil. What they are together is in
// g.results.
func (g *generating) run(each func(choice int, p engine.Piece) error) error {
	if g.choices == 1 {
		return g.cause(g.choice(g.ctx, 0, each))
	}
	ctx, cancel := context.WithCancel(g.ctx)
	defer cancel()
	var turn sync.Mutex
	errs := make([]error, g.choices)
	var all sync.WaitGroup
	for i := range g.choices {
		all.Go(func() {
			errs[i] = g.choice(ctx, i, func(choice int, p engine.Piece) error {
				turn.Lock()
				defer turn.Unlock()
				if each == nil {
					return nil
				}
				return each(choice, p)
			})
			if errs[i] != nil {
				cancel()
			}
		})
	}
	all.Wait()
	for _, err := range errs {
		if err != nil && !errors.Is(err, context.Canceled) {
			return err
		}
	}
	return g.cause(errs[0])
}

// cause returns what ended the generation, if it was cancelled.
func (g *generating) cause(err error) error {
	if errors.Is(err, context.Canceled) && g.c.ctx.Err() == nil && g.ctx.Err() != nil {
		return &failure{class: unavailable, message: context.Cause(g.ctx).Error(), err: err}
	}
	return err
}

// choice generates one answer.
func (g *generating) choice(ctx context.Context, i int, each func(choice int, p engine.Piece) error) error {
	r := g.request
	if g.settings.seed != nil {
		r.Sampling.Seed += uint64(i)
	}
	for p, err := range g.lease.Model.Generate(ctx, r) {
		if err != nil {
			return err
		}
		p, enough := g.add(i, p)
		if each != nil {
			if err := each(i, p); err != nil {
				return err
			}
		}
		if enough {
			return nil
		}
	}
	if g.results[i].reason == "" {
		return &failure{class: incomplete, message: "Incomplete generation"}
	}
	return nil
}

// add adds a piece to a result. With oneCall the piece that has the first call is the last.
func (g *generating) add(i int, p engine.Piece) (_ engine.Piece, enough bool) {
	r := &g.results[i]
	if g.oneCall && len(p.Calls) > 0 && p.Reason == "" {
		p.Calls, p.Reason, enough = p.Calls[:1], engine.Ended, true
	} else if g.oneCall && len(p.Calls) > 1 {
		p.Calls = p.Calls[:1]
	}
	for n := range p.Calls {
		if p.Calls[n].ID == "" {
			p.Calls = slices.Clone(p.Calls)
			p.Calls[n].ID = newID("call_")
		}
	}
	switch p.Kind {
	case reply.Thinking:
		r.thinking += p.Text
	case reply.Calls:
		r.calls = append(r.calls, p.Calls...)
	default:
		r.text += p.Text
	}
	r.reason, r.stop, r.usage = p.Reason, p.Stop, p.Usage
	return p, enough
}

// usage returns the tokens of all choices.
func (g *generating) usage() (prompt, cached, generated int) {
	for _, r := range g.results {
		generated += r.usage.Generated
	}
	return g.results[0].usage.Prompt, g.results[0].usage.Cached, generated
}

// toolTemplates remembers of which models the chat template describes tools.
type toolTemplates struct {
	mu    sync.Mutex
	known map[string]bool // by the name of the model
}

// describes reports whether the prompt of a model changes with the tools that a request names.
func (t *toolTemplates) describes(l Lease[Generator]) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if known, ok := t.known[l.About.ID]; ok {
		return known
	}
	messages := []engine.Message{{Role: "user", Content: "a"}}
	without, err := l.Model.PromptTokens(engine.Request{Messages: messages})
	with, failed := l.Model.PromptTokens(engine.Request{Messages: messages, Tools: probeTool})
	known := err == nil && failed == nil && !slices.Equal(with, without)
	if t.known == nil {
		t.known = map[string]bool{}
	}
	t.known[l.About.ID] = known
	return known
}
