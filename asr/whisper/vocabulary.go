package whisper

// The user's own words: names and terms that are spelled in a way the network would not
// choose. They stand in the prompt, where the network can see them, and while the tokens
// of one are said each earns a bonus (shallow fusion, Williams et al. 2018; a bonus that is
// taken back is from Zhao et al. 2019):
//
//	" Jon Dashwoode"   ▸ Jon ─ ▸ Dash ─ wo ─ ode            a path of the tree
//	                    +1     +4    +4    +4
//
// Who leaves the path before its end gives the bonus back, so that a word that only begins
// as an expected one is as likely as without. Greedy decoding can't go back, therefore the
// first token, which many words share, earns little.

import (
	"strings"
	"unicode"

	"soberano/engine/token"
)

// Bonuses of a token in nats: e⁴ times as likely overturns a spelling that sounds the same,
// and not what is clearly said.
const (
	firstBonus = 1.0
	nextBonus  = 4.0
)

// Vocabulary are expected words; nil for none.
type Vocabulary struct {
	root   *node
	first  []int32 // tokens that words begin with
	prompt []int32
}

// node is a place in the tree of the words' tokens.
type node struct {
	next   map[int32]*node
	earned float64 // from the root on
	debt   float64 // of that, what is taken back if the path is left here: 0 at a word's end
}

// NewVocabulary prepares words, each spelled as it should be written.
func (m *Model) NewVocabulary(words []string) *Vocabulary {
	v := &Vocabulary{root: &node{}}
	var spelled []string
	for _, w := range words {
		if w = strings.Join(strings.Fields(w), " "); w == "" {
			continue
		}
		spelled = append(spelled, w)
		v.add(m.text.Encode(" "+w, token.Options{}))
		if r := []rune(w)[0]; unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Lao, unicode.Myanmar) {
			v.add(m.text.Encode(w, token.Options{})) // no space stands before it
		}
	}
	if len(spelled) == 0 {
		return nil
	}
	v.prompt = m.text.Encode(" "+strings.Join(spelled, ", ")+".", token.Options{})
	return v
}

// Prompt are text tokens that tell the network of the words.
func (v *Vocabulary) Prompt() []int32 {
	if v == nil {
		return nil
	}
	return v.prompt
}

func (v *Vocabulary) add(ids []int32) {
	n := v.root
	for i, id := range ids {
		c := n.next[id]
		if c == nil {
			bonus := nextBonus
			if i == 0 {
				bonus = firstBonus
			}
			c = &node{earned: n.earned + bonus, debt: n.debt + bonus}
			if n.next == nil {
				n.next = map[int32]*node{}
			}
			if n.next[id] = c; i == 0 {
				v.first = append(v.first, id)
			}
		}
		n = c
	}
	n.settle()
}

// settle makes n the end of a word: what was earned up to it is kept.
func (n *node) settle() {
	paid := n.debt
	var walk func(*node)
	walk = func(n *node) {
		n.debt = max(0, n.debt-paid)
		for _, c := range n.next {
			if c.debt > 0 {
				walk(c)
			}
		}
	}
	walk(n)
}

// follow returns where token id leads from at, nil for the root, and the bonus earned or
// given back.
func (v *Vocabulary) follow(at *node, id int32) (*node, float64) {
	if v == nil {
		return nil, 0
	}
	if at == nil {
		at = v.root
	}
	if c := at.next[id]; c != nil {
		return c, c.earned - at.earned
	}
	if c := v.root.next[id]; c != nil {
		return c, c.earned - at.debt
	}
	return nil, -at.debt
}

// lift adds times × its bonus to the logit of each token that words begin or, after at, go on
// with. A list may have thousands of words, but few beginnings are likely at a place: their
// bonus is one number, and what is largest after it is looked for in registers.
func (v *Vocabulary) lift(next *open, at *node, times float32) {
	if v == nil {
		return
	}
	add := func(id int32, bonus float64) {
		if i := int(id) - next.from; i >= 0 && i < len(next.logits) {
			next.logits[i] += times * float32(bonus)
		}
	}
	for _, id := range v.first {
		add(id, firstBonus)
	}
	if at == nil {
		return
	}
	for id, c := range at.next {
		bonus := c.earned - at.earned + at.debt // to stay on the path, and not to pay
		if v.root.next[id] != nil {
			bonus -= firstBonus
		}
		add(id, bonus)
	}
}
