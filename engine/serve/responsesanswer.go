package serve

import (
	"cmp"
	"net/http"
	"time"

	"soberano/engine"
	"soberano/engine/reply"
)

// response is the answer of POST /v1/responses.
type response struct {
	ID           string              `json:"id"`
	Object       string              `json:"object"`
	Created      int64               `json:"created_at"`
	Status       string              `json:"status"`
	Background   bool                `json:"background"`
	Error        *openAIFault        `json:"error"`
	Incomplete   *responseIncomplete `json:"incomplete_details"`
	Instructions *string             `json:"instructions"`
	MaxOutput    *int                `json:"max_output_tokens"`
	Model        string              `json:"model"`
	Output       []*responseItem     `json:"output"`
	Parallel     bool                `json:"parallel_tool_calls"`
	Previous     *string             `json:"previous_response_id"`
	Store        bool                `json:"store"`
	Temperature  *float64            `json:"temperature"`
	ToolChoice   string              `json:"tool_choice"`
	Tools        []responsesTool     `json:"tools"`
	TopP         *float64            `json:"top_p"`
	Truncation   string              `json:"truncation"`
	Usage        *responseUsage      `json:"usage"`
	Metadata     map[string]string   `json:"metadata"`
}

type responseIncomplete struct {
	Reason string `json:"reason"`
}

type responseUsage struct {
	Input         int                  `json:"input_tokens"`
	InputDetails  openAIUsageDetails   `json:"input_tokens_details"`
	Output        int                  `json:"output_tokens"`
	OutputDetails responseUsageDetails `json:"output_tokens_details"`
	Total         int                  `json:"total_tokens"`
	Dropped       int                  `json:"dropped_tokens,omitempty"` // left out, since the context was full; not OpenAI's
}

type responseUsageDetails struct {
	Reasoning int `json:"reasoning_tokens"`
}

// responseItem is an item of the answer: a thought, a message or a call; which fields it has depends on its type.
type responseItem struct {
	Type      string           `json:"type"`
	ID        string           `json:"id"`
	Status    string           `json:"status"`
	Role      string           `json:"role,omitempty"`
	Summary   *[]string        `json:"summary,omitempty"`
	Content   *[]*responsePart `json:"content,omitempty"` // nil: a call has none
	CallID    string           `json:"call_id,omitempty"`
	Name      string           `json:"name,omitempty"`
	Arguments *string          `json:"arguments,omitempty"`
}

// responsePart is a part of an item.
type responsePart struct {
	Type        string       `json:"type"`
	Text        string       `json:"text"`
	Annotations *[]string    `json:"annotations,omitempty"`
	Logprobs    *[]chatToken `json:"logprobs,omitempty"`
}

// responding makes an answer of pieces, and sends the events of a stream.
type responding struct {
	g      *generating
	r      *responsesRequest
	out    response
	s      *stream    // nil: nothing was sent
	number int        // of the next event
	kind   reply.Kind // of the item that is open
}

// openAIResponses answers POST /v1/responses.
func openAIResponses(c *call) error {
	var r responsesRequest
	g, err := c.ask(&r, &r.Model)
	if err != nil {
		return err
	}
	defer g.close()
	w := &responding{g: g, r: &r, out: r.head(g.lease.About.ID)}
	if err := g.run(w.piece); err != nil {
		return err
	}
	if err := w.end(); err != nil || r.Stream {
		return err
	}
	return c.reply(http.StatusOK, w.out)
}

// head returns an answer without output.
func (r *responsesRequest) head(model string) response {
	out := response{ID: newID("resp_"), Object: "response", Created: time.Now().Unix(), Status: "in_progress", Instructions: text(r.Instructions), MaxOutput: r.MaxOutput, Model: model, Output: []*responseItem{},
		Parallel: r.ParallelToolCalls == nil || *r.ParallelToolCalls, Temperature: r.Temperature, ToolChoice: "auto", Tools: r.Tools, TopP: r.TopP, Truncation: cmp.Or(r.Truncation, "disabled"), Metadata: map[string]string{}}
	if r.ToolChoice != nil && r.ToolChoice.mode != "" {
		out.ToolChoice = r.ToolChoice.mode
	}
	if out.Tools == nil {
		out.Tools = []responsesTool{}
	}
	return out
}

// responseEvent is an event of a stream; which fields it has depends on its type.
type responseEvent struct {
	Type         string        `json:"type"`
	Number       int           `json:"sequence_number"`
	Response     *response     `json:"response,omitempty"`
	OutputIndex  *int          `json:"output_index,omitempty"`
	ItemID       string        `json:"item_id,omitempty"`
	ContentIndex *int          `json:"content_index,omitempty"`
	Item         *responseItem `json:"item,omitempty"`
	Part         *responsePart `json:"part,omitempty"`
	Delta        *string       `json:"delta,omitempty"`
	Text         *string       `json:"text,omitempty"`
	Arguments    *string       `json:"arguments,omitempty"`
	Name         string        `json:"name,omitempty"`
	Logprobs     *[]chatToken  `json:"logprobs,omitempty"`

	Message string  `json:"message,omitempty"` // of an error
	Code    *string `json:"code,omitempty"`
}

// send sends an event, if the answer is a stream.
func (w *responding) send(e responseEvent) error {
	if !w.r.Stream {
		return nil
	}
	e.Number = w.number
	w.number++
	return w.s.send(e.Type, e)
}

