package serve

import (
	"context"
	"errors"
	"slices"
	"strconv"
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
	oneCall  bool // an answer ends with its first call of a tool
	settings settings
	beside   Beside
}

// settings set the parameters of sampling that a request has; others stay as recommended for the model.
type settings []func(*sample.Params)

// set adds a parameter, unless it is nil.
func set[T any](s *settings, value *T, to func(p *sample.Params, v T)) {
	if value != nil {
		*s = append(*s, func(p *sample.Params) { to(p, *value) })
	}
}

// seed sets the seed; nil: a random one.
func (s *settings) seed(n *int64) {
	set(s, n, func(p *sample.Params, v int64) { p.Seed, p.Seeded = uint64(v), true })
}

// over returns p with what s sets.
func (s settings) over(p sample.Params) sample.Params {
	for _, f := range s {
		f(&p)
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
	asked   time.Time // when the model was asked
	results []result
}

// result is an answer.
type result struct {
	text, thinking string
	calls          []reply.Call
	reason         engine.Reason
	stop           string
	usage          engine.Usage
	tokens         []engine.Token // if the request asks for their probabilities
}

// ask reads the body of a request for an answer into r, a pointer to a wire type, and opens the model that *model, a field of r, names. The result must
// be closed.
func (c *call) ask(r interface{ order() (*order, error) }, model *string) (*generating, error) {
	if err := c.parse(r); err != nil {
		return nil, err
	}
	o, err := r.order()
	if err != nil {
		return nil, err
	}
	return c.generate(*model, o)
}

// generate opens the model of an order. The result must be closed.
func (c *call) generate(model string, o *order) (*generating, error) {
	lease, err := c.models.Chat(c.ctx, model, o.beside)
	if err != nil {
		return nil, err
	}
	g := &generating{order: o, c: c, lease: lease}
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
	o.request.N = max(1, o.request.N)
	o.request.Adapters, o.request.Draft = g.lease.Adapters, g.lease.Draft
	o.request.Sampling = o.settings.over(g.lease.About.Sampling)
	if err := o.request.Sampling.Check(); err != nil {
		return err
	}
	if len(o.request.Images) > 0 && !g.lease.Model.Sees() {
		return engine.ErrNoVision
	}
	if o.request.Tools != nil && !g.c.tools.describes(g.lease) {
		return &failure{class: invalid, code: "tools_not_supported", param: "tools", message: "The chat template of this model does not describe tools."}
	}
	if o.request.Tools != nil && !o.request.Grammar.IsZero() {
		return refuse("tools", "An answer in a given form can't call tools.")
	}
	g.request.Background = true
	g.results = make([]result, o.request.N)
	return nil
}

// close ends the generation.
func (g *generating) close() {
	g.cancel()
	g.lease.Free()
}

// run generates all choices. Their pieces go to each, which may be nil; what they are together is in g.results.
func (g *generating) run(each func(choice int, p engine.Piece) error) (err error) {
	g.asked = time.Now()
	defer func() { g.count(err) }()
	for p, err := range g.lease.Model.Generate(g.ctx, g.request) {
		if err != nil {
			return g.cause(err)
		}
		if g.results[p.Choice].reason != "" {
			continue // it has ended with its first call
		}
		p = g.add(p)
		if each != nil {
			if err := each(p.Choice, p); err != nil {
				return err
			}
		}
		if !slices.ContainsFunc(g.results, func(r result) bool { return r.reason == "" }) {
			return nil
		}
	}
	return &failure{class: incomplete, message: "Incomplete generation"}
}

// cause returns what ended the generation, if it was cancelled.
func (g *generating) cause(err error) error {
	if errors.Is(err, context.Canceled) && g.c.ctx.Err() == nil && g.ctx.Err() != nil {
		return &failure{class: unavailable, message: context.Cause(g.ctx).Error(), err: err}
	}
	return err
}

// add adds a piece to its result. With oneCall the piece that has the first call is the last.
func (g *generating) add(p engine.Piece) engine.Piece {
	r := &g.results[p.Choice]
	if g.oneCall && len(p.Calls) > 0 {
		p.Calls = p.Calls[:1]
		if p.Reason == "" {
			p.Reason = engine.Ended
		}
	}
	if p.Notice == engine.Shortened && !g.c.sent {
		g.c.w.Header().Set("X-Dropped-Tokens", strconv.Itoa(p.Usage.Dropped))
	}
	p.Calls = slices.Clone(p.Calls)
	for n := range p.Calls {
		if p.Calls[n].ID == "" {
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
	r.reason, r.stop, r.usage, r.tokens = p.Reason, p.Stop, p.Usage, append(r.tokens, p.Tokens...)
	return p
}

// usage returns the tokens of all choices.
func (g *generating) usage() (prompt, cached, generated int) {
	for _, r := range g.results {
		generated += r.usage.Generated
	}
	return g.results[0].usage.Prompt, g.results[0].usage.Cached, generated
}

// dropped returns the tokens that were left out of the prompt and of all answers, see engine.Overflow.
func (g *generating) dropped() int {
	n := 0
	for _, r := range g.results {
		n = max(n, r.usage.Dropped)
	}
	return n
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
