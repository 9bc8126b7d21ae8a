package whisper

import (
	"strings"
	"unicode"

	"soberano/engine/token"
)

// Limits of the bonus for the first token of a word, for each further token and for a whole word,
// in nats. margin is added so that the token becomes likelier than all others.
const (
	firstBonus = 1.0
	nextBonus  = 2.0
	wordBonus  = 4.0
	margin     = 0.25
)

// Vocabulary holds the user's words: names and terms whose spelling the network would not choose.
// They are part of the prompt, and while the tokens of a word are decoded each gets a bonus (shallow
// fusion, Williams et al. 2018; a bonus that is taken back is from Zhao et al. 2019):
//
//	" Jon Dashwoode"   ▸ Jon ─ ▸ Dash ─ wo ─ ode            a path in the tree of words
//	                    1        0     2     0  = 3 nats     difference to the likeliest token, at most 4
//
// The bonus is only the difference between a token and the likeliest one, up to limits: words that
// are not spoken have a larger difference. (With a constant bonus for each token, whole clips were
// transcribed as names of the list.) If a hypothesis leaves the path before its end, the bonus is
// taken back, so that a word with the same beginning is as likely as without the vocabulary. Greedy
// decoding cannot go back, so the bonus of the first token, which many words share, is small.
//
// nil stands for no words. A Vocabulary does not change after NewVocabulary, so several slots may
// use it at the same time.
type Vocabulary struct {
	root   *node
	first  []int32 // first tokens of the words
	prompt []int32
}

// node is a node of the tree of the words' tokens.
type node struct {
	next map[int32]*node
	most float64 // limit of the sum of the bonuses from the root to this node
	ends bool    // a word ends here
}

// trail is the position of a hypothesis in a word.
type trail struct {
	at   *node   // nil: not in a word
	had  float64 // sum of the bonuses in this word
	owed float64 // part of had that is taken back if the path is left here
}

// NewVocabulary returns a vocabulary of words, each spelled as it should be written; nil for none.
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
			v.add(m.text.Encode(w, token.Options{})) // such scripts have no space before a word
		}
	}
	if len(spelled) == 0 {
		return nil
	}
	v.prompt = m.text.Encode(" "+strings.Join(spelled, ", ")+".", token.Options{})
	return v
}

// Prompt returns the words as text tokens for the prompt.
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
			c = &node{most: min(n.most+nextBonus, wordBonus)}
			if n.next == nil {
				n.next = map[int32]*node{}
			}
			if n.next[id] = c; i == 0 {
				c.most = firstBonus
				v.first = append(v.first, id)
			}
		}
		n = c
	}
	n.ends = true
}

// bonus returns the bonus of a token that leads to n and is short of the likeliest token by short,
// in a word whose earlier tokens had bonuses of had in all.
func (n *node) bonus(short, had float64) float64 {
	return max(0, min(short+margin, n.most-had))
}

// follow returns the position after token id at t, and its bonus, which is negative if an earlier
// bonus is taken back. short is the difference to the likeliest token.
func (v *Vocabulary) follow(t trail, id int32, short float64) (trail, float64) {
	if v == nil {
		return t, 0
	}
	back := t.owed
	c := t.child(id)
	if c != nil {
		back = 0
	} else if c, t = v.root.next[id], (trail{}); c == nil {
		return t, -back
	}
	bonus := c.bonus(short, t.had)
	t = trail{at: c, had: t.had + bonus, owed: t.owed + bonus}
	if c.ends {
		t.owed = 0
	}
	return t, bonus - back
}

func (t trail) child(id int32) *node {
	if t.at == nil {
		return nil
	}
	return t.at.next[id]
}

// lift adds bonuses to the logits: each token that starts a word of v, or continues the word
// that t is in, becomes as much likelier than the others as follow makes it. It returns a
// function that restores the logits, valid until the slot's next lift, and the largest logit
// before the change. The values to restore are kept in the slot: v is shared with others.
func (s *Slot) lift(v *Vocabulary, next *open, t trail) (undo func(), top float64) {
	if v == nil {
		return func() {}, 0
	}
	at, _ := s.best(next.logits)
	top = float64(next.logits[at])
	before := s.lifted[:0]
	add := func(id int32, n *node, had, kept float64) {
		i := int(id) - next.from
		if i < 0 || i >= len(next.logits) || next.logits[i] == never {
			return
		}
		before = append(before, lifted{i, next.logits[i]})
		next.logits[i] += float32(n.bonus(top-float64(next.logits[i]), had) + kept)
	}
	for _, id := range v.first {
		if t.child(id) == nil {
			add(id, v.root.next[id], 0, 0)
		}
	}
	if t.at != nil {
		for id, n := range t.at.next {
			add(id, n, t.had, t.owed) // and owed is not taken back
		}
	}
	s.lifted = before
	return func() {
		for _, l := range before {
			next.logits[l.at] = l.was
		}
	}, top
}

// lifted is the value of a logit before it was raised, and its index.
type lifted struct {
	at  int
	was float32
}
