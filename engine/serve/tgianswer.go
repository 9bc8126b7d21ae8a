package serve

import (
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"soberano/engine"
)

// tgiAnswer is the answer of POST /generate.
type tgiAnswer struct {
	Text    string      `json:"generated_text"`
	Details *tgiDetails `json:"details,omitempty"`
}

type tgiDetails struct {
	tgiSequence
	BestOf []tgiBest `json:"best_of_sequences,omitempty"`
}

type tgiBest struct {
	Text string `json:"generated_text"`
	tgiSequence
}

type tgiSequence struct {
	Reason    string      `json:"finish_reason"`
	Generated int         `json:"generated_tokens"`
	Seed      *int64      `json:"seed"`
	Prefill   []tgiProb   `json:"prefill"`
	Tokens    []tgiProb   `json:"tokens"`
	Top       [][]tgiProb `json:"top_tokens,omitempty"`
}

// tgiProb is a token with the logarithm of its probability.
type tgiProb struct {
	ID      int32   `json:"id"`
	Text    string  `json:"text"`
	Logprob float64 `json:"logprob"`
	Special bool    `json:"special"`
}

// tgiGenerate answers POST /generate.
func tgiGenerate(c *call) error {
	var r tgiRequest
	if err := c.parse(&r); err != nil {
		return err
	}
	if r.Stream {
		return unsupportedParameter("stream")
	}
	out, err := r.whole(c)
	if err != nil {
		return err
	}
	return c.reply(http.StatusOK, out)
}

// tgiCompat answers POST /.
func tgiCompat(c *call) error {
	var r tgiRequest
	if err := c.parse(&r); err != nil {
		return err
	}
	if r.Stream {
		return r.streamed(c)
	}
	out, err := r.whole(c)
	if err != nil {
		return err
	}
	return c.reply(http.StatusOK, []tgiAnswer{out})
}

// tgiStream answers POST /generate_stream.
func tgiStream(c *call) error {
	var r tgiRequest
	if err := c.parse(&r); err != nil {
		return err
	}
	return r.streamed(c)
}

// open opens the model and checks the request.
func (r *tgiRequest) open(c *call, stream bool) (*generating, error) {
	o, err := r.order(stream)
	if err != nil {
		return nil, err
	}
	g, err := c.generate("", o)
	if err != nil {
		return nil, err
	}
	if err := g.fit(&r.Parameters); err != nil {
		g.close()
		return nil, err
	}
	return g, nil
}

// whole generates the answer and sets the headers.
func (r *tgiRequest) whole(c *call) (out tgiAnswer, err error) {
	g, err := r.open(c, false)
	if err != nil {
		return out, err
	}
	defer g.close()
	valid := time.Since(c.start)
	if err := g.run(nil); err != nil {
		return out, err
	}
	best := g.best()
	c.tgiHeaders(r, g.results[best], valid)
	out.Text = r.full(g.results[best].text)
	if !yes(r.Parameters.Details) {
		return out, nil
	}
	out.Details = &tgiDetails{tgiSequence: r.sequence(g.results[best])}
	for i, res := range g.results {
		if i != best {
			out.Details.BestOf = append(out.Details.BestOf, tgiBest{r.full(res.text), r.sequence(res)})
		}
	}
	return out, nil
}

// best returns the choice with the largest mean logarithm of its tokens' probabilities.
func (g *generating) best() (best int) {
	mean := func(r result) float64 {
		sum := 0.0
		for _, t := range r.tokens {
			sum += t.Logprob
		}
		return sum / float64(max(1, len(r.tokens)))
	}
	for i := range g.results {
		if mean(g.results[i]) > mean(g.results[best]) {
			best = i
		}
	}
	return best
}

// full returns the text with the inputs before it, if that is asked for.
func (r *tgiRequest) full(text string) string {
	if yes(r.Parameters.ReturnFullText) {
		return r.Inputs + text
	}
	return text
}

// sequence describes the tokens of an answer.
func (r *tgiRequest) sequence(res result) tgiSequence {
	out := tgiSequence{Reason: res.tgiReason(), Generated: res.tgiTokens(), Seed: r.Parameters.Seed, Prefill: []tgiProb{}, Tokens: []tgiProb{}}
	var d tgiDecoder
	for _, t := range res.tokens {
		out.Tokens = append(out.Tokens, d.token(t))
		if len(t.Top) > 0 {
			out.Top = append(out.Top, tgiTops(t))
		}
	}
	return out
}

