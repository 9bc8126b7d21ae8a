package serve

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"soberano/engine"
)

// chatLogprobs are the tokens of a choice with the logarithms of their probabilities.
type chatLogprobs struct {
	Content []chatToken `json:"content"`
	Refusal []chatToken `json:"refusal"`
}

type chatToken struct {
	chatTokenProb
	Top []chatTokenProb `json:"top_logprobs"`
}

type chatTokenProb struct {
	Token   string  `json:"token"`
	Logprob float64 `json:"logprob"`
	Bytes   []int   `json:"bytes"`
}

func chatTokenProbOf(p engine.TokenProb) chatTokenProb {
	out := chatTokenProb{Token: spelled(p.Text), Logprob: p.Logprob, Bytes: []int{}}
	for _, b := range []byte(p.Text) {
		out.Bytes = append(out.Bytes, int(b))
	}
	return out
}

// spelled returns the text of a token; of one that is a part of a character, its bytes, as in bytes:\xf0\x9f.
func spelled(text string) string {
	if utf8.ValidString(text) {
		return text
	}
	var b strings.Builder
	b.WriteString("bytes:")
	for _, c := range []byte(text) {
		fmt.Fprintf(&b, "\\x%02x", c)
	}
	return b.String()
}

// chatLogprobsOf returns the tokens of a part of an answer, without those that stand for no text; nil if there are none.
func chatLogprobsOf(tokens []engine.Token) *chatLogprobs {
	var out *chatLogprobs
	for _, t := range tokens {
		if t.Control {
			continue
		}
		if out == nil {
			out = &chatLogprobs{}
		}
		c := chatToken{chatTokenProb: chatTokenProbOf(t.TokenProb), Top: []chatTokenProb{}}
		for _, p := range t.Top {
			c.Top = append(c.Top, chatTokenProbOf(p))
		}
		out.Content = append(out.Content, c)
	}
	return out
}

// textLogprobs are the tokens of a completion, in the form of /v1/completions.
type textLogprobs struct {
	Tokens   []string             `json:"tokens"`
	Logprobs []float64            `json:"token_logprobs"`
	Top      []map[string]float64 `json:"top_logprobs"`
	Offset   []int                `json:"text_offset"`
}

// textLogprobsOf returns the tokens of a part of a completion whose text begins at offset, and where the next begins.
func textLogprobsOf(tokens []engine.Token, offset int) (*textLogprobs, int) {
	var out *textLogprobs
	for _, t := range tokens {
		if t.Control {
			continue
		}
		if out == nil {
			out = &textLogprobs{}
		}
		top := map[string]float64{}
		for _, p := range t.Top {
			top[spelled(p.Text)] = p.Logprob
		}
		out.Tokens, out.Logprobs, out.Top, out.Offset = append(out.Tokens, spelled(t.Text)), append(out.Logprobs, t.Logprob), append(out.Top, top), append(out.Offset, offset)
		offset += len([]rune(t.Text))
	}
	return out, offset
}
