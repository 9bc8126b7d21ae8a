package token

import (
	"fmt"
	"math"
	"strings"
)

// plamo is the tokenizer of PLaMo 2: a unigram model with whole-numbered costs, found from the end of the
// text. The cost of a token is -10,000 times its score, rounded; a character without a token costs
// 10,000,000 and becomes the tokens of its bytes. Of two ways with the same cost, the one with the longer
// token counts.
type plamo struct {
	tokens *prefixes
	costs  []int64 // by id
	bytes  [256]int32
}

const (
	unknownCost = 10_000_000
	worstCost   = 20_000_000 // tokens that cost as much are not used
)

func newPlamo(t *Tokenizer, scores []float32) (*plamo, error) {
	p := &plamo{costs: make([]int64, len(t.texts))}
	for b := range p.bytes {
		p.bytes[b] = none
	}
	var all []spelling
	for i, text := range t.texts {
		if t.kinds[i] == byteToken {
			b, _ := byteOf(text)
			p.bytes[b] = int32(i)
			continue
		}
		if t.kinds[i] == control || t.kinds[i] == unknown || t.kinds[i] == userDefined && isMarker(text) {
			continue
		}
		cost := -math.Round(float64(scores[i]) * 1e4)
		if cost < worstCost && cost > -1<<40 {
			p.costs[i] = int64(cost)
			all = append(all, spelling{text, int32(i)})
		}
	}
	for b, id := range p.bytes {
		if id == none {
			return nil, fmt.Errorf("the vocabulary has no token for the byte %#02x", b)
		}
	}
	p.tokens = newPrefixes(all)
	return p, nil
}

// way is the cheapest way from a position to the end of the text.
type way struct {
	cost int64
	id   int32 // none: the bytes of a character
	n    int32 // bytes of the text that it stands for
}

func (p *plamo) encode(dst []int32, text string) []int32 {
	text = strings.TrimPrefix(validText(text), "\uFEFF")
	ways := make([]way, len(text)+1)
	for at := len(text) - 1; at >= 0; at-- {
		if text[at]&0xc0 == 0x80 { // within a character
			ways[at].cost = math.MaxInt64 / 2
			continue
		}
		ways[at] = p.cheapest(text[at:], ways[at:])
	}
	for at := 0; at < len(text); {
		w := ways[at]
		next := at + int(w.n)
		if w.id != none {
			dst = append(dst, w.id)
		} else {
			for ; at < next; at++ {
				dst = append(dst, p.bytes[text[at]])
			}
		}
		at = next
	}
	return dst
}

// cheapest returns the cheapest way from the beginning of text; ways are those from its other positions.
func (p *plamo) cheapest(text string, ways []way) way {
	_, size := decodeRune(text)
	best := way{cost: unknownCost + ways[size].cost, id: none, n: int32(size)}
	at := p.tokens.begin()
	for i := 0; i < len(text) && at.lo < at.hi; i++ {
		if id := p.tokens.step(&at, text[i]); id != none {
			if cost := p.costs[id] + ways[i+1].cost; cost <= best.cost {
				best = way{cost, id, int32(i + 1)}
			}
		}
	}
	return best
}
