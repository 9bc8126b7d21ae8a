package serve

import (
	"encoding/json"
	"net/http"

	"soberano/engine"
	"soberano/engine/reply"
)

// anthropicAnswer is a message of the model.
type anthropicAnswer struct {
	ID           string          `json:"id"`
	Type         string          `json:"type"`
	Role         string          `json:"role"`
	Model        string          `json:"model"`
	Content      []anthropicPart `json:"content"`
	StopReason   *string         `json:"stop_reason"`
	StopSequence *string         `json:"stop_sequence"`
	Usage        anthropicUsage  `json:"usage"`
}

// anthropicPart is a block of an answer; which fields it has depends on its type.
type anthropicPart struct {
	Type      string           `json:"type"`
	Text      *string          `json:"text,omitempty"`
	Thinking  *string          `json:"thinking,omitempty"`
	Signature *string          `json:"signature,omitempty"`
	ID        string           `json:"id,omitempty"`
	Name      string           `json:"name,omitempty"`
	Input     *json.RawMessage `json:"input,omitempty"`
}

type anthropicUsage struct {
	Input   int `json:"input_tokens"`
	Created int `json:"cache_creation_input_tokens"`
	Cached  int `json:"cache_read_input_tokens"`
	Output  int `json:"output_tokens"`
}

func (g *generating) anthropicUsage() anthropicUsage {
	prompt, cached, generated := g.usage()
	return anthropicUsage{Input: prompt - cached, Cached: cached, Output: generated}
}

// anthropicMessages answers POST /v1/messages.
func anthropicMessages(c *call) error {
	var r anthropicRequest
	g, err := c.ask(&r, &r.Model)
	if err != nil {
		return err
	}
	defer g.close()
	if r.Stream {
		w := &anthropicStream{g: g, open: -1}
		if err := g.run(w.piece); err != nil {
			return err
		}
		return w.end()
	}
	if err := g.run(nil); err != nil {
		return err
	}
	out := g.anthropicHead()
	res := g.results[0]
	if res.thinking != "" {
		out.Content = append(out.Content, anthropicPart{Type: "thinking", Thinking: &res.thinking, Signature: new("")})
	}
	if res.text != "" {
		out.Content = append(out.Content, anthropicPart{Type: "text", Text: &res.text})
	}
	for _, call := range res.calls {
		out.Content = append(out.Content, anthropicPart{Type: "tool_use", ID: call.ID, Name: call.Name, Input: &call.Arguments})
	}
	out.StopReason, out.StopSequence = res.anthropicReason()
	out.Usage = g.anthropicUsage()
	return c.reply(http.StatusOK, out)
}

func (g *generating) anthropicHead() anthropicAnswer {
	return anthropicAnswer{ID: newID("msg_"), Type: "message", Role: "assistant", Model: g.lease.About.ID, Content: []anthropicPart{}}
}

// anthropicReason returns why an answer ended, and the stop sequence that ended it.
func (r *result) anthropicReason() (reason, sequence *string) {
	switch {
	case len(r.calls) > 0:
		return new("tool_use"), nil
	case r.reason == engine.Length:
		return new("max_tokens"), nil
	case r.reason == engine.ContextFull:
		return new("model_context_window_exceeded"), nil
	case r.stop != "":
		return new("stop_sequence"), &r.stop
	}
	return new("end_turn"), nil
}

// anthropicEvent is an event of a stream; which fields it has depends on its type.
type anthropicEvent struct {
	Type    string           `json:"type"`
	Message *anthropicAnswer `json:"message,omitempty"`
	Index   *int             `json:"index,omitempty"`
	Block   *anthropicPart   `json:"content_block,omitempty"`
	Delta   any              `json:"delta,omitempty"` // *anthropicDelta or *anthropicEnd
	Usage   *anthropicUsage  `json:"usage,omitempty"`
}

type anthropicDelta struct {
	Type      string  `json:"type,omitempty"`
	Text      *string `json:"text,omitempty"`
	Thinking  *string `json:"thinking,omitempty"`
	Signature *string `json:"signature,omitempty"`
	JSON      *string `json:"partial_json,omitempty"`
}

