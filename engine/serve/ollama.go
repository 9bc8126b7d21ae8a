package serve

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"soberano/engine"
	"soberano/engine/grammar"
	"soberano/engine/reply"
	"soberano/engine/vision"
)

// ollama is the form of Ollama's API (github.com/ollama/ollama, docs/api.md).
var ollama = &dialect{name: "Ollama", fail: func(f *failure) (int, any) { return f.status(), ollamaFailure{f.message} }}

type ollamaFailure struct {
	Error string `json:"error"`
}

// ollamaName returns the name of a model without the tag that Ollama adds to names.
func ollamaName(name string) string { return strings.TrimSuffix(name, ":latest") }

// ollamaCommon are parameters of both ways to ask for an answer.
type ollamaCommon struct {
	Model       string         `json:"model"`
	Stream      *bool          `json:"stream"` // nil: true
	Format      ollamaFormat   `json:"format"`
	Options     *ollamaOptions `json:"options"`
	Think       ollamaThink    `json:"think"`
	Logprobs    *bool          `json:"logprobs"`
	TopLogprobs *int           `json:"top_logprobs"`
	Truncate    *bool          `json:"truncate"` // leave out the oldest messages if the prompt is too long; nil: false
	Shift       *bool          `json:"shift"`    // and go on where the context is full; nil: false

	KeepAlive json.RawMessage `json:"keep_alive"` // a model stays open until its memory is needed
}

// ollamaFormat is "json", a JSON schema, or nothing.
type ollamaFormat struct{ schema json.RawMessage }

// UnmarshalJSON implements json.Unmarshaler.
func (f *ollamaFormat) UnmarshalJSON(raw []byte) error {
	switch s := string(raw); {
	case s == "null" || s == `""`:
	case s == `"json"`:
		f.schema = json.RawMessage(`{"type":"object"}`)
	case strings.HasPrefix(s, "{"):
		f.schema = append(json.RawMessage(nil), raw...)
	default:
		return refuse("format", "The parameter \"format\" must be json or a JSON schema.")
	}
	return nil
}

// ollamaThink is a truth value or a level; "": as the template has it.
type ollamaThink string

// UnmarshalJSON implements json.Unmarshaler.
func (t *ollamaThink) UnmarshalJSON(raw []byte) error {
	switch string(raw) {
	case "null", `""`:
	case "false":
		*t = "none"
	case "true":
		*t = "medium"
	case `"low"`, `"medium"`, `"high"`:
		*t = ollamaThink(strings.Trim(string(raw), `"`))
	default:
		return refuse("think", "The parameter \"think\" must be true, false, low, medium or high.")
	}
	return nil
}

// ollamaOptions are the options of a model.
type ollamaOptions struct {
	Temperature      *float64 `json:"temperature"`
	TopP             *float64 `json:"top_p"`
	FrequencyPenalty *float64 `json:"frequency_penalty"`
	PresencePenalty  *float64 `json:"presence_penalty"`
	Seed             *int64   `json:"seed"`
	Stop             texts    `json:"stop"`
	NumPredict       *int     `json:"num_predict"`
	NumContext       *int     `json:"num_ctx"`
	moreSampling
	besideParameters

	NumKeep  absent `json:"num_keep"`
	Penalize absent `json:"penalize_newline"`
	Draft    absent `json:"draft_num_predict"`
	// How the model is computed is chosen by the program.
	NumBatch  json.RawMessage `json:"num_batch"`
	NumGPU    json.RawMessage `json:"num_gpu"`
	MainGPU   json.RawMessage `json:"main_gpu"`
	NumThread json.RawMessage `json:"num_thread"`
	UseMmap   json.RawMessage `json:"use_mmap"`
	UseMlock  json.RawMessage `json:"use_mlock"`
	LowVRAM   json.RawMessage `json:"low_vram"`
	NUMA      json.RawMessage `json:"numa"`
}

// into puts the options into an order.
func (p *ollamaOptions) into(o *order) error {
	if p == nil {
		return nil
	}
	s := openAISampling{Temperature: p.Temperature, TopP: p.TopP, FrequencyPenalty: p.FrequencyPenalty, PresencePenalty: p.PresencePenalty, Seed: p.Seed, moreSampling: p.moreSampling}
	var err error
	if o.settings, err = s.settings(); err != nil {
		return err
	}
	if p.NumPredict != nil && *p.NumPredict != -1 && *p.NumPredict != -2 { // to the end, or until the context is full
		if o.request.MaxTokens, err = mostTokens(p.NumPredict); err != nil {
			return refuse("num_predict", "The option \"num_predict\" must be at least 1, or -1.")
		}
	}
	for _, s := range p.Stop {
		if s == "" {
			return refuse("stop", "A stop string is empty.")
		}
	}
	o.request.Stop = p.Stop
	return p.besideParameters.into(o)
}