// begin sends the first events.
func (w *responding) begin() error {
	if w.s != nil || !w.r.Stream {
		return nil
	}
	w.s = w.g.c.events(func(s *stream, f *failure) {
		code := f.code
		if code == "" {
			code = "server_error"
		}
		_ = s.send("error", responseEvent{Type: "error", Number: w.number, Message: f.message, Code: &code}) // the client may be gone
	})
	for _, kind := range []string{"response.created", "response.in_progress"} {
		if err := w.send(responseEvent{Type: kind, Response: &w.out}); err != nil {
			return err
		}
	}
	return nil
}

// last returns the item that is open, and its index; nil: none is.
func (w *responding) last() (*responseItem, int) {
	n := len(w.out.Output) - 1
	if n < 0 || w.out.Output[n].Status != "in_progress" {
		return nil, n
	}
	return w.out.Output[n], n
}

// piece takes a piece into the answer.
func (w *responding) piece(_ int, p engine.Piece) error {
	if err := w.begin(); err != nil {
		return err
	}
	if p.Kind == reply.Calls {
		for _, c := range p.Calls {
			if err := w.call(c); err != nil {
				return err
			}
		}
		return nil
	}
	tokens := []chatToken{}
	if l := chatLogprobsOf(p.Tokens); l != nil && p.Kind == reply.Text {
		tokens = l.Content
	}
	if p.Text == "" && len(tokens) == 0 {
		return nil
	}
	item, at := w.last()
	if item == nil || w.kind != p.Kind {
		if p.Text == "" {
			return nil
		}
		var err error
		if item, at, err = w.item(p.Kind); err != nil {
			return err
		}
	}
	part := (*item.Content)[0]
	part.Text += p.Text
	e := responseEvent{Type: "response.reasoning_text.delta", ItemID: item.ID, OutputIndex: &at, ContentIndex: new(0), Delta: &p.Text}
	if p.Kind == reply.Text {
		*part.Logprobs = append(*part.Logprobs, tokens...)
		e.Type, e.Logprobs = "response.output_text.delta", &tokens
	}
	return w.send(e)
}

// item ends the open item and begins another one, with one part.
func (w *responding) item(k reply.Kind) (*responseItem, int, error) {
	if err := w.close(); err != nil {
		return nil, 0, err
	}
	w.kind = k
	item := &responseItem{Type: "message", ID: newID("msg_"), Status: "in_progress", Role: "assistant", Content: &[]*responsePart{}}
	part := &responsePart{Type: "output_text", Annotations: &[]string{}, Logprobs: &[]chatToken{}}
	if k == reply.Thinking {
		item = &responseItem{Type: "reasoning", ID: newID("rs_"), Status: "in_progress", Summary: &[]string{}, Content: &[]*responsePart{}}
		part = &responsePart{Type: "reasoning_text"}
	}
	at := len(w.out.Output)
	w.out.Output = append(w.out.Output, item)
	if err := w.send(responseEvent{Type: "response.output_item.added", OutputIndex: &at, Item: item}); err != nil {
		return nil, 0, err
	}
	*item.Content = append(*item.Content, part)
	return item, at, w.send(responseEvent{Type: "response.content_part.added", ItemID: item.ID, OutputIndex: &at, ContentIndex: new(0), Part: part})
}

// close ends the open item, if there is one.
func (w *responding) close() error {
	item, at := w.last()
	if item == nil {
		return nil
	}
	item.Status = "completed"
	part := (*item.Content)[0]
	e := responseEvent{Type: "response.reasoning_text.done", ItemID: item.ID, OutputIndex: &at, ContentIndex: new(0), Text: &part.Text}
	if w.kind == reply.Text {
		e.Type, e.Logprobs = "response.output_text.done", part.Logprobs
	}
	for _, e := range []responseEvent{e, {Type: "response.content_part.done", ItemID: item.ID, OutputIndex: &at, ContentIndex: new(0), Part: part}, {Type: "response.output_item.done", OutputIndex: &at, Item: item}} {
		if err := w.send(e); err != nil {
			return err
		}
	}
	return nil
}

// call adds a call of a tool.
func (w *responding) call(c reply.Call) error {
	if err := w.close(); err != nil {
		return err
	}
	arguments := string(c.Arguments)
	item := responseItem{Type: "function_call", ID: newID("fc_"), Status: "in_progress", CallID: c.ID, Name: c.Name, Arguments: new("")}
	at := len(w.out.Output)
	done := item
	done.Status, done.Arguments = "completed", &arguments
	w.out.Output = append(w.out.Output, &done)
	for _, e := range []responseEvent{
		{Type: "response.output_item.added", OutputIndex: &at, Item: &item},
		{Type: "response.function_call_arguments.delta", ItemID: item.ID, OutputIndex: &at, Delta: &arguments},
		{Type: "response.function_call_arguments.done", ItemID: item.ID, OutputIndex: &at, Arguments: &arguments, Name: c.Name},
		{Type: "response.output_item.done", OutputIndex: &at, Item: &done},
	} {
		if err := w.send(e); err != nil {
			return err
		}
	}
	return nil
}

// end ends the answer.
func (w *responding) end() error {
	if err := w.close(); err != nil {
		return err
	}
	prompt, cached, generated := w.g.usage()
	w.out.Usage = &responseUsage{Input: prompt, InputDetails: openAIUsageDetails{cached}, Output: generated, Total: prompt + generated, Dropped: w.g.dropped()}
	w.out.Status = "completed"
	if w.g.results[0].reason != engine.Ended {
		w.out.Status, w.out.Incomplete = "incomplete", &responseIncomplete{"max_output_tokens"}
		if n := len(w.out.Output) - 1; n >= 0 {
			w.out.Output[n].Status = "incomplete"
		}
	}
	return w.send(responseEvent{Type: "response." + w.out.Status, Response: &w.out})
}
