package propose

import "time"

// Continue returns the most probable continuation of tokens by a small model with the same vocabulary, one token after the other as long as there are fewer than most and more returns true
// for the token's probability. read is the number of tokens that it had to read first.
type Continue func(tokens []int32, most int, more func(probability float64) bool) (out []int32, read int, err error)

// Draft proposes what a small model would write. The probabilities that it gives to its tokens say how many are worth their time: one more is computed as long as it is likely enough that
// all are accepted.
type Draft struct {
	text    *Text // has the tokens and the times of steps
	repeats bool  // what the text may repeat is proposed first: it costs no time of the small model
	next    Continue
	hits    hits
	cost    float64 // of a token of the small model, on average, in steps without a proposal; 0: not known yet
	run     int     // steps with a proposal since the last without one
}

const (
	mostRead = 32 // tokens that the small model reads for a proposal whose time counts: more are those of a prompt, or of steps in which nothing could be proposed
	mostRun  = 16 // steps with a proposal in a row, before one without it is measured
	prior    = 4  // tokens that are taken as accepted with their probability before anything is known
)

// NewDraft returns a draft for a text that begins with a prompt without images. With repeats it also proposes what a Text does.
func NewDraft(prompt []int32, next Continue, repeats bool) *Draft {
	return newDraft(prompt, next, repeats, time.Now)
}

func newDraft(prompt []int32, next Continue, repeats bool, now func() time.Time) *Draft {
	return &Draft{text: newText(prompt, now), repeats: repeats, next: next}
}

// Push implements Proposer.
func (d *Draft) Push(id int32) { d.text.Push(id) }

// Count implements Proposer.
func (d *Draft) Count() (proposed, accepted int) { return d.text.Count() }

// Propose implements Proposer. The error is that of the small model.
func (d *Draft) Propose(most int) ([]int32, error) {
	t := d.text
	if d.repeats {
		if out, err := t.Propose(most); len(out) > 0 || err != nil {
			return out, err
		}
	} else {
		t.begin()
	}
	if t.plain < mostPlain || d.run >= mostRun || !t.affordable(d.cost+t.each) {
		d.run = 0
		return nil, nil
	}
	d.run++
	out, sure, err := d.draft(most)
	if len(out) > 0 && err == nil {
		t.try(out, &d.hits)
		t.sure = sure
	}
	t.started = t.now() // without the time of the small model
	return out, err
}

// draft returns tokens of the small model with their probabilities, and counts its time.
func (d *Draft) draft(most int) (out []int32, sure []float64, err error) {
	t, begun := d.text, d.text.now()
	trust := min(1, (d.hits.accepted+prior)/(d.hits.expected+prior))
	all := 1.0 // the probability that all are accepted
	out, read, err := d.next(t.tokens, most, func(p float64) bool {
		all *= p * trust
		sure = append(sure, p)
		return all > d.cost+t.each
	})
	if err != nil || len(out) == 0 {
		return nil, nil, err
	}
	if took := t.now().Sub(begun).Seconds() / t.single; read <= mostRead {
		t.lost += took
		if d.cost == 0 {
			d.cost = took / float64(len(out))
		}
		d.cost += follow * (min(took/float64(len(out)), 2*d.cost) - d.cost)
	}
	if all <= t.each { // the last is not worth the check
		out, sure = out[:len(out)-1], sure[:len(sure)-1]
	}
	return out, sure, nil
}