type anthropicEnd struct {
	StopReason   *string `json:"stop_reason"`
	StopSequence *string `json:"stop_sequence"`
}

// anthropicStream sends an answer in blocks: thoughts, text, calls, each begun, continued and ended by events.
type anthropicStream struct {
	g    *generating
	s    *stream // nil: nothing was sent
	open int     // the index of the block that is open; -1: none is
	next int     // the index of the next block
	kind reply.Kind
}

func (w *anthropicStream) send(e anthropicEvent) error { return w.s.send(e.Type, e) }

func anthropicFails(s *stream, f *failure) {
	_ = s.send("error", anthropicError(f)) // the client may be gone
}

func (w *anthropicStream) begin(p engine.Piece) error {
	w.s = w.g.c.events(anthropicFails)
	head := w.g.anthropicHead()
	head.Usage = anthropicUsage{Input: p.Usage.Prompt - p.Usage.Cached, Cached: p.Usage.Cached, Output: p.Usage.Generated}
	if err := w.send(anthropicEvent{Type: "message_start", Message: &head}); err != nil {
		return err
	}
	return w.send(anthropicEvent{Type: "ping"})
}

// piece sends a piece.
func (w *anthropicStream) piece(_ int, p engine.Piece) error {
	if w.s == nil {
		if err := w.begin(p); err != nil {
			return err
		}
	}
	if p.Kind == reply.Calls {
		for _, c := range p.Calls {
			if err := w.call(c); err != nil {
				return err
			}
		}
		return nil
	}
	if p.Text == "" {
		return nil
	}
	if w.open < 0 || w.kind != p.Kind {
		if err := w.block(p.Kind, emptyPart(p.Kind)); err != nil {
			return err
		}
	}
	d := &anthropicDelta{Type: "text_delta", Text: &p.Text}
	if p.Kind == reply.Thinking {
		d = &anthropicDelta{Type: "thinking_delta", Thinking: &p.Text}
	}
	return w.send(anthropicEvent{Type: "content_block_delta", Index: new(w.open), Delta: d})
}

// emptyPart returns a block without content.
func emptyPart(k reply.Kind) *anthropicPart {
	if k == reply.Thinking {
		return &anthropicPart{Type: "thinking", Thinking: new(""), Signature: new("")}
	}
	return &anthropicPart{Type: "text", Text: new("")}
}

// block ends the open block and begins another.
func (w *anthropicStream) block(k reply.Kind, p *anthropicPart) error {
	if err := w.endBlock(); err != nil {
		return err
	}
	w.open, w.kind = w.next, k
	w.next++
	return w.send(anthropicEvent{Type: "content_block_start", Index: new(w.open), Block: p})
}

func (w *anthropicStream) endBlock() error {
	if w.open < 0 {
		return nil
	}
	at := w.open
	w.open = -1
	if w.kind == reply.Thinking {
		if err := w.send(anthropicEvent{Type: "content_block_delta", Index: &at, Delta: &anthropicDelta{Type: "signature_delta", Signature: new("")}}); err != nil {
			return err
		}
	}
	return w.send(anthropicEvent{Type: "content_block_stop", Index: &at})
}

// call sends a call of a tool as a block.
func (w *anthropicStream) call(c reply.Call) error {
	empty := json.RawMessage("{}")
	if err := w.block(reply.Calls, &anthropicPart{Type: "tool_use", ID: c.ID, Name: c.Name, Input: &empty}); err != nil {
		return err
	}
	arguments := string(c.Arguments)
	if err := w.send(anthropicEvent{Type: "content_block_delta", Index: new(w.open), Delta: &anthropicDelta{Type: "input_json_delta", JSON: &arguments}}); err != nil {
		return err
	}
	return w.endBlock()
}

// end ends the message.
func (w *anthropicStream) end() error {
	if err := w.endBlock(); err != nil {
		return err
	}
	reason, sequence := w.g.results[0].anthropicReason()
	usage := w.g.anthropicUsage()
	if err := w.send(anthropicEvent{Type: "message_delta", Delta: &anthropicEnd{reason, sequence}, Usage: &usage}); err != nil {
		return err
	}
	return w.send(anthropicEvent{Type: "message_stop"})
}