// into puts the parameters into an order.
func (r *ollamaCommon) into(o *order) error {
	if err := r.Options.into(o); err != nil {
		return err
	}
	switch {
	case yes(r.Shift) && r.Truncate != nil && !*r.Truncate:
		return refuse("shift", "The parameter \"shift\" can't be used without \"truncate\".")
	case yes(r.Shift):
		o.request.Overflow = engine.Rolling
	case yes(r.Truncate):
		o.request.Overflow = engine.DropMiddle
	}
	effort(&o.request, string(r.Think))
	if len(r.Format.schema) > 0 {
		o.request.Grammar = grammar.Spec{Schema: r.Format.schema}
	}
	if o.request.Logprobs = yes(r.Logprobs); r.TopLogprobs != nil {
		o.request.TopLogprobs = *r.TopLogprobs
	}
	if n := o.request.TopLogprobs; n < 0 || n > mostTop || n > 0 && !o.request.Logprobs {
		return refuse("top_logprobs", "The parameter \"top_logprobs\" must be from 0 to %d, and needs \"logprobs\".", mostTop)
	}
	return nil
}

// ollamaChat is the body of POST /api/chat.
type ollamaChat struct {
	ollamaCommon
	Messages []ollamaMessage `json:"messages"`
	Tools    []chatTool      `json:"tools"`
}

type ollamaMessage struct {
	Role       string       `json:"role"`
	Content    string       `json:"content"`
	Thinking   string       `json:"thinking,omitempty"`
	Images     []string     `json:"images,omitempty"`
	ToolCalls  []ollamaCall `json:"tool_calls,omitempty"`
	ToolName   string       `json:"tool_name,omitempty"`
	ToolCallID string       `json:"tool_call_id,omitempty"`
}

type ollamaCall struct {
	ID       string         `json:"id,omitempty"`
	Function ollamaFunction `json:"function"`
}

type ollamaFunction struct {
	Index     *int            `json:"index,omitempty"`
	Name      string          `json:"name"`
	Arguments json.RawMessage `json:"arguments"`
}

// order returns what the request asks for, or a refusal.
func (r *ollamaChat) order() (*order, error) {
	o := &order{}
	if err := r.into(o); err != nil {
		return nil, err
	}
	if err := (&chatRequest{Tools: r.Tools}).tools(o); err != nil {
		return nil, err
	}
	for i, m := range r.Messages {
		msg := engine.Message{Role: m.Role, Content: m.Content, Thinking: m.Thinking, Name: m.ToolName, CallID: m.ToolCallID}
		switch m.Role {
		case "system", "user", "assistant", "tool":
		default:
			return nil, refuse("messages", "The role of message %d must be system, user, assistant or tool.", i+1)
		}
		for _, c := range m.ToolCalls {
			if !json.Valid(c.Function.Arguments) {
				return nil, refuse("messages", "The arguments of a call must be JSON.")
			}
			msg.Calls = append(msg.Calls, reply.Call{ID: c.ID, Name: c.Function.Name, Arguments: c.Function.Arguments})
		}
		if err := ollamaImages(o, i, m.Images); err != nil {
			return nil, err
		}
		o.request.Messages = append(o.request.Messages, msg)
	}
	return o, nil
}

func ollamaImages(o *order, at int, list []string) error {
	for _, data := range list {
		if err := o.attach("images", at, func() (*vision.Image, error) { return base64Image("images", data) }); err != nil {
			return err
		}
	}
	return nil
}

// ollamaGenerate is the body of POST /api/generate.
type ollamaGenerate struct {
	ollamaCommon
	Prompt string   `json:"prompt"`
	System string   `json:"system"`
	Raw    bool     `json:"raw"`
	Images []string `json:"images"`

	Suffix   absent `json:"suffix"`
	Template absent `json:"template"`
	Context  absent `json:"context"`
}

// order returns what the request asks for, or a refusal.
func (r *ollamaGenerate) order() (*order, error) {
	o := &order{}
	if err := r.into(o); err != nil {
		return nil, err
	}
	if r.Raw {
		if r.System != "" || len(r.Images) > 0 {
			return nil, refuse("raw", "A raw prompt has neither a system message nor images.")
		}
		o.request.Prompt = r.Prompt
		return o, nil
	}
	if r.System != "" {
		o.request.Messages = append(o.request.Messages, engine.Message{Role: "system", Content: r.System})
	}
	if err := ollamaImages(o, len(o.request.Messages), r.Images); err != nil {
		return nil, err
	}
	o.request.Messages = append(o.request.Messages, engine.Message{Role: "user", Content: r.Prompt})
	return o, nil
}

// ollamaPart is a part of an answer, or a whole one.
type ollamaPart struct {
	Model    string         `json:"model"`
	Created  time.Time      `json:"created_at"`
	Message  *ollamaMessage `json:"message,omitempty"`  // of /api/chat
	Response *string        `json:"response,omitempty"` // of /api/generate
	Thinking string         `json:"thinking,omitempty"` // of /api/generate
	Logprobs []chatToken    `json:"logprobs,omitempty"`
	Done     bool           `json:"done"`
	Reason   string         `json:"done_reason,omitempty"`
	ollamaTimes
}

