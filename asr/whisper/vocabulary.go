package whisper

// The user's own words: names and terms that are spelled in a way the network would not
// choose. They stand in the prompt, where the network can see them, and while the tokens
// of one are said each earns a bonus (shallow fusion, Williams et al. 2018; a bonus that is
// taken back is from Zhao et al. 2019):
//
//	" Jon Dashwoode"   ▸ Jon ─ ▸ Dash ─ wo ─ ode            a path of the tree
//	                    1        0     2     0  = 3 nats     what they are short of, of at most 4
//
// A bonus only makes up for what a token is short of the likeliest one, and a whole word may
// be short of so much: what is not said is further away. (A bonus of its own for each token
// made whole clips out of nothing but the names of a list.) Who leaves the path before its
// end gives the bonus back, so that a word that only begins as an expected one is as likely
// as without. Greedy decoding can't go back, therefore the first token, which many words
// share, earns little.

import (
	"strings"
	"unicode"

	"soberano/engine/token"
)

// What the first token of a word, each further one and a whole word may be short of, in
// nats; edge is what they are ahead then.
const (
	firstBonus = 1.0
	nextBonus  = 2.0
	wordBonus  = 4.0
	edge       = 0.25
)

// Vocabulary holds expected words; nil for none. It does not change once it is made, so
// several slots may use one at the same time.
type Vocabulary struct {
	root   *node
	first  []int32 // tokens that words begin with
	prompt []int32
}

// node is a place in the tree of the words' tokens.
type node struct {
	next map[int32]*node
	most float64 // of the bonuses from the root to here
	ends bool    // a word
}

// trail is how far a hypothesis has come in a word.
type trail struct {
	at   *node   // nil: in none
	had  float64 // bonuses in this word
	owed float64 // of those, what is given back if the path is left here
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

// bonus is what a token that is short of the likeliest earns on the way to n, in a word that
// has had some.
func (n *node) bonus(short, had float64) float64 {
	return max(0, min(short+edge, n.most-had))
}

// follow returns where token id leads from t, and the bonus earned or given back; short is
// what the token is short of the likeliest.
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
			add(id, n, t.had, t.owed) // and what is owed is not given back
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
