package serve

import (
	"net/http"
	"time"

	"soberano/engine"
	"soberano/engine/reply"
)

// chatCompletion is a whole answer, and with other fields in its choices a part of one.
type chatCompletion struct {
	ID          string       `json:"id"`
	Object      string       `json:"object"`
	Created     int64        `json:"created"`
	Model       string       `json:"model"`
	Fingerprint string       `json:"system_fingerprint"`
	Choices     []chatChoice `json:"choices"`
	Usage       *openAIUsage `json:"usage"`
}

type chatChoice struct {
	Index    int           `json:"index"`
	Message  *chatAnswer   `json:"message,omitempty"`
	Delta    *chatDelta    `json:"delta,omitempty"`
	Logprobs *chatLogprobs `json:"logprobs"`
	Reason   *string       `json:"finish_reason"`
}

type chatAnswer struct {
	Role      string     `json:"role"`
	Content   *string    `json:"content"`
	Refusal   *string    `json:"refusal"`
	Reasoning string     `json:"reasoning_content,omitempty"`
	ToolCalls []toolCall `json:"tool_calls,omitempty"`
}

type chatDelta struct {
	Role      string     `json:"role,omitempty"`
	Content   *string    `json:"content,omitempty"`
	Reasoning string     `json:"reasoning_content,omitempty"`
	ToolCalls []toolCall `json:"tool_calls,omitempty"`
}

// openAIChat answers POST /v1/chat/completions.
func openAIChat(c *call) error {
	var r chatRequest
	g, err := c.ask(&r, &r.Model)
	if err != nil {
		return err
	}
	defer g.close()
	if r.Stream {
		return g.streamChat(r.StreamOptions != nil && r.StreamOptions.IncludeUsage)
	}
	if err := g.run(nil); err != nil {
		return err
	}
	out := g.chatHead("chat.completion")
	for i, res := range g.results {
		out.Choices = append(out.Choices, res.chatChoice(i))
	}
	out.Usage = g.openAIUsage()
	return c.reply(http.StatusOK, out)
}

// chatHead returns an answer without choices.
func (g *generating) chatHead(object string) chatCompletion {
	return chatCompletion{ID: newID("chatcmpl-"), Object: object, Created: time.Now().Unix(), Model: g.lease.About.ID, Fingerprint: g.c.fingerprint()}
}

// fingerprint identifies the program, whose version may change answers.
func (s *Server) fingerprint() string { return "soberano-" + s.version }

// chatReason returns finish_reason.
func (r *result) chatReason() *string {
	reason := "stop"
	switch {
	case len(r.calls) > 0:
		reason = "tool_calls"
	case r.reason != engine.Ended:
		reason = "length"
	}
	return &reason
}

func (r *result) chatChoice(i int) chatChoice {
	a := &chatAnswer{Role: "assistant", Content: &r.text, Reasoning: r.thinking, ToolCalls: toolCalls(r.calls)}
	if r.text == "" && len(r.calls) > 0 {
		a.Content = nil
	}
	return chatChoice{Index: i, Message: a, Reason: r.chatReason(), Logprobs: chatLogprobsOf(r.tokens)}
}

// toolCalls returns calls in the form of OpenAI.
func toolCalls(calls []reply.Call) (out []toolCall) {
	for _, c := range calls {
		out = append(out, toolCall{ID: c.ID, Type: "function", Function: toolFunction{c.Name, string(c.Arguments)}})
	}
	return out
}

// chatStream sends the choices of a conversation's answer as they are generated.
type chatStream struct {
	g     *generating
	head  chatCompletion
	s     *stream // nil: nothing was sent, and what is wrong with the request can be told by the status
	calls []int   // number of calls of each choice
}

func (g *generating) streamChat(withUsage bool) error {
	w := &chatStream{g: g, head: g.chatHead("chat.completion.chunk"), calls: make([]int, g.request.N)}
	if err := g.run(w.piece); err != nil {
		return err
	}
	if withUsage {
		out := w.head
		out.Choices, out.Usage = []chatChoice{}, g.openAIUsage()
		if err := w.s.send("", out); err != nil {
			return err
		}
	}
	return w.s.send("", "[DONE]")
}

// begin sends the first part of each choice.
func (w *chatStream) begin() error {
	w.s = w.g.c.events(openAIFails)
	for i := range w.g.request.N {
		if err := w.send(chatChoice{Index: i, Delta: &chatDelta{Role: "assistant", Content: new("")}}); err != nil {
			return err
		}
	}
	return nil
}

func (w *chatStream) send(choice chatChoice) error {
	out := w.head
	out.Choices = []chatChoice{choice}
	return w.s.send("", out)
}

// piece sends a piece of a choice.
func (w *chatStream) piece(i int, p engine.Piece) error {
	if w.s == nil {
		if err := w.begin(); err != nil {
			return err
		}
	}
	d, tokens := chatDeltaOf(p, &w.calls[i]), chatLogprobsOf(p.Tokens)
	if d == nil && tokens != nil {
		d = &chatDelta{Content: new("")}
	}
	if d != nil {
		if err := w.send(chatChoice{Index: i, Delta: d, Logprobs: tokens}); err != nil {
			return err
		}
	}
	if p.Reason == "" {
		return nil
	}
	return w.send(chatChoice{Index: i, Delta: &chatDelta{}, Reason: w.g.results[i].chatReason()})
}

// chatDeltaOf returns what a piece adds; nil if nothing. calls counts the calls.
func chatDeltaOf(p engine.Piece, calls *int) *chatDelta {
	switch {
	case p.Kind == reply.Calls:
		list := toolCalls(p.Calls)
		for i := range list {
			list[i].Index = new(*calls)
			*calls++
		}
		return &chatDelta{ToolCalls: list}
	case p.Text == "":
		return nil
	case p.Kind == reply.Thinking:
		return &chatDelta{Reasoning: p.Text}
	}
	return &chatDelta{Content: &p.Text}
}