// ollamaTimes are the times in nanoseconds, and the tokens.
type ollamaTimes struct {
	Total      int64 `json:"total_duration,omitempty"`
	Load       int64 `json:"load_duration,omitempty"`
	Prompt     int   `json:"prompt_eval_count,omitempty"`
	PromptTime int64 `json:"prompt_eval_duration,omitempty"`
	Count      int   `json:"eval_count,omitempty"`
	Time       int64 `json:"eval_duration,omitempty"`
	Dropped    int   `json:"dropped_tokens,omitempty"` // left out, since the context was full; not Ollama's
}

// ollamaChats answers POST /api/chat.
func ollamaChats(c *call) error {
	var r ollamaChat
	if err := c.parse(&r); err != nil {
		return err
	}
	o, err := r.order()
	if err != nil {
		return err
	}
	return (&ollamaAnswer{c: c, r: &r.ollamaCommon, chat: true}).run(o, len(r.Messages) == 0)
}

// ollamaGenerates answers POST /api/generate.
func ollamaGenerates(c *call) error {
	var r ollamaGenerate
	if err := c.parse(&r); err != nil {
		return err
	}
	o, err := r.order()
	if err != nil {
		return err
	}
	return (&ollamaAnswer{c: c, r: &r.ollamaCommon}).run(o, r.Prompt == "")
}

// ollamaAnswer sends an answer.
type ollamaAnswer struct {
	c    *call
	r    *ollamaCommon
	chat bool
	g    *generating
	s    *stream // nil: nothing was sent
}

// run answers an order; an empty one only opens the model.
func (w *ollamaAnswer) run(o *order, empty bool) (err error) {
	if w.g, err = w.c.generate(ollamaName(w.r.Model), o); err != nil {
		return err
	}
	defer w.g.close()
	if p := w.r.Options; p != nil && p.NumContext != nil && *p.NumContext > w.g.lease.Model.Info().Context {
		return refuse("num_ctx", "The option \"num_ctx\" is more than the context of %d tokens with which the model is opened.", w.g.lease.Model.Info().Context)
	}
	if empty {
		last := w.part("", "", nil)
		last.Done, last.Reason = true, "load"
		return w.c.reply(http.StatusOK, last)
	}
	if w.r.Stream != nil && !*w.r.Stream {
		if err := w.g.run(nil); err != nil {
			return err
		}
		res := w.g.results[0]
		return w.c.reply(http.StatusOK, w.last(w.withTokens(w.part(res.text, res.thinking, res.calls), res.tokens)))
	}
	if err := w.g.run(w.piece); err != nil {
		return err
	}
	return w.s.send("", w.last(w.part("", "", nil)))
}

func (w *ollamaAnswer) part(text, thinking string, calls []reply.Call) ollamaPart {
	p := ollamaPart{Model: w.r.Model, Created: time.Now().UTC()}
	if p.Model == "" {
		p.Model = w.g.lease.About.ID
	}
	if !w.chat {
		p.Response, p.Thinking = &text, thinking
		return p
	}
	p.Message = &ollamaMessage{Role: "assistant", Content: text, Thinking: thinking}
	for i, c := range calls {
		p.Message.ToolCalls = append(p.Message.ToolCalls, ollamaCall{c.ID, ollamaFunction{new(i), c.Name, c.Arguments}})
	}
	return p
}

func (w *ollamaAnswer) withTokens(p ollamaPart, tokens []engine.Token) ollamaPart {
	if l := chatLogprobsOf(tokens); l != nil {
		p.Logprobs = l.Content
	}
	return p
}

// last completes the last part.
func (w *ollamaAnswer) last(p ollamaPart) ollamaPart {
	u := w.g.results[0].usage
	p.Done, p.Reason = true, "stop"
	if w.g.results[0].reason != engine.Ended {
		p.Reason = "length"
	}
	ns := func(seconds float64) int64 { return int64(seconds * float64(time.Second)) }
	p.ollamaTimes = ollamaTimes{time.Since(w.c.start).Nanoseconds(), w.g.asked.Sub(w.c.start).Nanoseconds(), u.Prompt, ns(u.PromptSeconds), u.Generated, ns(u.GenerateSeconds), u.Dropped}
	return p
}

// piece sends a piece as a line.
func (w *ollamaAnswer) piece(_ int, p engine.Piece) error {
	if w.s == nil {
		w.s = w.c.lines(func(s *stream, f *failure) { _ = s.send("", ollamaFailure{f.message}) }) // the client may be gone
	}
	var part ollamaPart
	switch {
	case p.Kind == reply.Thinking && p.Text != "":
		part = w.part("", p.Text, nil)
	case p.Kind == reply.Calls:
		part = w.part("", "", p.Calls)
	case p.Kind == reply.Text && p.Text != "" || len(p.Tokens) > 0:
		part = w.part(p.Text, "", nil)
	default:
		return nil
	}
	return w.s.send("", w.withTokens(part, p.Tokens))
}
