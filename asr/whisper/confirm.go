package whisper

import (
	"context"
	"math"
	"slices"
	"strings"
	"unicode"
)

const (
	// plainLoss is how much less probable, in nats and without hints, words may be than those that are
	// heard without hints.
	plainLoss = 3.0
	// alikeLoss is the same for words that are written alike, times how much they are alike, less
	// leastAlike. Names are unlikely, but sound like what the model writes instead.
	alikeLoss  = 60.0
	leastAlike = 0.3
)

// confirm decodes the window without the user's hints as well and returns an attempt in which words
// that differ are those with hints only where the sound supports them:
//
//	with hints       Mr. Jon Dashwoode had then  Kubernetes       time
//	without          Mr. John Dashwood had then  cooper nettings  time
//	                     └─ alike ──┘             └─ alike ─┘
//	with hints       Dr. Okonkwo.                  written: Okay.
//	without          Okay.                         nothing is alike, and without hints it is far likelier
//
// What is not heard without hints is not written with them.
func (s *Slot) confirm(ctx context.Context, r *Result, a *attempt, o *Options) (*attempt, error) {
	p := o.plain()
	b, err := s.attempts(ctx, r, p)
	if err != nil || b == nil || len(b.tokens) == 0 {
		return b, err
	}
	if a.text == b.text {
		return a, nil
	}
	hinted, err := s.likelihood(a, r, p)
	if err != nil {
		return nil, err
	}
	plain, err := s.likelihood(b, r, p)
	if err != nil {
		return nil, err
	}
	return s.merge(a, b, hinted, plain), nil
}

// scored is a word of a text: its tokens are at from to to in the attempt's tokens.
type scored struct {
	from, to int
	bare     string  // letters and digits only, in lower case
	logprob  float64 // without hints
}

// likelihood returns the words of a with their log-probabilities without hints and times.
func (s *Slot) likelihood(a *attempt, r *Result, o *Options) (out []scored, err error) {
	text, at := s.textOf(a.tokens)
	l, err := s.locate(text, r, o, true)
	if err != nil || l == nil {
		return nil, err
	}
	parts := s.characters(text[:len(l.probs)])
	if !slices.Contains(unspaced, r.Language) {
		parts = spaced(parts)
	}
	i := 0
	for _, p := range parts {
		w := scored{from: at[i], to: at[i+p.tokens-1] + 1, bare: bare(p.Text)}
		for _, prob := range l.probs[i : i+p.tokens] {
			w.logprob += math.Log(max(prob, 1e-9))
		}
		i += p.tokens
		if w.bare == "" && len(out) > 0 { // a punctuation mark
			out[len(out)-1].to = w.to
			continue
		}
		out = append(out, w)
	}
	return out, nil
}

// bare returns the letters and digits of text in lower case.
func bare(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, text)
}

// merge returns a with b's words in place of those that the sound does not support.
func (s *Slot) merge(a, b *attempt, hinted, plain []scored) *attempt {
	var tokens []int32
	done, changed := 0, false
	for _, d := range mismatches(hinted, plain) {
		h, p := hinted[d.h:d.hEnd], plain[d.p:d.pEnd]
		if supported(h, p) {
			continue
		}
		changed = true
		at := len(a.tokens)
		switch {
		case len(h) > 0:
			at = h[0].from
		case d.h < len(hinted):
			at = hinted[d.h].from
		case d.h > 0:
			at = hinted[d.h-1].to
		}
		tokens = append(tokens, a.tokens[done:at]...)
		for _, w := range p {
			tokens = append(tokens, textTokens(b.tokens[w.from:w.to], s.EndOfText)...)
		}
		done = at
		if len(h) > 0 {
			tokens = append(tokens, times(a.tokens[at:h[len(h)-1].to], s.TimesBegin)...)
			done = h[len(h)-1].to
		}
	}
	if !changed {
		return a
	}
	if done == 0 || len(hinted) == 0 {
		return b
	}
	out := *a
	out.tokens = append(tokens, a.tokens[done:]...)
	out.text, out.avg = s.spell(out.tokens), min(a.avg, b.avg)
	out.ratio = ratio(out.text)
	return &out
}

func textTokens(ids []int32, end int32) (out []int32) {
	for _, id := range ids {
		if id < end {
			out = append(out, id)
		}
	}
	return out
}

func times(ids []int32, begin int32) (out []int32) {
	for _, id := range ids {
		if id >= begin {
			out = append(out, id)
		}
	}
	return out
}

// supported reports whether the sound supports the hinted words h where the plain words p are heard
// without hints.
func supported(h, p []scored) bool {
	var sum float64 // by how much p is likelier
	var x, y strings.Builder
	for _, w := range h {
		sum -= w.logprob
		x.WriteString(w.bare)
	}
	for _, w := range p {
		sum += w.logprob
		y.WriteString(w.bare)
	}
	return sum <= plainLoss+alikeLoss*max(0, alike(x.String(), y.String())-leastAlike)
}

// alike returns the part of the letters that two words share in order, 0 to 1.
func alike(a, b string) float64 {
	x, y := []rune(a), []rune(b)
	if len(x) == 0 || len(y) == 0 {
		return 0
	}
	row := make([]int, len(y)+1) // length of the longest common subsequence
	for _, c := range x {
		diagonal := 0
		for j, d := range y {
			up := row[j+1]
			if row[j+1] = max(up, row[j]); c == d {
				row[j+1] = max(row[j+1], diagonal+1)
			}
			diagonal = up
		}
	}
	return float64(row[len(y)]) / float64(max(len(x), len(y)))
}

// mismatch is where two texts differ: words [h, hEnd) of the one and [p, pEnd) of the other.
type mismatch struct{ h, hEnd, p, pEnd int }

// mismatches returns where the words of a and b differ, in order, by the smallest edit distance.
func mismatches(a, b []scored) (out []mismatch) {
	n := len(b) + 1
	cost := make([]int, (len(a)+1)*n) // of what follows words i and j
	for i := len(a); i >= 0; i-- {
		for j := len(b); j >= 0; j-- {
			c := &cost[i*n+j]
			switch {
			case i == len(a):
				*c = len(b) - j
			case j == len(b):
				*c = len(a) - i
			case a[i].bare == b[j].bare:
				*c = cost[(i+1)*n+j+1]
			default:
				*c = 1 + min(cost[(i+1)*n+j+1], cost[(i+1)*n+j], cost[i*n+j+1])
			}
		}
	}
	for i, j := 0, 0; i < len(a) || j < len(b); {
		if i < len(a) && j < len(b) && a[i].bare == b[j].bare {
			i, j = i+1, j+1
			continue
		}
		d := mismatch{i, i, j, j}
		for (i < len(a) || j < len(b)) && !(i < len(a) && j < len(b) && a[i].bare == b[j].bare) {
			c := cost[i*n+j] - 1
			switch {
			case i < len(a) && j < len(b) && cost[(i+1)*n+j+1] == c:
				i, j = i+1, j+1
			case i < len(a) && cost[(i+1)*n+j] == c:
				i++
			default:
				j++
			}
		}
		d.hEnd, d.pEnd = i, j
		out = append(out, d)
	}
	return out
}
