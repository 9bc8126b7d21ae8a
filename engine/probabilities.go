package engine

import (
	"slices"
	"sync"

	"soberano/engine/sample"
	"soberano/engine/token"
)

// probabilities collects the tokens of an answer with the logarithms of their probabilities.
type probabilities struct {
	wanted bool // tokens are collected
	top    int  // alternatives of each
	score  bool // sum and n are computed

	tokens []Token // that no piece has yet
	sum    float64 // of the logarithms of all tokens
	n      int
	buf    []sample.Logprob
}

// add adds the token that was chosen by the logits.
func (p *probabilities) add(tok *token.Tokenizer, logits []float32, id int32) {
	if !p.wanted && !p.score {
		return
	}
	top := 0
	if p.wanted {
		top = p.top
	}
	of, list := sample.Logprobs(p.buf[:0], logits, id, top)
	p.buf, p.sum, p.n = list, p.sum+of, p.n+1
	if !p.wanted {
		return
	}
	t := Token{TokenProb: probOf(tok, id, of), Control: tok.IsControl(id) || tok.IsEnd(id)}
	for _, x := range list {
		t.Top = append(t.Top, probOf(tok, x.ID, x.Logprob))
	}
	p.tokens = append(p.tokens, t)
}

// mean returns the mean logarithm of the tokens' probabilities.
func (p *probabilities) mean() float64 { return p.sum / float64(max(1, p.n)) }

func probOf(tok *token.Tokenizer, id int32, logprob float64) TokenProb {
	return TokenProb{ID: id, Text: spelled(tok, id), Logprob: logprob}
}

// spelled returns the bytes that a token adds to a text, or its spelling if it adds none.
func spelled(tok *token.Tokenizer, id int32) string {
	if piece := tok.Piece(id); piece != nil {
		return string(piece)
	}
	return tok.Text(id)
}

// breakers keeps the last sample.Breakers of a model, which take a walk through the vocabulary.
type breakers struct {
	mu      sync.Mutex
	strings []string
	last    *sample.Breakers
}

func (b *breakers) get(tok *token.Tokenizer, strings []string) *sample.Breakers {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.last == nil || !slices.Equal(b.strings, strings) {
		word := func(id int32) []byte { return []byte(spelled(tok, id)) }
		encode := func(text string) []int32 { return tok.Encode(text, token.Options{}) }
		b.strings, b.last = slices.Clone(strings), sample.NewBreakers(strings, tok.Size(), word, encode)
	}
	return b.last
}