// tgiTokens returns the number of generated tokens. The token that ends an answer is one of them.
func (r *result) tgiTokens() int {
	n := r.usage.Generated
	if r.reason == engine.Ended && r.stop == "" {
		n++
	}
	return n
}

func (r *result) tgiReason() string {
	switch {
	case r.reason != engine.Ended:
		return "length"
	case r.stop != "":
		return "stop_sequence"
	}
	return "eos_token"
}

// tgiDecoder gives the texts of tokens. A token that ends within a character has none; the one that completes it has the whole.
type tgiDecoder struct{ held string }

func (d *tgiDecoder) token(t engine.Token) tgiProb {
	out := tgiProb{ID: t.ID, Text: t.Text, Logprob: t.Logprob, Special: t.Control}
	if t.Control {
		return out
	}
	d.held += t.Text
	if !utf8.ValidString(d.held) && len(d.held) < utf8.UTFMax {
		out.Text = ""
		return out
	}
	out.Text, d.held = strings.ToValidUTF8(d.held, "�"), ""
	return out
}

func tgiTops(t engine.Token) (out []tgiProb) {
	for _, p := range t.Top {
		out = append(out, tgiProb{ID: p.ID, Text: strings.ToValidUTF8(p.Text, "�"), Logprob: p.Logprob})
	}
	return out
}

// tgiHeaders sets the headers with times and numbers of tokens. valid is the time until the model was asked.
func (c *call) tgiHeaders(r *tgiRequest, res result, valid time.Duration) {
	total := time.Since(c.start)
	inference := time.Duration((res.usage.PromptSeconds + res.usage.GenerateSeconds) * float64(time.Second))
	queue := max(0, total-valid-inference)
	n := res.tgiTokens()
	ms := func(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }
	c.tgiComputes(r)
	for name, value := range map[string]string{
		"x-compute-time": number(total.Seconds()), "x-total-time": ms(total), "x-validation-time": ms(valid), "x-queue-time": ms(queue), "x-inference-time": ms(inference),
		"x-time-per-token": ms(inference / time.Duration(max(1, n))), "x-prompt-tokens": strconv.Itoa(res.usage.Prompt), "x-generated-tokens": strconv.Itoa(n),
	} {
		c.w.Header().Set(name, value)
	}
}

// tgiComputes sets the headers that are known before the answer.
func (c *call) tgiComputes(r *tgiRequest) {
	c.w.Header().Set("x-compute-type", "local")
	c.w.Header().Set("x-compute-characters", strconv.Itoa(utf8.RuneCountInString(r.Inputs)))
}

// tgiEvent is an event of a stream: a token, and with the last one the whole text.
type tgiEvent struct {
	Index   int             `json:"index"`
	Token   tgiProb         `json:"token"`
	Top     []tgiProb       `json:"top_tokens,omitempty"`
	Text    *string         `json:"generated_text"`
	Details *tgiLastDetails `json:"details"`
}

type tgiLastDetails struct {
	Reason    string `json:"finish_reason"`
	Generated int    `json:"generated_tokens"`
	Seed      *int64 `json:"seed"`
	Input     int    `json:"input_length"`
}

// tgiFails tells a failure within a stream.
func tgiFails(s *stream, f *failure) {
	_ = s.send("", tgiError(f)) // the client may be gone
}

// streamed sends an event for each token. As in text-generation-inference, what is wrong with the parameters is an event, too.
func (r *tgiRequest) streamed(c *call) error {
	c.tgiComputes(r)
	c.w.Header().Set("X-Accel-Buffering", "no")
	s := c.events(tgiFails)
	g, err := r.open(c, true)
	if err != nil {
		return err
	}
	defer g.close()
	w := tgiStreaming{r: r, g: g, s: s}
	return g.run(func(_ int, p engine.Piece) error { return w.piece(p) })
}

type tgiStreaming struct {
	r    *tgiRequest
	g    *generating
	s    *stream
	d    tgiDecoder
	sent int
}

// piece sends the tokens of a piece.
func (w *tgiStreaming) piece(p engine.Piece) error {
	for i, t := range p.Tokens {
		w.sent++
		e := tgiEvent{Index: w.sent, Token: w.d.token(t), Top: tgiTops(t)}
		if i == len(p.Tokens)-1 && p.Reason != "" {
			res := w.g.results[0]
			e.Text = new(w.r.full(res.text))
			if yes(w.r.Parameters.Details) {
				e.Details = &tgiLastDetails{res.tgiReason(), res.tgiTokens(), w.r.Parameters.Seed, res.usage.Prompt}
			}
		}
		if err := w.s.send("", e); err != nil {
			return err
		}
	}
	return nil
}
